#!/usr/bin/python3
"""The vanilla part of tools/bench/sweep as a loop in PyTorch, for comparison: every seed and rate of withholding one after another.

    tools/bench/sweep_peer.py FILE.h5 m0,m1,m2 --seeds 1,2,3 --epochs 30 --folder DIR

Trains what tools/bench/sweep trains (same layers, batches, epochs, withholding, a saved state an epoch) and scores the test split for
every subset of modalities and every rate: accuracies only, without intervals, AUROC and the like. The random numbers are PyTorch's own.
Prints the number of runs, seconds of wall and CPU time, and the mean accuracy with all modalities."""
import argparse
import itertools
import json
import pathlib
import time

import h5py
import torch

RATES, EVALUATE, BATCH = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), (0.0, 0.2, 0.4, 0.6, 0.8), 64


class Model(torch.nn.Module):
    def __init__(self, widths, classes):
        super().__init__()
        self.encoders = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.Linear(width, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32)) for width in widths)
        self.fusion = torch.nn.Sequential(torch.nn.Linear(32 * len(widths), 64), torch.nn.ReLU(), torch.nn.Linear(64, classes))

    def forward(self, inputs, keep):
        return self.fusion(torch.cat([encoder(x) * keep[:, i:i + 1] for i, (encoder, x) in enumerate(zip(self.encoders, inputs))], 1))


def withhold(rows, modalities, rate):
    """One where a modality is shown; who would lose all keeps one."""
    keep = (torch.rand(rows, modalities) >= rate).float()
    empty = keep.sum(1) == 0
    keep[empty, torch.randint(modalities, (int(empty.sum()),))] = 1
    return keep


def accuracy(model, inputs, labels, keep):
    with torch.no_grad():
        return (model(inputs, keep).argmax(1) == labels).float().mean().item()


def train(parts, labels, classes, seed, rate, epochs, folder):
    torch.manual_seed(seed)
    inputs, test_inputs = parts["train"], parts["test"]
    model = Model([x.shape[1] for x in inputs], classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rows, modalities = len(labels["train"]), len(inputs)
    for _ in range(epochs):
        order = torch.randperm(rows)
        for begin in range(0, rows, BATCH):
            pick = order[begin:begin + BATCH]
            loss = torch.nn.functional.cross_entropy(model([x[pick] for x in inputs], withhold(len(pick), modalities, rate)), labels["train"][pick])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        accuracy(model, parts["validation"], labels["validation"], torch.ones(len(labels["validation"]), modalities))
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "checkpoint.pt")
    ones = torch.ones(len(labels["test"]), modalities)
    scores = []
    for size in range(modalities, 0, -1):
        for shown in itertools.combinations(range(modalities), size):
            keep = torch.zeros_like(ones)
            keep[:, list(shown)] = 1
            scores.append(accuracy(model, test_inputs, labels["test"], keep))
    for missing in EVALUATE:
        scores.append(accuracy(model, test_inputs, labels["test"], withhold(len(ones), modalities, missing)))
        for i in range(modalities):
            keep = ones.clone()
            keep[:, i] = (torch.rand(len(ones)) >= missing).float()
            scores.append(accuracy(model, test_inputs, labels["test"], keep))
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("modalities")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("."))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(options.file) as file:
        split = torch.tensor(file["split"][:])
        task = next(iter(file["tasks"].values()))
        label = torch.tensor(task["labels"][:]).long()
        classes = int(label.max()) + 1
        whole = [torch.tensor(file[f"modalities/{name}/values"][:]) for name in options.modalities.split(",")]
    whole = [(x - x[split == 0].mean(0)) / x[split == 0].std(0).clamp_min(1e-12) for x in whole]
    names = ("train", "validation", "test")
    parts = {name: [x[split == k] for x in whole] for k, name in enumerate(names)}
    labels = {name: label[split == k] for k, name in enumerate(names)}
    began, cpu, scores = time.monotonic(), time.process_time(), []
    for seed, rate in itertools.product(map(int, options.seeds.split(",")), RATES):
        scores.append(train(parts, labels, classes, seed, rate, options.epochs, options.folder)[0])
    print(json.dumps({"runs": len(scores), "wall": time.monotonic() - began, "cpu": time.process_time() - cpu,
                      "accuracy": sum(scores) / len(scores)}))


main()
