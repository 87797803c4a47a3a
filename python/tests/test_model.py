"""Random histories, with reopening, against a dict and NumPy brute force.

Vectors hold small whole numbers, so that every distance is exact in f32 and must be equal bit for
bit, with ties in the order of ids.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import omendb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

DIM = 3
#: Of the second vector of a point, in histories of points that have two.
OTHER_DIM = 2
coordinates = st.integers(-3, 3).map(float)
vectors = st.lists(coordinates, min_size=DIM + OTHER_DIM, max_size=DIM + OTHER_DIM)
ids = st.integers(0, 12)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "year": st.integers(2000, 2005) | st.none(),
        "lang": st.sampled_from(["en", "de", ""]),
        "tags": st.lists(st.integers(0, 2), max_size=2),
    },
)
#: The vector that a point lacks, in histories of points that have two.
lacking = st.sampled_from([None, None, "one", "other"])
batches = st.lists(st.tuples(ids, vectors, metadata, lacking), min_size=1, max_size=5)
years = st.integers(1999, 2006)


Vector = list[float | None]
Batch = list[tuple[int, list[float], dict[str, Any], str | None]]


class Model(RuleBasedStateMachine):
    @initialize(metric=st.sampled_from(["l2", "ip"]), two=st.booleans())
    def begin(self, metric: Any, two: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="omendb-model-"))
        self.metric = metric
        self.two = two
        self.points: dict[int, tuple[Vector, dict[str, Any]]] = {}
        self.typed: set[str] = set()
        self.db: omendb.Database | None = None
        self.reopen()

    def teardown(self) -> None:
        if getattr(self, "db", None) is not None:
            assert self.db is not None
            self.db.close()
            shutil.rmtree(self.folder)

    @rule()
    def reopen(self) -> None:
        if self.db is not None:
            self.db.close()
        self.db = omendb.open(self.folder, durability="none", memtable_mb=1 / 16)
        if self.two:
            other = {"dim": OTHER_DIM, "dtype": "i8"}
            both = {"one": {"dim": DIM, "metric": self.metric}, "other": other}
            self.docs = self.db.collection("docs", vectors=both)
        else:
            self.docs = self.db.collection("docs", dim=DIM, metric=self.metric)

    def stored(self, point: omendb.Point) -> Vector:
        """All coordinates of a point, those of the second vector last, None where it lacks one."""
        if self.two:
            assert list(point.vectors) == ["one", "other"]
            one, other = point.vectors.values()
            first = [None] * DIM if one is None else one.tolist()
            return [*first, *([None] * OTHER_DIM if other is None else other.tolist())]
        assert point.vector is not None
        return [float(x) for x in point.vector]

    def expected(self, id: Any) -> Vector:
        return self.points[id][0] if self.two else self.points[id][0][:DIM]

    @rule(batch=batches, upsert=st.booleans())
    def write(self, batch: Batch, upsert: bool) -> None:
        verb = self.docs.upsert if upsert else self.docs.add
        names = [id for id, _, _, _ in batch]
        arguments: dict[str, Any] = {"ids": names, "metadata": [m for _, _, m, _ in batch]}
        rows: Any = np.array([v[:DIM] for _, v, _, _ in batch], dtype=np.float32)
        if self.two:
            rows = {
                "other": [None if lacks == "other" else v[DIM:] for _, v, _, lacks in batch],
                "one": [None if lacks == "one" else v[:DIM] for _, v, _, lacks in batch],
            }
        if len(set(names)) < len(names):
            with pytest.raises(omendb.InvalidArgumentError):
                verb(rows, **arguments)
        elif not upsert and self.points.keys() & set(names):
            with pytest.raises(omendb.AlreadyExistsError):
                verb(rows, **arguments)
        else:
            assert verb(rows, **arguments).tolist() == names
            for id, vector, fields, lacks in batch:
                one: Vector = [None] * DIM if lacks == "one" else [*vector[:DIM]]
                other: Vector = [None] * OTHER_DIM if lacks == "other" else [*vector[DIM:]]
                given = {k: v for k, v in fields.items() if v is not None}
                self.points[id] = ([*one, *other] if self.two else [*vector], given)

    @rule(names=st.sets(ids, min_size=1, max_size=4), change=metadata, fresh=st.none() | vectors)
    def update(self, names: set[int], change: dict[str, Any], fresh: list[float] | None) -> None:
        if not change and fresh is None:
            return
        there = self.points.keys() & names
        rows: Any = None
        if fresh is not None and self.two:
            # The first vector of each point changes, the other one stays.
            rows = {"one": [fresh[:DIM]] * len(names)}
        elif fresh is not None:
            rows = [fresh[:DIM]] * len(names)
        arguments = {"metadata": change, "vectors": rows, "missing": "ignore"}
        assert self.docs.update(sorted(names), **arguments) == len(there)
        for id in there:
            vector, fields = self.points[id]
            if fresh is not None:
                vector = [*fresh[:DIM], *vector[DIM:]]
            merged = {k: v for k, v in {**fields, **change}.items() if v is not None}
            self.points[id] = (vector, merged)

    @rule(names=st.lists(ids, max_size=4))
    def delete_ids(self, names: list[int]) -> None:
        gone = self.points.keys() & set(names)
        assert self.docs.delete(names) == len(gone)
        for id in gone:
            del self.points[id]

    @rule(year=years)
    def delete_where(self, year: int) -> None:
        if "year" not in self.docs.info().columns:
            return
        gone = [id for id, (_, m) in self.points.items() if m.get("year", 9999) < year]
        assert self.docs.delete(where={"year": {"$lt": year}}) == len(gone)
        for id in gone:
            del self.points[id]

    @rule()
    def compact(self) -> None:
        self.docs.compact()

    @rule(query=vectors, k=st.integers(1, 15), year=st.none() | years, in_other=st.booleans())
    def search(self, query: list[float], k: int, year: int | None, in_other: bool) -> None:
        if year is not None and "year" not in self.docs.info().columns:
            return
        where = None if year is None else f"year >= {year}"
        field = ("other" if in_other else "one") if self.two else None
        part = slice(DIM, None) if field == "other" else slice(DIM)
        l2 = self.metric == "l2" or field == "other"
        expected = []
        for id, (vector, fields) in self.points.items():
            if year is not None and fields.get("year", 0) < year:
                continue
            if None in vector[part]:
                continue
            a, b = np.array(query[part]), np.array(vector[part])
            distance = float(((a - b) ** 2).sum() if l2 else -(a * b).sum())
            expected.append((distance, id))
        hits = self.docs.search(query[part], k=k, exact=True, where=where, field=field)
        assert [(h.distance, h.id) for h in hits] == sorted(expected)[:k]
        estimated = self.docs.search(query[part], k=k, where=where, field=field)
        assert len(estimated) == min(k, len(expected))
        for hit in hits:
            found = {n: v for n, v in hit.metadata.items() if v is not None}
            assert found == self.without_untyped(hit.id, found)

    def without_untyped(self, id: Any, found: dict[str, Any]) -> dict[str, Any]:
        """What was written, but for arrays that are empty and met no typed column: those are
        missing, as docs/python.md says."""
        expected = self.points[id][1]
        if expected.get("tags") == [] and "tags" not in found:
            return {k: v for k, v in expected.items() if k != "tags"}
        return expected

    @invariant()
    def counts_agree(self) -> None:
        if getattr(self, "db", None) is None:
            return
        assert len(self.docs) == len(self.points)

    @rule()
    def scan_sees_everything(self) -> None:
        seen = {}
        for batch in self.docs.scan(batch_size=2):
            for point in batch:
                assert point.id not in seen
                seen[point.id] = self.stored(point)
        assert seen == {id: self.expected(id) for id in self.points}

    @rule(names=st.lists(ids, max_size=5))
    def get_finds_what_is_there(self, names: list[int]) -> None:
        for id, point in zip(names, self.docs.get(names), strict=True):
            assert (point is None) == (id not in self.points)
            if point is not None:
                assert (point.id, self.stored(point)) == (id, self.expected(id))


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.parametrize("metric", ["l2", "ip", "cosine"])
def test_exact_search_of_many_points_is_brute_force(path: Path, metric: Any) -> None:
    rng = np.random.default_rng(20)
    stored = rng.integers(-4, 5, size=(3_000, 24)).astype(np.float32)
    stored[np.all(stored == 0, axis=1)] = 1
    queries = rng.integers(-4, 5, size=(20, 24)).astype(np.float32)
    names = rng.permutation(3_000).astype(np.uint64)
    with omendb.open(path, durability="none", memtable_mb=1 / 16) as db:
        docs = db.collection("docs", metric=metric)
        for start in range(0, 3_000, 500):
            docs.add(stored[start : start + 500], ids=names[start : start + 500])
        found, distances = docs.search(queries, k=25, exact=True).to_numpy()
    wide, asked = stored.astype(np.float64), queries.astype(np.float64)
    if metric == "l2":
        truth = ((asked[:, None, :] - wide[None]) ** 2).sum(-1)
    else:
        truth = -(asked @ wide.T)
        if metric == "cosine":
            lengths = np.linalg.norm(asked, axis=1)[:, None] * np.linalg.norm(wide, axis=1)
            truth = 1 + truth / lengths
    if metric == "cosine":
        assert np.allclose(distances, np.sort(truth, axis=1)[:, :25], atol=1e-5)
        return
    order = np.lexsort((np.broadcast_to(names, truth.shape), truth), axis=1)[:, :25]
    assert np.array_equal(found, names[order])
    assert np.array_equal(distances, np.take_along_axis(truth, order, 1).astype(np.float32))
