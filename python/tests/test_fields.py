"""Points with several vectors, each in a field with a name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import omendb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray

FIELDS: dict[str, Any] = {
    "title": 4,
    "body": {"dim": 6, "metric": "cosine", "dtype": "f16"},
    "bits": {"dim": 16, "dtype": "binary"},
}


@pytest.fixture
def db() -> Iterator[omendb.Database]:
    with omendb.open(":memory:") as db:
        yield db


@pytest.fixture
def docs(db: omendb.Database) -> omendb.Collection:
    return db.collection("docs", vectors=FIELDS)


def some(n: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return {
        "title": rng.normal(size=(n, 4)).astype(np.float32),
        "body": rng.normal(size=(n, 6)).astype(np.float16),
        "bits": rng.integers(0, 256, size=(n, 2), dtype=np.uint8),
    }


def distances(data: dict[str, NDArray[Any]], field: str, query: NDArray[Any]) -> NDArray[Any]:
    if field == "bits":
        return np.asarray(np.unpackbits(data["bits"] ^ query, axis=1).sum(axis=1))
    x, q = data[field].astype(np.float64), query.astype(np.float64)
    if field == "title":
        return np.asarray(((x - q) ** 2).sum(axis=1))
    return np.asarray(1 - x @ q / np.linalg.norm(x, axis=1) / np.linalg.norm(q))


@pytest.mark.parametrize("compacted", [False, True])
def test_each_field_is_searched_as_numpy_searches_it(
    docs: omendb.Collection, compacted: bool
) -> None:
    data = some(500)
    ids = docs.add(data, metadata={"n": np.arange(500)})
    if compacted:
        docs.compact()
    queries = some(5, seed=2)
    for field in FIELDS:
        for query in queries[field]:
            expected = np.sort(distances(data, field, query))[:10]
            hits = docs.search(query, 10, field=field, exact=True)
            np.testing.assert_allclose(hits.distances, expected, rtol=1e-3, atol=1e-3)
            where = docs.search(query, 3, field=field, where="n < 100")
            assert len(where) == 3 and all(hit["n"] < 100 for hit in where)
        batch = docs.search(queries[field], 4, field=field, exact=True)
        assert batch.to_numpy()[0].shape == (5, 4)
    assert list(ids) == list(range(500))


def test_points_come_back_with_their_vectors_by_field(docs: omendb.Collection) -> None:
    data = some(20)
    docs.add(data, ids=range(20), metadata=[{"title": f"text {i}"} for i in range(20)])
    point = docs.get(7)
    assert point is not None
    assert list(point.vectors) == ["title", "body", "bits"]
    for name, vectors in data.items():
        np.testing.assert_array_equal(point.vectors[name], vectors[7])
        assert point.vectors[name].dtype == vectors.dtype
    assert point["title"] == "text 7"  # metadata may be called as a field is
    with pytest.raises(omendb.InvalidArgumentError, match=re.escape("(title, body, bits)")):
        _ = point.vector
    assert point == docs.get(7) and point != docs.get(8)

    one = docs.get(7, vectors=["body"])
    assert one is not None and list(one.vectors) == ["body"]
    assert one.vector is not None
    np.testing.assert_array_equal(one.vector, data["body"][7])
    none = docs.get(7, vectors=False)
    assert none is not None and none.vectors == {} and none.vector is None

    for batch in docs.scan(batch_size=8, vectors=["bits", "title"]):
        assert list(batch.vectors) == ["bits", "title"]
        rows = batch.ids.astype(int)
        np.testing.assert_array_equal(batch.vectors["bits"], data["bits"][rows])
    hits = docs.search(data["title"][3], 2, field="title", vectors=["body"])
    assert hits[0].id == 3
    np.testing.assert_array_equal(hits[0].vectors["body"], data["body"][3])
    assert docs.search(data["title"][3], 2, field="title")[0].vectors == {}

    table = docs.get_points([2, 3]).to_arrow()
    assert table.column_names == ["id", "title", "body", "bits", "metadata.title"]
    assert table["title"].type == pa.list_(pa.float32(), 4)
    frame = docs.get_points([2, 3]).to_polars()
    assert frame["body"].to_list()[1] == data["body"][3].tolist()


def test_vectors_by_field_come_as_dicts_tables_frames_and_iterators(db: omendb.Database) -> None:
    data = some(30)
    lists = {name: rows.astype(np.float32).tolist() for name, rows in data.items()}
    del lists["bits"]
    declared = {name: FIELDS[name] for name in lists}
    rows = [
        {"id": i, "year": 2000 + i} | {name: v[i] for name, v in lists.items()} for i in range(30)
    ]
    columns = {"id": list(range(30)), "year": list(range(2000, 2030))} | lists
    forms: dict[str, Any] = {
        "rows": rows,
        "iterator": iter(rows),
        "batches": iter([rows[:10], rows[10:]]),
        "arrow": pa.table(columns),
        "chunks": pa.concat_tables([pa.table(columns)[:7], pa.table(columns)[7:]]),
        "polars": pl.DataFrame(columns),
        "pandas": pd.DataFrame(columns),
    }
    for name, form in forms.items():
        docs = db.collection(name, vectors=declared)
        docs.upsert(form)
        assert len(docs) == 30, name
        point = docs.get(4)
        assert point is not None and point.metadata == {"year": 2004}, name
        np.testing.assert_allclose(point.vectors["body"], lists["body"][4], rtol=1e-3)

    docs = db.collection("matrices", vectors=declared)
    matrices = ({field: lists[field][i : i + 10] for field in lists} for i in (0, 10, 20))
    assert len(docs.add(matrices)) == 30
    docs.add({field: v[0] for field, v in lists.items()}, ids=99)
    docs.add({field: v[0] for field, v in lists.items()} | {"id": 100, "year": 1})
    assert len(docs) == 32


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda d: d.update(text=d["title"]), omendb.NotFoundError, "'text'"),
        (lambda d: d.update(body=d["body"][:, :5]), omendb.DimensionError, 'field "body"'),
        (lambda d: d.update(body=d["body"][:3]), omendb.InvalidArgumentError, 'field "body"'),
        (lambda d: d["body"].__setitem__((2, 1), np.nan), omendb.InvalidArgumentError, "vector 2"),
        (lambda d: d.update(bits=d["title"]), omendb.TypeMismatchError, 'field "bits"'),
        (lambda d: d.update(title="abc"), omendb.TypeMismatchError, 'field "title"'),
    ],
)
def test_what_does_not_fit_one_field_changes_nothing(
    docs: omendb.Collection, change: Any, error: type[Exception], says: str
) -> None:
    docs.add(some(3), ids=[1, 2, 3])
    data = some(5, seed=3)
    change(data)
    with pytest.raises(error, match=re.escape(says)):
        docs.upsert(data, ids=[1, 2, 3, 4, 5])
    assert len(docs) == 3
    point = docs.get(1)
    assert point is not None
    np.testing.assert_array_equal(point.vectors["title"], some(3)["title"][0])


def test_bad_input_names_the_fields(docs: omendb.Collection) -> None:
    data = some(3)
    with pytest.raises(omendb.InvalidArgumentError, match='"title", "body", "bits"'):
        docs.add(data["title"])
    row = {name: v[0] for name, v in data.items()}
    with pytest.raises(omendb.InvalidArgumentError, match="point 1 has no vector"):
        docs.add([row, {"id": 3, "title": None}])
    with pytest.raises(omendb.InvalidArgumentError, match="no column of vectors"):
        docs.add(pa.table({"text": ["a"], "year": [1]}))
    table = pa.table({"title": data["title"].tolist(), "year": [1, 2, 3]})
    with pytest.raises(omendb.InvalidArgumentError, match="vector="):
        docs.add(table, vector="title")
    with pytest.raises(omendb.InvalidArgumentError, match="say which"):
        docs.search(data["title"][0])
    with pytest.raises(omendb.NotFoundError, match='unknown vector field "text"'):
        docs.search(data["title"][0], field="text")
    with pytest.raises(omendb.DimensionError, match='field "body"'):
        docs.search(data["title"][0], field="body")
    with pytest.raises(omendb.TypeMismatchError, match="field is 3"):
        docs.search(data["title"][0], field=3)  # type: ignore[call-overload]
    with pytest.raises(omendb.NotFoundError, match="text"):
        docs.get(1, vectors=["text"])
    with pytest.raises(omendb.TypeMismatchError, match="vectors is 'title'"):
        docs.get(1, vectors="title")
    assert len(docs) == 0


def test_a_collection_is_declared_and_got_by_its_fields(db: omendb.Database) -> None:
    docs = db.collection("docs", vectors=FIELDS)
    info = docs.info()
    assert info.vectors == {
        "title": {"dim": 4, "metric": "l2", "dtype": "f32"},
        "body": {"dim": 6, "metric": "cosine", "dtype": "f16"},
        "bits": {"dim": 16, "metric": "hamming", "dtype": "binary"},
    }
    assert info.dim == 0
    assert "title: 4 x f32, l2; body: 6 x f16, cosine" in repr(docs)
    assert db.collection("docs").info().vectors == info.vectors
    db.collection("docs", vectors=info.vectors)
    db.collection("docs", vectors={"bits": None, "title": {}, "body": 6})
    for other in ({"title": 4}, FIELDS | {"title": 5}, FIELDS | {"more": 3}):
        with pytest.raises(omendb.AlreadyExistsError, match="title"):
            db.collection("docs", vectors=other)
    with pytest.raises(omendb.AlreadyExistsError):
        db.collection("docs", dim=3)
    with pytest.raises(omendb.InvalidArgumentError, match="beside vectors="):
        db.collection("new", dim=3, vectors={"a": 3})
    with pytest.raises(omendb.InvalidArgumentError, match="unknown option 'dims'"):
        db.collection("new", vectors={"a": {"dims": 3}})
    with pytest.raises(omendb.InvalidArgumentError, match='"a": dim is -3'):
        db.collection("new", vectors={"a": -3})
    with pytest.raises(omendb.InvalidArgumentError, match="a b"):
        db.collection("new", vectors={"a b": 3})
    with pytest.raises(omendb.TypeMismatchError, match="vectors is"):
        db.collection("new", vectors={})
    with pytest.raises(omendb.LimitError, match="16"):
        db.collection("new", vectors={f"f{i}": 3 for i in range(17)})
    assert db.collections() == ["docs"]

    db.collection("default", vectors={"a": 2, "b": 3})
    db.add({"a": [[1, 2]], "b": [[1, 2, 3]]})
    assert db.search([1, 2, 4], field="b")[0].distance == 1


def test_a_long_add_of_several_fields_is_checked_whole_before_any_of_it_is_written(
    tmp_path: Path,
) -> None:
    rows = 120_000
    with omendb.open(tmp_path / "db", durability="none") as db:
        docs = db.collection("docs", vectors={"a": 2, "b": 3})
        data = {
            "a": np.ones((rows, 2), dtype=np.float32),
            "b": np.arange(rows * 3, dtype=np.float32).reshape(rows, 3),
        }
        data["b"][rows - 1, 2] = np.inf
        with pytest.raises(omendb.InvalidArgumentError, match=f'vector {rows - 1} of field "b"'):
            docs.add(data, progress=False)
        assert len(docs) == 0
        data["b"][rows - 1, 2] = 0
        docs.add(data, progress=False)
        assert len(docs) == rows
    with omendb.open(tmp_path / "db") as db:
        docs = db.collection("docs")
        assert docs.search([9, 10, 11], field="b", exact=True)[0].id == 3
        assert docs.info().vectors["a"]["dim"] == 2


def beside() -> dict[str, Any]:
    return {"ids": range(4), "metadata": {"year": range(2000, 2004)}}


def lacking_forms() -> dict[str, Any]:
    """Points 0 to 3 of which 1 has no title and 2 no body, as they may come."""
    title = [[1.0, 0, 0, 0], None, [3.0, 0, 0, 0], [4.0, 0, 0, 0]]
    body = [[0.0, 1, 0], [0.0, 2, 0], None, [0.0, 4, 0]]
    rows = [
        {"id": i, "year": 2000 + i, "title": t, "body": b}
        for i, (t, b) in enumerate(zip(title, body, strict=True))
    ]
    columns = {"id": range(4), "year": range(2000, 2004), "title": title, "body": body}
    arrow = pa.table({name: list(values) for name, values in columns.items()})
    fixed = arrow.set_column(2, "title", pa.array(title, type=pa.list_(pa.float32(), 4)))
    absent = np.array([False, True, False, False])[:, np.newaxis]
    masked = np.ma.MaskedArray(
        np.array([[1, 0, 0, 0], [np.nan] * 4, [3, 0, 0, 0], [4, 0, 0, 0]]), np.repeat(absent, 4, 1)
    )
    matrices = {"title": masked, "body": body}
    return {
        "rows": rows,
        "rows without the keys": [{k: v for k, v in row.items() if v is not None} for row in rows],
        "iterator": iter(rows),
        "arrow": arrow,
        "fixed lists": fixed,
        "batches": pa.concat_tables([arrow[:1], arrow[1:2], arrow[2:]]),
        "polars": pl.DataFrame({name: list(values) for name, values in columns.items()}),
        "pandas": pd.DataFrame({name: list(values) for name, values in columns.items()}),
        "matrices": (matrices, beside()),
        "arrow arrays": ({"title": fixed["title"], "body": pa.array(body)}, beside()),
        "polars series": ({"title": pl.Series(title), "body": pl.Series(body)}, beside()),
        "pandas series": ({"title": pd.Series(title), "body": pd.Series(body)}, beside()),
        "NA": ({"title": [pd.NA if t is None else t for t in title], "body": body}, beside()),
    }


def test_points_that_lack_a_field_come_in_every_form_and_are_no_hits_there(
    db: omendb.Database,
) -> None:
    for name, form in lacking_forms().items():
        data, rest = form if isinstance(form, tuple) else (form, {})
        docs = db.collection(name.replace(" ", "_"), vectors={"title": 4, "body": 3, "more": None})
        docs.add(data, **rest)
        assert docs.search([1, 0, 0, 0], field="title").ids.tolist() == [0, 2, 3], name
        found = docs.search([[0, 9, 0]] * 3, 1, field="body", where="year < 2003")
        assert [hits.ids.tolist() for hits in found] == [[1]] * 3, name
        assert len(docs.search([1, 2], field="more")) == 0
        assert docs.info().vectors["more"]["dim"] == 0
        one, two = docs.get(1), docs.get(2)
        assert one is not None and two is not None
        assert one.vectors["title"] is None and one.vectors["more"] is None, name
        assert one.vectors["body"].tolist() == [0, 2, 0] and two.vectors["body"] is None
        assert one.metadata == {"year": 2001}, name
        assert one == docs.get(1) and one != two


def test_arrays_of_points_that_lack_a_field_are_masked_and_tables_null_there_and_go_back_in(
    db: omendb.Database,
) -> None:
    docs = db.collection("docs", vectors={"title": 4, "body": 3, "more": None})
    docs.add(lacking_forms()["rows"])
    points = docs.get_points([0, 1, 2, 3])
    vectors = points.vectors
    assert np.ma.getmaskarray(vectors["title"]).any(axis=1).tolist() == [False, True, False, False]
    assert np.ma.getmaskarray(vectors["body"]).all(axis=1).tolist() == [False, False, True, False]
    assert vectors["more"].shape == (4, 0)
    assert not isinstance(points[:1].vectors["title"], np.ma.MaskedArray)
    table = points.to_arrow()
    assert table["title"].null_count == 1 and table["more"].null_count == 4
    assert table["title"].to_pylist()[1] is None and table["body"].to_pylist()[3] == [0, 4, 0]
    assert points[1:3].to_arrow()["body"].to_pylist() == [[0, 2, 0], None]
    assert points.to_polars()["body"].to_list()[2] is None

    for name, data in {"arrays": vectors, "table": table}.items():
        copy = db.collection(name, vectors={"title": 4, "body": 3, "more": None})
        copy.add(data, ids=[0, 1, 2, 3] if name == "arrays" else None)
        for point, again in zip(points, copy.get_points([0, 1, 2, 3]), strict=True):
            assert {f: None if v is None else v.tolist() for f, v in point.vectors.items()} == {
                f: None if v is None else v.tolist() for f, v in again.vectors.items()
            }


def test_an_upsert_replaces_a_point_whole_and_a_late_field_takes_its_dimension(
    tmp_path: Path,
) -> None:
    with omendb.open(tmp_path / "db") as db:
        docs = db.collection("docs", vectors={"title": 2, "late": None})
        docs.add({"title": [[1, 2], [3, 4]]}, ids=[1, 2])
        docs.upsert({"late": [5, 6, 7]}, ids=2)
        assert docs.info().vectors["late"]["dim"] == 3
        assert docs.search([0, 0], field="title").ids.tolist() == [1]
        assert docs.search([0, 0, 0], field="late").ids.tolist() == [2]
        docs.update([1], vectors={"late": [[1, 1, 1]]})
        docs.update([2], metadata={"year": 1})
    for mode in ("r", "rw"):
        with omendb.open(tmp_path / "db", mode=mode) as db:
            docs = db.collection("docs")
            assert docs.search([0, 0, 0], field="late").ids.tolist() == [1, 2]
            assert docs.search([0, 0], field="title").ids.tolist() == [1]
            point = docs.get(2)
            assert point is not None and point.vectors["title"] is None
            with pytest.raises(omendb.DimensionError, match='"late"'):
                docs.search([1, 2], field="late")


def test_one_vector_of_a_field_may_be_an_arrow_array_of_numbers(db: omendb.Database) -> None:
    docs = db.collection("docs", vectors={"title": 2, "body": 3})
    for i, make in enumerate(
        (pa.array, pl.Series, pd.Series, lambda row: pa.chunked_array([row[:1], row[1:]]))
    ):
        docs.add({"title": make([1.0, 2.0])}, ids=i)
        point = docs.get(i)
        assert point is not None and point.vectors["title"].tolist() == [1, 2]
    with pytest.raises(omendb.InvalidArgumentError, match="coordinate 1 is null"):
        docs.add({"title": pa.array([1.0, None])})


def test_vectors_that_lack_a_point_are_refused_with_what_is_wrong(db: omendb.Database) -> None:
    docs = db.collection("docs", vectors={"title": 2, "body": 3})
    for data, says in (
        ({"title": [[1, 2], None]}, "point 1 has no vector"),
        ({"title": [None, None], "body": [[1, 2, 3], None]}, "point 1 has no vector"),
        ({"title": None}, "there are no vectors"),
        ({"title": [[1, 2], None], "body": [[1, 2, 3]]}, 'field "body" has 1 vectors'),
        ({"title": np.ma.MaskedArray([[1.0, 2]], [[True, False]])}, "row 0 is masked in part"),
        ({"title": np.zeros((1, 0)), "body": [[1, 2, 3]]}, "0 dimensions"),
    ):
        with pytest.raises(omendb.InvalidArgumentError, match=says):
            docs.add(data)
    plain = db.collection("plain")
    with pytest.raises(omendb.InvalidArgumentError, match="null"):
        plain.add(pa.table({"vector": [[1.0, 2], None]}))
    docs.add({"title": [[1, 2]]}, ids=[7])
    with pytest.raises(omendb.InvalidArgumentError, match='"body": point 0 has none; update'):
        docs.update([7], vectors={"body": [None]})
    with pytest.raises(omendb.TypeMismatchError, match="a table of 2 columns"):
        docs.add({"title": pa.table({"a": [[1.0, 2.0]], "b": [1]})})
    with pytest.raises(omendb.InvalidArgumentError, match='7 has no vector in field "body"'):
        docs.search(id=7, field="body")
    assert len(docs) == 1 and len(plain) == 0


def test_the_example_that_an_error_gives_is_a_dict_that_collection_takes(
    db: omendb.Database,
) -> None:
    with pytest.raises(omendb.TypeMismatchError, match=r"vectors is \{\}") as caught:
        db.collection("docs", vectors={})
    example = ast.literal_eval(str(caught.value).partition("such as ")[2])
    assert db.collection("docs", vectors=example).info().vectors["body"]["metric"] == "cosine"
