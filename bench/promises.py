"""What a search promises: its recall, the cheaper plan, and the order of exact cosines.

Data are drawn here, so that this part needs no data set. Times are CPU times of one core, the least
of several rounds: other load on the machine does not show in them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import measure
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Json = dict[str, object]

QUERIES = 200


def _shapes() -> dict[str, tuple[str, Floats, Floats]]:
    """By name: metric, rows, queries."""
    rng = np.random.default_rng(5)

    def normal(*shape: int) -> Floats:
        return rng.standard_normal(shape, dtype=np.float32)

    basis = normal(32, 256)
    return {
        "2-d": ("cosine", normal(100_000, 2), normal(QUERIES, 2)),
        "8-d": ("cosine", normal(100_000, 8), normal(QUERIES, 8)),
        "256-d, queries apart": (
            "cosine",
            normal(60_000, 32) @ basis + np.float32(0.3) * normal(60_000, 256),
            normal(QUERIES, 256),
        ),
        "256-d, queries around 0": ("cosine", normal(60_000, 256) + 1, normal(QUERIES, 256)),
        "128-d, no structure": ("l2", normal(60_000, 128), normal(QUERIES, 128)),
        "64-d": ("ip", normal(60_000, 64), normal(QUERIES, 64)),
    }


def _nearest(metric: str, rows: Floats, queries: Floats, k: int) -> NDArray[np.int64]:
    """The k nearest rows of each query, in float64."""
    x, q = rows.astype(np.float64), queries.astype(np.float64)
    if metric == "cosine":
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        q /= np.linalg.norm(q, axis=1, keepdims=True)
    squares = 0 if metric == "ip" else (x * x).sum(1) / 2
    return np.array([np.argpartition(squares - x @ one, k)[:k] for one in q])


def _cpu_seconds(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time of several rounds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def _shared(found: list[set[int]], truth: NDArray[np.int64]) -> float:
    return float(
        np.mean([len(a & set(b.tolist())) / len(b) for a, b in zip(found, truth, strict=True)])
    )


def measure_recall(k: int, rounds: int) -> list[Json]:
    import omendb

    measure.pin_to_one_core()
    rows: list[Json] = []
    for name, (metric, base, queries) in _shapes().items():
        with omendb.open(":memory:") as db:
            points = db.collection("c", dim=base.shape[1], metric=metric)
            points.add(base, ids=np.arange(len(base), dtype=np.uint64))
            truth = _nearest(metric, base, queries, k)
            for recall in (0.8, 0.9, 0.95, 0.99):
                found = [
                    {int(hit.id) for hit in points.search(q, k, recall=recall)} for q in queries
                ]
                seconds = _cpu_seconds(
                    lambda: [points.search(q, k, recall=recall) for q in queries],  # noqa: B023
                    rounds,
                )
                rows.append(
                    {
                        "shape": f"{metric}, {name}",
                        "asked": recall,
                        "recall": _shared(found, truth),
                        "microseconds": seconds / len(queries) * 1e6,
                    }
                )
    return rows


def measure_plans(rounds: int) -> list[Json]:
    """A query of a batch, as planned, by codes and by measuring every row."""
    import omendb

    measure.pin_to_one_core()
    rng = np.random.default_rng(6)
    rows: list[Json] = []
    for count, dim, batch in (
        (20_000, 64, 200),
        (20_000, 64, 1),
        (60_000, 256, 1),
        (60_000, 768, 64),
    ):
        base = rng.standard_normal((count, dim), dtype=np.float32)
        queries = rng.standard_normal((batch, dim), dtype=np.float32)
        with omendb.open(":memory:") as db:
            db.add(base)
            modes: dict[str, dict[str, object]] = {
                "planned": {},
                "effort 450": {"effort": 450},
                "exact": {"exact": True},
            }
            each = {
                mode: _cpu_seconds(lambda: db.search(queries, **options), 5 * rounds) / batch * 1e6  # noqa: B023
                for mode, options in modes.items()
            }
        rows.append({"rows": count, "dim": dim, "batch": batch, "microseconds": each})
    return rows


def measure_order() -> list[Json]:
    """How much of float64's top ten exact search finds among vectors far from the origin."""
    import omendb

    rng = np.random.default_rng(7)
    rows: list[Json] = []
    for dim, spread in ((128, 0.1), (128, 0.003), (768, 0.01)):
        base = (1 + spread * rng.standard_normal((20_000, dim))).astype(np.float32)
        queries = (1 + spread * rng.standard_normal((100, dim))).astype(np.float32)
        with omendb.open(":memory:") as db:
            points = db.collection("c", dim=dim, metric="cosine")
            points.add(base, ids=np.arange(len(base), dtype=np.uint64))
            found = [{int(hit.id) for hit in hits} for hits in points.search(queries, exact=True)]
        share = _shared(found, _nearest("cosine", base, queries, 10))
        rows.append({"dim": dim, "spread": spread, "share": share})
    return rows


def measure_promises(k: int, rounds: int) -> dict[str, list[Json]]:
    return {
        "recall": measure_recall(k, rounds),
        "plans": measure_plans(rounds),
        "order": measure_order(),
    }
