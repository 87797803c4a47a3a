"""The benchmark program reads what it says it reads, and a small run of it comes out whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parent.parent / "bench"
sys.path.insert(0, str(BENCH))

import datasets  # noqa: E402  (the folder is no package: it is run as a program)
import measure  # noqa: E402


def write(path: Path, rows: np.ndarray) -> None:
    """Each format written by hand, as its users describe it."""
    if path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix in (".fvecs", ".bvecs", ".ivecs"):
        length = np.int32(rows.shape[1]).tobytes()
        path.write_bytes(b"".join(length + row.tobytes() for row in rows))
    else:
        path.write_bytes(np.array(rows.shape, dtype="<u4").tobytes() + rows.tobytes())


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".fvecs", "f4"),
        (".bvecs", "u1"),
        (".ivecs", "i4"),
        (".u8bin", "u1"),
        (".i8bin", "i1"),
        (".fbin", "f4"),
        (".ibin", "i4"),
        (".u32bin", "u4"),
        (".npy", "f4"),
    ],
)
def test_each_format_is_read(tmp_path: Path, suffix: str, dtype: str) -> None:
    rows = np.arange(15).reshape(5, 3).astype(dtype)
    path = tmp_path / f"rows{suffix}"
    write(path, rows)
    assert np.array_equal(datasets.read_matrix(path), rows)
    assert np.array_equal(datasets.read_matrix(path, 2), rows[:2])
    assert datasets.read_matrix(path).dtype == np.dtype(dtype)


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown format '\.csv'; expected one of"):
        datasets.read_matrix(tmp_path / "rows.csv")


def test_rows_of_different_lengths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.fvecs"
    path.write_bytes(np.array([2, 0, 0, 3, 0, 0], dtype="<i4").tobytes())
    with pytest.raises(ValueError, match="different lengths"):
        datasets.read_matrix(path)


def test_exact_neighbours_break_ties_by_id() -> None:
    base = np.array([[3, 0], [0, 3], [1, 0], [-3, 0], [0, -3]], dtype=np.float32)
    origin = np.zeros((1, 2), dtype=np.float32)
    assert datasets.exact_neighbours(base, origin, 3).tolist() == [[2, 0, 1]]


def test_recall_counts_shared_ids_in_any_order() -> None:
    assert measure.recall(np.array([[3, 1, 9]]), np.array([[1, 2, 3]])) == pytest.approx(2 / 3)


def test_a_small_run_comes_out_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH / "bench.py"), "--engines", "omendb", "--rounds", "2",
         "--round-seconds", "0.02", "--add-count", "2000", "--mixed-seconds", "0.2",
         "--max-queries", "50", "--folder", str(tmp_path / "scratch"), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "sift10k.json").read_text())
    assert {"environment", "add", "search", "footprint", "collections", "mixed"} <= result.keys()
    recalls = {row["mode"]: row["recall@10"] for row in result["search"]}
    assert recalls["exact"] == 1.0
    assert result["footprint"][0]["disk_bytes"] > 10_000 * 128
    modes = {(row["mode"], row["threads"]) for row in result["add"]}
    assert {("sync", 1), ("sync", 4), ("bare write + fdatasync", 1)} <= modes
    assert result["collections"]["idle_log_bytes"] < 1_000_000
    assert list((tmp_path / "scratch").iterdir()) == [], "scratch folders are removed"
