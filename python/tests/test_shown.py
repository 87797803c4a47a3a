"""Errors show a caller's value in bounded depth and length, whatever it is and on any stack."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import omendb
import pandas as pd
import pytest
from omendb._shown import described, shown

DEEP: Any = 1
for _ in range(900):
    DEEP = [DEEP]
DEEP_KEY: Any = 1
for _ in range(900):
    DEEP_KEY = (DEEP_KEY,)
HUGE = 10**5_000

CALLS: dict[str, Callable[[omendb.Database], object]] = {
    "where": lambda db: db.count({"a": {"$gt": DEEP}}),
    "where in a list of another type": lambda db: db.count(
        {"a": {"$gt": collections.UserList([DEEP])}}
    ),
    "where key": lambda db: db.count({DEEP_KEY: 1}),
    "where operator": lambda db: db.count({"a": {DEEP_KEY: 1}}),
    "where int": lambda db: db.count({"a": HUGE}),
    "order_by": lambda db: db.get(order_by=DEEP, limit=1),
    "fields": lambda db: db.search([1.0], fields=[DEEP]),
    "k": lambda db: db.search([1.0], k=DEEP),
    "huge k": lambda db: db.search([1.0], k=HUGE),
    "recall": lambda db: db.search([1.0], recall=DEEP),
    "search timeout": lambda db: db.search([1.0], timeout=DEEP),
    "limit": lambda db: db.get(limit=-HUGE),
    "id": lambda db: DEEP in db,
    "huge id": lambda db: db.get(HUGE),
    "metadata row": lambda db: db.add([[1.0]], metadata=[DEEP]),
    "metadata key": lambda db: db.add([[1.0]], metadata=[{DEEP_KEY: 1}]),
    "metadata int": lambda db: db.add([[1.0]], metadata=[{"b": -HUGE}]),
    "metadata of two types": lambda db: db.add([[1.0]] * 2, metadata=[{"a": 1}, {"a": DEEP[0]}]),
    "metadata text": lambda db: db.add([[1.0]] * 2, metadata=[{"a": 1}, {"a": "x\u20ac" * 80}]),
    "vector column": lambda db: db.add([{"vector": [1.0]}], vector=DEEP),
    "id column": lambda db: db.add([{"vector": [1.0]}], id=DEEP),
    "missing": lambda db: db.update(1, metadata={"a": 1}, missing=DEEP),
    "column": lambda db: db.rename_column(DEEP, "b"),
    "column to drop": lambda db: db.drop_column(DEEP),
    "collection": lambda db: db.collection(DEEP),
    "vector fields": lambda db: db.collection("x", vectors=DEEP),
    "progress": lambda db: db.snapshot("nowhere", progress=DEEP),
    "optimize timeout": lambda db: db.optimize(DEEP),
    "path": lambda db: omendb.open(DEEP),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_value_of_any_depth_or_length_is_shown_short_on_a_small_stack(
    path: Path, call: Callable[[omendb.Database], object]
) -> None:
    errors: list[BaseException] = []
    with omendb.open(path) as db:
        db.add([[1.0]], ids=[1], metadata=[{"a": 1}])

        def run() -> None:
            try:
                call(db)
            except BaseException as error:
                errors.append(error)

        before = threading.stack_size(128 * 1024)
        try:
            thread = threading.Thread(target=run)
            thread.start()
        finally:
            threading.stack_size(before)
        thread.join()
    assert [isinstance(error, omendb.OmendbError) for error in errors] == [True], errors
    assert len(str(errors[0])) < 300


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (5, "5"),
        (-0.5, "-0.5"),
        ("a'b", '"a\'b"'),
        ([1, "a", (2,)], "[1, 'a', (2,)]"),
        ({"a": {1}}, "{'a': {1}}"),
        ([], "[]"),
        (list(range(9)), "[0, 1, 2, 3, 4, 5, ...]"),
        ([[[[[[1]]]]]], "[[[[[...]]]]]"),
        ("x" * 99, "'" + "x" * 56 + "..."),
        (2**2_000, "<int of 2001 bits>"),
        (pd.Period("2024-01"), "Period('2024-01', 'M')"),
        (pd.Series([[1]]), "<Series>"),
        (Rude(), "<Rude>"),
    ],
)
def test_a_value_looks_as_repr_shows_it_until_it_is_long_or_deep(value: Any, text: str) -> None:
    assert shown(value) == text
    assert described(value).startswith((type(value).__name__ + " ", text))
