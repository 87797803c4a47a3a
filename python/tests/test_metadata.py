"""Metadata as frameworks make it: what goes in comes back equal and of the same type."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import omendb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omendb import _json

ODD: list[Any] = [
    {"name": "Ada", "tags": ["x", "y"], "born": dt.date(1815, 12, 10)},
    [{"page": 1}, {"page": 2, "bbox": [0.5, 1.5]}],
    [1, "two", None, True],
    [[1, 2], []],
    {},
    uuid.UUID("12345678-1234-5678-1234-567812345678"),
    decimal.Decimal("1.10"),
    b"\x00\xff",
    dt.date(2024, 2, 29),
    dt.time(12, 30, 0, 250),
    dt.timedelta(days=-1, microseconds=7),
    [dt.datetime(2024, 5, 1, 12, 30), None],
    {"$uuid": "not one of ours"},
    {"$$twice": {"$once": 1}},
    {"big": 2**70, "float": 2.0, "text": "\u20ac \x00 \U0001f600"},
]


def same(a: Any, b: Any) -> bool:
    """Equal, and of equal types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return repr(a) == repr(b)


def fields(db: omendb.Database, id: int) -> dict[str, Any]:
    point = db.get(id)
    assert point is not None
    return point.metadata


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_what_fits_no_type_comes_back_as_it_was(path: Path, value: Any) -> None:
    with omendb.open(path) as db:
        db.add(np.zeros((3, 1)), ids=[1, 2, 3], metadata=[{"x": value}, {}, {"x": None}])
        assert db.info().columns == {"x": "json"}
        assert same(fields(db, 1), {"x": value})
        db.compact()
        assert same(fields(db, 1), {"x": value})
    with omendb.open(path) as db:
        points = db.get([1, 2, 3])
        assert same([p and p.metadata for p in points], [{"x": value}, {}, {"x": None}])
        assert db.count("x is null") == 2
        assert [hit.metadata for hit in db.search([0.0], k=3)] == [{"x": value}, {}, {"x": None}]


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.binary()
    | st.dates()
    | st.times().map(lambda t: t.replace(fold=0))
    | st.timedeltas()
    | st.datetimes(timezones=st.none() | st.just(dt.UTC)).map(lambda t: t.replace(fold=0))
)
keys = st.text(st.sampled_from("ab$.\u00e9"), max_size=3) | st.sampled_from(["$uuid", "$date"])
nested = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(nested)
@settings(deadline=None, max_examples=300)
def test_json_text_reads_back_as_what_was_written(value: Any) -> None:
    text = _json.encode(value)
    json.loads(text)
    assert same(_json.decode(text), value)


# At the top of a dict the documented rules hold: NaN is missing, tuples and zones are not kept.
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), nested.map(lambda v: {"v": v})), max_size=4)
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_nested_metadata_survives_the_engine(rows: list[dict[str, Any]]) -> None:
    with omendb.open(":memory:") as db:
        rows = [{}, *rows]
        db.add(np.zeros((len(rows), 1)), ids=range(len(rows)), metadata=rows)
        for _ in range(2):
            for id, row in enumerate(rows):  # keys come in the order of the columns
                assert same(dict(sorted(fields(db, id).items())), dict(sorted(row.items())))
            db.compact()


def test_a_hit_shows_the_keys_that_its_point_has(path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"year": 2020, "tags": []},
        {"year": None},
        {"lang": "en", "tags": ["x"]},
        {},
    ]
    with omendb.open(path) as db:
        db.add(np.zeros((4, 1)), ids=range(4), metadata=rows)
        for _ in range(2):
            assert [p and p.metadata for p in db.get(range(4))] == rows
            assert fields(db, 1)["year"] is None and "year" not in fields(db, 2)
            with pytest.raises(KeyError):
                fields(db, 2)["year"]
            assert db.get_points(range(4)).column("year") == [2020, None, None, None]
            assert db.count("year is null") == 3 and db.count("tags is null") == 2
            db.compact()


