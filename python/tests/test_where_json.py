"""Filters over JSON columns and paths in them (docs/filters.md), against plain Python."""

from __future__ import annotations

import datetime as dt
import decimal
import fnmatch
import math
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import omendb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEY = uuid.UUID("12345678-1234-5678-1234-567812345678")
NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)

#: Values of the column "doc"; ... stands for a point without it.
DOCS: list[Any] = [
    {"author": {"name": "Ada", "born": 1815}, "tags": ["a", "b"], "n": 1},
    {"author": {"name": "Bob", "born": 1900.5}, "tags": [], "n": 2.5},
    {"author": {"name": None}, "tags": ["A", 1, None, ["a"]], "n": True},
    {"author": {}, "tags": "a", "n": "1"},
    {"author": [{"name": "Ada"}, {"name": "Eve", "born": 1}, "Bob"], "n": [1, 2, "x"]},
    {"author": [], "n": None},
    {"author": "Ada", "n": {"x": 1}},
    {"author.name": "flat", "author": {"name": "deep"}, "n": 2**63},
    {"at": NOON, "key": KEY, "n": 2**53 + 1},
    {"at": NOON.date(), "key": str(KEY), "n": decimal.Decimal("2.50")},
    {"at": "2024-05-01T12:00:00Z", "key": 5, "n": math.inf},
    {"at": ["2024-05-03", NOON], "key": [KEY], "n": -(2**63)},
    {"at": "soon", "n": 2**70},
    [{"n": 1}, {"n": 7, "author": {"name": "Eve"}}],
    [],
    None,
    5,
    "Ada",
    ...,
]
PATHS = [
    *("doc", "doc.author", "doc.author.name", "doc.author.born", "doc.author.1.name"),
    *("doc.tags", "doc.n", "doc.n.x", "doc.at", "doc.key", "doc.1.n", "doc.nowhere", "doc.tags.3"),
]
VALUES: list[Any] = [
    *("Ada", "a", "A", "", "flat", "deep", "x", "1", str(KEY), KEY, "2024-05-01T12:00:00Z"),
    *(1, 1.0, 2, 2.5, decimal.Decimal("2.5"), 7, 1815, 2**53, 2**63, -(2**63), math.inf, 0),
    *(True, False, None, NOON, dt.datetime(2024, 5, 1), dt.date(2024, 5, 2)),
]


def _found(value: Any, path: str) -> list[Any]:
    """What a path leads to."""
    if isinstance(value, dict):
        keys = [key for key in value if path == key or path.startswith(key + ".")]
        if not keys:
            return []
        key = max(keys, key=len)
        return [value[key]] if key == path else _found(value[key], path[len(key) + 1 :])
    if isinstance(value, list):
        first, dot, rest = path.partition(".")
        if not first.isdecimal():
            return [one for item in value if isinstance(item, dict) for one in _found(item, path)]
        if int(first) >= len(value):
            return []
        return _found(value[int(first)], rest) if dot else [value[int(first)]]
    return []


def _moment(value: Any) -> dt.datetime | None:
    try:
        value = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if not isinstance(value, dt.date):
        return None
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    moment: dt.datetime = value
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _order(value: Any, wanted: Any) -> int | None:
    """-1, 0 or 1; None where the two do not compare."""
    value, wanted = (str(v) if isinstance(v, uuid.UUID) else v for v in (value, wanted))
    if isinstance(value, dt.date) or isinstance(wanted, dt.date):
        value, wanted = _moment(value), _moment(wanted)
    if value is None or wanted is None:
        return None
    for kind in (bool, str, dt.datetime, (int, float, decimal.Decimal)):
        both = isinstance(value, kind), isinstance(wanted, kind)
        if all(both):
            return int(value > wanted) - int(value < wanted)
        if any(both):
            return None
    return None


ORDERS = {"$eq": (0,), "$gt": (1,), "$gte": (0, 1), "$lt": (-1,), "$lte": (-1, 0)}


def _passes(found: list[Any], operator: str, operand: Any) -> bool:
    values = [v for one in found for v in (one if isinstance(one, list) else [one])]
    if operator in ("$ne", "$nin"):
        return not _passes(found, {"$ne": "$eq", "$nin": "$in"}[operator], operand)
    if operator == "$exists":
        return bool(any(one is not None for one in found) == operand)
    if operator == "$eq" and operand is None:
        return all(one is None for one in found)
    if operator == "$in":
        return any(_passes(found, "$eq", one) for one in operand)
    if operator == "$all":
        return all(_passes(found, "$eq", one) for one in operand)
    if operator == "$size":
        return any(isinstance(one, list) and len(one) == operand for one in found)
    if operator == "$like":
        texts = [str(v) for v in values if isinstance(v, str | uuid.UUID)]
        return any(fnmatch.fnmatchcase(text, operand.replace("%", "*")) for text in texts)
    if operator == "$contains":
        lists = [one for one in found if isinstance(one, list)]
        parts = [str(one) for one in found if isinstance(one, str | uuid.UUID)]
        part = str(operand) if isinstance(operand, str | uuid.UUID) else None
        return any(_order(v, operand) == 0 for one in lists for v in one) or (
            part is not None and any(part in one for one in parts)
        )
    return any(_order(value, operand) in ORDERS[operator] for value in values)


