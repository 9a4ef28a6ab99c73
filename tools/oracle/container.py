"""Reads a data container and a checkpoint: HDF5 through h5py, nothing else."""
import h5py
import numpy as np
import torch


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def attribute(group, dataset, name):
    """An attribute of a modality or task stands on its group or on the dataset in it."""
    for holder in (group, group.get(dataset)):
        if holder is not None and name in holder.attrs:
            return holder.attrs[name]
    raise SystemExit(f"{group.name}: no attribute {name}")


class Data:
    """The configured modalities and the task, as the container has them."""

    def __init__(self, path, names, task):
        with h5py.File(path, "r") as file:
            task = task or sorted(file["tasks"])[0]
            group = file["tasks"][task]
            self.labels = group["labels"][:].astype(np.int64)
            self.binary = text(attribute(group, "labels", "kind")) == "binary"
            self.classes = 2 if self.binary else int(attribute(group, "labels", "classes"))
            self.split = file["split"][:]
            self.present, self.values, self.bags, self.vocabulary = {}, {}, {}, {}
            for name in names:
                modality = file["modalities"][name]
                self.present[name] = modality["present"][:] != 0 if "present" in modality else np.ones(self.split.size, bool)
                if "codes" in modality:
                    self.bags[name] = (modality["offsets"][:], modality["codes"][:])
                    self.vocabulary[name] = int(attribute(modality, "codes", "vocabulary"))
                else:
                    self.values[name] = modality["values"][:]
        self.names = list(names)

    def standardize(self):
        """Dense modalities: (x - mean) / deviation of each element over the training rows that have the modality; a deviation of 0
        counts as 1."""
        for name, values in self.values.items():
            rows = values[(self.split == 0) & self.present[name]].astype(np.float64)
            mean, deviation = rows.mean(0), rows.std(0)
            self.values[name] = (values - mean) / np.where(deviation > 0, deviation, 1)

    def rows(self, name, samples):
        """Inputs of a modality at the samples: dense rows, or counts of codes [rows, vocabulary]."""
        if name in self.values:
            return torch.from_numpy(np.asarray(self.values[name][samples], dtype=np.float64))
        offsets, codes = self.bags[name]
        counts = np.zeros((len(samples), self.vocabulary[name]))
        for row, sample in enumerate(samples):
            np.add.at(counts[row], codes[offsets[sample]:offsets[sample + 1]], 1)
        return torch.from_numpy(counts)

    def trainable(self):
        """Training samples with a label and at least one modality, in order."""
        something = np.any([self.present[name] for name in self.names], axis=0)
        return np.flatnonzero((self.split == 0) & (self.labels >= 0) & something)

    def class_weights(self):
        """Balanced: n / (classes n_c) over the labelled training samples; 0 for a class without samples."""
        label = self.labels[(self.split == 0) & (self.labels >= 0)]
        count = np.bincount(label, minlength=self.classes)
        return np.where(count > 0, label.size / (self.classes * np.maximum(count, 1)), 0)


def tensors(group):
    """All datasets below an HDF5 group: {path below it: float64 tensor}."""
    found = {}
    if group is not None:
        group.visititems(lambda path, item: found.update({path: torch.from_numpy(np.asarray(item[()], dtype=np.float64))})
                         if isinstance(item, h5py.Dataset) else None)
    return found


class Checkpoint:
    def __init__(self, path):
        with h5py.File(path, "r") as file:
            if text(file.attrs["format"]) != "rebasis-checkpoint" or int(file.attrs["complete"]) != 1:
                raise SystemExit(f"{path}: not a complete checkpoint")
            self.step, self.epoch = int(file.attrs["step"]), int(file.attrs["epoch"])
            self.parameters = tensors(file["parameters"])
            self.m = tensors(file.get("optimizer/m"))
            self.v = tensors(file.get("optimizer/v"))
            self.state = tensors(file.get("state"))


class Batch:
    """The samples of a step and which modalities of them the model sees [rows, modalities]; from a dump of
    `rebasis train --dump-gradients` also its gradients and losses."""

    def __init__(self, samples, keep, gradients=None, losses=None):
        self.samples, self.keep, self.gradients, self.losses = samples, keep, gradients, losses

    @classmethod
    def dumped(cls, path):
        with h5py.File(path, "r") as file:
            losses = {name: float(value.reshape(-1)[0]) for name, value in tensors(file["loss"]).items()}
            return cls(file["batch/samples"][:], file["batch/keep"][:] != 0, tensors(file["gradients"]), losses)

    @classmethod
    def known(cls, data, config, number):
        """Batch `number` of an epoch in the order of the data, nothing withheld."""
        rate = config["missingness"]["train"]
        if config["data"]["shuffle"] or any(rate.values() if isinstance(rate, dict) else [rate]):
            raise SystemExit("without a dump the batch is known only when data.shuffle is false and nothing is withheld")
        size = config["data"]["batch"]
        samples = data.trainable()[number * size:(number + 1) * size]
        return cls(samples, np.stack([data.present[name][samples] for name in data.names], 1))
