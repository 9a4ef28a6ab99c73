#!/usr/bin/python3
"""Recomputes RUN_DIR/analysis/agop.json with PyTorch's autograd, in float64: for every linear layer of the fusion stage the mean over the
split of sum_c (d logit_c / d input)' (d logit_c / d input), its trace and spectrum, its cosine with W'W, its square root's, and the share
of each modality in the trace.

    tools/oracle/agop.py RUN_DIR [--tolerance 1e-5]

Ends with 0 when all relative differences are within the tolerance, 1 when not, 77 when a library is missing."""
import argparse
import json
import pathlib
import sys

try:
    import numpy as np
    import torch
    import yaml

    sys.dont_write_bytecode = True  # the source tree stays as it is
    import container
    from network import Network
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

SPLITS = ["train", "validation", "test"]


class Observed(Network):
    """Remembers what every linear layer of the fusion stage reads, and the logits."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.inputs, self.widths, self.logits = {}, [], None

    def linear(self, x, out, path, bias=True):
        if path.split("/")[0] in ("fusion", "head", "inverse"):
            self.inputs[path] = x
        return super().linear(x, out, path, bias)

    def head(self, z, mask, outputs):
        self.widths = [x.shape[1] for x in z]
        self.logits = super().head(z, mask, outputs)
        return self.logits


def products(network, n):
    """{path: mean over n samples of the sum over outputs of the outer products of the gradients}."""
    found = {}
    for path, x in network.inputs.items():
        total = torch.zeros(x.shape[-1], x.shape[-1], dtype=torch.float64)
        for c in range(network.logits.shape[1]):
            (g,) = torch.autograd.grad(network.logits[:, c].sum(), x, retain_graph=True)
            g = g.reshape(-1, x.shape[-1])  # tokens are rows of their own
            total += g.T @ g
        found[path] = total.numpy() / n
    return found


def cosine(a, b):
    return float(np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def compare(run):
    """[(what, relative difference)]; of square roots a hundredth: sqrt makes 2e-4 of a rounding of 6e-8."""
    result = json.loads((run / "analysis/agop.json").read_text())
    config = yaml.safe_load((run / "config.yaml").read_text())
    data = container.Data(config["data"]["file"], config["modalities"], config["data"]["task"])
    if config["data"]["standardize"]:
        data.standardize()
    best = run / "best.h5"
    chosen = best if config["train"]["early_stop"]["metric"] != "none" and best.exists() else run / "checkpoints/latest"
    checkpoint = container.Checkpoint(chosen)
    something = np.any([data.present[name] for name in data.names], axis=0)
    samples = np.flatnonzero((data.split == SPLITS.index(result["about"]["split"])) & (data.labels >= 0) & something)
    keep = np.stack([data.present[name][samples] for name in data.names], 1)
    leaves = {path: value.clone().requires_grad_() for path, value in checkpoint.parameters.items()}
    network = Observed(config, leaves, checkpoint.state)
    network.losses(data, samples, keep, {"epoch": 0, "batch": 0, "batches": 1, "epochs": 1})
    found = [("n", abs(result["about"]["n"] - len(samples)))]

    def differ(what, got, wanted, divisor=1):
        got, wanted = np.asarray(got, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
        found.append((what, float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted)) / divisor))

    wanted = products(network, len(samples))
    found.append(("layers", len(set(wanted) ^ set(result["layers"]))))
    for path, layer in result["layers"].items():
        a, w = wanted[path], checkpoint.parameters[f"{path}/weight"].numpy()
        gram, (value, vector) = w.T @ w, np.linalg.eigh(a)
        root = (vector * np.sqrt(np.maximum(value, 0))) @ vector.T
        differ(f"{path}: trace", layer["trace"], np.trace(a))
        differ(f"{path}: diagonal", layer["diagonal"], np.diag(a))
        differ(f"{path}: eigenvalues", layer["eigenvalues"], value[::-1])
        differ(f"{path}: alignment", result["alignment"][f"{path}: W'W, AGOP"]["value"], cosine(gram, a))
        differ(f"{path}: alignment of the root", result["alignment"][f"{path}: W'W, root of AGOP"]["value"], cosine(gram, root), 100)
        if "matrix" in layer:
            differ(f"{path}: matrix", layer["matrix"], a.ravel())
        if "shares" in layer:
            diagonal, edges = np.diag(a), np.cumsum([0, *network.widths])
            for name, begin, end in zip(data.names, edges[:-1], edges[1:]):
                differ(f"{path}: share of {name}", layer["shares"][name]["value"], diagonal[begin:end].sum() / diagonal.sum())
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = compare(options.run)
    what, worst = max(found, key=lambda entry: entry[1])
    print(f"{len(found)} compared with PyTorch {torch.__version__}, worst {worst:.1e} of {options.tolerance:.0e} allowed ({what})")
    for what, apart in found:
        if not apart <= options.tolerance:
            print(f"{what}: differs by {apart:.2e}", file=sys.stderr)
    sys.exit(0 if all(apart <= options.tolerance for _, apart in found) else 1)


if __name__ == "__main__":
    main()
