#!/usr/bin/env python3
"""`make demo`: a database on 10,000 real vectors, from an empty folder to a second opening.

scripts/demo.py [FOLDER]        default ./vectors.db, made anew each time
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import omendb

ROOT = Path(__file__).parent.parent
FIXTURE = ROOT / "tests" / "fixtures" / "sift10k"
FOLDER = ROOT / "build" / "demo.db"
BATCH = 1_000
K = 10
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def bold(text: str) -> str:
    return f"\033[1;36m{text}\033[0m" if COLOUR else text


def line(what: str, figure: str, remark: str = "") -> None:
    print(f"  {what:<26}{bold(f'{figure:>18}')}   {remark}".rstrip())


def read_bin(name: str, dtype: str) -> np.ndarray:
    rows, columns = np.fromfile(FIXTURE / name, dtype="<u4", count=2)
    return np.fromfile(FIXTURE / name, dtype=dtype, offset=8).reshape(rows, columns)


def best_seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The quickest of several rounds: what the engine takes, not what the machine was busy with."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    """The share of the true nearest neighbours among those found, over all queries."""
    hits = [len(np.intersect1d(row, true)) for row, true in zip(found, truth, strict=True)]
    return sum(hits) / truth.size


def bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def add_all(db: omendb.Database, vectors: np.ndarray) -> float:
    """Adds in batches, each durable before the next; returns the seconds that took."""
    start = time.perf_counter()
    for at in range(0, len(vectors), BATCH):
        db.add(vectors[at : at + BATCH], ids=np.arange(at, at + BATCH, dtype=np.uint64))
    return time.perf_counter() - start


def show_search(db: omendb.Database, queries: np.ndarray, truth: np.ndarray, exact: bool) -> float:
    """Prints speed and recall; returns the recall."""
    ids, _ = db.search(queries, k=K, exact=exact).to_numpy()
    found = recall(ids, truth)
    single = best_seconds(lambda: [db.search(query, k=K, exact=exact) for query in queries])
    batch = best_seconds(lambda: db.search(queries, k=K, exact=exact))
    name = "exact" if exact else "default"
    remark = "by definition" if exact else "so few are measured; more are estimated first"
    line(f"search, {name}", f"{len(queries) / single:,.0f} queries/s", "one at a time")
    line("", f"{len(queries) / batch:,.0f} queries/s", f"{len(queries)} in one call")
    line(f"  recall@{K}", f"{found:.4f}", remark)
    return found


def main() -> int:
    vectors = read_bin("base.u8bin", "u1").astype(np.float32)
    queries = read_bin("query.u8bin", "u1").astype(np.float32)
    truth = read_bin("truth100.u32bin", "<u4")[:, :K]
    count, dim = vectors.shape
    print(f"OmenDB {omendb.__version__}: {count:,} real vectors of {dim} dimensions")

    shutil.rmtree(FOLDER, ignore_errors=True)
    db = omendb.open(FOLDER)
    seconds = add_all(db, vectors)
    line("added", f"{count / seconds:,.0f} vectors/s", f"each batch of {BATCH:,} synced to disk")
    exact_recall = show_search(db, queries, truth, exact=True)
    show_search(db, queries, truth, exact=False)
    before = db.search(queries, k=K).to_numpy()
    db.close()

    start = time.perf_counter()
    db = omendb.open(FOLDER)
    opened = time.perf_counter() - start
    after = db.search(queries, k=K).to_numpy()
    line(
        "closed and reopened in", f"{opened * 1e3:,.1f} ms", f"all {db.count():,} vectors are there"
    )
    same = all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    line("the same answers", "yes" if same else "NO")
    db.close()

    size = bytes_on_disk(FOLDER)
    where = FOLDER.relative_to(ROOT)
    line("on disk", f"{size / 1e6:,.2f} MB", f"{size / count:,.0f} bytes a vector, in {where}")
    return 0 if same and exact_recall == 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
