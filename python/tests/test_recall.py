"""The recall that is measured is the recall that searches have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import omendb
import pytest

ROWS, DIM = 20_000, 16


@pytest.fixture(scope="module")
def cloud() -> Iterator[omendb.Database]:
    """More points than are searched exactly; the year of point i is i % 10."""
    with omendb.open(":memory:") as database:
        rng = np.random.default_rng(8)
        database.add(
            rng.standard_normal((ROWS, DIM), dtype=np.float32),
            ids=range(ROWS),
            metadata={"year": np.arange(ROWS) % 10},
        )
        yield database


def test_the_recall_of_queries_is_what_counting_says(cloud: omendb.Database) -> None:
    queries = np.random.default_rng(9).standard_normal((40, DIM), dtype=np.float32)
    report = cloud.measure_recall(queries=queries, k=10, effort=10)
    points = cloud.get_points(range(ROWS)).vectors
    found = 0
    for query in queries:
        truth = np.argsort(((points - query) ** 2).sum(axis=1), kind="stable")[:10]
        found += len(set(truth.tolist()) & set(cloud.search(query, k=10, effort=10).ids.tolist()))
    assert report.recall == pytest.approx(found / 400, abs=0.003)  # two distances may round alike
    assert 0.2 < report.recall < 0.9
    assert report.low < report.recall < report.high
    assert (report.queries, report.k) == (40, 10)
    assert report.microseconds > 0 and report.exact_microseconds > 0
    assert str(report).startswith(f"recall@10 {report.recall:.4f} (")


def test_stored_points_are_drawn_by_the_seed(cloud: omendb.Database) -> None:
    kept = cloud.measure_recall(sample=100)
    assert isinstance(kept, omendb.RecallReport)
    assert kept.recall > 0.9 and kept.queries == 100
    poor = [cloud.measure_recall(100, effort=10, seed=seed).recall for seed in (1, 1, 2)]
    assert poor[0] == poor[1] != poor[2]
    assert poor[0] < kept.recall
    assert cloud.measure_recall(50, recall=1).recall == 1


def test_a_filter_and_a_field_say_what_is_searched() -> None:
    with omendb.open(":memory:") as db:
        docs = db.collection("docs", vectors={"title": 4, "body": 8})
        rng = np.random.default_rng(1)
        docs.add(
            {"title": rng.random((30, 4)), "body": rng.random((30, 8))},
            metadata=[{"n": n} for n in range(30)],
        )
        report = docs.measure_recall(k=5, field="body", where="n < 3")
        assert report.queries == 30 and report.recall == 1
        assert docs.measure_recall(k=5, field="title", where="n < 0").queries == 0
        with pytest.raises(omendb.InvalidArgumentError, match="title"):
            docs.measure_recall()


def test_little_or_nothing_to_measure_is_no_mistake(db: omendb.Database) -> None:
    nothing = db.measure_recall()
    assert (nothing.recall, nothing.low, nothing.high, nothing.queries) == (1, 0, 1, 0)
    db.add(np.ones((1, 3), np.float32))
    assert db.measure_recall().queries == 0  # a point is not its own neighbour
    db.add(np.zeros((2, 3), np.float32))
    few = db.measure_recall(k=500)
    assert few.queries == 3 and few.recall == 1 and few.low < 0.999
    assert db.measure_recall(queries=np.ones(3), k=500).queries == 1


@pytest.mark.parametrize("dtype", ["f16", "i8", "binary"])
def test_every_element_type_is_measured(db: omendb.Database, dtype: Any) -> None:
    some = db.collection(dtype, dtype=dtype)
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 2, (60, 24))
    some.add(bits.astype(bool) if dtype == "binary" else bits.astype(np.float32) + 1)
    assert some.measure_recall(k=3).queries == 60
    own = bits[:5].astype(bool) if dtype == "binary" else bits[:5].astype(np.float32)
    assert some.measure_recall(k=3, queries=own).recall == 1


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"sample": 0}, omendb.InvalidArgumentError, "sample is 0"),
        ({"sample": 2**40}, omendb.LimitError, "16777216"),
        ({"seed": -1}, omendb.InvalidArgumentError, "seed is -1"),
        ({"k": 0}, omendb.InvalidArgumentError, "k is 0"),
        ({"k": 65_536}, omendb.LimitError, "65535"),
        ({"recall": 1.5}, omendb.InvalidArgumentError, "recall is 1.5"),
        ({"recall": "high"}, omendb.TypeMismatchError, "recall is 'high'"),
        ({"field": "title"}, omendb.NotFoundError, "title"),
        ({"queries": np.ones((2, 5))}, omendb.DimensionError, "query has 5"),
        ({"where": "year >"}, omendb.FilterError, "year"),
        ({"timeout": 0}, omendb.InvalidArgumentError, "timeout is 0"),
        ({"sample": 20_000, "recall": 1, "timeout": 0.01}, omendb.DeadlineError, "10 ms"),
    ],
)
def test_wrong_options_are_refused_by_name(
    cloud: omendb.Database, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        cloud.measure_recall(**options)
