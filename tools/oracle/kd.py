#!/usr/bin/python3
"""Trains small distillations with the program and follows them in PyTorch: the first step's losses and gradients, for each loss alone and for
all together, and the memory bank, its constants and all parameters after 100 steps of plain gradient descent.

    tools/oracle/kd.py [--program build/rebasis]

Then the whole procedure: who learns from whom in which order follows from the accuracies it tells, and every phase starts with exactly the
tensors of the phase that it goes on from.

The twin is naive: float64, one sample and one candidate at a time where that is affordable, negatives from a Philox of its own.
Ends with 1 when something is outside of its tolerance, 77 when a library is missing."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    import torch
    import torch.nn.functional as F

    sys.dont_write_bytecode = True  # the source tree stays as it is
    import container
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

SAMPLES, CLASSES, BATCH, SEED, STEPS, K, WIDTH = 80, 3, 10, 11, 100, 7, 6
STUDENT, TEACHERS = "m1", ("m0", "m2")
# A loss against max(1, loss): a divergence near 0 is what is left of logarithms of order 1, whose rounding stays.
TOLERANCE = {"loss": 1e-6, "gradient": 1e-5, "later": 1e-4}


def philox(counter, key):
    """Philox4x32-10: Salmon et al., SC 2011."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def negatives(epoch, site, sample, pool):
    """K entries of the pool, independent and uniform."""
    purpose = 9
    key = (SEED ^ purpose * 0x9E3779B9 & 0xFFFFFFFF, purpose)
    words = [w for block in range(-(-K // 4)) for w in philox((epoch, site, sample, block), key)]
    return [pool[w * len(pool) >> 32] for w in words[:K]]


def write_data(path):
    rng = np.random.default_rng(4)
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "rebasis-data", "version": 1, "name": "oracle", "provenance": "{}"})
        file["split"] = np.arange(SAMPLES, dtype=np.uint8) % 8 // 7
        for task, classes, kind in (("kind", CLASSES, "multiclass"), ("died", 2, "binary")):
            labels = file.create_group(f"tasks/{task}").create_dataset("labels", data=rng.integers(0, classes, SAMPLES).astype(np.int32))
            labels.attrs.update({"kind": kind, "classes": classes})
        for name, width in (("m0", 7), ("m1", 5), ("m2", 4)):
            group = file.create_group(f"modalities/{name}")
            group["present"] = (rng.random(SAMPLES) < 0.8).astype(np.uint8)
            group["values"] = rng.standard_normal((SAMPLES, width), dtype=np.float32)
            group.attrs["kind"] = group["values"].attrs["kind"] = "vector"


class Twin:
    """Parameters and banks, and one step after the other."""

    def __init__(self, data, start, weights):
        self.data, self.weights = data, weights
        self.p = {path: value.clone().requires_grad_(not self.frozen(path)) for path, value in start.parameters.items()}
        self.state = {path: value.clone() for path, value in start.state.items()}
        self.rows = {t: [n for n in data.trainable() if data.present[STUDENT][n] and data.present[t][n]] for t in TEACHERS}

    @staticmethod
    def frozen(path):
        return any(path.startswith(f"{kind}/{t}/") for kind in ("encoders", "heads") for t in TEACHERS)

    def linear(self, path, x):
        return F.linear(x, self.p[f"{path}/weight"], self.p[f"{path}/bias"])

    def encode(self, name, samples):
        return self.linear(f"encoders/{name}/1", torch.relu(self.linear(f"encoders/{name}/0", self.data.rows(name, samples))))

    def contrast(self, t, x, side, samples, epoch):
        bank, z, rows = self.state[f"bank/{t}/{side}"], self.state[f"bank/{t}/{'teacher' if side == 'student' else 'student'}_z"], self.rows[t]
        scores = []
        for row, n in zip(x, samples):
            others = [rows.index(other) for c in range(max(CLASSES, 2)) if c != self.data.labels[n]
                      for other in rows if self.data.labels[other] == c]
            index = [rows.index(n)] + negatives(epoch, self.data.names.index(t), int(n), others)
            scores.append(torch.stack([torch.exp((row * bank[i]).sum() / 0.07) for i in index]))
        scores = torch.stack(scores)
        if z[0] == 0:
            z[0] = scores.detach().mean() * len(rows)
        p, c, e = scores / z[0], K / len(rows), 1e-7
        return -(torch.log(p[:, 0] / (p[:, 0] + c + e)) + torch.log(c / (p[:, 1:] + c + e)).sum(1)).mean()

    def losses(self, batch, epoch):
        """{name: loss}, and what the banks shall remember."""
        data, losses, news = self.data, {}, []
        labels = torch.from_numpy(data.labels)

        def logits(name, samples):
            return self.linear(f"heads/{name}", self.encode(name, samples))
        shown = [n for n in batch if data.present[STUDENT][n]]
        own = logits(STUDENT, shown)
        losses["semantic"] = (F.binary_cross_entropy_with_logits(own[:, 0], labels[shown].double()) if data.binary
                              else F.cross_entropy(own, labels[shown]))
        for t in TEACHERS:
            both = [n for n in batch if data.present[STUDENT][n] and data.present[t][n]]
            z_s, z_t = self.encode(STUDENT, both), self.encode(t, both)
            if self.weights.get("crd"):
                s = F.normalize(self.linear(f"embedding/{t}/student", z_s), dim=1)
                u = F.normalize(self.linear(f"embedding/{t}/teacher", z_t), dim=1)
                losses[f"crd/{t}"] = self.contrast(t, s, "teacher", both, epoch) + self.contrast(t, u, "student", both, epoch)
                news += [(t, "student", both, s.detach()), (t, "teacher", both, u.detach())]
            if self.weights.get("logit"):
                a, b = logits(STUDENT, both), logits(t, both)
                if data.binary:
                    a, b = (torch.cat([x, torch.zeros_like(x)], 1) for x in (a, b))
                losses[f"logit/{t}"] = 9 * F.kl_div(F.log_softmax(a / 3, 1), F.softmax(b / 3, 1), reduction="batchmean")
            if self.weights.get("feature"):
                losses[f"feature/{t}"] = F.mse_loss(self.linear(f"regressor/{t}", z_s), z_t)
        return losses, news

    def step(self, number, rate):
        data, batches = self.data, -(-len(self.data.trainable()) // BATCH)
        at = number % batches * BATCH
        losses, news = self.losses(data.trainable()[at:at + BATCH], number // batches)
        total = sum(loss * self.weights.get(name.split("/")[0], 1) for name, loss in losses.items())
        learnt = {path: value for path, value in self.p.items() if value.requires_grad}
        gradients = dict(zip(learnt, torch.autograd.grad(total, list(learnt.values()))))
        with torch.no_grad():
            for path, value in learnt.items():
                value -= rate * gradients[path]
        for t, side, samples, new in news:
            for n, row in zip(samples, new):
                i = self.rows[t].index(n)
                entry = 0.5 * self.state[f"bank/{t}/{side}"][i] + 0.5 * row
                self.state[f"bank/{t}/{side}"][i] = entry / entry.norm()
        return losses, gradients


def apart(got, wanted):
    return float((got - wanted).norm() / wanted.norm()) if wanted.norm() > 0 else float(got.norm())


def train(program, folder, tree, *options):
    folder.mkdir()
    (folder / "config.yaml").write_text(json.dumps(tree))
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([program, "train", folder / "config.yaml", "--quiet", *options], env=environment, capture_output=True, text=True,
                          timeout=120)
    return [f"exit {done.returncode}: {done.stderr.strip()[-300:]}"] if done.returncode else []


def differences(run, before, after, kinds, names):
    """Tensors of phase `after` that do not start as phase `before` ended; "." is the run itself."""
    folders = [run / "phases" / name / "checkpoints" if name != "." else run / "checkpoints" for name in (before, after)]
    end, start = container.Checkpoint(folders[0] / "latest"), container.Checkpoint(folders[1] / "step-00000000.h5")
    paths = [path for path in start.parameters if any(path.startswith(f"{kind}/{name}/") for kind in kinds for name in names)]
    if len(paths) < 2 * len(kinds) * len(names):
        return [f"{after} lacks tensors of {names}: {paths}"]
    return [f"{after} does not start from {before}: {path}" for path in paths if not torch.equal(end.parameters[path], start.parameters[path])]


def unmoved(run, phase, name):
    """Tensors of an encoder that the fusion run has changed since the phase ended."""
    taught, ended = container.Checkpoint(run / "phases" / phase / "checkpoints/latest"), container.Checkpoint(run / "checkpoints/latest")
    return [f"{path} is frozen, and moved" for path in ended.parameters
            if path.startswith(f"encoders/{name}/") and not torch.equal(taught.parameters[path], ended.parameters[path])]


def chain(program, folder, order, freeze=False):
    names = ("m0", "m1", "m2")
    tree = {"run": {"seed": SEED, "out": str(folder / "run")},
            "data": {"file": str(folder.parent / "data.h5"), "task": "kind", "batch": 30},
            "modalities": {name: {"encoder": {"hidden": [8], "out": 6}} for name in names},
            "method": {"type": "kd", "distillation": {"logit": 0.5, "negatives": K, "embedding": WIDTH, "order": order, "freeze": freeze}},
            "missingness": {"evaluate": [0.0]}, "train": {"epochs": 4}, "checkpoint": {"keep": "all"}}
    bad = train(program, folder, tree)
    if bad:
        return bad
    run = folder / "run"
    told = json.loads((run / "phases.json").read_text())
    alone, joint, probe, *distil = told["phases"]
    gap = {name: alone["accuracy"][name] - probe["accuracy"][name] for name in names}
    student = max(names, key=gap.get)
    teachers = sorted((name for name in names if name != student), key=lambda name: alone["accuracy"][name] * (1 if order[0] == "w" else -1))
    if (told["student"], told["teachers"]) != (student, teachers):
        bad.append(f"{told['student']} learns from {told['teachers']}, not {student} from {teachers}: {alone}, {probe}")
    if [phase["name"] for phase in distil] != [f"distil-{k + 1}-{name}" for k, name in enumerate(teachers)]:
        return bad + [f"phases {distil}"]
    bad += differences(run, "joint", "probe", ("encoders",), names)
    for k, (phase, teacher) in enumerate(zip(distil, teachers)):
        bad += differences(run, "alone", phase["name"], ("encoders", "heads"), (teacher,))
        if k:
            bad += differences(run, distil[k - 1]["name"], phase["name"], ("encoders", "heads"), (student,))
    moved = unmoved(run, distil[-1]["name"], student)
    if bool(moved) == freeze:
        bad += moved or ["the student's encoder did not move in the fusion run"]
    return bad + differences(run, distil[-1]["name"], ".", ("encoders",), (student,))


def check(program, folder, task, weights):
    epochs = -(-STEPS // 7)
    tree = {"run": {"seed": SEED, "out": str(folder / "run")},
            "data": {"file": str(folder.parent / "data.h5"), "task": task, "batch": BATCH, "shuffle": False},
            "modalities": {name: {"encoder": {"hidden": [8], "out": 6 + i}} for i, name in enumerate(("m0", "m1", "m2"))},
            "method": {"type": "kd", "distillation": {"crd": 0, **weights, "temperature": 3, "negatives": K, "embedding": WIDTH, "stage": "distil",
                                                      "student": [STUDENT], "teachers": list(TEACHERS)}},
            "optimizer": {"type": "sgd", "learning_rate": 0.01, "momentum": 0, "weight_decay": 0, "clip_norm": 0},
            "missingness": {"evaluate": [0.0]}, "train": {"epochs": epochs}, "checkpoint": {"every_steps": 1, "keep": "all"}}
    bad = train(program, folder, tree, "--dump-gradients", folder / "gradients.h5")
    if bad:
        return bad, {}
    data = container.Data(folder.parent / "data.h5", ("m0", "m1", "m2"), task)
    start, end = (container.Checkpoint(folder / f"run/checkpoints/step-{k:08d}.h5") for k in (0, STEPS))
    dump = container.Batch.dumped(folder / "gradients.h5")
    twin, found = Twin(data, start, weights), []
    losses, gradients = twin.step(0, 0.01)
    if set(losses) != set(dump.losses) - {"correct"}:
        raise SystemExit(f"losses: {sorted(losses)} and {sorted(dump.losses)}")
    found += [("loss", name, abs(dump.losses[name] - float(loss)) / max(1, float(loss))) for name, loss in losses.items()]
    found += [("gradient", name, apart(dump.gradients[name], value)) for name, value in gradients.items()]
    for number in range(1, STEPS):
        twin.step(number, 0.01)
    found += [("later", name, apart(end.parameters[name], value.detach())) for name, value in twin.p.items()]
    found += [("later", name, apart(end.state[name], value)) for name, value in twin.state.items() if name.startswith("bank/")]
    changed = [name for name in start.parameters if Twin.frozen(name) and not torch.equal(start.parameters[name], end.parameters[name])]
    bad = [f"{kind} {name}: {value:.1e}" for kind, name, value in found if not value <= TOLERANCE[kind]]
    return bad + [f"{name} is frozen, and moved" for name in changed], {kind: max(v for k, _, v in found if k == kind) for kind in TOLERANCE}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(pathlib.Path(__file__).resolve().parents[2] / "build/rebasis"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        write_data(pathlib.Path(scratch) / "data.h5")
        for number, (task, weights) in enumerate([("kind", {"crd": 0.8}), ("kind", {"logit": 0.5}), ("kind", {"feature": 2.0}),
                                                  ("died", {"crd": 0.3, "logit": 0.5, "feature": 0.2})]):
            bad, worst = check(options.program, pathlib.Path(scratch) / str(number), task, weights)
            print(f"{task} {weights}: " + ", ".join(f"{kind} {value:.1e}" for kind, value in worst.items()), *bad, sep="\n  ", flush=True)
            failed |= bool(bad)
        for order, freeze in (("weakest_to_strongest", False), ("strongest_to_weakest", True)):
            bad = chain(options.program, pathlib.Path(scratch) / order, order, freeze)
            print(f"chain {order}:", *(bad or ["every phase goes on from the right one"]), sep="\n  ", flush=True)
            failed |= bool(bad)
    sys.exit(failed)


if __name__ == "__main__":
    main()
