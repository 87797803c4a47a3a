"""The dict form of filters is the text form in another dress (docs/filters.md)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import omendb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omendb import _core
from omendb._where import compile_where

NAN = float("nan")

PAIRS: list[tuple[dict[str, Any], str]] = [
    ({"year": 2020}, "year = 2020"),
    ({"year": None}, "year is null"),
    ({"year": {"$eq": 2020}}, "year = 2020"),
    ({"year": {"$eq": None}}, "year is null"),
    ({"year": {"$ne": 2020}}, "year != 2020"),
    ({"year": {"$ne": None}}, "year is not null"),
    ({"year": {"$gt": 1, "$lte": 5}}, "year > 1 and year <= 5"),
    ({"year": {"$gte": 1}, "lang": "en"}, "year >= 1 and lang = 'en'"),
    ({"year": {"$lt": 1.5}}, "year < 1.5"),
    ({"lang": {"$in": ["en", "de"]}}, "lang in ('en', 'de')"),
    ({"lang": {"$nin": ["en", None]}}, "lang not in ('en', null)"),
    ({"year": {"$in": np.array([1, 2])}}, "year in (1, 2)"),
    ({"title": {"$like": "A%"}}, "title like 'A%'"),
    ({"year": {"$between": [2000, 2010]}}, "year between 2000 and 2010"),
    ({"year": {"$null": True}}, "year is null"),
    ({"year": {"$null": False}}, "year is not null"),
    ({"tags": {"$contains": "it's"}}, "tags contains 'it''s'"),
    ({"year": {"$not": {"$lt": 5}}}, "not year < 5"),
    ({"year": {"$not": 5}}, "not year = 5"),
    ({"$and": [{"a": 1}, {"b": 2}]}, "a = 1 and b = 2"),
    ({"$or": [{"a": 1}, {"b": 2}]}, "a = 1 or b = 2"),
    ({"$not": {"a": 1, "b": 2}}, "not (a = 1 and b = 2)"),
    ({"$or": [{"a": 1}, {"$and": [{"b": 2}, {"c": True}]}]}, "a = 1 or b = 2 and c = true"),
    ({"my column": 1}, '"my column" = 1'),
    ({"at": dt.datetime(2024, 5, 1, 12)}, "at = '2024-05-01T12:00:00Z'"),
    (
        {"at": dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))},
        "at = '2024-05-01T10:00:00Z'",
    ),
    ({"at": {"$gte": dt.date(2024, 5, 1)}}, "at >= '2024-05-01'"),
    ({"n": np.int64(5)}, "n = 5"),
    ({"n": NAN}, "n = nan"),
    ({"n": {"$ne": NAN}}, "n != nan"),
    ({"n": {"$lt": np.float32("nan")}}, "n < nan"),
    ({"n": {"$in": [1, NAN]}}, "n in (1, nan)"),
    ({"n": {"$nin": np.array([NAN])}}, "n not in (nan)"),
    ({"n": {"$between": [NAN, 2]}}, "n between nan and 2"),
    ({"tags": {"$contains": NAN}}, "tags contains nan"),
]


@pytest.mark.parametrize(("form", "text"), PAIRS)
def test_a_dict_is_the_text(form: dict[str, Any], text: str) -> None:
    compiled = compile_where(form)
    assert compiled is not None
    assert str(compiled) == str(_core.Filter.parse(text))
    assert repr(compiled).startswith("<omendb filter: ")


def test_the_empty_forms() -> None:
    assert compile_where(None) is None
    everything = compile_where({})
    assert everything is not None and everything.empty
    assert str(compile_where({"$or": []})) == "false"


@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda s: not s.startswith("$")),
        st.integers(-(2**63), 2**63 - 1) | st.text() | st.booleans() | st.floats(),
        min_size=1,
        max_size=3,
    )
)
def test_any_column_and_value_survives_text(form: dict[str, Any]) -> None:
    try:
        compiled = compile_where(form)
    except (omendb.FilterError, omendb.InvalidArgumentError, UnicodeEncodeError):
        assert any("\x00" in k or not k.isprintable() or _surrogate(k, v) for k, v in form.items())
        return
    assert str(_core.Filter.parse(str(compiled))) == str(compiled)


def _surrogate(*values: Any) -> bool:
    return any(isinstance(v, str) and any("\ud800" <= c <= "\udfff" for c in v) for v in values)


@pytest.mark.parametrize(
    ("form", "text", "count"),
    [
        ({"x": {"$ne": NAN}}, "x != nan", 2),
        ({"x": NAN}, "x = nan", 0),
        ({"x": {"$nin": [NAN, 1.0]}}, "x not in (nan, 1.0)", 1),
        ({"x": {"$not": {"$gt": NAN}}}, "not x > nan", 2),
    ],
)
def test_nan_is_a_number_in_a_dict_as_in_text(
    db: omendb.Database, form: dict[str, Any], text: str, count: int
) -> None:
    db.add(np.zeros((3, 1)), metadata=[{"x": 1.0}, {"x": 2.0}, {}])
    assert db.count(form) == db.count(text) == count


def test_times_meet_timestamp_columns(db: omendb.Database) -> None:
    moments = [dt.datetime(2024, 5, day, 12, tzinfo=dt.UTC) for day in (1, 2, 3)]
    db.add(np.zeros((3, 1)), metadata={"at": moments})
    assert db.count({"at": {"$gte": moments[1]}}) == 2
    assert db.count({"at": {"$lt": dt.date(2024, 5, 2)}}) == 1
    assert db.count("at between '2024-05-02' and '2024-05-02T23:59:59Z'") == 1
    hit = db.search([0.0], where={"at": moments[2]})[0]
    assert hit["at"] == moments[2]
