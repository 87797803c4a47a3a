"""Columns that get another type, another name, or go."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import omendb
import pytest

NO_FLOAT = 2**60 + 1


@pytest.fixture
def db() -> Any:
    with omendb.open(":memory:") as database:
        yield database


def fields(db: omendb.Database | omendb.Collection, id: int) -> dict[str, Any]:
    point = db.get(id)
    assert point is not None
    return point.metadata


def test_an_int_column_that_meets_a_fraction_is_one_of_floats(db: omendb.Database) -> None:
    db.add([[0.0]], ids=[1], metadata=[{"year": 2019, "n": [1, 2]}])
    db.compact()
    db.add([[0.0]] * 2, ids=[2, 3], metadata=[{"year": 2020.5, "n": [0.5]}, {"year": 2021}])
    assert [fields(db, id) for id in (1, 2, 3)] == [
        {"year": 2019.0, "n": [1.0, 2.0]},
        {"year": 2020.5, "n": [0.5]},
        {"year": 2021.0},
    ]
    assert all(type(fields(db, id)["year"]) is float for id in (1, 2, 3))
    assert db.count("year > 2019") == 2 and db.count({"year": {"$in": [2019, 2020.5]}}) == 2
    assert [p.id for p in db.get(where=None, order_by="-year")] == [3, 2, 1]


def test_an_int_that_no_float_is_keeps_its_column_and_is_named(db: omendb.Database) -> None:
    db.add([[0.0]] * 2, ids=[1, 7], metadata=[{"year": 2019}, {"year": NO_FLOAT}])
    message = (
        f"cannot hold 2020.5 of row 0 exactly, and it cannot become f64: point 7 has {NO_FLOAT}"
    )
    for _ in ("in memory", "in a segment"):
        with pytest.raises(omendb.TypeMismatchError, match=message):
            db.add([[0.0]], metadata=[{"year": 2020.5}])
        with pytest.raises(omendb.TypeMismatchError, match=message):
            db.update(1, metadata={"year": 2020.5})
        db.compact()
    assert fields(db, 7) == {"year": NO_FLOAT} and db.count(f"year = {NO_FLOAT}") == 1
    db.delete(7)
    db.update(1, metadata={"year": 2020.5})
    assert fields(db, 1) == {"year": 2020.5}
    with pytest.raises(omendb.TypeMismatchError, match=f"f64, which cannot hold {NO_FLOAT}"):
        db.add([[0.0]], metadata=[{"year": NO_FLOAT}])


def test_pandas_frames_of_ints_and_of_floats_meet(db: omendb.Database) -> None:
    pd = pytest.importorskip("pandas")
    db.add([[0.0]], ids=[0], metadata=pd.DataFrame({"year": [2019]}))
    db.add([[0.0]] * 2, ids=[1, 2], metadata=pd.DataFrame({"year": [2020, None]}))
    assert [fields(db, id) for id in (0, 1, 2)] == [{"year": 2019}, {"year": 2020}, {}]
    db.add([[0.0]] * 2, ids=[3, 4], metadata=pd.DataFrame({"year": [math.nan, 0.25]}))
    assert [fields(db, id) for id in (0, 3, 4)] == [{"year": 2019.0}, {}, {"year": 0.25}]


def test_a_column_without_values_takes_any_type(db: omendb.Database) -> None:
    db.add([[0.0]], ids=[1], metadata=[{"x": "text", "y": None}])
    db.add([[0.0]], ids=[2], metadata=[{"y": 5}])
    assert fields(db, 1) == {"x": "text", "y": None} and fields(db, 2) == {"y": 5}
    with pytest.raises(omendb.TypeMismatchError, match="cannot become i64: point 1 has a value"):
        db.add([[0.0]], ids=[3], metadata=[{"x": 3}])
    db.delete(1)
    db.add([[0.0]], ids=[3], metadata=[{"x": 3}])
    assert fields(db, 3) == {"x": 3} and db.count("x = 3") == 1


def test_renamed_and_dropped_keys_stay_so_in_every_point(tmp_path: Path) -> None:
    path = tmp_path / "v.db"
    with omendb.open(path) as db:
        db.add([[0.0]], ids=[1], metadata=[{"yaer": 2019, "junk": "x"}])
        db.compact()
        db.add([[0.0]], ids=[2], metadata=[{"yaer": 2020, "junk": "y"}])
        db.rename_column("yaer", "year")
        db.drop_column("junk")
        assert fields(db, 1) == {"year": 2019} and fields(db, 2) == {"year": 2020}
        assert db.count("year >= 2019") == 2
        with pytest.warns(omendb.FilterWarning, match="yaer"):
            assert db.count("yaer is null") == 2
        db.add([[0.0]], ids=[3], metadata=[{"junk": 7}])
    with omendb.open(path) as db, omendb.open(path, mode="r") as reader:
        assert [fields(db, id) for id in (1, 2, 3)] == [
            {"year": 2019},
            {"year": 2020},
            {"junk": 7},
        ]
        db.rename_column("junk", "count")
        assert fields(reader, 3) == {"count": 7}
        with pytest.raises(omendb.ReadOnlyError):
            reader.drop_column("count")
        db.compact()
        assert fields(db, 3) == fields(reader, 3) == {"count": 7}


def test_a_collection_renames_and_drops_its_own_columns(db: omendb.Database) -> None:
    docs = db.collection("docs")
    for one in (docs, db):
        one.add([[0.0]], ids=[1], metadata=[{"a": 1, "b": 2}])
    docs.rename_column("a", "c")
    docs.drop_column("b")
    assert fields(docs, 1) == {"c": 1} and fields(db, 1) == {"a": 1, "b": 2}


def test_what_cannot_be_altered_is_said(db: omendb.Database) -> None:
    db.add([[0.0]], ids=[1], metadata=[{"a": 1, "b": 2}])
    with pytest.raises(omendb.NotFoundError, match='unknown column "c"; columns: a, b'):
        db.rename_column("c", "d")
    with pytest.raises(omendb.NotFoundError, match='unknown column "c"; columns: a, b'):
        db.drop_column("c")
    with pytest.raises(omendb.AlreadyExistsError, match='there is a column "b" already'):
        db.rename_column("a", "b")
    with pytest.raises(omendb.InvalidArgumentError, match="empty name"):
        db.rename_column("a", "")
    assert fields(db, 1) == {"a": 1, "b": 2}
