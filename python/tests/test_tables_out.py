"""Results and points as tables of other libraries, which borrow their numbers."""

from __future__ import annotations

import datetime as dt

import numpy as np
import omendb
import polars as pl
import pyarrow as pa

WHEN = dt.datetime(2024, 5, 1, 12, 30, 0, 250_000, tzinfo=dt.UTC)


def filled(db: omendb.Database) -> omendb.Results:
    db.add(
        np.eye(3, dtype=np.float32),
        metadata={
            "year": [2001, None, 2003],
            "title": ["a", "b", None],
            "tags": [["x", "y"], [], None],
            "score": [0.5, None, 1.5],
            "flag": [True, False, None],
            "when": [WHEN, None, WHEN],
        },
    )
    results = db.search(np.eye(3, dtype=np.float32)[:2], k=2, vectors=True)
    assert isinstance(results, omendb.Results)
    return results


def test_arrow_out_lends_numbers_and_keeps_them_alive(db: omendb.Database) -> None:
    results = filled(db)
    table = results.to_arrow()
    assert table.column_names[:5] == ["query", "rank", "id", "distance", "vector"]
    assert table["query"].to_pylist() == [0, 0, 1, 1]
    assert table["rank"].to_pylist() == [0, 1, 0, 1]
    assert table["id"].chunk(0).buffers()[1].address == results.ids.ctypes.data
    assert table["distance"].chunk(0).buffers()[1].address == results.distances.ctypes.data
    vectors = table["vector"].chunk(0)
    assert results.vectors is not None
    assert vectors.flatten().buffers()[1].address == results.vectors.ctypes.data
    expected = [hit.metadata for result in results for hit in result]
    results_columns = results.columns
    del results
    table.validate(full=True)
    assert [
        {name: value for name, value in row.items() if value is not None}
        for row in table.select(results_columns).to_pylist()
    ] == expected


def test_a_part_of_a_result_is_exported_alone(db: omendb.Database) -> None:
    results = filled(db)
    for part in (results[1], results[1][1:]):
        table = part.to_arrow()
        table.validate(full=True)
        assert table.num_rows == len(part)
        assert table["id"].to_pylist() == [hit.id for hit in part]
        assert table["tags"].to_pylist() == [hit["tags"] for hit in part]
        assert table["flag"].to_pylist() == [hit["flag"] for hit in part]
        assert table["title"].to_pylist() == [hit["title"] for hit in part]
    empty = db.search([0.0, 0.0, 0.0], k=1, radius=0.0)
    assert empty.to_arrow().num_rows == 0 and empty.to_polars().height == 0


def test_pandas_and_polars_out(db: omendb.Database) -> None:
    results = filled(db)
    frame = results.to_pandas()
    assert list(frame["id"]) == [hit.id for result in results for hit in result]
    assert frame["when"].dt.tz is not None
    lazy = results.to_polars()
    assert lazy["tags"].to_list() == [hit["tags"] for result in results for hit in result]
    assert pl.DataFrame(lazy).equals(lazy)
    points = db.get_points([2, 0])
    assert points.to_arrow()["id"].to_pylist() == [2, 0]
    assert points[1:].to_polars()["title"].to_list() == ["a"]


def test_what_comes_out_goes_back_in(db: omendb.Database) -> None:
    filled(db)
    copy = db.collection("copy")
    for batch in db.scan(batch_size=2):
        copy.add(batch)
    assert copy.get([0, 1, 2]) == db.get([0, 1, 2])


def test_string_ids_and_small_elements_go_out(db: omendb.Database) -> None:
    for dtype, arrow in (("f16", pa.float16()), ("i8", pa.int8())):
        small = db.collection(dtype, dtype=dtype)  # type: ignore[arg-type]
        small.add([[1, 2]], ids=["a"])
        table = small.search([1, 2], k=1, vectors=True).to_arrow()
        assert table["id"].to_pylist() == ["a"]
        assert table.schema.field("vector").type == pa.list_(pa.field("item", arrow), 2)
    codes = db.collection("codes", dtype="binary")
    codes.add(np.array([[1] * 8 + [0]], dtype=bool))
    table = codes.search(np.ones(9, dtype=bool), k=1, vectors=True).to_arrow()
    assert table["vector"].to_pylist() == [b"\xff\x00"]


def test_a_metadata_column_may_be_called_id(db: omendb.Database) -> None:
    db.add([[1.0]], ids=[5], metadata=[{"id": "mine", "distance": 3}])
    table = db.search([1.0]).to_arrow()
    assert table.column_names == ["id", "distance", "metadata.id", "metadata.distance"]
    assert db.search([1.0])[0]["id"] == "mine"


def test_views_are_read_only(db: omendb.Database) -> None:
    result = filled(db)
    for view in (result.ids, result.distances, result.vectors, result[0].ids, result[0][0].vector):
        assert view is not None and not view.flags.writeable
