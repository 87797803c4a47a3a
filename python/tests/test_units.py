"""Durations, times and extension types: a unit is kept exactly, or the error names the value."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import omendb
import pandas as pd
import pyarrow as pa
import pytest

MICRO = dt.timedelta(microseconds=1)


def forms(value: Any) -> list[Any]:
    """metadata= that holds the value: alone, nested, in a list, in arrays."""
    return [
        [{"d": value}],
        [{"d": {"in": [value]}}],
        [{"d": [value]}],
        [{"d": (value, None)}],
        {"d": [value]},
        {"d": np.array([value], dtype=object)},
        [{"d": np.array([value], dtype=object)}],
    ]


def array_forms(values: Any) -> list[Any]:
    """The same of a NumPy array of one."""
    return [
        {"d": values},
        {"d": values.reshape(1, 1)},
        {"d": np.ma.array(values, mask=[False])},
        [{"d": values}],
        [{"d": values.reshape(())}],
        [{"d": {"in": values}}],
        {"d": np.array([(values[0],)], dtype=[("x", values.dtype)])},
        [{"d": np.array([(values[0],)], dtype=[("x", values.dtype)])[0]}],
    ]


def leaf(value: Any) -> Any:
    """The first value in what came back."""
    while isinstance(value, list | dict):
        value = value["in"] if isinstance(value, dict) else value[0]
    return value


def stored(db: omendb.Database, metadata: Any) -> Any:
    id = db.upsert([[0.0]], ids=[1], metadata=metadata)[0]
    point = db.get(int(id))
    assert point is not None
    db.delete([1])
    return leaf(point.metadata["d"])


EXACT = [
    (np.timedelta64(5_000, "ns"), 5 * MICRO),
    (np.timedelta64(-5_000, "ns"), -5 * MICRO),
    (np.timedelta64(7_000_000, "ps"), 7 * MICRO),
    (np.timedelta64(3, "us"), 3 * MICRO),
    (np.timedelta64(3, "s"), dt.timedelta(seconds=3)),
    (np.timedelta64(2, "D"), dt.timedelta(days=2)),
    (np.timedelta64(2, "W"), dt.timedelta(weeks=2)),
    (np.array([2], "m8[90m]")[0], dt.timedelta(hours=3)),
]

LOST = [
    (np.timedelta64(5, "ns"), r"timedelta64\(5,'ns'\) is no whole number of microseconds; round"),
    (np.timedelta64(-1, "ps"), "no whole number of microseconds"),
    (np.timedelta64(5, "M"), "number of months, which differ in length; expected days"),
    (np.timedelta64(5, "Y"), "number of years, which differ"),
    (np.timedelta64(5), "has no unit; expected one"),
    (np.timedelta64(2**50, "D"), "longer than a timedelta"),
]


@pytest.mark.parametrize(("value", "expected"), EXACT, ids=lambda value: repr(value))
def test_a_duration_of_numpy_comes_back_as_the_same_timedelta(
    db: omendb.Database, value: np.timedelta64, expected: dt.timedelta
) -> None:
    for metadata in forms(value) + array_forms(np.array([value], value.dtype)):
        assert stored(db, metadata) == expected, metadata
        assert type(stored(db, metadata)) is dt.timedelta


@pytest.mark.parametrize(("value", "match"), LOST, ids=lambda value: repr(value))
def test_a_duration_that_no_timedelta_is_exactly_is_refused_by_name(
    db: omendb.Database, value: np.timedelta64, match: str
) -> None:
    for metadata in forms(value) + array_forms(np.array([value], value.dtype)):
        with pytest.raises(omendb.TypeMismatchError, match=match):
            stored(db, metadata)
    with pytest.raises(omendb.FilterError, match=match):
        db.count({"d": value})
    assert len(db) == 0


def test_a_duration_of_pandas_is_kept_exactly_or_refused(db: omendb.Database) -> None:
    for metadata in forms(pd.Timedelta(5_000, "ns")):
        assert stored(db, metadata) == 5 * MICRO
        assert type(stored(db, metadata)) is dt.timedelta
    for metadata in forms(pd.Timedelta(5, "ns")):
        with pytest.raises(omendb.TypeMismatchError, match=r"000000005'\) is no whole number"):
            stored(db, metadata)
    for metadata in forms(pd.Timedelta(np.timedelta64(10**15, "s"))):
        with pytest.raises(omendb.TypeMismatchError, match="longer than a timedelta"):
            stored(db, metadata)


def test_a_missing_duration_is_a_missing_value(db: omendb.Database) -> None:
    nat = np.timedelta64("NaT")
    db.add([[0.0]] * 2, ids=[1, 2], metadata=[{"d": nat}, {"d": np.timedelta64("NaT", "ns")}])
    db.add([[0.0]] * 2, ids=[3, 4], metadata={"d": np.array([7, nat], "m8[us]")})
    masked = np.ma.array(np.array([7, 8], "m8[us]"), mask=[True, False])
    db.add([[0.0]] * 2, ids=[5, 6], metadata={"d": masked})
    found: list[Any] = [point and point.get("d") for point in db.get(range(1, 7))]
    assert found == [None, None, 7 * MICRO, None, None, 8 * MICRO]


def test_a_time_of_numpy_without_a_unit_is_refused(db: omendb.Database) -> None:
    without = np.array([5]).astype("M8")
    for metadata in array_forms(without):
        with pytest.raises(omendb.TypeMismatchError, match="datetime64 has no unit; expected one"):
            stored(db, metadata)
    with pytest.raises(omendb.FilterError, match="has no unit"):
        db.count({"d": without[0]})


def test_a_time_finer_than_microseconds_is_cut_in_every_form_alike(db: omendb.Database) -> None:
    expected = dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    for unit, amount in (("ns", -1), ("ps", -1), ("fs", -1), ("as", -1)):
        values = np.array([amount], f"M8[{unit}]")
        for metadata in forms(values[0])[::4] + array_forms(values)[:1]:
            assert stored(db, metadata) == expected, metadata


# ---- Extension types of Arrow --------------------------------------------------------------------


class Extension(pa.ExtensionType):  # type: ignore[misc]
    def __init__(self, storage: pa.DataType, name: str) -> None:
        super().__init__(storage, name)

    def __arrow_ext_serialize__(self) -> bytes:
        return bytes(self.extension_name.encode())

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> Extension:
        return cls(storage, serialized.decode())


def extension(storage: pa.Array, name: str) -> pa.Array:
    return pa.ExtensionArray.from_storage(Extension(storage.type, name), storage)


PERIODS = pa.array(pd.Series(pd.period_range("2024-01", periods=2, freq="M")))
INTS = pa.array([1, 2])


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (PERIODS, "pandas.period"),
        (extension(INTS, "acme.money"), "acme.money"),
        (extension(pa.array([0.5, 1.5]), "acme.money"), "acme.money"),
        (extension(INTS.dictionary_encode(), "acme.money"), "acme.money"),
        (pa.ListArray.from_arrays([0, 1, 2], extension(INTS, "acme.money")), "acme.money"),
    ],
    ids=str,
)
def test_numbers_of_an_extension_type_are_refused_by_its_name(
    db: omendb.Database, column: pa.Array, name: str
) -> None:
    table = pa.table({"vector": [[1.0], [2.0]], "value": column})
    match = f'column "value".*extension "{name}" of .*; cast it to string'
    with pytest.raises(omendb.TypeMismatchError, match=match):
        db.add(table)
    with pytest.raises(omendb.TypeMismatchError, match=match):
        db.add([[1.0], [2.0]], metadata={"value": column})
    with pytest.raises(omendb.TypeMismatchError, match="ids are integers or strings, got"):
        db.add(table, id="value")
    with pytest.raises(omendb.TypeMismatchError):
        db.add(pa.table({"vector": column}))
    assert len(db) == 0


def test_extension_types_whose_storage_says_the_same_are_read(db: omendb.Database) -> None:
    flags = pa.array([1, 0], pa.int8()).cast(pa.bool8())
    table = pa.table(
        {
            "vector": [[1.0], [2.0]],
            "flag": flags,
            "flags": pa.ListArray.from_arrays([0, 1, 2], flags),
            "json": extension(pa.array(["{}", "1"]), "acme.json"),
        }
    )
    db.add(table)
    assert db.info().columns == {"flag": "bool", "flags": "bool[]", "json": "string"}
    assert [p and p.metadata for p in db.get([0, 1])] == [
        {"flag": True, "flags": [True], "json": "{}"},
        {"flag": False, "flags": [False], "json": "1"},
    ]
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.array([[3.0], [4.0]], np.float32))
    assert len(db.add(pa.table({"vector": tensor}))) == 2
