#!/usr/bin/env python3
"""Holds an imported avMNIST file against the sources, by rules stated a second time here: avmnist.py FILE.h5 MNIST FSDD.

Silent and 0 when right. The rules are those of include/data/avmnist.h; parameters come from the file's provenance.
"""
import collections
import gzip
import io
import json
import os
import sys
import tarfile
import wave

import h5py
import numpy as np

import mfcc

DIGITS = range(10)


def require(condition, text):
    if not condition:
        sys.exit(f"avmnist.py: {text}")


def idx(path):
    opener = gzip.open if os.path.exists(path + ".gz") else open
    with opener(path + ".gz" if opener is gzip.open else path, "rb") as file:
        data = file.read()
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, 4)
    return np.frombuffer(data, np.uint8, -1, 4 + 4 * rank).reshape(shape)


def recordings(directory):
    found = {}
    for place in (os.path.join(directory, "recordings"), directory):
        if not found and os.path.isdir(place):
            names = [n for n in os.listdir(place) if n.endswith(".wav") and not n.startswith(".")]
            found = {n: open(os.path.join(place, n), "rb").read() for n in names}
    if not found:
        with tarfile.open(os.path.join(directory, "recordings.tar.gz")) as tar:
            found = {os.path.basename(m.name): tar.extractfile(m).read() for m in tar if m.name.endswith(".wav")}
    samples = {}
    for name, data in found.items():
        sound = wave.open(io.BytesIO(data))
        samples[name[:-4]] = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    return samples


def small_pairs(labels, sounds):
    """Rows of the small protocol before anything is held out: (part, image index, recording, audible with p pairs)."""
    speakers, rows = ["jackson", "nicolas", "theo"], []
    for digit in DIGITS:
        images = sorted(map(str, np.flatnonzero(labels[0] == digit)))[:105]
        names = [f"{digit}_{s}_{take}" for s in speakers for take in range(15, 50)]
        audible = lambda j, p: j % 35 < p // 3 if p % 3 == 0 else j < p
        rows += [(0, int(i), n, j, audible) for j, (i, n) in enumerate(zip(images, names))]
    for digit in DIGITS:
        images = sorted(map(str, np.flatnonzero(labels[1] == digit)))[-45:]
        names = [n for n in sorted(sounds) if n.split("_")[0] == str(digit) and n.split("_")[1] in speakers]
        names = [n for n in names if int(n.split("_")[2]) < 15]
        rows += [(1, int(i), n, j, lambda j, p: True) for j, (i, n) in enumerate(zip(images, names))]
    return rows


def check_small(file, ids, images, labels, sounds, parameters):
    rows = small_pairs(labels, sounds)
    require(len(rows) == len(ids) == 1500, f"{len(ids)} rows, not 1500")
    pixels = np.stack([images[part][index] for part, index, *_ in rows])
    present = np.array([audible(j, parameters["pairs"]) for *_, j, audible in rows], np.uint8)
    require(ids == [name for _, _, name, *_ in rows], "another recording in some row")
    require(np.array_equal(file["modalities/audio/present"][:], present), "another presence of audio")
    audio = file["modalities/audio/values"][:]
    for row, name in enumerate(ids):
        want = mfcc.mfcc(sounds[name]) if present[row] else np.zeros((20, 20))
        error = np.abs(audio[row, 0] - want).max() / max(1, np.abs(want).max())
        require(error < 1e-6, f"row {row}, {name}: the MFCC differ by {error:g} of the largest")
    return pixels, np.array([labels[part][index] for part, index, *_ in rows]), [part for part, *_ in rows]


def full_split(name, parameters):
    _, speaker, take = name.split("_")
    held_out = parameters.get("test_speakers", "").split(",")
    if int(take) < 5 if parameters["split"] == "official" else speaker in held_out:
        return 2
    return 1 if 5 <= int(take) < 10 and parameters["validation"] > 0 else 0


def check_full(file, ids, images, labels, sounds, parameters):
    split, digit = file["split"][:], np.concatenate(labels)
    require(len(ids) == len(digit), f"{len(ids)} rows, not {len(digit)}")
    require(all(n[0] == str(d) for n, d in zip(ids, digit)), "a recording of another digit than the image's")
    require(all(full_split(n, parameters) == s for n, s in zip(ids, split)), "a recording in another split than its own")
    uses = collections.Counter(ids)
    groups = collections.defaultdict(list)
    for name in sounds:
        groups[name[0], full_split(name, parameters)].append(uses[name])
    require(all(max(g) - min(g) <= 1 for g in groups.values()), "recordings are not used equally often")
    picture = {name: mfcc.logmel(sounds[name]).astype(np.float32) for name in sounds}
    train = np.stack([picture[n] for n in sorted({i for i, s in zip(ids, split) if s == 0})]).astype(np.float64)
    mean, deviation = parameters["audio_mean"], parameters["audio_deviation"]
    require(abs(train.mean() - mean) < 1e-4 and abs(train.std() - deviation) < 1e-4, "another mean or deviation of audio")
    audio = file["modalities/audio/values"]
    for begin in range(0, len(ids), 4096):
        got = audio[begin : begin + 4096][:, 0]
        want = (np.stack([picture[n] for n in ids[begin : begin + 4096]]) - mean) / deviation
        require(np.abs(got - want).max() < 1e-4, f"log-mel differs by {np.abs(got - want).max():g} behind row {begin}")
    return np.concatenate(images), digit, [0] * len(labels[0]) + [1] * len(labels[1])


def check_split(split, labels, part, share):
    """Test rows are the test part's; of the others a stratified share, exact in all and to one row in every class."""
    part, split = np.array(part), np.array(split)
    require(np.array_equal(split == 2, part == 1), "another test split")
    held, train = split == 1, part == 0
    require(held.sum() == int(share * train.sum() + 0.5), f"{held.sum()} rows held out of {train.sum()}")
    for digit in DIGITS:
        quota = share * (labels[train] == digit).sum()
        require(abs((labels[held] == digit).sum() - quota) < 1, f"digit {digit} is not held out in proportion")


def main(path, mnist, fsdd):
    images = [idx(os.path.join(mnist, f"{part}-images-idx3-ubyte")) for part in ("train", "t10k")]
    labels = [idx(os.path.join(mnist, f"{part}-labels-idx1-ubyte")) for part in ("train", "t10k")]
    sounds = recordings(fsdd)
    with h5py.File(path, "r") as file:
        provenance = file.attrs["provenance"]
        parameters = json.loads(provenance if isinstance(provenance, str) else provenance.decode())["parameters"]
        ids = [i.decode() if isinstance(i, bytes) else i for i in file["ids"][:]]
        check = check_small if parameters["protocol"] == "small" else check_full
        pixels, digits, part = check(file, ids, images, labels, sounds, parameters)
        require(np.array_equal(file["tasks/digit/labels"][:], digits), "another label in some row")
        require(file["modalities/image/present"][:].all(), "an image is missing")
        check_split(file["split"][:], digits, part, parameters["validation"])
        for begin in range(0, len(ids), 4096):
            want = (pixels[begin : begin + 4096, None] / 255 - 0.5) / 0.5
            got = file["modalities/image/values"][begin : begin + 4096]
            require(got.shape == want.shape and np.abs(got - want).max() < 1e-6, f"an image differs behind row {begin}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
