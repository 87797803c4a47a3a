"""The fixture is the one its README describes, and its true neighbours are true."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "fixtures" / "sift10k"


def read_bin(name: str, dtype: str) -> np.ndarray:
    rows, columns = np.fromfile(FOLDER / name, dtype="<u4", count=2)
    return np.fromfile(FOLDER / name, dtype=dtype, offset=8).reshape(rows, columns)


def test_the_digests_hold() -> None:
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 3
    for line in lines:
        digest, name = line.split()
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000


def test_the_true_neighbours_are_the_nearest_with_ties_by_id() -> None:
    base, queries = read_bin("base.u8bin", "u1"), read_bin("query.u8bin", "u1")
    truth = read_bin("truth100.u32bin", "<u4")
    assert base.shape == (10_000, 128)
    assert queries.shape == (200, 128)
    assert truth.shape == (200, 100)
    # |b|² - 2<q, b> + |q|² in float64 is exact here: every term is a whole number below 2^53. The
    # script that made the file sums squared differences instead.
    wide, query_wide = base.astype(np.float64), queries.astype(np.float64)
    distances = (
        (wide**2).sum(axis=1) - 2 * query_wide @ wide.T + (query_wide**2).sum(axis=1, keepdims=True)
    )
    ids = np.broadcast_to(np.arange(10_000), distances.shape)
    order = np.lexsort((ids, distances), axis=1)
    assert np.array_equal(order[:, :100], truth)


def test_no_vector_is_there_twice_and_no_query_is_a_base_vector() -> None:
    base, queries = read_bin("base.u8bin", "u1"), read_bin("query.u8bin", "u1")
    everything = np.concatenate([base, queries])
    assert len(np.unique(everything, axis=0)) == 10_200
