"""Arrow data that lies, Arrow types without a place here, and the encodings that have one."""

from __future__ import annotations

import ctypes
import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import omendb
import pyarrow as pa
import pytest


class OneArray:
    """An array alone, by the Arrow PyCapsule interface."""

    def __init__(self, array: pa.Array) -> None:
        self._array = array

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        pair: tuple[object, object] = self._array.__arrow_c_array__(requested_schema)
        return pair


class Lying(OneArray):
    """An array that says it has more rows than it has. pyarrow would not make one."""

    def __init__(self, array: pa.Array, rows: int) -> None:
        super().__init__(array)
        self._rows = rows

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        schema, array = super().__arrow_c_array__(requested_schema)
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        at = pointer(array, b"arrow_array")
        assert at is not None
        ctypes.c_int64.from_address(at).value = self._rows  # the first member: length
        return schema, array


VECTORS = pa.array([[1.0, 0.0], [0.0, 1.0]], pa.list_(pa.float32(), 2))


def test_a_parent_longer_than_its_child_is_refused_before_it_is_read(db: omendb.Database) -> None:
    table = pa.StructArray.from_arrays([VECTORS, pa.array([1, 2])], ["vector", "n"])
    with pytest.raises(omendb.InvalidArgumentError, match=r'"vector" has 2 values.* needs 100000'):
        db.add(Lying(table, 100_000))
    with pytest.raises(omendb.InvalidArgumentError, match=r"has 4 values.* needs 2000"):
        db.add(Lying(VECTORS, 1_000))
    with pytest.raises(omendb.InvalidArgumentError, match="has the length -1"):
        db.add(Lying(VECTORS, -1))
    assert len(db) == 0


def test_a_null_struct_row_is_no_point(db: omendb.Database) -> None:
    mask = pa.array([False, True])
    table = pa.StructArray.from_arrays([VECTORS], ["vector"], mask=mask)
    with pytest.raises(omendb.InvalidArgumentError, match="row 1 of the Arrow structs is null"):
        db.add(OneArray(table))
    assert len(db) == 0
    assert len(db.add(OneArray(table.slice(0, 1)))) == 1


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (pa.array([Decimal("1.50")]), r"decimal\(3,2\); cast it to float64"),
        (pa.array([dt.timedelta(seconds=5)]), "duration; cast it to int64"),
        (pa.array([dt.time(12)]), "time; cast it to string"),
        (pa.array([b"x"]), "binary; encode it as a string"),
        (pa.array([b"x"], pa.binary_view()), "binary view; encode it as a string"),
        (pa.array([b"x"], pa.binary(1)), "fixed-size binary; encode it as a string"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "map; make a column of each"),
        (pa.array([{"a": 1}]), "struct"),
        (pa.array([[[1]]]), "list<list<int64>>"),
        (pa.array([pa.MonthDayNano([1, 2, 3])]), "interval; cast it first"),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_a_type_without_a_place_is_named_with_what_to_do(
    db: omendb.Database, column: pa.Array, match: str
) -> None:
    table = pa.table({"vector": [[1.0]], "value": column})
    with pytest.raises(omendb.TypeMismatchError, match=f'column "value".*{match}'):
        db.add(table)
    with pytest.raises(omendb.TypeMismatchError, match=match):
        db.add([[1.0]], metadata={"value": column})
    assert len(db) == 0


def test_list_views_are_lists(db: omendb.Database) -> None:
    vectors = pa.ListViewArray.from_arrays(
        pa.array([2, 0], pa.int32()), pa.array([2, 2], pa.int32()), pa.array([1.0, 2.0, 3.0, 4.0])
    )
    tags = pa.array([["a"], ["b", "c"]], pa.large_list_view(pa.string()))
    db.add(pa.table({"id": [1, 2], "vector": vectors, "tags": tags}))
    points: Any = db.get([1, 2])
    assert [p.vector.tolist() for p in points] == [[3, 4], [1, 2]]
    assert [p["tags"] for p in points] == [["a"], ["b", "c"]]


def test_run_end_encoded_columns_are_decoded(db: omendb.Database) -> None:
    import pyarrow.compute as pc

    year = pc.run_end_encode(pa.array([2020, 2020, None, 2021]))
    ids = pc.run_end_encode(pa.array(["a", "b", "c", "d"]))
    table = pa.table({"id": ids, "vector": [[float(i)] for i in range(4)], "year": year})
    db.add(table.slice(1))
    points: Any = db.get(["b", "c", "d"])
    assert [p.metadata.get("year") for p in points] == [2020, None, 2021]


@pytest.mark.parametrize("make", ["to_pandas", "to_polars", "to_arrow"])
def test_a_frame_made_of_binary_points_can_be_added_back(make: str) -> None:
    with omendb.open(":memory:") as db:
        bits = np.random.default_rng(1).integers(0, 2, (20, 64)).astype(bool)
        codes = db.collection("codes", dtype="binary")
        codes.add(bits)
        copy = db.collection("copy", dtype="binary")
        for batch in codes.scan(batch_size=7):
            frame: Any = getattr(batch, make)()
            copy.add(frame)
        ids = list(range(20))
        assert copy.get(ids) == codes.get(ids)


def test_bytes_of_different_lengths_are_no_vectors() -> None:
    with omendb.open(":memory:") as db:
        codes = db.collection("codes", dtype="binary")
        with pytest.raises(omendb.DimensionError, match=r"row 1 has 3 bytes.* have 2"):
            codes.add(pa.table({"vector": [b"ab", b"abc"]}))
