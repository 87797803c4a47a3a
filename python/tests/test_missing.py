"""Values that an array marks as missing are missing here."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import omendb
import pandas as pd
import pytest

DAY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
EARLY = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[ns]")


@pytest.mark.parametrize(
    ("values", "type", "kept"),
    [
        (np.ma.array([2**60 + 1, 2], mask=[False, True]), "i64", 2**60 + 1),
        (np.ma.array([1.5, 2.5], mask=[False, True]), "f64", 1.5),
        (np.ma.array([True, False], mask=[False, True]), "bool", True),
        (np.ma.array(["a", "b"], mask=[False, True]), "string", "a"),
        (np.ma.array(EARLY, mask=[False, True]), "timestamp", DAY),
        (pd.array([2**60 + 1, None], dtype="Int64"), "i64", 2**60 + 1),
        (pd.array([True, None], dtype="boolean"), "bool", True),
        (pd.array(["a", None], dtype="string"), "string", "a"),
        (pd.Index([DAY, None]), "timestamp", DAY),
        (pd.Categorical(["a", None]), "string", "a"),
    ],
)
def test_a_missing_value_of_an_array_is_null(
    db: omendb.Database, values: Any, type: str, kept: Any
) -> None:
    db.add([[0.0], [1.0]], ids=[0, 1], metadata={"x": values})
    assert db.info().columns == {"x": type}
    assert [point and point.get("x") for point in db.get([0, 1])] == [kept, None]
    assert db.count("x is null") == 1
