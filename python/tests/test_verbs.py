"""Every verb, as a reader of the guide would use it."""

from __future__ import annotations

import array
import copy
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import omendb
import pytest


def test_what_was_added_is_found_again_after_reopening(path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((500, 16), dtype=np.float32)
    with omendb.open(path) as db:
        ids = db.add(vectors)
        assert ids.dtype == np.uint64 and len(set(ids.tolist())) == 500
        before = db.search(vectors[7], k=5, exact=True).to_numpy()
    with omendb.open(path) as db:
        assert db.count() == len(db) == 500
        after = db.search(vectors[7], k=5, exact=True).to_numpy()
        assert db.recovery_notes == []
    assert np.array_equal(before[0], after[0]) and np.array_equal(before[1], after[1])
    assert after[0][0] == ids[7] and after[1][0] == 0


def test_memory_database_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with omendb.open(":memory:") as db:
        db.add([[1.0, 2.0]])
        assert len(db) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("durability", ["sync", "interval(5)", "interval", "none"])
def test_every_durability_keeps_what_close_saw(path: Path, durability: str) -> None:
    with omendb.open(path, durability=durability) as db:
        db.add([[1.0, 2.0]], ids=[1])
        db.flush()
        db.add([[3.0, 4.0]], ids=[2])
    with omendb.open(path) as db:
        assert len(db) == 2


def test_a_database_is_true_even_when_empty(db: omendb.Database) -> None:
    assert db and len(db) == 0 and bool(db.collection("empty"))


def test_hits_carry_distance_and_metadata_by_attribute_and_by_item(line: omendb.Database) -> None:
    hits = line.search([2.2, 0.0], k=3)
    assert [hit.id for hit in hits] == [2, 3, 1]
    assert hits[0].distance == pytest.approx(0.04, abs=1e-5)
    assert hits[0].metadata == {"year": 2002, "lang": "en"}
    assert hits[0]["year"] == 2002 and "lang" not in hits[1]
    assert hits[1].get("lang") is None and hits[1].get("nothing", 5) == 5
    assert hits[0].vector is None
    with pytest.raises(KeyError):
        hits[0]["nothing"]
    assert hits[-1] == hits[2] and hits[0] != hits[1]
    assert len(hits[1:]) == 2 and hits[1:][0].id == 3
    with pytest.raises(IndexError):
        hits[3]


def test_a_hit_is_asked_for_its_metadata_as_a_dict_is(line: omendb.Database) -> None:
    hit = line.search([4.0, 0.0], k=1)[0]
    assert "year" in hit and "nothing" not in hit
    assert list(hit.keys()) == ["year", "lang"] and dict(hit) == hit.metadata
    with pytest.raises(TypeError, match="'Hit' object is not iterable"):
        list(hit)  # type: ignore[call-overload]


def test_an_index_that_is_none_is_a_type_error_as_of_a_list(line: omendb.Database) -> None:
    result, results = line.search([0.0, 0.0]), line.search(np.zeros((2, 2), dtype=np.float32))
    points = line.get_points([1, 2])
    odd: list[Any] = ["a", 1.0, None]
    for rows in (result, results, points):
        for index in odd:
            with pytest.raises(
                TypeError, match=r"indices are integers or slices, not \w+ "
            ) as caught:
                rows[index]
            assert type(caught.value) is TypeError
    assert result[np.int64(1)] == result[1] and points[np.uint8(1)] == points[-1]  # type: ignore[call-overload]


def test_a_matrix_of_queries_gives_one_result_each(line: omendb.Database) -> None:
    results = line.search(np.array([[0, 0], [9, 0]], dtype=np.float32), k=2)
    assert isinstance(results, omendb.Results) and len(results) == 2
    assert [[hit.id for hit in result] for result in results] == [[0, 1], [9, 8]]
    ids, distances = results.to_numpy()
    assert ids.tolist() == [[0, 1], [9, 8]] and distances.tolist() == [[0, 1], [0, 1]]
    one = line.search(np.array([[0, 0]], dtype=np.float32), k=2)
    assert isinstance(one, omendb.Results) and len(one) == 1
    assert [len(r) for r in results[0:2]] == [2, 2]


def test_short_rows_are_padded(line: omendb.Database) -> None:
    results = line.search([[0.0, 0.0], [50.0, 0.0]], k=3, radius=1.0)
    ids, distances = results.to_numpy()
    assert ids.tolist() == [[0, 1], [2**64 - 1] * 2]
    assert distances[0].tolist() == [0, 1] and np.isnan(distances[1]).all()
    assert results.offsets.tolist() == [0, 2, 2]


def test_fields_and_vectors_choose_what_comes_back(line: omendb.Database) -> None:
    hit = line.search([4.0, 0.0], k=1, fields=["year"], vectors=True)[0]
    assert hit.metadata == {"year": 2004}
    assert hit.vector is not None and hit.vector.tolist() == [4, 0]
    assert line.search([4.0, 0.0], k=1, fields=[])[0].metadata == {}
    result = line.search([4.0, 0.0], k=2, vectors=True)
    assert result.vectors is not None and result.vectors.shape == (2, 2)
    assert result.columns == ["year", "lang"] and result.column("year") == [2004, 2003]


def test_any_sequence_of_numbers_is_one_query(line: omendb.Database) -> None:
    for query in (range(3, 5), array.array("f", [3.0, 4.0]), [3, 4], (3, 4)):
        result = line.search(query, k=1)
        assert isinstance(result, omendb.Result) and result[0].id == 3
    assert line.add(range(2), metadata={"year": 1}).size == 1
    with pytest.raises(omendb.InvalidArgumentError, match="queries of 0 dimensions"):
        line.search([[]])


def test_ids_may_be_a_set_where_order_does_not_matter(line: omendb.Database) -> None:
    assert [point and point.id for point in line.get({3: "x", 5: "y"}.keys())] == [3, 5]
    assert line.delete({3, 5}) == 2


def test_k_beyond_the_points_returns_them_all(line: omendb.Database) -> None:
    assert len(line.search([0.0, 0.0], k=1_000)) == 10
    assert len(line.search([0.0, 0.0], k=np.int64(3))) == 3  # type: ignore[call-overload]
    assert len(line.search([0.0, 0.0], k=5, effort=50)) == 5
    assert len(line.search([0.0, 0.0], k=5, recall=1.0)) == 5


def test_search_before_any_add_finds_nothing(db: omendb.Database) -> None:
    assert len(db.search([0.0, 0.0], k=5)) == 0
    assert db.count() == 0 and list(db.scan()) == [] and db.get([1]) == [None]


def test_get_answers_in_the_order_asked(line: omendb.Database) -> None:
    points = line.get([7, 99, 2])
    assert [p and p.id for p in points] == [7, None, 2]
    assert points[0] is not None and points[0].metadata == {"year": 2007}
    assert points[0].vector is not None and points[0].vector.tolist() == [7, 0]
    one = line.get(3)
    assert one is not None and one.id == 3 and one["year"] == 2003
    assert line.get(99) is None
    assert line.get([]) == []
    table = line.get_points([7, 99, 2], vectors=False, fields=["year"])
    assert table.ids.tolist() == [7, 2] and table.vectors is None
    assert table.metadata == [{"year": 2007}, {"year": 2002}]


def test_upsert_replaces_a_point_whole(line: omendb.Database) -> None:
    line.upsert([[100.0, 0.0], [200.0, 0.0]], ids=[3, 50], metadata=[{"lang": "de"}, {}])
    point = line.get(3)
    assert point is not None and point.metadata == {"lang": "de"}
    assert point.vector is not None and point.vector.tolist() == [100, 0]
    assert len(line) == 11


def test_delete_takes_ids_or_a_filter_but_not_both(line: omendb.Database) -> None:
    assert line.delete([1, 99]) == 1
    assert line.delete(ids=2) == 1
    assert line.delete(where="year >= 2008") == 2
    assert line.delete(where={"lang": None}) == 3
    assert sorted(i for batch in line.scan() for i in batch.ids.tolist()) == [0, 4, 6]
    with pytest.raises(omendb.InvalidArgumentError, match="exactly one"):
        line.delete()
    with pytest.raises(omendb.InvalidArgumentError, match="exactly one"):
        line.delete([1], where="true")
    with pytest.raises(omendb.InvalidArgumentError, match="empty filter"):
        line.delete(where={})
    assert line.delete(where="true") == 3 and len(line) == 0
    assert line.delete([]) == 0


def test_scan_walks_a_snapshot_in_batches(line: omendb.Database) -> None:
    scan = line.scan(batch_size=3)
    first = next(scan)
    line.delete(where="true")
    rest = list(scan)
    batches = [first, *rest]
    assert [len(batch) for batch in batches] == [3, 3, 3, 1]
    ids = [point.id for batch in batches for point in batch]
    assert sorted(ids) == list(range(10))
    assert batches[0].vectors is not None and batches[0].vectors.shape == (3, 2)
    assert next(iter(line.scan()), None) is None


def test_scan_takes_filter_and_fields(line: omendb.Database) -> None:
    (batch,) = line.scan("lang = 'en'", vectors=False, fields=["year"])
    assert batch.vectors is None and batch.columns == ["year"]
    assert sorted(batch.column("year")) == [2000, 2002, 2004, 2006, 2008]


def test_collections_are_apart_and_named(path: Path) -> None:
    with omendb.open(path) as db:
        docs = db.collection("docs", dim=3, metric="cosine")
        docs.add([[1.0, 0, 0]], ids=["a"])
        images = db.collection("images", dtype="f16")
        images.add([[1.0, 2.0]])
        assert {"docs", "images"} <= set(db.collections())
        assert docs.name == "docs" and docs.database is db
        db.drop("images")
        assert "images" not in db.collections()
        with pytest.raises(omendb.OmendbError):
            images.count()
    with omendb.open(path) as db:
        info = db.collection("docs").info()
        assert (info.dim, info.metric, info.dtype, info.id_type) == (3, "cosine", "f32", "str")
        assert info.points == 1


def test_options_that_are_left_out_accept_the_existing_collection(db: omendb.Database) -> None:
    codes = db.collection("codes", dtype="binary")
    again = db.collection("codes", dim=16)
    assert (again.info().dtype, again.info().metric) == ("binary", "hamming")
    assert db.collection("codes", dim=16).info() == again.info()
    assert (
        codes.info() == again.info()
    )  # it had no dimension yet, and goes by what was declared since
    db.collection("small", dtype="i8", metric="ip")
    assert db.collection("small", metric="ip").info().dtype == "i8"
    docs = db.collection("docs", metric="cosine")
    docs.add([[1.0, 2.0, 3.0]])
    for said in ({"dim": 3}, {"metric": "cosine"}, {"dtype": "f32"}, {"dim": 3, "dtype": "f32"}):
        assert db.collection("docs", **said).info() == docs.info()
    with pytest.raises(omendb.AlreadyExistsError, match="asked for dim 3, cosine, f16"):
        db.collection("docs", dtype="f16")
    with pytest.raises(omendb.AlreadyExistsError, match="asked for dim 3, l2, f32"):
        db.collection("docs", metric="l2")
    with pytest.raises(omendb.AlreadyExistsError, match="asked for dim 3, hamming, binary"):
        db.collection("docs", dtype="binary")


def test_dropping_the_default_collection_makes_room_for_a_new_schema(db: omendb.Database) -> None:
    db.add([[1.0, 2.0]])
    db.drop("default")
    db.add([[1.0, 2.0, 3.0]])
    assert db.info().dim == 3


def test_string_ids_come_back_as_str(db: omendb.Database) -> None:
    ids = db.add(np.eye(3, dtype=np.float32), ids=["eins", "zwei", "dreißig"])
    assert ids == ["eins", "zwei", "dreißig"]
    assert db.search([0.0, 1.0, 0.0], k=1)[0].id == "zwei"
    result = db.search(np.eye(3, dtype=np.float32), k=2, radius=0.0)
    assert result.to_numpy()[0].tolist() == [["eins"], ["zwei"], ["dreißig"]]
    assert result[0].ids == ["eins"]
    point = db.get("dreißig")
    assert point is not None and point.id == "dreißig"
    assert db.delete(["zwei", "nobody"]) == 1 and db.delete("eins") == 1


def test_binary_collections_count_differing_bits(db: omendb.Database) -> None:
    codes = db.collection("codes", dtype="binary")
    bits = np.array([[1, 0, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]], dtype=bool)
    codes.add(bits, ids=[1, 2])
    assert codes.info().dim == 10 and codes.info().metric == "hamming"
    hits = codes.search(bits[0], k=2)
    assert [(h.id, h.distance) for h in hits] == [(1, 0), (2, 4)]
    packed = db.collection("packed", dtype="binary")
    packed.add(np.array([[0b1], [0b11]], dtype=np.uint8), ids=[1, 2])
    assert packed.info().dim == 8
    hit = packed.search(np.array([0], dtype=np.uint8), k=1, vectors=True)[0]
    assert (hit.id, hit.distance) == (1, 1)
    assert hit.vector is not None and hit.vector.dtype == np.uint8


@pytest.mark.parametrize(("dtype", "kind"), [("f16", np.float16), ("i8", np.int8)])
def test_small_element_types_store_and_return_their_own(
    db: omendb.Database, dtype: str, kind: type
) -> None:
    small = db.collection("small", dtype=dtype)  # type: ignore[arg-type]
    small.add(np.array([[1, 2], [3, 4]], dtype=kind), ids=[1, 2])
    small.add(np.array([[5.0, 6.0]], dtype=np.float32), ids=[3])
    points = small.get_points([1, 2, 3])
    assert points.vectors is not None and points.vectors.dtype == kind
    assert points.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert small.search([3.0, 4.0], k=1)[0].id == 2
    assert small.search(np.array([3, 4], dtype=kind), k=1)[0].id == 2


def test_compact_and_info_tell_where_points_live(line: omendb.Database) -> None:
    line.delete([0])
    line.compact()
    info = line.info()
    assert (info.name, info.dim, info.points) == ("default", 2, 9)
    assert info.columns == {"year": "i64", "lang": "string"}
    assert info.segments == 1 and info.segment_bytes > 0


def test_reprs_say_what_a_thing_is(line: omendb.Database, path: Path) -> None:
    assert repr(line) == f"<omendb.Database {str(path)!r} open: default (10 points)>"
    docs = line.collection("docs", metric="cosine")
    assert repr(docs) == "<omendb.Collection 'docs', 0 points, f32, cosine>"
    assert "docs" in repr(docs) and "docs (0 points)" in repr(line)
    result = line.search([0.0, 0.0], k=2)
    assert repr(result[0]) == "Hit(id=0, distance=0, year=2000, lang='en')"
    assert repr(result).startswith("<omendb.Result of 2 hits>\n  Hit(id=0")
    assert "1 more" in repr(line.search([0.0, 0.0], k=11, fields=[])) or len(line) == 10
    batch = line.search([[0.0, 0.0]], k=1)
    assert repr(batch) == "<omendb.Results of 1 query, 1 hit>"
    assert repr(line.get(1)) == "Point(id=1, year=2001)"
    assert "10" in repr(next(iter(line.scan())))
    line.close()
    assert repr(line) == f"<omendb.Database {str(path)!r} closed>"
    assert repr(docs) == "<omendb.Collection 'docs' closed>"


def test_a_close_that_failed_has_closed(path: Path) -> None:
    db = omendb.open(path, durability="none")
    db.add(np.zeros((10, 2), dtype=np.float32))
    shutil.rmtree(path)
    with pytest.raises(omendb.OmendbError):
        db.close()
    assert db.closed and repr(db) == f"<omendb.Database {str(path)!r} closed>"
    with pytest.raises(omendb.ClosedError):
        db.count()
    with pytest.raises(omendb.ClosedError):
        db.__enter__()
    db.close()


def test_closing_twice_is_fine_and_everything_else_then_fails(path: Path) -> None:
    db = omendb.open(path)
    docs = db.collection("docs")
    db.add([[1.0]])
    scan = db.scan()
    db.close()
    db.close()
    assert db.closed
    calls: list[Callable[[], object]] = [
        lambda: db.add([[1.0]]),
        lambda: db.search([1.0]),
        lambda: db.count(),
        lambda: db.get([1]),
        lambda: db.delete([1]),
        lambda: db.scan(),
        lambda: db.flush(),
        lambda: db.compact(),
        lambda: db.info(),
        lambda: db.collections(),
        lambda: db.collection("x"),
        lambda: db.drop("docs"),
        lambda: docs.add([[1.0]]),
        lambda: db.__enter__(),
    ]
    for call in calls:
        with pytest.raises(omendb.ClosedError):
            call()
    del scan


@pytest.mark.parametrize("make", ["db", "docs", "result", "hit"])
def test_pickling_is_refused_with_a_way_out(line: omendb.Database, make: str) -> None:
    result = line.search([0.0, 0.0], k=1)
    thing = {"db": line, "docs": line.collection("docs"), "result": result, "hit": result[0]}[make]
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(thing)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(thing)


def test_results_outlive_the_database(path: Path) -> None:
    db = omendb.open(path)
    db.add(np.eye(4, dtype=np.float32), metadata={"year": [1, 2, 3, 4]})
    result = db.search([1.0, 0, 0, 0], k=4, vectors=True)
    ids, distances = result.ids, result.distances
    hit = result[1]
    db.close()
    del result, db
    assert ids[0] == 0 and distances[0] == 0 and hit["year"] == 2


def test_python_m_omendb_says_what_was_installed() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "omendb"], capture_output=True, text=True, check=True
    ).stdout
    assert f"OmenDB {omendb.__version__}" in out
    assert str(Path(omendb.__file__).parent) in out
    assert "in use" in out and "omendb.open" in out


def test_forced_isa_is_the_one_in_use() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "omendb"],
        capture_output=True,
        text=True,
        check=True,
        env={"OMENDB_FORCE_ISA": "scalar", "PYTHONPATH": ":".join(sys.path)},
    ).stdout
    assert "scalar in use" in out


def test_optimize_waits_until_the_background_has_nothing_left_to_do(path: Path) -> None:
    rows = np.random.default_rng(9).standard_normal((4_000, 64), dtype=np.float32)
    with omendb.open(path, memtable_mb=0.1) as db:
        for first in range(0, len(rows), 200):
            db.add(rows[first : first + 200])
        db.optimize(timeout=120)
        info = db.info()
        assert info.waiting_seals == 0 and info.jobs == ()
        assert 0 < info.segments < 12  # of about 11 that were written, and every 4 are merged
        assert len(db.search(rows[7], k=3)) == 3
        with pytest.raises(omendb.InvalidArgumentError, match="timeout is -1"):
            db.optimize(timeout=-1)
    with pytest.raises(omendb.ClosedError):
        db.optimize()
