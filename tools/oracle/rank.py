#!/usr/bin/python3
"""Recomputes RUN/analysis/rank.json of a vanilla run of mlp encoders and a concatenating fusion from its checkpoint, with numpy.

    tools/oracle/rank.py RUN CHECKPOINT.h5 DATA.h5

Prints the largest difference of a singular value, relative to the largest one of its matrix, for weights and for what goes through the model.
Ends with 1 when a figure is not right, 77 when a library is missing."""
import json
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

SPLITS = {"train": 0, "validation": 1, "test": 2}


def layers(parameters, prefix):
    found = []
    while f"{prefix}/{len(found)}/weight" in parameters:
        path = f"{prefix}/{len(found)}"
        found.append((parameters[f"{path}/weight"][()].astype(np.float64), parameters[f"{path}/bias"][()].astype(np.float64)))
    return found


def encode(x, stack):
    for k, (w, b) in enumerate(stack):
        x = x @ w.T + b
        if k + 1 < len(stack):
            x = np.maximum(x, 0)
    return x


def recompute(checkpoint, data, split, names):
    parameters = checkpoint["parameters"]
    task = next(iter(data["tasks"].values()))
    label = task["labels"][()]
    here = (data["split"][()] == SPLITS[split]) & (label >= 0)
    shown = {name: data[f"modalities/{name}/present"][()] != 0 for name in names}
    here &= np.any([shown[name] for name in names], axis=0)
    label = label[here]
    matrices, z = {}, []
    for name in names:
        x = encode(data[f"modalities/{name}/values"][()][here].astype(np.float64), layers(parameters, f"encoders/{name}"))
        z.append(x * shown[name][here][:, None])
        matrices[f"representation/{name}"] = x[shown[name][here]]
    fusion, inputs = layers(parameters, "fusion"), [np.concatenate(z, axis=1)]
    head = parameters["head/weight"][()].astype(np.float64), parameters["head/bias"][()].astype(np.float64)
    for w, b in fusion:
        inputs.append(np.maximum(inputs[-1] @ w.T + b, 0))
    matrices["representation/fusion"] = inputs[-1]
    logits = inputs[-1] @ head[0].T + head[1]
    slope = np.exp(logits - logits.max(axis=1, keepdims=True))
    slope /= slope.sum(axis=1, keepdims=True)
    slope[np.arange(len(label)), label] -= 1
    slope /= len(label)
    for k, (path, (w, _)) in reversed(list(enumerate([(f"fusion/{k}", layer) for k, layer in enumerate(fusion)] + [("head", head)]))):
        matrices[f"gradient/{path}/weight"] = slope.T @ inputs[k]
        matrices[f"{path}/weight"] = w
        slope = (slope @ w) * (inputs[k] > 0)
    first = 0
    for name, part in zip(names, z):
        matrices[f"fusion/0/weight/{name}"] = fusion[0][0][:, first:first + part.shape[1]]
        first += part.shape[1]
    return matrices, len(label)


def main():
    run, checkpoint, data = sys.argv[1:]
    with open(f"{run}/analysis/rank.json", encoding="utf-8") as file:
        ours = json.load(file)
    about = ours.pop("about")
    with h5py.File(checkpoint) as parameters, h5py.File(data) as values:
        names = sorted(parameters["parameters/encoders"])
        matrices, n = recompute(parameters, values, about["split"], names)
    bad = set(ours) ^ set(matrices)
    worst = {"weights": 0.0, "through the model": 0.0}
    for name in set(ours) & set(matrices):
        record, a = ours[name], matrices[name]
        s = np.linalg.svd(a, compute_uv=False)
        got = np.array(record["singular_values"])
        kind, limit = ("weights", 1e-13) if not name.startswith(("representation", "gradient")) else ("through the model", 2e-6)
        error = float(np.max(np.abs(got - s)) / s[0]) if len(got) == len(s) else np.inf
        worst[kind] = max(worst[kind], error)
        p = got[got > 0] / got.sum()
        want = {"tolerance": np.finfo(np.float32).eps * max(a.shape) * got[0], "effective_rank": np.exp(-np.sum(p * np.log(p))),
                "stable_rank": np.sum(got**2) / got[0]**2}
        if (set(record) != {"singular_values", "numerical_rank", *want} or error > limit
                or any(abs(record[key] - value) > 1e-9 * value for key, value in want.items())
                or record["numerical_rank"] != np.sum(got > record["tolerance"])):
            bad.add(name)
    print(f"n {about['n']}, {len(matrices)} matrices; largest difference: " + ", ".join(f"{kind} {x:.1e}" for kind, x in worst.items()))
    if bad or about["n"] != n:
        print(f"wrong: {', '.join(sorted(bad))}; n {n}")
        sys.exit(1)


main()
