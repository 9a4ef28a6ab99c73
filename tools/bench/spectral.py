#!/usr/bin/python3
"""The singular values of tools/bench/spectral.c's matrix by numpy.linalg.svd: tools/bench/spectral.py ROWS COLUMNS [REPEATS]."""
import json
import statistics
import sys
import time

import numpy as np


def matrix(rows, columns):
    x = np.arange(rows * columns, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x ^= x >> np.uint64(29)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    return ((x >> np.uint64(48)).astype(np.float64) / 65536 - 0.5).reshape(rows, columns)


def main():
    rows, columns = int(sys.argv[1]), int(sys.argv[2])
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    a, took = matrix(rows, columns), []
    np.linalg.svd(a[:200, :200], compute_uv=False)
    processor = -time.process_time()
    for _ in range(repeats):
        began = time.perf_counter()
        s = np.linalg.svd(a, compute_uv=False)
        took.append(time.perf_counter() - began)
    processor += time.process_time()
    print(json.dumps({"rows": rows, "columns": columns, "numpy": np.__version__, "seconds": round(statistics.median(took), 3),
                      "processor_seconds": round(processor / repeats, 3), "first": float(s[0]), "last": float(s[-1]), "sum": float(s.sum())}))


main()
