"""Arrays and frames as other libraries hold them: nothing loses a unit or an index in silence."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import omendb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

ROWS = np.array([[1, 2], [3, 4]], dtype=np.float32)


def stored(db: omendb.Database) -> dict[Any, Any]:
    """id -> [vector, metadata]"""
    points = db.get(where="true", order_by="id")
    return {p.id: [np.asarray(p.vector).tolist(), dict(p.metadata)] for p in points}


# ---- Arrays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">", "="])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i4"])
def test_a_byte_order_that_is_spelt_out_is_read_right(
    db: omendb.Database, kind: str, order: str
) -> None:
    spelt = ROWS.astype(np.dtype(kind).newbyteorder(order))  # type: ignore[arg-type]
    db.add(spelt, ids=np.array([1, 2]).astype(">i8"), metadata={"n": np.array([5, 6], ">i2")})
    assert stored(db) == {1: [[1, 2], {"n": 5}], 2: [[3, 4], {"n": 6}]}
    assert db.search(spelt[1], k=1)[0].id == 2 and db.search(spelt, k=1)[0][0].id == 1
    with omendb.open(":memory:") as other:
        halves = other.collection("halves", dtype="f16")
        halves.add(spelt)
        assert np.array_equal(halves.get([0, 1])[1].vector, [3, 4])  # type: ignore[union-attr,arg-type]


class BFloat16Tensor:
    """What a torch tensor of bfloat16 can do: NumPy and DLPack refuse it, float() widens it."""

    dtype = "torch.bfloat16"
    requires_grad = True

    def __init__(self, rows: np.ndarray[Any, Any], grad: bool = True) -> None:
        self._rows = rows
        self.requires_grad = grad

    def detach(self) -> BFloat16Tensor:
        return BFloat16Tensor(self._rows, grad=False)

    def float(self) -> Any:
        assert not self.requires_grad
        return self._rows

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("Can't export tensors that require gradient")

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def test_bfloat16_tensors_that_want_a_gradient_are_read(db: omendb.Database) -> None:
    db.add(BFloat16Tensor(ROWS), ids=[1, 2])
    assert stored(db) == {1: [[1, 2], {}], 2: [[3, 4], {}]}


def test_bfloat16_of_ml_dtypes_is_read(db: omendb.Database) -> None:
    db.add(ROWS.astype(ml_dtypes.bfloat16), ids=[1, 2])
    assert stored(db) == {1: [[1, 2], {}], 2: [[3, 4], {}]}


def test_a_column_of_arrays_is_a_matrix(db: omendb.Database) -> None:
    frame = pd.DataFrame({"vector": [[1.0, 2.0], [3.0, 4.0]]})
    column = frame.vector.to_numpy()
    assert column.dtype == object
    db.add(column, ids=[1, 2])
    assert stored(db) == {1: [[1, 2], {}], 2: [[3, 4], {}]}
    assert db.search(column, k=1)[1][0].id == 2
    ragged = np.array([[1.0], [1.0, 2.0]], dtype=object)
    with pytest.raises(omendb.DimensionError, match="row 1 has 2 dimensions; row 0 has 1"):
        db.add(ragged)
    with pytest.raises(omendb.InvalidArgumentError, match="row 1 is None; drop the row"):
        db.add([[1.0, 2.0], None])


# ---- Tables --------------------------------------------------------------------------------------


def table(first: int) -> pa.Table:
    return pa.table({"id": [first, first + 1], "vector": ROWS.tolist(), "n": [5, 6]})


@pytest.mark.parametrize(
    "make",
    [
        lambda: table(1).to_batches() + table(3).to_batches(),
        lambda: (table(1), table(3)),
        lambda: [pl.DataFrame(table(1)), pl.DataFrame(table(3))],
        lambda: [table(1).to_pandas(), table(3).to_pandas()],
        lambda: pa.concat_tables([table(1), table(3)]).to_reader(),
        lambda: pl.concat([pl.DataFrame(table(1)), pl.DataFrame(table(3))]).lazy(),
    ],
    ids=["batches", "tables", "polars", "pandas", "reader", "lazy"],
)
def test_many_tables_are_one_write(db: omendb.Database, make: Any) -> None:
    db.add(make())
    assert list(stored(db)) == [1, 2, 3, 4] and db.count("n = 6") == 2
    with pytest.raises(omendb.AlreadyExistsError):
        db.add([table(7), table(4)])
    assert 7 not in db  # all or nothing


@pytest.mark.parametrize(
    "make",
    [
        lambda t: [t(1), t(3)],
        lambda t: t(1).to_batches() + t(3).to_batches(),
        lambda t: pl.concat([pl.DataFrame(t(1)), pl.DataFrame(t(3))]).lazy(),
        lambda t: pa.concat_tables([t(1), t(3)]).to_pandas().set_index("id"),
        lambda t: Dataset(t),
    ],
    ids=["tables", "batches", "lazy", "pandas", "dataset"],
)
def test_tables_go_into_named_fields(db: omendb.Database, make: Any) -> None:
    def of_fields(first: int) -> pa.Table:
        return table(first).rename_columns(["id", "title", "n"]).append_column("body", [[[7], [8]]])

    docs = db.collection("docs", vectors={"title": 2, "body": 1})
    docs.add(make(of_fields))
    assert [p.id for p in docs.get(order_by="id", limit=9)] == [1, 2, 3, 4]
    four = docs.get(4)
    assert four is not None and dict(four.metadata) == {"n": 6}
    assert four.vectors["title"].tolist() == [3, 4] and four.vectors["body"].tolist() == [8]


class Dataset:
    """What a Hugging Face data set can do."""

    column_names = ("id", "vector", "n")

    def __init__(self, make: Any = table) -> None:
        self._make = make

    def with_format(self, kind: str) -> Dataset:
        assert kind == "arrow"
        return self

    def iter(self, batch_size: int) -> Iterator[pa.Table]:
        assert batch_size > 0
        yield from (self._make(1), self._make(3))


class Splits(dict[str, Dataset]):
    column_names = ("id", "vector")

    def with_format(self, kind: str) -> Splits:
        return self


def test_data_sets_are_read_batch_by_batch(db: omendb.Database) -> None:
    assert db.add(Dataset()).tolist() == [1, 2, 3, 4]
    with pytest.raises(omendb.TypeMismatchError, match=r'of the splits train; .*\["train"\]'):
        db.add(Splits(train=Dataset()))
    with pytest.raises(omendb.InvalidArgumentError, match="ids= does not go with a data set"):
        db.add(Dataset(), ids=[1])


# ---- pandas' index -------------------------------------------------------------------------------


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"vector": ROWS.tolist(), "n": [5, 6], **columns})


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([7, 8], name="id"),
        pd.RangeIndex(7, 9, name="id"),
        pd.Index([7, 8], name="id", dtype="uint64"),
    ],
)
def test_an_index_called_id_holds_the_ids(db: omendb.Database, index: pd.Index) -> None:
    db.add(frame().set_index(index))
    assert stored(db) == {7: [[1, 2], {"n": 5}], 8: [[3, 4], {"n": 6}]}


def test_a_named_index_is_a_column(db: omendb.Database) -> None:
    db.add(frame().set_index(pd.Index(["a", "b"], name="key")), id="key")
    assert list(stored(db)) == ["a", "b"]
    other = db.collection("other")
    other.add(frame().set_index(pd.Index(["a", "b"], name="key")))
    assert other.get(0)["key"] == "a"  # type: ignore[index]
    with pytest.raises(omendb.InvalidArgumentError, match='an index and a column called "n"'):
        db.add(frame().set_index(pd.Index([1, 2], name="n")))


def test_row_numbers_are_no_metadata(db: omendb.Database) -> None:
    with pytest.warns(UserWarning, match="taken for row numbers, which are not kept; if it holds"):
        db.add(frame().set_index(pd.Index([7, 3])))
    assert stored(db) == {0: [[1, 2], {"n": 5}], 1: [[3, 4], {"n": 6}]}
    db.add(frame()[1:])  # what a slice of a frame is numbered by
    assert stored(db)[2] == [[3, 4], {"n": 6}]
    db.add(ROWS[:1], ids=[9], metadata=frame()[["n"]][1:])
    assert stored(db)[9] == [[1, 2], {"n": 6}]


def test_an_index_that_would_be_lost_is_refused_with_what_to_do(db: omendb.Database) -> None:
    named = frame().set_index(pd.Index(["a", "b"]))
    with pytest.raises(omendb.InvalidArgumentError, match=r'df.rename_axis\("id"\)'):
        db.add(named)
    db.add(named.rename_axis("id"))
    assert list(stored(db)) == ["a", "b"]
    db.upsert(named, ids=named.index)
    db.upsert(ROWS, ids=named.index, metadata=named[["n"]])
    assert stored(db) == {"a": [[1, 2], {"n": 5}], "b": [[3, 4], {"n": 6}]}


def test_a_list_of_lazy_frames_is_one_write(db: omendb.Database) -> None:
    lazy = [pl.LazyFrame({"id": [i], "vector": [[1.0, float(i)]]}) for i in (4, 9)]
    assert db.add(lazy).tolist() == [4, 9]


def test_a_column_of_two_types_is_refused_by_row_and_column(db: omendb.Database) -> None:
    mixed = pd.DataFrame({"vector": [[1.0], [2.0]], "tag": [1, "a"]})
    named = db.collection("named", vectors={"vector": 1})
    for docs in (db, named):
        with pytest.raises(omendb.TypeMismatchError, match='row 1, column "tag": expected i64'):
            docs.add(mixed)
        ids = docs.add(mixed.assign(tag=mixed["tag"].astype(str)))
        assert [point.metadata for point in docs.get_points(ids)] == [{"tag": "1"}, {"tag": "a"}]
    for frame in (mixed[["tag"]], {"tag": mixed["tag"]}):
        with pytest.raises(omendb.TypeMismatchError, match='row 1, column "tag": expected i64'):
            db.add([[1.0], [2.0]], metadata=frame)


def test_a_column_name_given_twice_is_refused_by_name(db: omendb.Database) -> None:
    twice = pd.DataFrame([[[1.0], 1, 2]], columns=["vector", "a", "a"])
    with pytest.raises(omendb.InvalidArgumentError, match='column "a" is given twice'):
        db.add(twice)
    with pytest.raises(omendb.InvalidArgumentError, match='column "a" is given twice'):
        db.add([[1.0]], metadata=twice[["a"]])
    assert len(db) == 0


NUMBER = uuid.UUID(int=7)
HELD: list[list[Any]] = [
    [{"a": 1, "b": ["x", None]}, {"c": {}}],
    [NUMBER, None],
    [decimal.Decimal("1.10"), decimal.Decimal("2")],
    [b"\x00\xff", None],
    [[1, "a"], []],
    [["x"], ["y", "z"]],
    [dt.timedelta(seconds=5), None],
    [dt.time(12, 30), dt.time(1)],
    ["a", None],
    [True, None],
    [2**70, 1],
]


@pytest.mark.parametrize("values", HELD, ids=str)
def test_a_frames_column_holds_what_a_row_holds(db: omendb.Database, values: list[Any]) -> None:
    frame = pd.DataFrame({"id": [1, 2], "vector": ROWS.tolist(), "n": [5, 6]})
    frame["x"] = pd.Series(values, dtype=object)
    fields = db.collection("fields", vectors={"vector": 2})
    for docs in (db, fields):
        docs.add([frame, frame.assign(id=[3, 4])])
        docs.add(ROWS if docs is db else {"vector": ROWS}, ids=[5, 6], metadata=frame[["x"]])
        docs.add(ROWS if docs is db else {"vector": ROWS}, ids=[7, 8], metadata={"x": frame["x"]})
        points: Any = docs.get(range(1, 9))
        assert [p.get("x") for p in points] == values * 4
        assert [type(p.get("x")) for p in points] == [type(value) for value in values] * 4
        assert [p.get("n") for p in points] == [5, 6, 5, 6, None, None, None, None]
        assert [p.vector if docs is db else p.vectors["vector"] for p in points][3].tolist() == [
            3,
            4,
        ]


def test_a_polars_column_of_structs_decimals_and_bytes_holds_what_a_row_holds(
    db: omendb.Database,
) -> None:
    row = {"d": {"a": 1, "b": "x"}, "n": decimal.Decimal("1.10"), "b": b"\x00", "l": [[1], [2]]}
    frame = pl.DataFrame([{"id": 1, "vector": [1.0, 2.0], **row}])
    db.add(frame)
    db.add([[3.0, 4.0]], ids=[2], metadata=frame[list(row)])
    db.add([[3.0, 4.0]], ids=[3], metadata={name: frame[name] for name in row})
    assert [dict(p.metadata) for p in db.get([1, 2, 3]) if p] == [row] * 3
    with pytest.raises(omendb.TypeMismatchError, match="duration"):  # nanoseconds would be lost
        db.add([[1.0, 2.0]], metadata=pl.DataFrame({"d": [dt.timedelta(1)]}))


def test_numbers_that_a_frame_has_and_metadata_does_not_are_refused(db: omendb.Database) -> None:
    units = pd.DataFrame({"x": np.array([5], "m8[ns]")})
    for column in (units["x"], pd.Series([1j]), pd.Series(pd.period_range("2024", periods=1))):
        for metadata in (pd.DataFrame({"x": column}), {"x": column}):
            with pytest.raises(omendb.TypeMismatchError, match='row 0, column "x": '):
                db.add(ROWS[:1], metadata=metadata)
        with pytest.raises(omendb.TypeMismatchError, match='row 0, column "x": '):
            db.add(pd.DataFrame({"vector": [[1.0, 2.0]], "x": column}))
    assert len(db) == 0


def test_dates_of_a_frame_are_times_as_in_arrow(db: omendb.Database) -> None:
    dates = pd.Series([dt.date(2024, 5, 1), None], dtype=object)
    db.add(ROWS, metadata={"x": dates})
    db.add(ROWS, metadata=pa.table({"x": pa.array(dates)}))
    assert db.info().columns == {"x": "timestamp"} and db.count("x = '2024-05-01'") == 2


def test_tables_of_one_list_differ_in_what_columns_they_have(db: omendb.Database) -> None:
    bare = pa.table({"vector": ROWS.tolist()})
    db.add([bare, bare.append_column("n", [[5, 6]])])
    assert [dict(p.metadata) for p in next(db.scan(order_by="id"))] == [
        {},
        {},
        {"n": 5},
        {"n": 6},
    ]
    fields = db.collection("fields", vectors={"vector": 2})
    fields.add([bare, bare.append_column("n", [[5, 6]])])
    assert fields.count("n is null") == 2 and len(fields) == 4
    for docs in (db, fields):
        with pytest.raises(omendb.InvalidArgumentError, match="table 1 has a column of ids"):
            docs.add([bare, bare.append_column("id", [[5, 6]])])
        texts = [bare.append_column("id", [[5, 6]]), bare.append_column("id", [["a", "b"]])]
        with pytest.raises(omendb.TypeMismatchError, match="table 0 has int, table 1 has str"):
            docs.add(texts)