def _tests() -> st.SearchStrategy[dict[str, Any]]:
    value = st.sampled_from(VALUES)
    present = value.filter(lambda v: v is not None)
    forms: dict[str, st.SearchStrategy[Any]] = dict.fromkeys([*ORDERS, "$ne"], value)
    forms |= {
        "$in": st.lists(value, max_size=4),
        "$nin": st.lists(value, max_size=4),
        "$all": st.lists(present, min_size=1, max_size=2),
        "$exists": st.booleans(),
        "$size": st.integers(0, 4),
        "$like": st.sampled_from(["%", "A%", "%a", "", "%-5678-%"]),
        "$contains": present,
    }
    return st.sampled_from(sorted(forms)).flatmap(
        lambda operator: st.fixed_dictionaries({operator: forms[operator]})
    )


@pytest.fixture(scope="module")
def docs() -> Iterator[omendb.Database]:
    rows = [{} if doc is ... else {"doc": doc} for doc in DOCS]
    with omendb.open(":memory:") as database:
        database.add(np.zeros((9, 1)), ids=range(9), metadata=rows[:9])
        database.compact()
        database.add(np.zeros((len(rows) - 9, 1)), metadata=rows[9:])
        yield database


def _matching(database: omendb.Database, where: Any) -> list[Any]:
    batches = database.scan(where, vectors=False, fields=[])
    return sorted(point.id for batch in batches for point in batch)


@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(PATHS), test=_tests(), negated=st.booleans())
def test_random_tests_of_paths_match_what_plain_python_says(
    docs: omendb.Database, path: str, test: dict[str, Any], negated: bool
) -> None:
    [(operator, operand)] = test.items()
    expected = []
    for i, doc in enumerate(DOCS):
        below = path.partition(".")[2]
        found = [] if doc is ... else _found(doc, below) if below else [doc]
        if _passes(found, operator, operand) != negated:
            expected.append(i)
    assert _matching(docs, {path: {"$not": test} if negated else test}) == expected


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("doc.author.name = 'Ada'", [0, 4]),
        ("\"doc.author.name\" = 'Ada'", [0, 4]),
        ({"doc.author.name": "Ada"}, [0, 4]),
        ({"doc.author.name": ["Ada", "Bob"]}, [0, 1, 4]),
        ("doc.author.name != 'Ada'", [1, 7, 13]),
        ("doc.n > 2", [1, 7, 8, 9, 10, 12, 13]),
        ("size(doc.tags) = 2 and doc.tags contains 'b'", [0]),
        ("doc.author.born between 1800 and 1901", [0, 1]),
        ({"doc.at": {"$gte": dt.date(2024, 5, 2)}}, [11]),
    ],
)
def test_a_path_is_filtered_in_text_and_in_dicts(
    docs: omendb.Database, where: Any, ids: list[int]
) -> None:
    assert _matching(docs, where) == ids


def test_a_column_of_no_known_type_is_compared_without_an_error(db: omendb.Database) -> None:
    db.add(np.zeros((1, 2)), metadata=[{"year": None}])
    assert db.count("year >= 1999") == db.count({"year": {"$contains": "x"}}) == 0
    assert db.count({"year": {"$ne": 3}}) == db.count({"year": None}) == 1
    assert db.count("year in (1, 'a')") == db.count("not year in (1, 'a')") == 0


def test_a_column_with_a_dot_goes_before_a_path(db: omendb.Database) -> None:
    db.add(np.zeros((1, 2)), metadata=[{"a": {"b": 1}}])
    assert db.count({"a.b": 1}) == 1
    db.add(np.zeros((1, 2)), metadata=[{"a.b": 2}])
    assert db.count({"a.b": 1}) == 0
    assert db.count({"a.b": 2}) == db.count("a.b = 2") == 1


def test_a_path_into_a_column_without_fields_is_null_and_warns(line: omendb.Database) -> None:
    with pytest.warns(omendb.FilterWarning, match='"year" is i64 in all of them'):
        assert line.count({"year.month": 5}) == 0
    with pytest.warns(omendb.FilterWarning, match='did you mean "doc.name"'):
        line.upsert(np.zeros((1, 2)), ids=[99], metadata=[{"doc": {"name": "x"}}])
        assert line.count({"dok.name": "x"}) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert line.count({"doc.nowhere": "x"}) == 0  # of fields no schema is kept


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"doc": {"author": {"name": "Ada"}}}, 'a field of a dict is written "doc.author"'),
        ({"doc.n": {"$between": [1, "a"]}}, "between needs two values of one type"),
        ({"doc.n": dt.timedelta(minutes=1)}, r"<column>\.\$timedelta"),
        ({"doc.n": b"x"}, r"<column>\.\$bytes"),
        ({"doc.n": decimal.Decimal("sNaN")}, "where at doc.n: "),
        ({"doc.tags": {"$size": "2"}}, "expected a number of elements"),
    ],
)
def test_what_cannot_be_meant_of_a_path_is_an_error(
    docs: omendb.Database, where: Any, message: str
) -> None:
    with pytest.raises(omendb.FilterError, match=message):
        docs.count(where)
