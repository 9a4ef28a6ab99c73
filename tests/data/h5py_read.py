"""Reads the container that tests/data/h5py.c wrote and checks it against what that test put in, with an XXH64 of its own."""
import json
import struct
import sys

import h5py
import numpy as np

P1, P2, P3, P4, P5 = 11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261
M = (1 << 64) - 1


def rotate(x, r):
    return ((x << r) | (x >> (64 - r))) & M


def step(lane, word):
    return rotate((lane + word * P2) & M, 31) * P1 & M


def xxh64(data):
    """The published algorithm (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), seed 0."""
    at = 0
    if len(data) >= 32:
        lanes = [(P1 + P2) & M, P2, 0, (-P1) & M]
        while at + 32 <= len(data):
            words = struct.unpack_from("<4Q", data, at)
            lanes = [step(lane, word) for lane, word in zip(lanes, words)]
            at += 32
        value = sum(rotate(lane, r) for lane, r in zip(lanes, (1, 7, 12, 18))) & M
        for lane in lanes:
            value = ((value ^ step(0, lane)) * P1 + P4) & M
    else:
        value = P5
    value = (value + len(data)) & M
    while at + 8 <= len(data):
        value = (rotate(value ^ step(0, struct.unpack_from("<Q", data, at)[0]), 27) * P1 + P4) & M
        at += 8
    if at + 4 <= len(data):
        value = (rotate(value ^ (struct.unpack_from("<I", data, at)[0] * P1 & M), 23) * P2 + P3) & M
        at += 4
    while at < len(data):
        value = rotate(value ^ (data[at] * P5 & M), 11) * P1 & M
        at += 1
    value = (value ^ (value >> 33)) * P2 & M
    value = (value ^ (value >> 29)) * P3 & M
    return value ^ (value >> 32)


def same(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape and (got == want).all(), (got, want)


with h5py.File(sys.argv[1], "r") as f:
    assert f.attrs["format"] == "rebasis-data" and f.attrs["version"] == 1 and f.attrs["name"] == "interop"
    assert json.loads(f.attrs["provenance"]) == {"a": 1}
    n = 40
    same(f["split"][:], (np.arange(n) % 3).astype("u1"))
    assert [s.decode() for s in f["ids"][:]] == ["person %d" % i for i in range(n)]
    assert f["ids"].asstr()[7] == "person 7"
    labels = f["tasks/digit/labels"]
    same(labels[:], (np.arange(n) % 5 - 1).astype("i4"))
    assert labels.attrs["kind"] == "multiclass" and labels.attrs["classes"] == 4
    assert f["tasks/dies/labels"].attrs["kind"] == "binary"
    image = f["modalities/image"]
    same(image["values"][:], (np.arange(n * 100 * 100) % 251).reshape(n, 1, 100, 100).astype("f4") / np.float32(4))
    same(image["present"][:], np.ones(n, "u1"))
    assert image["values"].attrs["kind"] == image.attrs["kind"] == "image"
    assert image["values"].compression == "gzip" and image["values"].shuffle
    codes = f["modalities/codes"]
    same(codes["offsets"][:], 2 * np.arange(n + 1, dtype="i8"))
    same(codes["codes"][:], (np.arange(2 * n) % 7).astype("i4"))
    assert codes.attrs["kind"] == "codes" and codes.attrs["vocabulary"] == 7
    series = f["modalities/series"]
    same(series["times"][:], np.arange(n, dtype="f4") / 2)
    same(series["values"][:], np.arange(3 * n, dtype="f4").reshape(n, 3))
    assert series.attrs["kind"] == "series"
    hashed = []

    def check(name, item):
        if isinstance(item, h5py.Dataset) and item.size * item.dtype.itemsize < 100000:
            got = "%016x" % xxh64(item[()].tobytes())
            assert item.attrs["xxh64"] == got, (name, item.attrs["xxh64"], got)
            hashed.append(name)

    f.visititems(check)
    assert len(hashed) == 12, hashed
