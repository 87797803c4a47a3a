"""Reads vectors and neighbour lists in the formats that data sets come in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
FIXTURE = ROOT / "tests" / "fixtures" / "sift10k"

# Formats whose file starts with u32 rows, u32 columns: suffix to element.
WITH_HEADER = {".u8bin": "u1", ".i8bin": "i1", ".fbin": "<f4", ".ibin": "<i4", ".u32bin": "<u4"}
# Formats in which each row starts with its i32 length: suffix to element.
WITH_ROW_LENGTHS = {".fvecs": "<f4", ".bvecs": "u1", ".ivecs": "<i4"}


def read_matrix(path: Path, limit: int | None = None) -> np.ndarray:
    """The rows of the file, at most `limit`, in the file's own element type."""
    if path.suffix == ".npy":
        return np.load(path, mmap_mode="r")[:limit]
    if path.suffix in WITH_HEADER:
        rows, columns = (int(x) for x in np.fromfile(path, dtype="<u4", count=2))
        rows = rows if limit is None else min(rows, limit)
        dtype = np.dtype(WITH_HEADER[path.suffix])
        # A truth file may hold distances after its ids; what is past rows x columns is not read.
        flat = np.fromfile(path, dtype=dtype, count=rows * columns, offset=8)
        return flat.reshape(rows, columns)
    if path.suffix in WITH_ROW_LENGTHS:
        dtype = np.dtype(WITH_ROW_LENGTHS[path.suffix])
        columns = int(np.fromfile(path, dtype="<i4", count=1)[0])
        row = np.dtype([("length", "<i4"), ("values", dtype, (columns,))])
        table = np.fromfile(path, dtype=row, count=-1 if limit is None else limit)
        if not (table["length"] == columns).all():
            raise ValueError(f"{path}: rows of different lengths; expected {columns} everywhere")
        return table["values"]
    known = ", ".join([".npy", *WITH_HEADER, *WITH_ROW_LENGTHS])
    raise ValueError(f"{path}: unknown format {path.suffix!r}; expected one of {known}")


def exact_neighbours(base: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """The true neighbours by squared Euclidean distance in float64, ties by id."""
    result = np.empty((len(queries), k), dtype=np.uint32)
    for i, query in enumerate(queries):
        distances = ((base - query).astype(np.float64) ** 2).sum(axis=1)
        near = np.argpartition(distances, k - 1)
        edge = distances[near[k - 1]]
        candidates = np.flatnonzero(distances <= edge)
        result[i] = candidates[np.argsort(distances[candidates], kind="stable")[:k]]
    return result


@dataclass
class DataSet:
    """Vectors to add, queries, and the ids of each query's nearest vectors."""

    name: str
    base: np.ndarray  # n x dim, f32
    queries: np.ndarray  # q x dim, f32
    truth: np.ndarray  # q x at least k, u32


def load(
    data: Path | None,
    queries: Path | None,
    truth: Path | None,
    *,
    k: int,
    limit: int | None,
    max_queries: int,
) -> DataSet:
    """The named files, or the repository's fixture when none is named."""
    name = data.parent.name if data else "sift10k"
    data = data or FIXTURE / "base.u8bin"
    if data.parent == FIXTURE:
        queries, truth = FIXTURE / "query.u8bin", FIXTURE / "truth100.u32bin"
    if queries is None:
        raise ValueError("--queries is missing; queries that are base vectors find themselves")
    base = np.ascontiguousarray(read_matrix(data, limit), dtype=np.float32)
    asked = np.ascontiguousarray(read_matrix(queries, max_queries), dtype=np.float32)
    if truth is not None and limit is None:
        nearest = read_matrix(truth, max_queries).astype(np.uint32)
    else:  # a part of the base has other neighbours than the whole
        nearest = exact_neighbours(base, asked, k)
    return DataSet(name, base, asked, nearest[:, :k])
