"""update: a part of a point changes, the rest stays."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import omendb
import pytest


def fields(db: omendb.Database, id: int) -> dict[str, Any]:
    point = db.get(id)
    assert point is not None
    return point.metadata


@pytest.fixture
def docs(db: omendb.Database) -> omendb.Database:
    db.add(
        [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]],
        ids=[0, 1, 2],
        metadata=[{"year": 2020, "lang": "en"}, {"year": 2021, "tags": ["x"]}, {"a": {"b": 1}}],
    )
    return db


def vector(db: omendb.Database, id: int) -> list[float]:
    point = db.get(id)
    assert point is not None and point.vector is not None
    out: list[float] = point.vector.tolist()
    return out


def test_metadata_is_merged_and_none_removes_a_key(docs: omendb.Database) -> None:
    assert docs.update([0, 1], metadata=[{"year": 2030, "new": True}, {"year": None}]) == 2
    assert fields(docs, 0) == {"year": 2030, "lang": "en", "new": True}
    assert fields(docs, 1) == {"tags": ["x"]}
    assert fields(docs, 2) == {"a": {"b": 1}}
    assert vector(docs, 0) == [0.0, 1.0] and len(docs) == 3


def test_one_dict_is_for_all_points(docs: omendb.Database) -> None:
    assert docs.update([2, 0], metadata={"lang": "de", "a": {"c": [1, "x"]}}) == 2
    assert fields(docs, 0) == {"year": 2020, "lang": "de", "a": {"c": [1, "x"]}}
    assert fields(docs, 2) == {"lang": "de", "a": {"c": [1, "x"]}}


def test_a_filter_says_which_points(docs: omendb.Database) -> None:
    assert docs.update(where="year >= 2021", metadata={"lang": "fr"}) == 1
    assert docs.update(where={"year": 1999}, metadata={"lang": "fr"}) == 0
    assert fields(docs, 1) == {"year": 2021, "lang": "fr", "tags": ["x"]}
    assert docs.update(where="true", metadata={"lang": None, "seen": 1}) == 3
    assert docs.count("seen = 1") == 3 and docs.count("lang is null") == 3


def test_vectors_alone_leave_the_metadata(docs: omendb.Database) -> None:
    assert docs.update(1, vectors=[[9.0, 9.0]]) == 1
    assert vector(docs, 1) == [9.0, 9.0]
    assert fields(docs, 1) == {"year": 2021, "tags": ["x"]}
    assert docs.search([9.0, 9.0], k=1, exact=True)[0].id == 1


def test_an_id_that_is_missing_is_an_error_unless_ignored(docs: omendb.Database) -> None:
    with pytest.raises(omendb.NotFoundError, match="id 77 does not exist"):
        docs.update([0, 77], metadata={"year": 1})
    assert fields(docs, 0) == {"year": 2020, "lang": "en"}
    both = [{"year": 1}, {"year": 2}]
    assert docs.update([77, 0], metadata=both, missing="ignore") == 1
    assert fields(docs, 0)["year"] == 2


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"ids": [0]}, omendb.InvalidArgumentError, "changes nothing"),
        ({"ids": [0, 77], "metadata": {}}, omendb.NotFoundError, "id 77 does not exist"),
        ({"ids": [0, 0], "metadata": {}}, omendb.InvalidArgumentError, "given twice"),
        ({"ids": ["a"], "metadata": {}}, omendb.TypeMismatchError, "string"),
        ({"where": {}, "metadata": {}}, omendb.InvalidArgumentError, "empty filter"),
        ({"metadata": {"a": 1}}, omendb.InvalidArgumentError, "exactly one"),
        ({"where": {}, "metadata": {"a": 1}}, omendb.InvalidArgumentError, "empty filter"),
        ({"ids": [0, 0], "metadata": {"a": 1}}, omendb.InvalidArgumentError, "given twice"),
        ({"ids": [0], "metadata": {"year": "x"}}, omendb.TypeMismatchError, "year"),
        ({"ids": ["a"], "metadata": {"year": 1}}, omendb.TypeMismatchError, "string"),
        ({"ids": [0], "vectors": [[1.0]]}, omendb.DimensionError, "1 dimensions"),
        ({"ids": [0], "vectors": [[1.0, 2.0]] * 2}, omendb.InvalidArgumentError, "2 vectors"),
        ({"where": "true", "vectors": [[1.0, 2.0]]}, omendb.InvalidArgumentError, "by id"),
        ({"ids": [0, 1], "metadata": [{"year": 1}]}, omendb.InvalidArgumentError, "1 rows"),
        ({"ids": [0], "metadata": {"a": 1}, "missing": "x"}, omendb.InvalidArgumentError, "miss"),
    ],
)
def test_a_bad_update_changes_nothing(
    docs: omendb.Database, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    before = [p and p.metadata for p in docs.get([0, 1, 2])]
    with pytest.raises(error, match=match):
        docs.update(**arguments)
    assert [p and p.metadata for p in docs.get([0, 1, 2])] == before


def test_an_explicit_none_elsewhere_and_a_none_inside_a_value_stay(db: omendb.Database) -> None:
    db.add([[0.0, 1.0]], ids=[0], metadata=[{"a": None, "b": 1}])
    db.update(0, metadata={"b": None, "c": {"d": None, "e": [None]}})
    assert fields(db, 0) == {"a": None, "c": {"d": None, "e": [None]}}


def test_an_update_of_no_keys_changes_nothing_and_counts_its_points(docs: omendb.Database) -> None:
    before = [p and p.metadata for p in docs.get([0, 1, 2])]
    assert docs.update(1, metadata={}) == 1
    assert docs.update([0, 2], metadata=[{}, {}]) == 2
    assert docs.update([0, 77], metadata={}, missing="ignore") == 1
    assert docs.update(where="year >= 2021", metadata={}) == 1
    assert docs.update(where="true", metadata={}) == 3
    assert [p and p.metadata for p in docs.get([0, 1, 2])] == before
    both = docs.collection("both", vectors={"title": 1, "body": 1})
    both.add({"title": [[1.0]], "body": [[2.0]]}, ids=["x"])
    assert both.update("x", vectors={}) == 1
    with pytest.raises(omendb.NotFoundError, match="id 'y' does not exist"):
        both.update("y", vectors={})


def test_an_update_of_no_points_changes_nothing(docs: omendb.Database) -> None:
    assert docs.update([], metadata=[]) == 0
    assert docs.update([], metadata={"year": 1}) == 0


def test_a_filter_by_a_column_that_no_point_has_warns_and_updates_nothing(
    docs: omendb.Database,
) -> None:
    with pytest.warns(UserWarning, match="year"):
        assert docs.update(where="yaer = 2020", metadata={"lang": "fr"}) == 0


def test_one_of_several_vector_fields_changes_alone(db: omendb.Database) -> None:
    both = db.collection("both", vectors={"title": 2, "body": {"dim": 1, "dtype": "i8"}})
    both.add({"title": [[1.0, 2.0], [3.0, 4.0]], "body": [[5], [6]]}, ids=["x", "y"])
    assert both.update("y", vectors={"body": [[9]]}, metadata={"seen": True}) == 1
    x, y = both.get(["x", "y"])
    assert x is not None and y is not None
    assert [list(v) for v in x.vectors.values()] == [[1, 2], [5]]
    assert [list(v) for v in y.vectors.values()] == [[3, 4], [9]]
    assert y.metadata == {"seen": True}
    with pytest.raises(omendb.NotFoundError, match="unknown vector field 'text'"):
        both.update("x", vectors={"text": [[1.0]]})
    with pytest.raises(omendb.TypeMismatchError, match="by field"):
        both.update("x", vectors=[[1.0, 2.0]])


def test_random_updates_are_what_a_dict_says_also_after_reopening(path: Path) -> None:
    seed = 8
    print(f"seed {seed}")
    rng = random.Random(seed)
    model: dict[int, dict[str, Any]] = {i: {"i": i} for i in range(40)}
    vectors = {i: [float(i), 0.0] for i in range(40)}
    values: dict[str, list[Any]] = {
        "i": [1, 2, None],
        "s": ["x", None],
        "j": [{"a": [1, "b"]}, None],
    }
    with omendb.open(path, durability="none", memtable_mb=1 / 16) as db:
        db.add(list(vectors.values()), ids=list(vectors), metadata=list(model.values()))
    for round in range(6):
        with omendb.open(path, durability="none", memtable_mb=1 / 16) as db:
            for _ in range(30):
                ids = rng.sample(sorted(model), rng.randint(1, 8))
                change = {key: rng.choice(of) for key, of in values.items() if rng.random() < 0.6}
                if rng.random() < 0.3:
                    fresh = [[rng.random() // 0.01, 1.0] for _ in ids]
                    assert db.update(ids, vectors=fresh) == len(ids)
                    vectors.update(zip(ids, fresh, strict=True))
                elif change:
                    assert db.update(ids, metadata=change) == len(ids)
                    for id in ids:
                        merged = {**model[id], **change}
                        model[id] = {k: v for k, v in merged.items() if v is not None}
            if round % 2 == 0:
                db.compact()
        with omendb.open(path) as db:
            assert {id: fields(db, id) for id in model} == model
            assert {id: vector(db, id) for id in vectors} == vectors
            assert len(db) == len(model) == sum(len(batch) for batch in db.scan())
