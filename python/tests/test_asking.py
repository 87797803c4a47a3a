"""The ways to ask: `in`, pages in order, scans as streams, neighbours, a filter a query, scores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import duckdb
import numpy as np
import omendb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

YEARS = [2021, None, 2019, 2023, 2019, 2020]


@pytest.fixture
def shelf(db: omendb.Database) -> omendb.Database:
    """Six points on a line, ids 10 to 15."""
    db.add(
        [[float(i), 0.0] for i in range(6)],
        ids=list(range(10, 16)),
        metadata={"year": YEARS, "lang": list("abcabc"), "tags": [["x"]] * 6},
    )
    return db


# ---- in ------------------------------------------------------------------------------------------


def test_in_says_whether_a_point_has_the_id(shelf: omendb.Database) -> None:
    assert 10 in shelf and np.uint64(15) in shelf
    assert 16 not in shelf and -1 not in shelf and 2**64 not in shelf and "10" not in shelf
    shelf.delete(10)
    assert 10 not in shelf
    docs = shelf.collection("docs")
    assert "a" not in docs and 1 not in docs
    docs.add([[1.0]], ids=["a"])
    assert "a" in docs and "b" not in docs and "" not in docs and 1 not in docs
    for odd in (1.5, None, [1], True, b"a"):
        with pytest.raises(omendb.TypeMismatchError, match="ids are int or str"):
            assert odd in shelf


def test_an_id_without_a_utf8_form_is_refused_alone_as_among_others(db: omendb.Database) -> None:
    names = db.collection("names")
    names.add([[1.0]], ids=["a"])
    assert "\ud800" not in names  # as every id that no point can have
    for call in (
        lambda: names.get("\ud800"),
        lambda: names.get(["a", "\ud800"]),
        lambda: names.delete("\ud800"),
        lambda: names.search(id="\ud800"),
        lambda: names.update("\ud800", metadata={"x": 1}),
    ):
        with pytest.raises(omendb.InvalidArgumentError, match=r"ud800.* UTF-8"):
            call()


def test_iterating_a_database_says_to_scan(shelf: omendb.Database) -> None:
    with pytest.raises(TypeError, match=r"walk it with scan\(\)"):
        list(shelf)


# ---- Pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order_by", "ids"),
    [
        ("id", [10, 11, 12, 13, 14, 15]),
        ("-id", [15, 14, 13, 12, 11, 10]),
        ("year", [12, 14, 15, 10, 13, 11]),
        ("-year", [13, 10, 15, 12, 14, 11]),
        (("year", "desc"), [13, 10, 15, 12, 14, 11]),
        (["lang", "-year"], [13, 10, 14, 11, 15, 12]),
        ([("lang", "DESC"), "year"], [12, 15, 14, 11, 10, 13]),
        ({"lang": "desc", "id": "asc"}, [12, 15, 11, 14, 10, 13]),
    ],
)
def test_points_come_in_the_order_asked_for(
    shelf: omendb.Database, order_by: Any, ids: list[int]
) -> None:
    assert shelf.get(where="true", order_by=order_by).ids.tolist() == ids
    assert shelf.get(order_by=order_by, limit=2, offset=3).ids.tolist() == ids[3:5]
    scanned = [i for batch in shelf.scan(order_by=order_by, batch_size=4) for i in batch.ids]
    assert scanned == ids
    assert [p.id for p in shelf.get(where="year < 2021", order_by=order_by, fields=[])] == [
        i for i in ids if i in (12, 14, 15)
    ]


def test_limit_and_offset_cut_without_an_order_too(shelf: omendb.Database) -> None:
    points = shelf.get(limit=2, offset=1, vectors=False)
    assert isinstance(points, omendb.Points) and len(points) == 2 and points.vectors is None
    assert len(shelf.get(where={"year": 2019}, limit=1)) == 1
    assert len(shelf.get(limit=0)) == 0 and len(shelf.get(where="true", offset=99)) == 0
    assert [len(b) for b in shelf.scan(limit=5, batch_size=3)] == [3, 2]
    assert len(shelf.get(limit=2**70)) == 6


def test_odd_pages_are_refused_by_name(shelf: omendb.Database) -> None:
    with pytest.raises(omendb.NotFoundError, match='unknown column "yaer"; columns: year'):
        shelf.get(limit=1, order_by="yaer")
    with pytest.raises(omendb.TypeMismatchError, match=r'"tags" is string\[\], which has no order'):
        shelf.scan(order_by="tags")
    with pytest.raises(omendb.InvalidArgumentError, match="limit is -1"):
        shelf.get(limit=-1)
    with pytest.raises(omendb.InvalidArgumentError, match=r"offset is 1\.5"):
        shelf.scan(offset=1.5)  # type: ignore[arg-type]
    with pytest.raises(omendb.TypeMismatchError, match="order_by is 5"):
        shelf.scan(order_by=5)  # type: ignore[arg-type]
    with pytest.raises(omendb.InvalidArgumentError, match="ids or where=, one of the two"):
        shelf.get([10], where="true")  # type: ignore[call-overload]
    with pytest.raises(omendb.InvalidArgumentError, match="go with where=, not with ids"):
        shelf.get([10], limit=3)  # type: ignore[call-overload]
    with pytest.raises(
        omendb.InvalidArgumentError, match="get needs ids, where=, limit= or order_by="
    ):
        shelf.get()


# ---- Scans as streams ----------------------------------------------------------------------------


def test_a_scan_is_one_arrow_stream(shelf: omendb.Database) -> None:
    reader = pa.RecordBatchReader.from_stream(shelf.scan(batch_size=4, order_by="id"))
    assert reader.schema.names == ["id", "vector", "year", "lang", "tags"]
    batches = list(reader)
    assert [len(b) for b in batches] == [4, 2]
    table = pa.Table.from_batches(batches)
    assert table["id"].to_pylist() == [10, 11, 12, 13, 14, 15]
    assert table["vector"].to_pylist()[5] == [5, 0] and table["year"].to_pylist() == YEARS
    assert shelf.scan(fields=[], vectors=False).to_arrow().column_names == ["id"]
    assert shelf.scan(batch_size=2).to_pandas()["year"].notna().sum() == 5
    assert shelf.scan(batch_size=2).to_polars().shape == (6, 5)


def test_what_is_left_of_a_scan_is_in_its_stream(shelf: omendb.Database) -> None:
    scan = shelf.scan(batch_size=4, order_by="id")
    next(scan)
    assert scan.to_arrow()["id"].to_pylist() == [14, 15]
    assert scan.to_arrow().num_rows == 0 and list(scan) == []


def test_an_empty_scan_has_its_columns(shelf: omendb.Database) -> None:
    table = shelf.scan("year = 1").to_arrow()
    assert table.num_rows == 0
    assert table.schema.names == ["id", "vector", "year", "lang", "tags"]
    assert table.schema.field("vector").type.list_size == 2
    assert shelf.collection("fresh").scan().to_arrow().schema.names == ["id"]


def test_a_stream_outlives_its_database() -> None:
    with omendb.open(":memory:") as db:
        db.add(np.ones((5_000, 4)))
        reader = pa.RecordBatchReader.from_stream(db.scan(batch_size=1_000))
    assert sum(len(batch) for batch in reader) == 5_000


def test_a_scan_is_added_batch_by_batch(shelf: omendb.Database) -> None:
    copy = shelf.collection("copy")
    copy.add(shelf.scan(batch_size=4))
    assert copy.get([10, 15]) == shelf.get([10, 15])
    assert len(copy.upsert(shelf.scan())) == 6 and len(copy) == 6


def test_duckdb_reads_a_scan(shelf: omendb.Database) -> None:
    with duckdb.connect() as db:
        db.register("points", pa.RecordBatchReader.from_stream(shelf.scan()))
        assert db.sql("select count(*) from points where year > 2019").fetchall() == [(3,)]


def test_streams_that_are_opened_and_not_read_take_nothing_from_a_scan(
    shelf: omendb.Database,
) -> None:
    points = shelf.scan(batch_size=4)  # DuckDB opens three streams and reads the last
    with duckdb.connect() as db:
        counted = db.execute("select count(*) from points where year > 2019").fetchall()
    assert counted == [(3,)]
    points = shelf.scan(batch_size=4)
    ids = [next(points).ids.tolist()]
    schema = pa.RecordBatchReader.from_stream(points).schema
    second, third = (pa.RecordBatchReader.from_stream(points) for _ in range(2))
    ids.append(second.read_next_batch()["id"].to_pylist())
    assert second.schema == third.schema == schema and ids == [[10, 11, 12, 13], [14, 15]]
    assert third.read_all().num_rows == 0 and list(points) == []


# ---- Neighbours ----------------------------------------------------------------------------------


def test_neighbours_of_a_stored_point_leave_it_out(shelf: omendb.Database) -> None:
    hits = shelf.search(id=12, k=2, exact=True, vectors=True)
    assert isinstance(hits, omendb.Result) and [h.id for h in hits] == [11, 13]
    assert "year" not in hits[0] and np.array_equal(hits[1].vector, [3, 0])  # type: ignore[arg-type]
    many = shelf.search(id=[10, 15], k=3, fields=["lang"])
    assert isinstance(many, omendb.Results)
    assert [[h.id for h in one] for one in many] == [[11, 12, 13], [14, 13, 12]]
    assert [h.id for h in shelf.search(id=10, k=9, where="year < 2021")] == [12, 14, 15]
    with pytest.raises(omendb.NotFoundError, match="no point has the id 99"):
        shelf.search(id=99)
    with pytest.raises(omendb.InvalidArgumentError, match="a query or id=, one of the two"):
        shelf.search([1.0, 2.0], id=10)


def test_search_without_a_query_says_what_to_give(shelf: omendb.Database) -> None:
    with pytest.raises(omendb.TypeMismatchError, match="search needs a query or id="):
        shelf.search()


# ---- Several vectors a point ---------------------------------------------------------------------


@pytest.fixture
def papers(db: omendb.Database) -> omendb.Collection:
    """Ids 0 to 5; titles go up a line, bodies down another."""
    papers = db.collection(
        "papers", vectors={"title": 2, "body": {"metric": "ip"}, "bits": {"dtype": "binary"}}
    )
    line = np.arange(6.0)[:, np.newaxis]
    papers.add(
        {
            "title": line * [1, 0],
            "body": (6 - line) * [0, 0, 1],
            "bits": np.tri(6, 10, dtype=bool),
        },
        ids=range(6),
        metadata={"year": YEARS},
    )
    return papers


def test_neighbours_are_of_the_field_that_is_searched(papers: omendb.Collection) -> None:
    assert [h.id for h in papers.search(id=0, k=2, field="title")] == [1, 2]
    assert [h.id for h in papers.search(id=5, k=2, field="body")] == [0, 1]
    assert [[h.id for h in one] for one in papers.search(id=[1, 4], k=1, field="bits")] == [
        [0],
        [3],
    ]
    with pytest.raises(omendb.InvalidArgumentError, match="say which"):
        papers.search(id=0)
    hits = papers.search(
        [[9.0, 0.0], [9.0, 0.0]], k=1, field="title", where=["year = 2019", "year = 2021"]
    )
    assert [one[0].id for one in hits] == [4, 0]


def test_scores_are_of_the_field_that_is_searched(papers: omendb.Collection) -> None:
    assert papers.search([1.0, 1.0], field="title")[0].score == 0.5
    assert papers.search([0.0, 0.0, 2.0], field="body")[0].score == 12
    assert papers.search(id=0, k=1, field="bits")[0].score == 0.9


def test_a_scan_streams_a_column_a_field(papers: omendb.Collection) -> None:
    page = papers.get(where="year > 2000", order_by="-id", limit=2, vectors=["body"])
    assert [p.id for p in page] == [5, 4] and list(page.vectors) == ["body"]
    assert np.array_equal(page.vectors["body"], [[0, 0, 1], [0, 0, 2]])
    table = papers.scan(order_by="id", batch_size=4, vectors=["bits", "title"]).to_arrow()
    assert table.column_names == ["id", "bits", "title", "year"]
    assert table["title"].to_pylist()[5] == [5, 0] and table["bits"].to_pylist()[5] == b"\x3f\x00"
    nothing = papers.scan("year = 1").to_arrow()
    assert nothing.column_names == ["id", "title", "body", "bits", "year"]
    assert nothing.schema.field("body").type.list_size == 3
    empty = papers.get(where="year = 1").vectors
    assert empty["title"].shape == (0, 2) and empty["bits"].shape == (0, 2)


def test_a_scan_of_fields_is_added_batch_by_batch(papers: omendb.Collection) -> None:
    fields = {"title": 2, "body": {"metric": "ip"}, "bits": {"dim": 10, "dtype": "binary"}}
    copy = papers.database.collection("copy", vectors=fields)  # type: ignore[arg-type]
    copy.add(papers.scan(batch_size=4))
    assert copy.get(list(range(6))) == papers.get(list(range(6)))


@pytest.mark.parametrize("nothing", [[], iter([]), {"title": [], "body": [], "bits": []}])
def test_nothing_is_no_mistake_where_points_have_several_vectors(
    papers: omendb.Collection, nothing: Any
) -> None:
    assert len(papers.add(nothing)) == 0 and len(papers) == 6
    with pytest.raises(omendb.InvalidArgumentError, match="1 ids for 0 vectors"):
        papers.add([], ids=[7])


# ---- A filter a query ----------------------------------------------------------------------------


def test_each_query_of_a_batch_may_have_its_filter(shelf: omendb.Database) -> None:
    queries = np.zeros((4, 2), dtype=np.float32)
    filters = ["lang = 'b'", {"lang": "c"}, None, "year > 2100"]
    results = shelf.search(queries, k=2, where=filters)
    assert [[h.id for h in one] for one in results] == [[11, 14], [12, 15], [10, 11], []]
    assert shelf.search([0.0, 0.0], k=1, where=["lang = 'c'"])[0].id == 12
    with pytest.raises(omendb.InvalidArgumentError, match="2 filters for 4 queries"):
        shelf.search(queries, where=["true", "true"])
    with pytest.raises(omendb.InvalidArgumentError, match="0 filters for 4 queries"):
        shelf.search(queries, where=[])
    with pytest.raises(omendb.InvalidArgumentError, match="0 filters for 1 queries"):
        shelf.search(id=[10], where=[])
    assert len(shelf.search(queries[:0], where=[])) == 0
    with pytest.raises(omendb.FilterError, match="the filter of query 2: "):
        shelf.search(queries, where=["true", "true", "lang > 3", "true"])
    with pytest.raises(omendb.FilterError, match="where is a int"):
        shelf.search(queries, where=["true", 3, "true", "true"])  # type: ignore[list-item]


# ---- Scores and names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "query", "score"),
    [
        ("l2", [1.0, 1.0], 0.5),
        ("euclidean", [1.0, 1.0], 0.5),
        ("cosine", [1.0, 1.0], 0.5**0.5),
        ("ip", [3.0, 1.0], 3.0),
        ("dot", [3.0, 1.0], 3.0),
        ("Inner_Product", [3.0, 1.0], 3.0),
    ],
)
def test_a_score_is_larger_for_what_is_nearer(
    db: omendb.Database, metric: Any, query: list[float], score: float
) -> None:
    docs = db.collection("docs", metric=metric)
    docs.add([[1.0, 0.0], [-1.0, 0.0]], ids=[1, 2])
    hits = docs.search(query)
    assert hits[0].id == 1 and hits[0].score == pytest.approx(score, rel=1e-6)
    assert hits[0].score > hits[1].score
    assert np.allclose(hits.scores, [h.score for h in hits])
    assert docs.search([query]).scores.shape == (2,)


def test_the_score_of_bits_is_the_share_that_agrees(db: omendb.Database) -> None:
    codes = db.collection("codes", dtype="bool")
    codes.add([[True, True, False, False]])
    assert codes.search(np.array([True, False, False, False]))[0].score == 0.75


@pytest.mark.parametrize(
    ("said", "stored"),
    [("float32", "f32"), (np.float16, "f16"), (np.dtype("int8"), "i8"), ("ubinary", "binary")],
)
def test_element_types_go_by_their_other_names(db: omendb.Database, said: Any, stored: str) -> None:
    assert db.collection("x", dtype=said).info().dtype == stored


# ---- Collections ---------------------------------------------------------------------------------


def test_create_false_makes_nothing(db: omendb.Database) -> None:
    with pytest.raises(omendb.NotFoundError, match='no collection "docs"'):
        db.collection("docs", create=False)
    assert "docs" not in db.collections()
    db.collection("docs")
    assert db.collection("docs", create=False).name == "docs"
    with pytest.raises(omendb.NotFoundError, match='did you mean "docs"'):
        db.collection("doc", create=False)


def test_create_false_makes_nothing_beside_threads_that_create_and_drop(
    db: omendb.Database,
) -> None:
    made = 0
    stop = threading.Event()

    def create_and_drop() -> int:
        rounds = 0
        while not stop.is_set() or rounds < 50:
            db.collection("docs")
            db.drop("docs")  # a thread that created it between would make the next line find it
            assert "docs" not in db.collections()
            rounds += 1
        return rounds

    with ThreadPoolExecutor(3) as pool:
        working = pool.submit(create_and_drop)

        def find() -> None:
            for _ in range(2_000):
                with suppress(omendb.NotFoundError):
                    db.collection("docs", create=False)

        finding = [pool.submit(find) for _ in range(2)]
        try:
            for one in finding:
                one.result()
        finally:
            stop.set()
        made = working.result()
    assert made >= 50 and "docs" not in db.collections()


def test_the_default_collection_is_never_dead_because_a_thread_dropped_it(
    db: omendb.Database,
) -> None:
    stop = threading.Event()

    def drop() -> None:
        while not stop.is_set():
            with suppress(omendb.NotFoundError):
                db.drop("default")

    with ThreadPoolExecutor(3) as pool:
        dropping = pool.submit(drop)

        def add() -> None:
            for _ in range(300):
                with suppress(omendb.NotFoundError):  # dropped during the call
                    db.add([[1.0, 2.0]])

        adding = [pool.submit(add) for _ in range(2)]
        for one in adding:
            one.result()
        stop.set()
        dropping.result()
    db.add([[1.0, 2.0]])
    assert len(db) >= 1


def test_getting_a_collection_never_fails_because_it_is_dropped(db: omendb.Database) -> None:
    stop = threading.Event()

    def drop() -> None:
        while not stop.is_set():
            with suppress(omendb.NotFoundError):
                db.drop("docs")

    def get(said: dict[str, Any]) -> set[str]:
        metrics = set()
        for _ in range(200):
            docs = db.collection("docs", **said)
            with suppress(omendb.NotFoundError):  # dropped since
                metrics.add(docs.info().metric)
            with suppress(omendb.NotFoundError):
                db.collection("docs", create=False)
        return metrics

    with ThreadPoolExecutor(4) as pool:
        dropping = pool.submit(drop)
        getting = [pool.submit(get, {"dim": 3, "metric": "cosine"}) for _ in range(2)]
        getting.append(pool.submit(get, {"metric": "cosine"}))  # of whatever dimension
        try:
            found = [one.result() for one in getting]
        finally:
            stop.set()
        dropping.result()
    assert all(metrics <= {"cosine"} for metrics in found)


def test_a_handle_goes_by_what_its_name_was_declared_as_since(db: omendb.Database) -> None:
    before = db.collection("codes")
    db.collection("codes", dtype="binary")
    before.add([[True, False, True]], ids=[1])
    assert before.search([True, False, True])[0].score == 1
    papers = db.collection("papers")
    db.collection("papers", vectors={"title": 2})
    papers.add({"title": [[1.0, 2.0]]})
    assert papers.search([1.0, 2.0])[0].distance == 0
    assert "title" in repr(papers)


def test_a_handle_follows_a_name_that_is_dropped_and_declared_again(db: omendb.Database) -> None:
    docs = db.collection("docs", dim=2)
    docs.add([[1.0, 2.0]], ids=["a"])
    db.drop("docs")
    for verb in (lambda: docs.add([[1.0, 2.0]]), docs.info, lambda: docs.get(["a"]), docs.compact):
        with pytest.raises(omendb.NotFoundError, match='collection "docs" was dropped'):
            verb()
    assert "was dropped" in repr(docs)
    db.collection("docs", dim=3, metric="cosine")
    assert len(docs) == 0 and "cosine" in repr(docs)
    docs.add([[1.0, 2.0, 3.0]])
    assert len(db.collection("docs")) == len(docs) == 1
    assert docs.search([1.0, 2.0, 3.0])[0].distance == pytest.approx(0, abs=1e-6)


def test_handles_follow_a_name_that_another_thread_drops_and_declares(
    db: omendb.Database,
) -> None:
    docs = db.collection("docs", dim=2)
    stop = threading.Event()

    def declare() -> None:
        while not stop.is_set():
            db.drop("docs")
            db.collection("docs", dim=2)

    def use() -> int:
        written = 0
        while written < 50:
            with suppress(omendb.NotFoundError):  # dropped just now
                docs.add([[1.0, 2.0]])
                written += 1
                docs.search([1.0, 2.0])
        return written

    with ThreadPoolExecutor(3) as pool:
        declaring = pool.submit(declare)
        using = [pool.submit(use) for _ in range(2)]
        try:
            assert [one.result() for one in using] == [50, 50]
        finally:
            stop.set()
        declaring.result()
    before = len(docs)
    docs.add([[1.0, 2.0]])
    assert len(db.collection("docs")) == len(docs) == before + 1


def test_stats_repr_and_compact_are_of_all_collections(db: omendb.Database) -> None:
    db.add(np.ones((3, 2)))
    docs = db.collection("docs")
    docs.add(np.ones((4, 2)), ids=list("abcd"))
    stats = db.stats()
    assert stats.points == 7 and stats.collections["docs"].points == len(docs) == 4
    assert stats.collections["default"].points == len(db) == 3
    assert stats.memory_points == 7 and stats.segments == 0
    assert repr(db).endswith(" open: default (3 points), docs (4 points)>")
    db.compact()
    stats = db.stats()
    assert stats.memory_points == 0 and stats.segments == 2 and stats.segment_bytes > 0
    for i in range(6):
        db.collection(f"c{i}")
    assert "4 more, 7 points in all" in repr(db)


# ---- Nothing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing",
    [
        [],
        (),
        np.empty((0, 2), dtype=np.float32),
        np.empty(0),
        iter([]),
        pa.table({"id": pa.array([], pa.int64()), "vector": pa.array([], pa.list_(pa.float32()))}),
        pd.DataFrame(),
        pd.DataFrame({"id": [], "vector": []}),
        pl.DataFrame(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_adding_nothing_is_no_mistake(db: omendb.Database, nothing: Any) -> None:
    assert len(db.add(nothing)) == 0
    assert len(db.upsert(nothing)) == 0
    db.add([[1.0, 2.0]], ids=["a"])
    assert db.add(nothing) == [] and len(db) == 1


def test_asking_for_nothing_is_answered_with_nothing(shelf: omendb.Database) -> None:
    assert len(shelf.search(np.empty((0, 2), dtype=np.float32))) == 0
    assert len(shelf.search([])) == 0 and len(shelf.search(id=[])) == 0
    assert shelf.get([]) == [] and len(shelf.get_points([])) == 0
    assert shelf.delete([]) == 0
    assert len(shelf.add([], ids=[], metadata=[])) == 0
    assert len(shelf.add(np.empty((0, 2)), ids=[], metadata={"year": []})) == 0
    assert len(shelf) == 6


def test_a_generator_that_fails_says_how_many_rows_stay(db: omendb.Database) -> None:
    def batches(good: int) -> Iterator[Any]:
        for _ in range(good):
            yield np.ones((10, 2), dtype=np.float32)
        raise KeyError("the source is gone")

    with pytest.raises(KeyError) as failed:
        db.add(batches(3))
    assert failed.value.__notes__ == ["30 rows were written before this one failed, and stay"]
    assert len(db) == 30
    with pytest.raises(KeyError) as failed:
        db.add(batches(0))
    assert failed.value.__notes__ == ["nothing was written"]
