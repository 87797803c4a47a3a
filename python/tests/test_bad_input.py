"""Bad input gets a typed error that says what was wrong, and changes nothing."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import omendb
import pandas as pd
import pyarrow as pa
import pytest

NAN, INF = float("nan"), float("inf")
FAR = "300000-01-01"  # microseconds since 1970 in 64 bits end in the year 294247


def unchanged(db: omendb.Database, call: Callable[[], object]) -> None:
    before = db.info()
    try:
        call()
    finally:
        assert db.info() == before


BAD_VECTORS = [
    ([[0.0, NAN]], omendb.InvalidArgumentError, "NaN"),
    ([[0.0, INF]], omendb.InvalidArgumentError, "Inf"),
    ([[0.0, -INF]], omendb.InvalidArgumentError, "Inf"),
    ([[0.0, 1e308]], omendb.InvalidArgumentError, "1e\\+308 at position 1; float32"),
    ({1.0, 2.0}, omendb.TypeMismatchError, "set"),
    (np.ma.array([[0.0, 1.0]], mask=[[True, False]]), omendb.InvalidArgumentError, "masked"),
    (np.array([[0.0, 1e300]]), omendb.InvalidArgumentError, "float32"),
    ([[1.0, 2.0, 3.0]], omendb.DimensionError, "3.*2"),
    ([[1.0, 2.0], [1.0]], omendb.DimensionError, "row 1 has 1"),
    (np.zeros((1, 1, 2)), omendb.DimensionError, "shape"),
    (np.zeros((2, 0), dtype=np.float32), omendb.InvalidArgumentError, "0 dimensions"),
    (np.array([[True, False]]), omendb.TypeMismatchError, "bool"),
    (np.array([[1 + 2j, 0]]), omendb.TypeMismatchError, "complex"),
    (np.array([["a", "b"]]), omendb.TypeMismatchError, "str"),
    (np.array([[None, 1.0]], dtype=object), omendb.TypeMismatchError, "objects"),
    ([["a", "b"]], omendb.TypeMismatchError, "str"),
    ("vectors", omendb.TypeMismatchError, "str"),
    (b"vectors", omendb.TypeMismatchError, "bytes"),
    (5, omendb.TypeMismatchError, "int"),
    (None, omendb.TypeMismatchError, "NoneType"),
    ([{"id": 1}], omendb.InvalidArgumentError, "vector"),
    ([{"id": 1, "vector": [1, 2]}, 5], omendb.TypeMismatchError, "point 1"),
]


@pytest.mark.parametrize(("vectors", "error", "match"), BAD_VECTORS)
@pytest.mark.parametrize("verb", ["add", "upsert"])
def test_bad_vectors(
    line: omendb.Database, verb: str, vectors: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        unchanged(line, lambda: getattr(line, verb)(vectors))


DEEP: Any = 1
for _ in range(900):
    DEEP = [DEEP]

BAD_IDS = [
    ([1], omendb.InvalidArgumentError, "1 ids for 2"),
    ([90, 90], omendb.InvalidArgumentError, "90.*twice"),
    ([90, -1], omendb.InvalidArgumentError, "negative|0\\.\\.2"),
    ([90, 2**64], omendb.InvalidArgumentError, "18446744073709551616"),
    ([90, 2**64 - 1], omendb.InvalidArgumentError, "18446744073709551615"),
    ([90, 1.5], omendb.TypeMismatchError, "float"),
    ([90, None], omendb.TypeMismatchError, "None"),
    ([90, "a"], omendb.TypeMismatchError, "all str or all int, got 'a' among int"),
    (deque([90, "a"]), omendb.TypeMismatchError, "all str or all int, got 'a' among int"),
    (np.array([90, "a"], dtype=object), omendb.TypeMismatchError, "got 'a' among int"),
    (["a", "b"], omendb.TypeMismatchError, "strings"),
    (["a", 90], omendb.TypeMismatchError, "90"),
    ([True, False], omendb.TypeMismatchError, "bool"),
    ([90, True], omendb.TypeMismatchError, "bool True"),
    ([np.True_, 90], omendb.TypeMismatchError, "bool"),
    ({90, 91}, omendb.TypeMismatchError, "no order"),
    ({90: 1, 91: 1}, omendb.TypeMismatchError, "dict"),
    (1.5, omendb.TypeMismatchError, "float 1.5"),
    (np.ma.array([90, 91], mask=[True, False]), omendb.InvalidArgumentError, "masked"),
    (pa.array([90, None]), omendb.InvalidArgumentError, 'column "ids", row 1: the id is null'),
    (pa.array([1.5, 2.5]), omendb.TypeMismatchError, "integers or strings, got float64"),
    (np.array([1.0, 2.0]), omendb.TypeMismatchError, "float"),
    ([[90], [91]], omendb.InvalidArgumentError, "one dimension"),
    ([[90, 91], [92]], omendb.TypeMismatchError, "int or str, one a point"),
    (DEEP, omendb.TypeMismatchError, "int or str, one a point"),
]


@pytest.mark.parametrize(("ids", "error", "match"), BAD_IDS)
def test_bad_ids(line: omendb.Database, ids: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        unchanged(line, lambda: line.add([[0.0, 1.0], [0.0, 2.0]], ids=ids))


@pytest.mark.parametrize("ids", [(90, "a"), ("a", 90)])
def test_ids_of_two_kinds_are_refused_before_any_is_known(
    db: omendb.Database, ids: tuple[Any, Any]
) -> None:
    points = [{"id": one, "vector": [0.0, 1.0]} for one in ids]
    with pytest.raises(omendb.TypeMismatchError, match="ids are all str or all int"):
        db.add([[0.0], [1.0]], ids=ids)
    with pytest.raises(omendb.TypeMismatchError, match="ids are all str or all int"):
        db.add(points)
    assert len(db) == 0


@pytest.mark.parametrize("verb", ["get", "get_points", "delete"])
def test_ids_that_are_no_list_are_refused_by_every_verb(line: omendb.Database, verb: str) -> None:
    for ids in (DEEP, [[1, 2], [3]]):
        with pytest.raises(omendb.TypeMismatchError, match="ids are int or str, one a point"):
            getattr(line, verb)(ids)


def test_an_id_that_exists_is_refused_by_add(line: omendb.Database) -> None:
    with pytest.raises(omendb.AlreadyExistsError, match="3"):
        unchanged(line, lambda: line.add([[0.0, 1.0], [0.0, 2.0]], ids=[90, 3]))
    assert line.get(90) is None


NESTED: Any = []
for _ in range(100_000):
    NESTED = [NESTED]

BAD_METADATA = [
    ([{"year": 1}], omendb.InvalidArgumentError, "1 rows for 2"),
    ([{"year": 1}, {"year": "x"}], omendb.TypeMismatchError, 'row 1, column "year"'),
    ([{"a": 1}, {"a": [1]}], omendb.TypeMismatchError, 'row 1, column "a"'),
    ([{"a": [1]}, {"a": ["x"]}], omendb.TypeMismatchError, 'row 1, column "a"'),
    ([{"a": {1: 1}}, {}], omendb.TypeMismatchError, "str as key, got int 1"),
    ([{"a": {"b": 1j}}, {}], omendb.TypeMismatchError, "got complex 1j"),
    ([{"a": {"b": "\ud800"}}, {}], omendb.TypeMismatchError, "surrogate"),
    ([{"a": NESTED}, {}], omendb.TypeMismatchError, 'row 0, column "a".*deeper than 128 levels'),
    ([{"year": {"a": 1}}, {}], omendb.TypeMismatchError, '"year" is i64; this batch has json'),
    ([{"a": 2**60 + 1}, {"a": 0.5}], omendb.TypeMismatchError, "1152921504606846977"),
    ([{"a": 0.5}, {"a": 2**60 + 1}], omendb.TypeMismatchError, "1152921504606846977"),
    ([{"a": 1j}, {}], omendb.TypeMismatchError, "complex"),
    ([{"a": "\ud800"}, {}], omendb.TypeMismatchError, "surrogate"),
    ([{1: 1}, {}], omendb.TypeMismatchError, "str as key"),
    ([{}, {"\ud800": 1}], omendb.InvalidArgumentError, "row 1: the key .*ud800.* UTF-8"),
    ({"\ud800": [1, 2]}, omendb.InvalidArgumentError, "ud800.* UTF-8"),
    ({"a": np.array(5)}, omendb.TypeMismatchError, '"a": expected a sequence of 2 values'),
    ({"a": np.array("2024", "M8[D]")}, omendb.TypeMismatchError, '"a": expected a sequence'),
    ([5, {}], omendb.TypeMismatchError, "row 0"),
    ({"a": [1]}, omendb.InvalidArgumentError, "1 values for 2"),
    ({"a": np.array([1])}, omendb.InvalidArgumentError, "1 values for 2"),
    ({"a": "xy"}, omendb.TypeMismatchError, '"a"'),
    ({"a": 5}, omendb.TypeMismatchError, '"a"'),
    ({"t": np.array([FAR, "1970"], "M8[D]")}, omendb.TypeMismatchError, f'"t": {FAR}.* 64 bits'),
    ({"t": np.array([FAR, "1970"], "M8[10h]")}, omendb.TypeMismatchError, '"t".* 64 bits'),
    ({"t": np.array([[FAR], [FAR]], "M8[D]")}, omendb.TypeMismatchError, 'row 0, column "t"'),
    ([{}, {"t": np.datetime64(FAR)}], omendb.TypeMismatchError, f'row 1, column "t": {FAR}'),
    ([{"t": np.datetime64("20000-01-01")}, {}], omendb.TypeMismatchError, "years 1 to 9999"),
    ([{"t": pd.Timestamp(np.datetime64(FAR, "s"))}, {}], omendb.TypeMismatchError, "years 1 to"),
    ([{"t": [np.datetime64(FAR)]}, {}], omendb.TypeMismatchError, f'column "t": {FAR}'),
    ([{"year": 2**63}, {}], omendb.TypeMismatchError, '"year" is i64; this batch has json'),
    ("metadata", omendb.TypeMismatchError, "str"),
    (5, omendb.TypeMismatchError, "int"),
    ([{"year": "x"}, {}], omendb.TypeMismatchError, "year"),
    ([{"lang": 5}, {}], omendb.TypeMismatchError, "lang"),
]


@pytest.mark.parametrize(("metadata", "error", "match"), BAD_METADATA)
def test_bad_metadata(
    line: omendb.Database, metadata: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        unchanged(line, lambda: line.add([[0.0, 1.0], [0.0, 2.0]], metadata=metadata))


BAD_SEARCHES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"k": 0}, omendb.InvalidArgumentError, "k is 0"),
    ({"k": -1}, omendb.InvalidArgumentError, "k is -1"),
    ({"k": 1.5}, omendb.InvalidArgumentError, "k is 1.5"),
    ({"k": True}, omendb.InvalidArgumentError, "k is True"),
    ({"k": 65_537}, omendb.LimitError, "65,?537"),
    ({"k": 2**40}, omendb.LimitError, str(2**40)),
    ({"k": 2**70}, omendb.LimitError, "k is"),
    ({"exact": "yes"}, omendb.TypeMismatchError, "exact is 'yes'"),
    ({"vectors": 1}, omendb.TypeMismatchError, "vectors is 1"),
    ({"recall": "high"}, omendb.TypeMismatchError, "recall is 'high'"),
    ({"radius": "wide"}, omendb.TypeMismatchError, "radius is 'wide'"),
    ({"fields": [5]}, omendb.TypeMismatchError, "fields holds 5"),
    ({"fields": 5}, omendb.TypeMismatchError, "fields is 5"),
    ({"effort": 0}, omendb.InvalidArgumentError, "effort is 0"),
    ({"recall": 0.0}, omendb.InvalidArgumentError, "recall"),
    ({"recall": 1.5}, omendb.InvalidArgumentError, "recall"),
    ({"recall": NAN}, omendb.InvalidArgumentError, "recall"),
    ({"radius": NAN}, omendb.InvalidArgumentError, "radius"),
    ({"fields": "year"}, omendb.InvalidArgumentError, "list of column names"),
    ({"fields": ["nowhere"]}, omendb.NotFoundError, "nowhere"),
    ({"where": "year ="}, omendb.FilterError, "column"),
    ({"where": "year = 'x'"}, omendb.FilterError, "year"),
    ({"where": ""}, omendb.FilterError, "empty"),
    ({"where": 5}, omendb.FilterError, "int"),
    ({"where": {"year": {"$foo": 1}}}, omendb.FilterError, "year.\\$foo"),
    ({"where": {"$xor": []}}, omendb.FilterError, "\\$xor"),
    ({"where": {"$or": [{"year": {"$gt": [1]}}]}}, omendb.FilterError, "\\$or\\[0\\].year.\\$gt"),
    ({"where": {"year": {"$in": 5}}}, omendb.FilterError, "year.\\$in"),
    ({"where": {"year": {"$between": [1]}}}, omendb.FilterError, "between"),
    ({"where": {"year": {"$null": 1}}}, omendb.FilterError, "True or False"),
    ({"where": {"lang": {"$like": 1}}}, omendb.FilterError, "pattern"),
    ({"where": {"year": {}}}, omendb.FilterError, "empty dict"),
    ({"where": {"$and": {}}}, omendb.FilterError, "list of dicts"),
    ({"where": {"$and": [5]}}, omendb.FilterError, "\\$and\\[0\\]"),
    ({"where": {5: 5}}, omendb.FilterError, "keys"),
    ({"recall": None}, omendb.TypeMismatchError, "recall is None; expected a number"),
    ({"fields": ["\ud800"]}, omendb.InvalidArgumentError, "ud800.* UTF-8"),
    ({"where": "lang = '\ud800'"}, omendb.FilterError, "where .* UTF-8 form: .*ud800"),
    ({"where": {"lang": "\ud800"}}, omendb.FilterError, "where at lang: .*ud800.* UTF-8"),
    ({"where": {"lang": {"$in": ["\ud800"]}}}, omendb.FilterError, r"\$in\[0\].*ud800.* UTF-8"),
    ({"where": {"lang": {"$like": "\ud800"}}}, omendb.FilterError, r"\$like.*ud800.* UTF-8"),
    ({"where": {"\ud800": 1}}, omendb.FilterError, "where: the key .*ud800.* UTF-8"),
    ({"where": {"\ud800": None}}, omendb.FilterError, "where: the key .*ud800.* UTF-8"),
    ({"where": {"lang": {"$contains": None}}}, omendb.FilterError, r"\$contains: .* got None"),
    ({"where": {"year": {"$between": [None, 2]}}}, omendb.FilterError, r"\[0\]: .* got None"),
    ({"where": {"year": {"$between": [2, None]}}}, omendb.FilterError, r"\[1\]: .* got None"),
    ({"where": {"year": 2**70}}, omendb.FilterError, "64 bits"),
    ({"where": {"year": np.datetime64(FAR)}}, omendb.FilterError, f"where at year: {FAR}"),
    (
        {"where": {"year": dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))}},
        omendb.FilterError,
        "where at year",
    ),
]


@pytest.mark.parametrize(("options", "error", "match"), BAD_SEARCHES)
def test_bad_searches(
    line: omendb.Database, options: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        line.search([0.0, 0.0], **options)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ([0.0], omendb.DimensionError),
        ([0.0, NAN], omendb.InvalidArgumentError),
        ([0.0, 1e308], omendb.InvalidArgumentError),
        ("query", omendb.TypeMismatchError),
        (np.array([True, False]), omendb.TypeMismatchError),
        (None, omendb.TypeMismatchError),
    ],
)
def test_bad_queries(line: omendb.Database, query: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        line.search(query)


def test_a_filter_error_points_at_the_column_of_the_mistake(line: omendb.Database) -> None:
    with pytest.raises(omendb.FilterError) as caught:
        line.search([0.0, 0.0], where="year > 2000 and and lang = 'en'")
    assert caught.value.column == 17
    assert "^" in str(caught.value)
    with pytest.raises(omendb.FilterError) as caught:
        line.count({"year": {"$foo": 1}})
    assert caught.value.column is None


def test_a_zero_vector_has_no_direction_under_cosine(db: omendb.Database) -> None:
    docs = db.collection("docs", metric="cosine")
    docs.add([[1.0, 0.0]])
    with pytest.raises(omendb.InvalidArgumentError, match="zero"):
        docs.add([[0.0, 0.0]])
    with pytest.raises(omendb.InvalidArgumentError, match="zero"):
        docs.search([0.0, 0.0])


def test_what_is_to_come_back_is_said_by_true_or_false(line: omendb.Database) -> None:
    with pytest.raises(omendb.TypeMismatchError, match="vectors is 1; expected True or False"):
        line.get(1, vectors=1)  # type: ignore[call-overload]
    with pytest.raises(omendb.TypeMismatchError, match="vectors is 'no'"):
        line.scan(vectors="no")


def test_a_dict_that_is_nested_without_end_is_a_filter_error(line: omendb.Database) -> None:
    where: dict[str, Any] = {"year": 2000}
    for _ in range(100_000):
        where = {"$not": where}
    with pytest.raises(omendb.FilterError, match="nested too deep"):
        line.count(where)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, "x"])
def test_bad_batch_sizes(line: omendb.Database, batch_size: Any) -> None:
    with pytest.raises(omendb.InvalidArgumentError, match="batch_size"):
        line.scan(batch_size=batch_size)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"durability": "often"}, omendb.InvalidArgumentError),
        ({"durability": "interval(0)"}, omendb.InvalidArgumentError),
        ({"durability": "interval(x)"}, omendb.InvalidArgumentError),
        ({"durability": None}, omendb.InvalidArgumentError),
        ({"memtable_mb": 0}, omendb.InvalidArgumentError),
        ({"memtable_mb": -1}, omendb.InvalidArgumentError),
        ({"memtable_mb": "x"}, omendb.InvalidArgumentError),
        ({"create": False}, omendb.NotFoundError),
        ({"create": "no"}, omendb.TypeMismatchError),
        ({"path": 5}, omendb.TypeMismatchError),
        ({"path": "/tmp/\ud800"}, omendb.InvalidArgumentError),
    ],
)
def test_bad_open_options(path: Path, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        omendb.open(**{"path": path} | options)
    assert not path.exists()


def test_bad_collections(db: omendb.Database) -> None:
    db.collection("docs", dim=3)
    for name in ("", "a b", "../x", "x" * 65, "\ud800"):
        with pytest.raises(omendb.InvalidArgumentError, match="name"):
            db.collection(name)
    with pytest.raises(omendb.AlreadyExistsError, match="docs"):
        db.collection("docs", dim=4)
    with pytest.raises(omendb.InvalidArgumentError, match='"l2", "cosine"'):
        db.collection("x", metric="euclid")  # type: ignore[arg-type]
    with pytest.raises(omendb.InvalidArgumentError, match="f64"):
        db.collection("x", dtype="f64")  # type: ignore[arg-type]
    with pytest.raises(omendb.InvalidArgumentError, match='dtype is "float64"'):
        db.collection("x", dtype=np.float64)
    with pytest.raises(omendb.TypeMismatchError, match="metric is 5"):
        db.collection("x", metric=5)  # type: ignore[arg-type]
    for dim in (0, -1, 1.5):
        with pytest.raises(omendb.InvalidArgumentError, match="dim"):
            db.collection("x", dim=dim)  # type: ignore[arg-type]
    with pytest.raises(omendb.LimitError):
        db.collection("x", dim=65_537)
    with pytest.raises(omendb.NotFoundError):
        db.drop("nobody")
    with pytest.raises(omendb.TypeMismatchError, match="name"):
        db.collection(5)  # type: ignore[arg-type]


def test_a_path_that_is_a_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    with pytest.raises(omendb.NotADatabaseError, match=r"notes\.txt"):
        omendb.open(file)
    assert file.read_text() == "mine"


def test_a_folder_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("int main() {}")
    with pytest.raises(omendb.NotADatabaseError):
        omendb.open(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["main.c"]


def test_a_second_writer_in_another_process_is_told_who_holds_the_lock(path: Path) -> None:
    program = f"import omendb; omendb.open({str(path)!r})"
    with omendb.open(path) as db:
        db.add([[1.0]])
        second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        with pytest.raises(omendb.LockedError) as caught:
            omendb.open(path)
    assert second.returncode == 1 and "LockedError" in second.stderr
    assert isinstance(caught.value, BlockingIOError) and caught.value.errno is not None
    third = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert third.returncode == 0, third.stderr


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (omendb.InvalidArgumentError, ValueError),
        (omendb.DimensionError, ValueError),
        (omendb.TypeMismatchError, TypeError),
        (omendb.NotFoundError, LookupError),
        (omendb.AlreadyExistsError, ValueError),
        (omendb.FilterError, ValueError),
        (omendb.LockedError, BlockingIOError),
        (omendb.CorruptionError, OSError),
        (omendb.StorageError, OSError),
        (omendb.NoSpaceError, OSError),
        (omendb.ReadOnlyError, OSError),
        (omendb.VersionError, RuntimeError),
        (omendb.NotADatabaseError, OSError),
        (omendb.ClosedError, ValueError),
        (omendb.LimitError, ValueError),
        (omendb.UnimplementedError, NotImplementedError),
        (omendb.InternalError, RuntimeError),
        (omendb.DeadlineError, TimeoutError),
        (omendb.CancelledError, RuntimeError),
    ],
)
def test_every_error_is_also_a_built_in_one(
    error: type[omendb.OmendbError], builtin: type[Exception]
) -> None:
    assert issubclass(error, omendb.OmendbError) and issubclass(error, builtin)
    assert str(error("what was wrong")) == "what was wrong"
    assert error.__module__ == "omendb"


def test_damage_is_an_error_that_names_the_file(path: Path) -> None:
    with omendb.open(path) as db:
        db.add(np.random.default_rng(5).standard_normal((1_000, 32), dtype=np.float32))
    segment = max(path.rglob("*.seg"), key=lambda p: p.stat().st_size)
    damaged = bytearray(segment.read_bytes())
    for at in range(200, len(damaged), 997):
        damaged[at] ^= 0xFF
    segment.write_bytes(damaged)

    def read() -> None:
        with omendb.open(path) as db:
            db.search(np.zeros(32, dtype=np.float32), exact=True)

    with pytest.raises(omendb.CorruptionError, match=segment.name):
        read()
