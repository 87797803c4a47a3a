#!/usr/bin/env python3
"""Cuts tests/fixtures/sift10k out of a larger set of u8 vectors and computes its true neighbours.

    scripts/make_fixture.py BASE.u8bin QUERY.u8bin [--out tests/fixtures/sift10k]

Takes the first 10,000 base vectors and the first 200 queries. The true neighbours come from whole
numbers, so they are exact; ties go to the lower id. Run again, it writes the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

BASE_COUNT, QUERY_COUNT, TRUTH_K = 10_000, 200, 100


def read_u8bin(path: Path, count: int) -> npt.NDArray[np.uint8]:
    """The first `count` rows of a file of u32 n, u32 dim, then n x dim bytes."""
    n, dim = np.fromfile(path, dtype="<u4", count=2)
    if n < count:
        raise SystemExit(f"{path} has {n} vectors; expected at least {count}")
    return np.fromfile(path, dtype=np.uint8, count=count * int(dim), offset=8).reshape(count, -1)


def write_bin(path: Path, rows: npt.NDArray[np.uint8] | npt.NDArray[np.uint32]) -> None:
    with path.open("wb") as file:
        np.array(rows.shape, dtype="<u4").tofile(file)
        rows.tofile(file)
    print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")


def true_neighbours(
    base: npt.NDArray[np.uint8], queries: npt.NDArray[np.uint8], k: int
) -> npt.NDArray[np.uint32]:
    """The ids of the k nearest base vectors to each query, nearest first, ties by id."""
    wide = base.astype(np.int64)
    rows = []
    for query in queries.astype(np.int64):
        distances = ((wide - query) ** 2).sum(axis=1)
        rows.append(np.argsort(distances, kind="stable")[:k])
    return np.array(rows, dtype="<u4")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("query", type=Path)
    parser.add_argument("--out", type=Path, default=Path("tests/fixtures/sift10k"))
    arguments = parser.parse_args()
    base = read_u8bin(arguments.base, BASE_COUNT)
    queries = read_u8bin(arguments.query, QUERY_COUNT)
    if len(np.unique(base, axis=0)) != len(base):
        raise SystemExit("the base vectors are not distinct")
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_bin(arguments.out / "base.u8bin", base)
    write_bin(arguments.out / "query.u8bin", queries)
    write_bin(arguments.out / "truth100.u32bin", true_neighbours(base, queries, TRUTH_K))


if __name__ == "__main__":
    main()
