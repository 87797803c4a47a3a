"""What other libraries hand in, and that numbers are not copied on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import omendb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from omendb import _core
from omendb._arrays import vectors_in

UTC = dt.UTC


def stored(db: omendb.Database) -> dict[Any, tuple[list[float], dict[str, Any]]]:
    """Everything in the default collection: id -> (vector, metadata without what is missing)."""
    out = {}
    for batch in db.scan():
        for point in batch:
            assert point.vector is not None
            present = {k: v for k, v in point.metadata.items() if v is not None}
            out[point.id] = (point.vector.tolist(), present)
    return out


class OnlyDLPack:
    """An array that can do nothing but lend itself."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class OnlyArrow:
    """An object with the Arrow PyCapsule interface alone."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._stream.__arrow_c_stream__(requested_schema)


# ---- Arrays in -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype",
    ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">f4", ">f8", ">i4"],
)
def test_every_real_dtype_is_taken(db: omendb.Database, dtype: str) -> None:
    db.add(np.array([[1, 2], [3, 4]], dtype=dtype), ids=[1, 2])
    assert stored(db) == {1: ([1, 2], {}), 2: ([3, 4], {})}
    assert db.search(np.array([3, 4], dtype=dtype), k=1)[0].id == 2


def test_float32_rows_are_borrowed_with_any_stride() -> None:
    base = np.arange(60, dtype=np.float32).reshape(6, 10)
    for view in (base, base[::2], base[1:, :4], base[:, 2:5], base[3], base[:1]):
        borrowed, _ = vectors_in(view, "f32")
        assert np.shares_memory(borrowed, base)
    for copied in (base.T, base[::-1], base[:, ::2], np.asfortranarray(base)):
        array, _ = vectors_in(copied, "f32")
        assert array.flags.c_contiguous and np.array_equal(array, copied)


@pytest.mark.parametrize(
    "view", [np.s_[::2], np.s_[::-1], np.s_[:, 1:3], np.s_[:, ::2], np.s_[1:, 1:]]
)
def test_strided_views_store_what_they_show(db: omendb.Database, view: Any) -> None:
    array = np.arange(24, dtype=np.float32).reshape(6, 4)[view]
    ids = db.add(array)
    points = db.get_points(ids)
    assert points.vectors is not None and np.array_equal(points.vectors, array)
    assert np.array_equal(db.search(array, k=1, exact=True).to_numpy()[0][:, 0], ids)


def test_broadcast_and_unaligned_rows_are_copied(db: omendb.Database) -> None:
    repeated = np.broadcast_to(np.array([1, 2], dtype=np.float32), (3, 2))
    raw = np.zeros(4 * 2 * 4 + 1, dtype=np.uint8)[1:].view(np.float32).reshape(4, 2)
    assert not raw.flags.aligned
    db.add(repeated)
    db.add(raw)
    assert [v for v, _ in stored(db).values()] == [[1, 2]] * 3 + [[0, 0]] * 4
    assert len(db.search(raw[0], k=2)) == 2


def test_dlpack_tensors_are_borrowed(db: omendb.Database) -> None:
    array = np.array([[1, 2], [3, 4]], dtype=np.float32)
    borrowed, _ = vectors_in(OnlyDLPack(array), "f32")
    assert np.shares_memory(borrowed, array)
    db.add(OnlyDLPack(array), ids=[1, 2])
    assert stored(db) == {1: ([1, 2], {}), 2: ([3, 4], {})}


def test_dlpack_on_another_device_says_so(db: omendb.Database) -> None:
    class OnGpu(OnlyDLPack):
        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    with pytest.raises(omendb.TypeMismatchError, match="CPU"):
        db.add(OnGpu(np.zeros((1, 2), dtype=np.float32)))


@pytest.mark.parametrize(
    "data",
    [
        [[1.0, 2.0], [3.0, 4.0]],
        ((1, 2), (3, 4)),
        [np.array([1, 2]), np.array([3.0, 4.0])],
        pd.DataFrame([[1.0, 2.0], [3.0, 4.0]]).to_numpy(),
        memoryview(np.array([[1, 2], [3, 4]], dtype=np.float32)),  # type: ignore[arg-type]
    ],
)
def test_anything_that_looks_like_a_matrix_is_taken(db: omendb.Database, data: Any) -> None:
    db.add(data, ids=[1, 2])
    assert stored(db) == {1: ([1, 2], {}), 2: ([3, 4], {})}


def test_one_vector_takes_one_record(db: omendb.Database) -> None:
    assert len(db.add([1.0, 2.0], ids=7, metadata={"title": "x", "tags": ["a"]})) == 1
    db.add(np.array([3.0, 4.0]), ids=[8])
    assert stored(db) == {7: ([1, 2], {"title": "x", "tags": ["a"]}), 8: ([3, 4], {})}


def test_points_as_dicts(db: omendb.Database) -> None:
    db.add([{"id": 1, "vector": [1, 2], "lang": "en"}, {"id": 2, "vector": np.array([3, 4])}])
    db.add({"id": 3, "vector": [5, 6], "lang": "de"})
    db.add([{"key": 4, "embedding": [7, 8]}], vector="embedding", id="key")
    assert stored(db) == {
        1: ([1, 2], {"lang": "en"}),
        2: ([3, 4], {}),
        3: ([5, 6], {"lang": "de"}),
        4: ([7, 8], {}),
    }
    with pytest.raises(omendb.InvalidArgumentError, match="point 1 has no"):
        db.add([{"id": 9, "vector": [1, 2]}, {"vector": [1, 2]}])
    with pytest.raises(omendb.InvalidArgumentError, match="ids="):
        db.add([{"vector": [1, 2]}], ids=[1])


def test_iterators_of_batches_points_and_vectors(db: omendb.Database) -> None:
    def batches() -> Iterator[Any]:
        yield np.array([[1, 0], [2, 0]], dtype=np.float32)
        yield [[3.0, 0.0]]
        yield pa.table({"vector": [[4.0, 0.0]], "year": [2004]})

    assert db.add(batches()).tolist() == [0, 1, 2, 3]
    db.add({"id": i, "vector": [i, 1.0], "year": i} for i in range(10, 13))
    db.add(np.array([i, 2.0]) for i in range(3))
    assert len(db) == 10 and db.count("year between 10 and 12") == 3
    with pytest.raises(omendb.InvalidArgumentError, match="iterator"):
        db.add(batches(), ids=[1, 2, 3])
    with pytest.raises(omendb.TypeMismatchError, match="iterator"):
        db.add(iter([iter([])]))


# ---- Ids in --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ids",
    [
        [5, 2**63],
        (5, 2**63),
        np.array([5, 2**63], dtype=np.uint64),
        pd.Series([5, 2**63], dtype="uint64"),
        pl.Series([5, 2**63], dtype=pl.UInt64),
        pa.array([5, 2**63], type=pa.uint64()),
        iter([5, 2**63]),
        [np.uint64(5), np.uint64(2**63)],
    ],
)
def test_integer_ids_of_any_make(db: omendb.Database, ids: Any) -> None:
    assert db.add([[1.0], [2.0]], ids=ids).tolist() == [5, 2**63]


@pytest.mark.parametrize(
    "ids",
    [
        ["a", "bé"],
        np.array(["a", "bé"]),
        np.array(["a", "bé"], dtype=object),
        pd.Series(["a", "bé"]),
        pl.Series(["a", "bé"]),
        pa.array(["a", "bé"]),
        pa.array(["a", "bé"], type=pa.large_string()),
        pa.array(["a", "bé"], type=pa.string_view()),
        pa.chunked_array([["a"], ["bé"]]),
    ],
)
def test_string_ids_of_any_make(db: omendb.Database, ids: Any) -> None:
    assert db.add([[1.0], [2.0]], ids=ids) == ["a", "bé"]
    assert db.get("bé") is not None


# ---- Metadata in ---------------------------------------------------------------------------------

WHEN = dt.datetime(2024, 5, 1, 12, 30, 0, 250_000, tzinfo=UTC)


def test_values_come_back_as_they_went_in(db: omendb.Database) -> None:
    record: dict[str, Any] = {
        "flag": True,
        "int": -(2**63),
        "float": 0.1,
        "text": "dreißig \U0001f600",
        "empty": "",
        "when": WHEN,
        "early": dt.datetime(1, 1, 1, tzinfo=UTC),
        "late": dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        "flags": [True, False],
        "ints": [1, 2],
        "floats": [0.5, 1.0],
        "texts": ["a", ""],
        "whens": [WHEN, WHEN],
    }
    db.add([[1.0], [2.0]], ids=[1, 2], metadata=[record, {}])
    assert stored(db) == {1: ([1], record), 2: ([2], {})}
    types = db.info().columns
    assert types["when"] == "timestamp" and types["texts"] == "string[]"


def test_odd_values_become_plain_ones(db: omendb.Database) -> None:
    db.add(
        np.zeros((2, 1)),
        ids=[1, 2],
        metadata=[
            {
                "nan": float("nan"),
                "none": None,
                "nat": pd.NaT,
                "na": pd.NA,
                "np_int": np.int32(5),
                "np_float": np.float32(0.5),
                "np_bool": np.bool_(True),
                "np_time": np.datetime64("2024-05-01T12:30:00.25"),
                "pd_time": pd.Timestamp("2024-05-01T12:30:00.25Z"),
                "naive": dt.datetime(2024, 5, 1, 12, 30, 0, 250_000),
                "zoned": WHEN.astimezone(dt.timezone(dt.timedelta(hours=2))),
                "date": dt.date(2024, 5, 1),
                "array": np.array([1, 2]),
                "tuple": (1, 2),
            },
            {"nan": 1.5, "none": "x", "array": []},
        ],
    )
    assert stored(db)[1][1] == {
        "np_int": 5,
        "np_float": 0.5,
        "np_bool": True,
        "np_time": WHEN,
        "pd_time": WHEN,
        "naive": WHEN,
        "zoned": WHEN,
        "date": dt.date(2024, 5, 1),
        "array": [1, 2],
        "tuple": [1, 2],
    }
    assert stored(db)[2][1] == {"nan": 1.5, "none": "x", "array": []}


@pytest.mark.parametrize("unit", ["D", "ms", "us", "ns"])
def test_numpy_times_in_rows_become_arrays_of_times(db: omendb.Database, unit: str) -> None:
    times = np.array([["2024-05-01", "2024-05-02"], ["1969-12-31", "2024-05-03"]], f"M8[{unit}]")
    db.add([[1.0], [2.0]], metadata={"t": times})
    db.add([[3.0], [4.0]], metadata=[{"t": row} for row in times])
    first = [dt.datetime(2024, 5, day, tzinfo=UTC) for day in (1, 2)]
    second = [dt.datetime(1969, 12, 31, tzinfo=UTC), dt.datetime(2024, 5, 3, tzinfo=UTC)]
    assert [m["t"] for _, m in stored(db).values()] == [first, second] * 2


def test_ints_widen_to_floats_within_a_batch_and_to_the_collection(db: omendb.Database) -> None:
    db.add(np.zeros((3, 1)), metadata=[{"x": 1}, {"x": 2.5}, {"x": None}])
    db.add(np.zeros((1, 1)), metadata={"x": [7]})
    db.add(np.zeros((1, 1)), metadata={"x": np.array([8])})
    assert db.info().columns == {"x": "f64"}
    assert [m["x"] for _, m in stored(db).values() if m] == [1, 2.5, 7, 8]


def test_an_array_column_may_begin_empty(db: omendb.Database) -> None:
    db.add(np.zeros((2, 1)), ids=[1, 2], metadata=[{"tags": []}, {"tags": ["a"]}])
    db.add(np.zeros((2, 1)), ids=[3, 4], metadata=[{"tags": []}, {}])
    assert {i: m.get("tags") for i, (_, m) in stored(db).items()} == {
        1: [],
        2: ["a"],
        3: [],
        4: None,
    }


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": [1, 2], "b": ["x", None]},
        {"a": np.array([1, 2]), "b": np.array(["x", None], dtype=object)},
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pa.table({"a": [1, 2], "b": ["x", None]}),
        {"a": pa.array([1, 2]), "b": pl.Series(["x", None])},
        {"a": pd.Series([1, 2]), "b": pa.chunked_array([["x"], [None]])},
        [{"a": 1, "b": "x"}, {"a": 2}],
        ({"a": a, "b": b} for a, b in ((1, "x"), (2, None))),
        OnlyArrow(pa.table({"a": [1, 2], "b": ["x", None]})),
    ],
)
def test_metadata_of_any_make(db: omendb.Database, metadata: Any) -> None:
    db.add([[1.0], [2.0]], ids=[1, 2], metadata=metadata)
    assert stored(db) == {1: ([1], {"a": 1, "b": "x"}), 2: ([2], {"a": 2})}


@pytest.mark.parametrize(
    "column",
    [
        pa.array([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        pa.table({"a": [1, 2], "b": ["x", "y"]}),
    ],
    ids=["arrow", "table"],
)
def test_a_struct_is_no_metadata_column(db: omendb.Database, column: Any) -> None:
    with pytest.raises(omendb.TypeMismatchError, match=r'column "s".* got a struct of a, b'):
        db.add([[1.0], [2.0]], metadata={"s": column})
    assert len(db) == 0


def test_numpy_columns_of_every_kind(db: omendb.Database) -> None:
    db.add(
        [[1.0], [2.0]],
        ids=[1, 2],
        metadata={
            "flag": np.array([True, False]),
            "small": np.array([1, 2], dtype=np.uint8),
            "half": np.array([0.5, np.nan], dtype=np.float16),
            "time": np.array(["2024-05-01T12:30:00.25", "NaT"], dtype="datetime64[ms]"),
            "list": np.array([[1, 2], [3, 4]]),
        },
    )
    first = {"flag": True, "small": 1, "half": 0.5, "time": WHEN, "list": [1, 2]}
    assert stored(db) == {1: ([1], first), 2: ([2], {"flag": False, "small": 2, "list": [3, 4]})}


# ---- Arrow tables in -----------------------------------------------------------------------------


def arrow_table() -> pa.Table:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4], pa.float32()), 2)
    return pa.table({"id": [7, 8], "vector": vectors, "year": [2001, None]})


@pytest.mark.parametrize(
    "table",
    [
        arrow_table(),
        arrow_table().to_batches()[0],
        OnlyArrow(arrow_table()),
        pa.RecordBatchReader.from_batches(arrow_table().schema, arrow_table().to_batches()),
        pa.concat_tables([arrow_table().slice(0, 1), arrow_table().slice(1, 1)]),
        pl.DataFrame(arrow_table()),
        pl.DataFrame({"id": [7, 8], "vector": [[1.0, 2.0], [3.0, 4.0]], "year": [2001, None]}),
        pd.DataFrame({"id": [7, 8], "vector": [[1.0, 2.0], [3.0, 4.0]]}).assign(
            year=pd.array([2001, None], dtype="Int64")
        ),
    ],
    ids=["table", "batch", "capsule", "reader", "chunked", "polars-array", "polars-list", "pandas"],
)
def test_tables_of_any_make(db: omendb.Database, table: Any) -> None:
    assert db.add(table).tolist() == [7, 8]
    assert stored(db) == {7: ([1, 2], {"year": 2001}), 8: ([3, 4], {})}


def test_bare_arrow_arrays_are_vectors(db: omendb.Database) -> None:
    vectors = arrow_table()["vector"]
    db.add(vectors, ids=["a", "b"], metadata=[{"x": 1}, {}])
    assert stored(db) == {"a": ([1, 2], {"x": 1}), "b": ([3, 4], {})}
    assert db.search(vectors.chunk(0), k=1)[1][0].id == "b"
    assert db.search(pa.array([[1.0, 2.0]]), k=1)[0][0].id == "a"


@pytest.mark.parametrize(
    "query",
    [
        pa.array([9.0, 3.0, 4.0])[1:],
        pa.array([3, 4], pa.uint8()),
        pa.array([3, 4], pa.float16()),
        pa.chunked_array([[3.0], [4.0]]),
        OnlyArrow(pa.chunked_array([[3.0, 4.0]])),
        pl.Series([3.0, 4.0]),
        pd.Series([3.0, 4.0]),
        pd.Series([3.0, 4.0], dtype="float32[pyarrow]"),
    ],
    ids=["slice", "u8", "f16", "chunked", "capsule", "polars", "pandas", "pandas-arrow"],
)
def test_an_arrow_array_of_numbers_is_one_query(db: omendb.Database, query: Any) -> None:
    db.add([[1.0, 2.0], [3.0, 4.0]], ids=[1, 2])
    hits = db.search(query, k=1)
    assert isinstance(hits, omendb.Result) and (hits[0].id, hits[0].distance) == (2, 0)


@pytest.mark.parametrize(
    ("query", "error", "match"),
    [
        (pa.array([3.0, None]), omendb.InvalidArgumentError, "coordinate 1 is null"),
        (pa.array([3.0, 4.0, 5.0]), omendb.DimensionError, "3 dimensions.* has 2"),
        (
            pa.array([3, 4]).dictionary_encode(),
            omendb.TypeMismatchError,
            "array of numbers, got dictionary<int64>",
        ),
        (pa.array(["a", "b"]), omendb.TypeMismatchError, "lists of numbers"),
        (pa.array([], pa.float32()), omendb.InvalidArgumentError, "empty|nothing"),
        (pl.Series([], dtype=pl.Float32), omendb.InvalidArgumentError, "empty|nothing"),
    ],
)
def test_an_arrow_array_that_is_no_query(
    db: omendb.Database, query: Any, error: type[Exception], match: str
) -> None:
    db.add([[1.0, 2.0]])
    with pytest.raises(error, match=match):
        db.search(query)


def test_a_series_of_lists_is_many_queries(db: omendb.Database) -> None:
    db.add([[1.0, 2.0], [3.0, 4.0]], ids=[1, 2])
    for queries in (pd.Series([[3.0, 4.0], [1.0, 2.0]]), pl.Series([[3.0, 4.0], [1.0, 2.0]])):
        assert [result[0].id for result in db.search(queries, k=1)] == [2, 1]


def test_arrow_vectors_are_borrowed_from_any_offset() -> None:
    values = pa.array(np.arange(40, dtype=np.float32))
    array = pa.FixedSizeListArray.from_arrays(values, 4)
    address = values.buffers()[1].address
    for start in (0, 3):
        batch = _core.ArrowReader(array.slice(start)).next()
        assert batch is not None
        vectors = batch.vectors(0)
        assert vectors.ctypes.data == address + start * 16
        assert np.array_equal(vectors, np.arange(start * 4, 40).reshape(-1, 4))
    lists = pa.array(np.arange(8, dtype=np.float32).reshape(4, 2).tolist(), pa.list_(pa.float32()))
    batch = _core.ArrowReader(lists.slice(1, 2)).next()
    assert batch is not None and batch.vectors(0).tolist() == [[2, 3], [4, 5]]
    kept = batch.vectors(0)
    del batch, lists
    assert kept.tolist() == [[2, 3], [4, 5]]


def test_columns_are_named_or_found(db: omendb.Database) -> None:
    table = arrow_table().rename_columns(["key", "embedding", "year"])
    db.add(table, id="key")
    assert sorted(stored(db)) == [7, 8]
    both = table.append_column("other", table["embedding"])
    with pytest.raises(omendb.InvalidArgumentError, match='"embedding", "other"'):
        db.add(both)
    with pytest.raises(omendb.InvalidArgumentError, match="nowhere"):
        db.add(table, vector="nowhere")
    with pytest.raises(omendb.InvalidArgumentError, match="nowhere"):
        db.add(table, id="nowhere")
    with pytest.raises(omendb.TypeMismatchError, match="lists of numbers"):
        db.add(pa.table({"a": [1]}))
    assert len(db.add(table.slice(0, 0))) == 0


def with_ids(ids: Any) -> pa.Table:
    return arrow_table().set_column(0, "id", ids)


@pytest.mark.parametrize(
    "table",
    [
        with_ids(pa.array(["a", "b"]).dictionary_encode()),
        with_ids(pa.array(["z", "a", "b"]).dictionary_encode().slice(1)),
        pd.DataFrame({"id": pd.Categorical(["a", "b"]), "vector": [[1.0, 2.0], [3.0, 4.0]]}),
        pl.DataFrame(arrow_table()).with_columns(id=pl.Series(["a", "b"], dtype=pl.Categorical)),
        pl.DataFrame(arrow_table()).with_columns(
            id=pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"]))
        ),
    ],
    ids=["arrow", "arrow-slice", "pandas", "polars", "polars-enum"],
)
def test_ids_that_are_categories_are_ids(db: omendb.Database, table: Any) -> None:
    assert db.add(table) == ["a", "b"]
    assert {name: vector for name, (vector, _) in stored(db).items()} == {"a": [1, 2], "b": [3, 4]}
    assert "id" not in db.info().columns


def test_ids_that_are_categories_of_ints_are_ids(db: omendb.Database) -> None:
    assert db.add(with_ids(pa.array([70, 2**63], pa.uint64()).dictionary_encode())).tolist() == [
        70,
        2**63,
    ]
    with pytest.raises(omendb.InvalidArgumentError, match=r'"id", row 1.*null'):
        db.add(with_ids(pa.array([71, None]).dictionary_encode()))
    with pytest.raises(omendb.InvalidArgumentError, match=r'"id", row 0.*negative'):
        db.add(with_ids(pa.array([-1, 72]).dictionary_encode()))


@pytest.mark.parametrize(
    "table",
    [
        with_ids(pa.array([7.0, 8.0])),
        with_ids(pa.array([7.0, 8.0]).dictionary_encode()),
        with_ids(pa.array([True, False])),
        with_ids(pa.nulls(2)),
        pl.DataFrame(arrow_table()).with_columns(id=pl.Series([7.0, None])),
        pd.DataFrame({"id": [7.0, None], "vector": [[1.0, 2.0], [3.0, 4.0]]}),
    ],
    ids=["float", "float-category", "bool", "null", "polars", "pandas"],
)
def test_an_id_column_that_holds_no_ids_is_refused(db: omendb.Database, table: Any) -> None:
    with pytest.raises(omendb.TypeMismatchError, match='column "id": ids are integers or strings'):
        db.add(table)
    assert len(db) == 0
    db.add(table, ids=[1, 2])
    assert sorted(stored(db)) == [1, 2]


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (pa.array([[1.0, 2.0], None]), "row 1"),
        (pa.array([[1.0, 2.0], [3.0, None]]), "row 1.*null"),
        (pa.array([[1.0, 2.0], [3.0]]), "row 1 has 1"),
    ],
)
def test_holes_in_arrow_vectors_are_named(
    db: omendb.Database, column: pa.Array, match: str
) -> None:
    with pytest.raises(omendb.OmendbError, match=match):
        db.add(pa.table({"vector": column}))


def test_every_arrow_type_with_a_place_here(db: omendb.Database) -> None:
    day = dt.date(2024, 5, 1)
    noon = dt.datetime(2024, 5, 1, 12)
    columns = {
        "bool": pa.array([True, None]),
        "i8": pa.array([1, None], pa.int8()),
        "u32": pa.array([2**32 - 1, None], pa.uint32()),
        "u64": pa.array([2**63 - 1, None], pa.uint64()),
        "f16": pa.array([np.float16(0.5), None], pa.float16()),
        "f32": pa.array([0.5, float("nan")], pa.float32()),
        "string": pa.array(["x", None]),
        "view": pa.array(["longer than twelve bytes", None], pa.string_view()),
        "category": pa.array(["x", None]).dictionary_encode(),
        "date32": pa.array([day, None]),
        "date64": pa.array([day, None], pa.date64()),
        "s": pa.array([noon, None], pa.timestamp("s")),
        "ns": pa.array([noon, None], pa.timestamp("ns", "Europe/Berlin")),
        "texts": pa.array([["a", "b"], None]),
        "large": pa.array([[1], None], pa.large_list(pa.int64())),
        "fixed": pa.array([[noon, noon], None], pa.list_(pa.timestamp("us"), 2)),
        "null": pa.nulls(2),
    }
    table = pa.table({"vector": [[0.0], [1.0]], **columns}).slice(0, 2)
    ids = db.add(table)
    at_noon = noon.replace(tzinfo=UTC)
    midnight = dt.datetime(2024, 5, 1, tzinfo=UTC)
    first, second = (metadata for _, metadata in stored(db).values())
    assert len(ids) == 2 and second == {}
    assert first == {
        "bool": True,
        "i8": 1,
        "u32": 2**32 - 1,
        "u64": 2**63 - 1,
        "f16": 0.5,
        "f32": 0.5,
        "string": "x",
        "view": "longer than twelve bytes",
        "category": "x",
        "date32": midnight,
        "date64": midnight,
        "s": at_noon,
        "ns": at_noon,
        "texts": ["a", "b"],
        "large": [1],
        "fixed": [at_noon, at_noon],
    }
    for bad in (pa.array([b"x"]), pa.array([{"a": 1}]), pa.array([[[1]]])):
        with pytest.raises(omendb.TypeMismatchError, match='"bad"'):
            db.add(pa.table({"vector": [[0.0]], "bad": bad}))
    with pytest.raises(omendb.TypeMismatchError, match="uint64"):
        db.add(pa.table({"vector": [[0.0]], "bad": pa.array([2**63], pa.uint64())}))
