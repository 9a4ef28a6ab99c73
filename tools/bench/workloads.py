"""The workloads of the speed comparison: one definition, from which both sides are built.

    W1  two-modality MLP: 784-512-256-64 and 400-512-256-64, fusion 128-256-10, batch 128
    W2  two convolutional nets: LeNet on 28x28, and on a 112x112 spectrogram four stages of two 3x3 convolutions (16, 32, 64, 64
        channels) with batch norm and 2x2 max-pool; fusion 128-64-10, batch 64
    W3  six modalities, three of them bags of codes: 32; 2048, 1024 and 2048 codes; 256; 768; each to 512-256-128, fusion
        768-512-1, batch 256
    W4  W3 with EBR (h and its inverse 128-1024-512-1024-128, discriminator 512-512-256-6), the reversed loss in every step
    W5  W3's phase of distillation: diagnoses learn from notes, a frozen teacher, by their labels and by contrast against two banks of
        8192 embeddings of width 128 with 512 negatives a sample
    W6  six encoders 1024-2048-2048-512, fusion 3072-2048-10, batch 512: nothing but matrix products

All: float32, Adam 1e-3, every modality present."""
import numpy as np

SEED = 1
CODES_PER_BAG = 40  # on average: an admission's diagnoses, procedures, drugs


def mlp(shape, hidden, out, vocabulary=0):
    return {"shape": shape, "vocabulary": vocabulary, "encoder": {"type": "mlp", "hidden": hidden, "out": out}}


def clinical():
    inputs = {"demographics": (32, 0), "diagnoses": (0, 2048), "procedures": (0, 1024), "drugs": (0, 2048), "labs": (256, 0),
              "notes": (768, 0)}
    return {name: mlp([width], [512, 256], 128, codes) for name, (width, codes) in inputs.items()}


EBR = {"type": "ebr", "factor": [1024], "latent": 512, "inverse": [1024], "discriminator": [512, 256],
       "adversarial": {"weight": 1.0, "schedule": "joint"}}

KD = {"type": "kd", "distillation": {"stage": "distil", "student": ["diagnoses"], "teachers": ["notes"], "crd": 0.8, "negatives": 512,
                                     "embedding": 128, "momentum": 0.5, "bank_temperature": 0.07}}

WORKLOADS = {
    "W1": {"batch": 128, "samples": 8192, "classes": 10, "fusion": [256],
           "modalities": {"image": mlp([784], [512, 256], 64), "audio": mlp([400], [512, 256], 64)}},
    "W2": {"batch": 64, "samples": 512, "classes": 10, "fusion": [64],
           "modalities": {"image": {"shape": [1, 28, 28], "vocabulary": 0, "encoder": {"type": "lenet", "out": 64}},
                          "audio": {"shape": [1, 112, 112], "vocabulary": 0,
                                    "encoder": {"type": "cnn", "channels": [16, 32, 64, 64], "out": 64}}}},
    "W3": {"batch": 256, "samples": 8192, "classes": 2, "fusion": [512], "modalities": clinical()},
    "W4": {"batch": 256, "samples": 8192, "classes": 2, "fusion": [512], "modalities": clinical(), "method": EBR},
    "W5": {"batch": 256, "samples": 8192, "classes": 2, "fusion": [512], "modalities": clinical(), "method": KD},
    "W6": {"batch": 512, "samples": 4096, "classes": 10, "fusion": [2048],
           "modalities": {f"m{i}": mlp([1024], [2048, 2048], 512) for i in range(6)}},
}


def arrays(workload, samples, seed=SEED):
    """Random inputs with labels that depend on them a little: {name: values or (offsets, codes)}, labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, workload["classes"], samples).astype(np.int32)
    inputs = {}
    for name, modality in workload["modalities"].items():
        if modality["vocabulary"]:
            count = rng.poisson(CODES_PER_BAG, samples)
            offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
            # Zipf-like: few frequent codes, many rare ones; a code stands in a bag once, as in a multi-hot row.
            bags = [np.unique((modality["vocabulary"] * rng.random(c) ** 2).astype(np.int32)) for c in count]
            offsets = np.concatenate([[0], np.cumsum([bag.size for bag in bags])]).astype(np.int64)
            inputs[name] = (offsets, np.concatenate(bags))
        else:
            values = rng.standard_normal((samples, *modality["shape"]), dtype=np.float32)
            values.reshape(samples, -1)[:, 0] += labels
            inputs[name] = values
    return inputs, labels


def write(path, workload, train, held=64):
    """A container file with `train` training samples and `held` in each of validation and test."""
    import h5py

    total = train + 2 * held
    inputs, labels = arrays(workload, total)
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "rebasis-data", "version": 1, "name": "bench", "provenance": "{}"})
        file["split"] = np.repeat(np.arange(3, dtype=np.uint8), [train, held, held])
        task = file.create_group("tasks/label")
        task["labels"] = labels
        task["labels"].attrs["kind"] = "binary" if workload["classes"] == 2 else "multiclass"
        task["labels"].attrs["classes"] = workload["classes"]
        for name, values in inputs.items():
            group = file.create_group(f"modalities/{name}")
            group["present"] = np.ones(total, np.uint8)
            if isinstance(values, tuple):
                group["offsets"], group["codes"] = values
                group.attrs["kind"] = "codes"
                group.attrs["vocabulary"] = workload["modalities"][name]["vocabulary"]
            else:
                group["values"] = values
                group.attrs["kind"] = "image" if values.ndim == 4 else "vector"
                group["values"].attrs["kind"] = group.attrs["kind"]


def config(workload, data, out, epochs, extra=None):
    """The same workload as a configuration of rebasis (a dict; JSON is YAML)."""
    tree = {
        "run": {"name": "bench", "seed": SEED, "out": str(out)},
        "data": {"file": str(data), "task": "label", "batch": workload["batch"], "shuffle": True, "standardize": False},
        "modalities": {name: {"encoder": {**modality["encoder"], **({"norm": True} if modality["encoder"]["type"] == "cnn" else {})}}
                       for name, modality in workload["modalities"].items()},
        "fusion": {"type": "concat", "hidden": workload["fusion"]},
        "method": workload.get("method", {"type": "vanilla"}),
        "missingness": {"fill": "zero", "evaluate": [0.0]},
        "optimizer": {"type": "adam", "learning_rate": 1.0e-3, "weight_decay": 0.0, "clip_norm": 0.0, "schedule": {"type": "constant"}},
        "train": {"epochs": epochs, "early_stop": {"metric": "none", "patience": 0}},
        "checkpoint": {"every_epochs": 0, "every_minutes": 0.0, "every_steps": 0, "keep": 1},
        "analysis": {"every_epochs": 0},
    }
    for key, value in (extra or {}).items():
        *path, last = key.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return tree