def test_a_missing_value_is_no_key_and_none_in_a_dict_is_one(db: omendb.Database) -> None:
    missing = [float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT")]
    db.add(np.zeros((6, 1)), ids=range(6), metadata=[{"x": v} for v in [*missing, None]])
    assert [p and p.metadata for p in db.get(range(6))] == [{}, {}, {}, {}, {}, {"x": None}]
    db.add([[0.0]], ids=[7], metadata={"y": [None]})
    assert fields(db, 7) == {}


def test_a_batch_without_values_fits_a_column_of_any_type(db: omendb.Database) -> None:
    kinds: dict[str, Any] = {"i": 1, "f": 0.5, "s": "x", "l": [1], "j": {"a": 1}}
    db.add([[0.0]], ids=[0], metadata=[kinds])
    db.add([[0.0]], ids=[1], metadata=[dict.fromkeys(kinds)])
    db.add([[0.0]], ids=[2], metadata={name: [float("nan")] for name in kinds})
    assert fields(db, 1) == dict.fromkeys(kinds) and fields(db, 2) == {}


def test_pandas_floats_that_are_whole_go_into_a_column_of_ints(db: omendb.Database) -> None:
    pd = pytest.importorskip("pandas")
    db.add([[0.0]], ids=[0], metadata=[{"year": 2019, "years": [1]}])
    frame = pd.DataFrame({"year": [2020, None]})
    assert frame["year"].dtype == "float64"
    db.add([[0.0]] * 2, ids=[1, 2], metadata=frame)
    db.add([[0.0]], ids=[3], metadata=[{"years": [2.0, -3.0]}])
    assert [fields(db, id) for id in (1, 2, 3)] == [{"year": 2020}, {}, {"years": [2, -3]}]
    assert type(fields(db, 1)["year"]) is int
    assert db.count("year = 2020") == 1
    db.update(0, metadata={"year": 2021.0})
    assert fields(db, 0)["year"] == 2021
    assert type(fields(db, 0)["year"]) is int


def test_empty_lists_fit_a_column_of_arrays_and_stay_lists(db: omendb.Database) -> None:
    db.add([[0.0]], ids=[0], metadata=[{"tags": [1]}])
    db.add([[0.0]], ids=[1], metadata=[{"tags": []}])
    assert fields(db, 1) == {"tags": []}
    assert db.info().columns == {"tags": "i64[]"}


def test_a_json_column_takes_values_of_every_type(db: omendb.Database) -> None:
    values: list[Any] = [
        {"a": 1},
        5,
        2.0,
        "x",
        True,
        [1, 2],
        dt.datetime(2024, 5, 1, tzinfo=dt.UTC),
    ]
    for i, value in enumerate(values):
        db.add([[0.0]], ids=[i], metadata=[{"x": value}])
    assert same([p and p["x"] for p in db.get(range(len(values)))], values)


def test_documents_of_langchains_shape_come_back(db: omendb.Database) -> None:
    rows = [
        {
            "source": "a.pdf",
            "page": i,
            "loc": {"lines": {"from": i, "to": i + 9}},
            "coordinates": {"points": [[0.0, 1.5], [2.0, 3.5]], "system": "PixelSpace"},
            "languages": ["eng"],
            "links": [{"text": "x", "url": "http://x"}],
            "parent_id": None,
            "last_modified": dt.date(2024, 1, 1),
        }
        for i in range(5)
    ]
    db.add(np.eye(5), ids=[f"doc-{i}" for i in range(5)], metadata=rows)
    assert same([p and p.metadata for p in db.get([f"doc-{i}" for i in range(5)])], rows)


@pytest.mark.parametrize("first", [[], None], ids=["empty list", "None"])
@pytest.mark.parametrize("items", [[1, 2], [1.5], ["a"], [True], [[1]], [{"a": 1}]], ids=str)
def test_an_empty_list_and_a_none_fix_no_type_for_the_lists_that_follow(
    tmp_path: Path, first: Any, items: list[Any]
) -> None:
    with omendb.open(tmp_path / "db") as db:
        db.add([[0.0]], ids=["a"], metadata=[{"tags": first}])
        db.add([[1.0]], ids=["b"], metadata=[{"tags": items}])
        db.add([[2.0]], ids=["c"], metadata=[{"tags": []}])
    with omendb.open(tmp_path / "db") as db:
        db.compact()
        points: Any = db.get(["a", "b", "c"])
        assert [p.metadata["tags"] for p in points] == [first, items, []]


def test_an_empty_list_goes_into_a_typed_column_of_lists(tmp_path: Path) -> None:
    with omendb.open(tmp_path / "db") as db:
        db.add([[0.0]], ids=["a"], metadata=[{"tags": [1, 2]}])
        db.add([[1.0]], ids=["b"], metadata=[{"tags": []}])
        assert db.info().columns["tags"] == "i64[]"
        assert [h.id for h in db.search([0.0], k=2, where="tags contains 2")] == ["a"]
        points: Any = db.get(["a", "b"])
        assert [p.metadata["tags"] for p in points] == [[1, 2], []]


@pytest.mark.parametrize(
    "values",
    [
        [2**70, -(2**63) - 1],
        [1, 2**63],
        [2**63, 1],
        [0.5, 2**64],
        [2**64, "x"],
        [[1, 2**70], [0.5]],
        np.array([2**63, 1], dtype=np.uint64),
    ],
    ids=str,
)
def test_an_int_beyond_64_bits_comes_back_as_it_was(path: Path, values: Any) -> None:
    expected = values.tolist() if isinstance(values, np.ndarray) else values
    with omendb.open(path) as db:
        db.add([[0.0], [1.0]], ids=[1, 2], metadata={"x": values})
        db.upsert([[0.0], [1.0]], ids=[3, 4], metadata=[{"x": one} for one in values])
        assert db.info().columns == {"x": "json"}
    with omendb.open(path) as db:
        db.compact()
        assert same([fields(db, id)["x"] for id in (1, 2, 3, 4)], expected * 2)


def test_filters_compare_an_int_beyond_64_bits_as_a_float(db: omendb.Database) -> None:
    db.add(np.zeros((3, 1)), ids=[1, 2, 3], metadata=[{"x": 2**70}, {"x": 5}, {"x": -(2**70)}])
    assert [p.id for p in db.get(where="x > 9223372036854775807")] == [1]
    assert [p.id for p in db.get(where={"x": {"$lt": 0}})] == [3]
    assert db.count({"x": float(2**70)}) == 1
    with pytest.raises(omendb.FilterError, match="64 bits"):
        db.count({"x": 2**70})
