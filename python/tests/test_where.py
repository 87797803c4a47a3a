"""The dict form of filters (docs/filters.md), against the text form and against plain Python."""

from __future__ import annotations

import datetime as dt
import fnmatch
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import omendb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omendb import _core
from omendb._where import compile_where

NAN = float("nan")

PAIRS: list[tuple[dict[str, Any], str]] = [
    ({"year": 2020}, "year = 2020"),
    ({"year": None}, "year is null"),
    ({"year": {"$eq": 2020}}, "year = 2020"),
    ({"year": {"$eq": None}}, "year is null"),
    ({"year": {"$ne": 2020}}, "(year = 2020) is not true"),
    ({"year": {"$ne": None}}, "year is not null"),
    ({"year": {"$gt": 1, "$lte": 5}}, "year > 1 and year <= 5"),
    ({"year": {"$gte": 1}, "lang": "en"}, "year >= 1 and lang = 'en'"),
    ({"year": {"$lt": 1.5}}, "year < 1.5"),
    ({"lang": {"$in": ["en", "de"]}}, "lang in ('en', 'de')"),
    ({"lang": {"$in": ["en", None]}}, "lang in ('en') or lang is null"),
    ({"lang": {"$nin": ["en", "de"]}}, "(lang in ('en', 'de')) is not true"),
    ({"lang": {"$nin": ["en", None]}}, "(lang in ('en') or lang is null) is not true"),
    ({"lang": {"$in": [None]}}, "lang is null"),
    ({"lang": {"$in": []}}, "lang in ()"),
    ({"lang": ["en", "de"]}, "lang in ('en', 'de')"),
    ({"lang": ("en",)}, "lang in ('en')"),
    ({"lang": {"en"}}, "lang in ('en')"),
    ({"lang": {"en": 1, "de": 2}.keys()}, "lang in ('en', 'de')"),
    ({"year": {"$in": {"a": 1, "b": 2}.values()}}, "year in (1, 2)"),
    ({"year": {"$in": range(3)}}, "year in (0, 1, 2)"),
    ({"year": {"$in": pd.Series([1, 2])}}, "year in (1, 2)"),
    ({"year": pd.Index([1, 2])}, "year in (1, 2)"),
    ({"year": {"$in": pa.array([1, None])}}, "year in (1) or year is null"),
    ({"year": {"$in": (n for n in (1, 2))}}, "year in (1, 2)"),
    ({"at": np.array(["2024-05-01"], "M8[D]")}, "at in (timestamp '2024-05-01')"),
    ({"tags": {"$any": ["a", "b"]}}, "tags in ('a', 'b')"),
    ({"tags": {"$all": ["a", "b"]}}, "tags = 'a' and tags = 'b'"),
    ({"tags": {"$all": []}}, "false"),
    ({"tags": {"$size": 2}}, "size(tags) = 2"),
    ({"tags": {"$size": {"$gt": 1, "$lte": 3}}}, "size(tags) > 1 and size(tags) <= 3"),
    ({"title": {"$ilike": "a%"}}, "title ilike 'a%'"),
    ({"year": {"$exists": True}}, "year is not null"),
    ({"year": {"$exists": False}}, "year is null"),
    ({"year": np.int64(3), "x": pd.NA}, "year = 3 and x is null"),
    ({"id": 2**64 - 1}, "id = 18446744073709551615"),
    ({"year": {"$in": np.array([1, 2])}}, "year in (1, 2)"),
    ({"title": {"$like": "A%"}}, "title like 'A%'"),
    ({"year": {"$between": [2000, 2010]}}, "year between 2000 and 2010"),
    ({"year": {"$null": True}}, "year is null"),
    ({"year": {"$null": False}}, "year is not null"),
    ({"tags": {"$contains": "it's"}}, "tags contains 'it''s'"),
    ({"year": {"$not": {"$lt": 5}}}, "(year < 5) is not true"),
    ({"year": {"$not": 5}}, "(year = 5) is not true"),
    ({"$and": [{"a": 1}, {"b": 2}]}, "a = 1 and b = 2"),
    ({"$or": [{"a": 1}, {"b": 2}]}, "a = 1 or b = 2"),
    ({"$not": {"a": 1, "b": 2}}, "(a = 1 and b = 2) is not true"),
    ({"$or": [{"a": 1}, {"$and": [{"b": 2}, {"c": True}]}]}, "a = 1 or b = 2 and c = true"),
    ({"my column": 1}, '"my column" = 1'),
    ({"at": dt.datetime(2024, 5, 1, 12)}, "at = timestamp '2024-05-01T12:00:00Z'"),
    (
        {"at": dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))},
        "at = timestamp '2024-05-01T10:00:00Z'",
    ),
    ({"at": {"$gte": dt.date(2024, 5, 1)}}, "at >= timestamp '2024-05-01'"),
    ({"n": np.int64(5)}, "n = 5"),
    ({"n": NAN}, "n = nan"),
    ({"n": {"$ne": NAN}}, "(n = nan) is not true"),
    ({"n": {"$lt": np.float32("nan")}}, "n < nan"),
    ({"n": {"$in": [1, NAN]}}, "n in (1, nan)"),
    ({"n": {"$nin": np.array([NAN])}}, "(n in (nan)) is not true"),
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
        ({"x": {"$ne": NAN}}, "x != nan or x is null", 3),
        ({"x": NAN}, "x = nan", 0),
        ({"x": {"$nin": [NAN, 1.0]}}, "x not in (nan, 1.0) or x is null", 2),
        ({"x": {"$not": {"$gt": NAN}}}, "not x > nan or x is null", 3),
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


