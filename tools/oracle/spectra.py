#!/usr/bin/python3
"""Matrices and the singular values that numpy gives, for tests/spectral/numpy.c.

    tools/oracle/spectra.py FILE [--seed N] [--cases N]

For each case int32 rows, columns, numerical rank (tolerance: float32's epsilon * max(rows, columns) * largest singular value), then float32
entries by rows, then float64 singular values of exactly these entries. Kinds in turn: random, of low rank, ill-conditioned (singular values from
1 to 1e-6), tiny (1 x 1, 1 x n, n x 1, 2 x 3, …), with repeated values, tall, wide, and with rows of zeros.
Ends with 77 when numpy is missing."""
import argparse
import struct
import sys

try:
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

TINY = [(1, 1), (1, 2), (2, 1), (1, 7), (9, 1), (2, 2), (2, 3), (3, 2), (3, 3), (1, 130), (130, 1), (4, 65)]


def orthogonal(random, n, k):
    return np.linalg.qr(random.standard_normal((n, k)))[0]


def matrix(random, case):
    kind = case % 8
    m, n = (int(size) for size in random.integers(2, 200, 2))
    k = min(m, n)
    if kind == 0:
        return random.standard_normal((m, n))
    if kind == 1:
        rank = int(random.integers(0, k))
        return random.standard_normal((m, rank)) @ random.standard_normal((rank, n))
    if kind == 2:
        return orthogonal(random, m, k) * np.logspace(0, -6, k) @ orthogonal(random, n, k).T
    if kind == 3:
        return random.standard_normal(TINY[case // 8 % len(TINY)])
    if kind == 4:
        return orthogonal(random, m, k) * np.repeat([3.0, 2.0, 0.5], k)[:: 3][:k] @ orthogonal(random, n, k).T
    if kind == 5:
        return random.standard_normal((4 * k + 100, k))
    if kind == 6:
        return random.standard_normal((k, 4 * k + 100)) * 1e6
    zeros = random.standard_normal((m, n))
    zeros[random.random(m) < 0.7] = 0
    return zeros


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=100)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    with open(arguments.file, "wb") as file:
        for case in range(arguments.cases):
            a = np.ascontiguousarray(matrix(random, case), dtype=np.float32)
            s = np.linalg.svd(a.astype(np.float64), compute_uv=False)
            rank = int(np.sum(s > np.finfo(np.float32).eps * max(a.shape) * s[0]))
            file.write(struct.pack("3i", *a.shape, rank) + a.tobytes() + s.tobytes())


main()