# --- against plain Python ----------------------------------------------------------------------

ROWS: list[dict[str, Any]] = [
    {
        key: value
        for key, value in {
            "year": (None, 2019, 2020, 2021)[i % 4],
            "lang": (None, "en", "de", "EN", "")[i % 5],
            "score": (None, 0.5, 2020.0, -1.0, 2.0, 7.0)[i % 6],
            "flag": (None, True, False)[i % 3],
            "tags": (None, [], ["a"], ["a", "b"], ["B", "c", "a"])[i // 2 % 5],
            "nums": (None, [], [1], [1, 9], [5, 5, 6])[i // 3 % 5],
        }.items()
        if value is not None
    }
    for i in range(120)
]
VALUES: dict[str, list[Any]] = {
    "year": [2019, 2020, 2020.5, 0, None],
    "lang": ["en", "de", "EN", "", "e", None],
    "score": [0.5, 2020, -1.0, 2, NAN, None],
    "flag": [True, False, None],
    "tags": ["a", "b", "B", "z", None],
    "nums": [1, 5, 6, 9, 2.5, None],
    "nowhere": [1, "x", None],
}
ORDER = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
    "$eq": lambda a, b: a == b,
}


def _passes(field: Any, operator: str, operand: Any) -> bool:
    """What docs/filters.md says of an operator, for the value of one field; None is a missing one.

    An array passes if one of its elements does.
    """
    elements = field if isinstance(field, list) else [] if field is None else [field]
    if operator == "$eq":
        return field is None if operand is None else operand in elements
    if operator == "$ne":
        return not _passes(field, "$eq", operand)
    if operator in ("$in", "$any"):
        return any(_passes(field, "$eq", one) for one in operand)
    if operator == "$nin":
        return not _passes(field, "$in", operand)
    if operator == "$all":
        return bool(operand) and all(_passes(field, "$eq", one) for one in operand)
    if operator == "$exists":
        return bool((field is not None) == operand)
    if operator == "$null":
        return bool((field is None) == operand)
    if operator == "$size":
        return isinstance(field, list) and len(field) == operand
    if operator == "$between":
        return any(operand[0] <= e <= operand[1] for e in elements)
    if operator == "$like":
        return any(fnmatch.fnmatchcase(e, operand.replace("%", "*")) for e in elements)
    if operator == "$ilike":
        return _passes([e.lower() for e in elements], "$like", operand.lower())
    if operator == "$contains":
        return operand in field if isinstance(field, list | str) else False
    if operator == "$not":
        return not _holds(field, operand)
    return operand is not None and any(ORDER[operator](e, operand) for e in elements)


def _holds(field: Any, test: Any) -> bool:
    if isinstance(test, dict):
        return all(_passes(field, operator, operand) for operator, operand in test.items())
    return _passes(field, "$in" if isinstance(test, list) else "$eq", test)


def _matches(row: dict[str, Any], form: dict[str, Any]) -> bool:
    for key, value in form.items():
        if key == "$and":
            passes = all(_matches(row, part) for part in value)
        elif key == "$or":
            passes = any(_matches(row, part) for part in value)
        elif key == "$not":
            passes = not _matches(row, value)
        else:
            passes = _holds(row.get(key), value)
        if not passes:
            return False
    return True


def _tests(column: str) -> st.SearchStrategy[Any]:
    value = st.sampled_from(VALUES[column])
    present = value.filter(lambda v: v is not None)
    values = st.lists(value, max_size=4)
    forms: dict[str, st.SearchStrategy[Any]] = {
        "$eq": value,
        "$ne": value,
        "$in": values,
        "$nin": values,
        "$any": values,
        "$all": st.lists(present, max_size=3),
        "$exists": st.booleans(),
        "$null": st.booleans(),
    }
    if column != "nowhere":
        forms |= dict.fromkeys(("$gt", "$gte", "$lt", "$lte"), value)
        forms["$between"] = st.tuples(present, present)
    if column in ("lang", "tags"):
        patterns = st.sampled_from(["a", "%", "%n", "E%", "%B%", ""])
        forms |= {"$like": patterns, "$ilike": patterns, "$contains": present}
    if column in ("tags", "nums"):
        forms |= {"$size": st.integers(0, 3), "$contains": present}
    operators = st.lists(st.sampled_from(sorted(forms)), min_size=1, max_size=2, unique=True)
    tests = operators.flatmap(lambda keys: st.fixed_dictionaries({k: forms[k] for k in keys}))
    return st.one_of(
        value,
        values,
        tests,
        st.fixed_dictionaries({"$not": st.one_of(tests, value)}),
    )


def _forms() -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.sampled_from(sorted(VALUES)).flatmap(
        lambda column: st.fixed_dictionaries({column: _tests(column)})
    )
    return st.recursive(
        leaf,
        lambda part: st.one_of(
            st.fixed_dictionaries({"$and": st.lists(part, max_size=3)}),
            st.fixed_dictionaries({"$or": st.lists(part, max_size=3)}),
            st.fixed_dictionaries({"$not": part}),
            st.tuples(part, part).map(lambda two: {**two[0], **two[1]}),
        ),
        max_leaves=5,
    )


@pytest.fixture(scope="module")
def many() -> Iterator[omendb.Database]:
    with omendb.open(":memory:") as database:
        database.add(np.zeros((len(ROWS), 1)), ids=range(len(ROWS)), metadata=ROWS)
        yield database


@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(form=_forms())
def test_random_dicts_match_what_plain_python_says(
    many: omendb.Database, form: dict[str, Any]
) -> None:
    expected = [i for i, row in enumerate(ROWS) if _matches(row, form)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", omendb.FilterWarning)
        found = [point.id for part in many.scan(form, vectors=False, fields=[]) for point in part]
    assert sorted(found) == expected


# --- what could answer wrongly in silence ------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"lang": dt.datetime(2024, 5, 1)}, "is string and is compared with a string"),
        ({"lang": {"$gt": dt.date(2024, 5, 1)}}, "not with timestamp '2024-05-01T00:00:00Z'"),
        ({"lang": {"$in": ["en", np.datetime64("2024-05-01")]}}, "not with timestamp"),
        ({"year": pd.Timestamp("2024-05-01")}, "is i64 and is compared with a number"),
        ({"lang": {"$eq": ["en"]}}, "write $in"),
        ({"lang": {"$ne": ["en"]}}, "write $nin"),
        ({"lang": {"$size": 1}}, "needs an array column"),
        ({"year": {"$contains": 2}}, "needs an array or a string column"),
        ({"lang": {"$contains": 2}}, "is string and is compared with a string"),
        ({"tags": {"$size": 1.5}}, "expected a number of elements"),
        ({"tags": {"$size": True}}, "expected a number of elements"),
        ({"year": {"$exists": 1}}, "expected True or False"),
        ({"year": {"$in": "2020"}}, "expected a list of values"),
        ({"year": {"$in": {"a": 1}}}, "expected a list of values"),
        ({"id": "7"}, '"id" is u64 and is compared with a number'),
        ({"year": {"$regex": "x"}}, "unknown operator"),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    many: omendb.Database, form: dict[str, Any], message: str
) -> None:
    with pytest.raises(omendb.FilterError) as error:
        many.count(form)
    assert message in str(error.value)


# --- names that no point has -------------------------------------------------------------------


def test_a_first_run_deletes_nothing_and_gives_no_warning(db: omendb.Database) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert db.delete(where={"source": "a.txt"}) == 0
        assert db.count("source = 'a.txt' or id = 3") == 0


def test_an_unknown_name_warns_once_a_collection_before_anything_is_done(
    line: omendb.Database,
) -> None:
    with pytest.warns(omendb.FilterWarning) as caught:
        assert line.count({"yaer": 2003}) == 0
        assert line.count("yaer is null") == 10
        assert len(line.search([0.0, 0.0], where={"yaer": 1})) == 0
        assert list(line.scan("yaer = 1")) == []
        assert line.delete(where={"yaer": 1}) == 0
    assert [str(warning.message) for warning in caught] == [
        'collection "default": no point has a column "yaer" yet; did you mean "year"? '
        "columns: lang, year"
    ]
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", omendb.FilterWarning)
        for _ in range(2):  # an error each time, and nothing is deleted
            with pytest.raises(omendb.FilterWarning):
                line.delete(where={"yeaar": None})
        assert len(line) == 10
        line.collection("other").add(np.zeros((1, 2)), metadata={"x": [1]})
        with pytest.raises(omendb.FilterWarning, match='collection "other": no point'):
            line.collection("other").count("yaer = 1")


# --- ids ---------------------------------------------------------------------------------------


def test_ids_are_filtered_like_a_column(line: omendb.Database) -> None:
    def ids(where: Any) -> list[Any]:
        return sorted(point.id for part in line.scan(where) for point in part)

    for _ in range(2):
        assert ids({"id": 3}) == [3]
        assert ids("id in (7, 2, 99)") == [2, 7]
        assert ids({"id": {"$nin": [0, 1, 2, 3]}}) == [4, 5, 6, 7, 8, 9]
        assert ids("id between 2.5 and 5") == [3, 4, 5]
        assert ids("id > 7 or id < -1 or id = 1e30") == [8, 9]
        assert ids({"id": {"$in": [1, 2, 3]}, "lang": "en"}) == [2]
        assert ids("id is not null and not id >= 2") == [0, 1]
        assert line.search([0.0, 0.0], k=3, where={"id": [9, 8]}).ids.tolist() == [8, 9]
        line.compact()
    line.upsert(np.zeros((2, 2)), ids=[2**64 - 2, 2**63])
    assert ids({"id": {"$gte": 2**63}}) == [2**63, 2**64 - 2]
    assert ids({"id": 2**64 - 2}) == [2**64 - 2]
    assert line.delete(where={"id": [2**63, 3]}) == 2


def test_string_ids_are_filtered_like_a_string_column(db: omendb.Database) -> None:
    db.add(np.zeros((300, 1)), ids=[f"doc-{i}" for i in range(300)])
    for _ in range(2):
        assert db.count({"id": "doc-7"}) == 1
        assert db.count({"id": {"$in": ["doc-7", "doc-299", "doc-300"]}}) == 2
        assert db.count("id like 'doc-29_'") == 10
        assert db.count({"id": {"$ilike": "DOC-1"}}) == 1
        assert db.count("id contains '-29' and id != 'doc-29'") == 10
        db.compact()
    with pytest.raises(omendb.FilterError, match='"id" is string'):
        db.count({"id": 7})


def test_a_column_named_id_goes_before_the_ids(db: omendb.Database) -> None:
    db.collection("c").add(np.zeros((2, 1)), ids=[1, 2], metadata={"id": ["x", "y"]})
    assert db.collection("c").count({"id": "x"}) == 1


# --- depth and time ----------------------------------------------------------------------------


def test_depth_takes_nothing_from_a_small_stack() -> None:
    def nested(levels: int) -> dict[str, Any]:
        form: dict[str, Any] = {"year": 1}
        for i in range(levels):
            form = {"$and": [form, {"a": i}]} if i % 2 else {"$or": [form, {"b": i}]}
        return form

    failed: list[BaseException] = []

    def work() -> None:
        try:
            assert str(compile_where(nested(250))).startswith("((")
            column: Any = 5
            for _ in range(120):
                column = {"$not": column}
            assert str(compile_where({"year": column})).endswith("is not true")
            itself: dict[str, Any] = {}
            itself["$and"] = [itself, itself]
            for form in (nested(400), itself):
                with pytest.raises(omendb.FilterError, match="nested too deep"):
                    compile_where(form)
        except BaseException as error:
            failed.append(error)

    before = threading.stack_size(128 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert failed == []


@st.composite
def _iso(draw: st.DrawFn) -> str:
    """ISO 8601 in the forms that datetime.fromisoformat reads."""
    day = draw(st.dates(dt.date(2, 1, 1), dt.date(9998, 12, 30)))
    week = day.isocalendar()
    dates = [
        f"{day:%Y-%m-%d}".rjust(10, "0"),
        f"{day:%Y%m%d}".rjust(8, "0"),
        f"{week.year:04}-W{week.week:02}-{week.weekday}",
        f"{week.year:04}W{week.week:02}{week.weekday}",
        f"{week.year:04}-W{week.week:02}",
    ]
    text = draw(st.sampled_from(dates))
    if draw(st.booleans()):
        return text
    digits = "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=1, max_size=9)))
    clock = draw(st.times())
    colon = draw(st.sampled_from(["", ":"]))
    times = [f"{clock:%H}", f"{clock:%H}{colon}{clock:%M}", clock.strftime(f"%H{colon}%M{colon}%S")]
    times.append(times[2] + draw(st.sampled_from(".,")) + digits)
    zones = ["", "Z", "+02", "-11:30", "+0545", "+01:02:03"]
    return (
        text
        + draw(st.sampled_from("T "))
        + draw(st.sampled_from(times))
        + draw(st.sampled_from(zones))
    )


@settings(max_examples=2_000, deadline=None)
@given(text=_iso())
def test_times_are_read_as_python_reads_them(text: str) -> None:
    moment = dt.datetime.fromisoformat(text)
    assert str(compile_where(f"at = timestamp '{text}'")) == str(compile_where({"at": moment}))


@pytest.mark.parametrize(
    "values",
    [
        ["a", np.nan],
        [np.float32("nan"), "a"],
        pd.Series(["a", None]),
        pd.Series(["a", None], dtype=object),
        pd.Series(["a", np.nan], dtype=object),
        pd.Index(["a", None]),
        np.array(["a", np.nan], dtype=object),
        pl.Series(["a", None]),
    ],
    ids=lambda values: f"{type(values).__module__.partition('.')[0]} {list(values)}",
)
def test_a_missing_value_in_a_list_of_text_is_a_missing_field(
    db: omendb.Database, values: Any
) -> None:
    db.add(np.zeros((3, 1)), metadata=[{"s": "a"}, {"s": "b"}, {}])
    assert db.count({"s": values}) == db.count({"s": {"$in": values}}) == 2
    assert db.count({"s": {"$nin": values}}) == 1
    with pytest.raises(omendb.FilterError, match="not with nan"):
        db.count({"s": {"$in": [np.nan]}})  # among no text it is a number
