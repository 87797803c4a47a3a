"""Adds that take more than one write: their progress, and what a failure leaves."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import numpy as np
import omendb
import pytest
from omendb import _write

ROWS = 120_000


@pytest.fixture
def many() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(8).standard_normal((ROWS, 4), dtype=np.float32)


class Bar:
    """Stands in for tqdm."""

    made: ClassVar[list[Bar]] = []

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.updates: list[int] = []
        self.closed = False
        Bar.made.append(self)

    def update(self, n: int) -> None:
        self.updates.append(n)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> type[Bar]:
    import tqdm.auto

    Bar.made = []
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    return Bar


def test_a_long_add_is_split_and_shows_progress(
    db: omendb.Database, many: Any, bar: type[Bar]
) -> None:
    metadata = {"row": np.arange(ROWS)}
    ids = db.add(many, metadata=metadata, progress=True)
    assert len(np.unique(ids)) == ROWS == len(db)
    (shown,) = bar.made
    assert shown.options["total"] == ROWS and sum(shown.updates) == ROWS and shown.closed
    assert max(shown.updates) == _write.PART_ROWS
    point = db.get(int(ids[100_000]))
    assert point is not None and point["row"] == 100_000
    assert np.array_equal(point.vector, many[100_000])  # type: ignore[arg-type]


@pytest.mark.parametrize("progress", [None, False])
def test_progress_is_quiet_off_a_terminal_and_when_told(
    db: omendb.Database, many: Any, bar: type[Bar], progress: bool | None
) -> None:
    db.add(many, progress=progress)
    assert [b.options["disable"] for b in bar.made] == ([None] if progress is None else [])


def test_tqdm_may_be_absent(
    db: omendb.Database, many: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert len(db.add(many, progress=True)) == ROWS


def test_a_short_add_is_one_write(db: omendb.Database, bar: type[Bar]) -> None:
    db.add(np.zeros((10, 2)), progress=None)
    assert bar.made == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_rows_late_in_a_long_add_change_nothing(
    db: omendb.Database, many: Any, value: float
) -> None:
    many[110_000, 2] = value
    with pytest.raises(omendb.InvalidArgumentError, match=r"vector 110000 .* position 2"):
        db.add(many)
    assert len(db) == 0


@pytest.mark.parametrize("kind", [int, str])
def test_ids_twice_in_a_long_add_change_nothing(db: omendb.Database, many: Any, kind: type) -> None:
    ids = [kind(i) for i in range(ROWS)]
    ids[-1] = ids[0]
    with pytest.raises(omendb.InvalidArgumentError, match=rf"^id {ids[0]!r} is given twice"):
        db.add(many, ids=ids)
    with pytest.raises(omendb.InvalidArgumentError, match="ids for"):
        db.add(many, ids=ids[:-1])
    assert len(db) == 0


@pytest.mark.parametrize(
    ("dtype", "metric", "bad", "match"),
    [
        ("f16", "l2", [70_000, 0, 0, 0], r"^vector 110000 holds 70000\S* at position 0"),
        ("f16", "cosine", [1e-9, 0, 0, 0], r"^vector 110000 rounds to all zeros"),
        ("f32", "cosine", [0, 0, 0, 0], r"^vector 110000 is all zeros"),
        ("f32", "l2", [1e30, 0, 0, 0], r"^vector 110000 is too long"),
    ],
)
def test_errors_of_the_engine_name_the_row_of_the_whole(
    db: omendb.Database, many: Any, dtype: Any, metric: Any, bad: list[float], match: str
) -> None:
    docs = db.collection("docs", dtype=dtype, metric=metric)
    many[110_000] = bad
    with pytest.raises(omendb.InvalidArgumentError, match=match) as caught:
        docs.add(many)
    assert "98,304 rows were written" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("id", "error", "match"),
    [
        ("", omendb.InvalidArgumentError, "^id 110000 is an empty string"),
        ("x" * 5_000, omendb.LimitError, "^id 110000 takes 5000 bytes"),
    ],
)
def test_errors_of_the_engine_name_the_id_of_the_whole(
    db: omendb.Database, many: Any, id: str, error: type[Exception], match: str
) -> None:
    ids = [str(i) for i in range(ROWS)]
    ids[110_000] = id
    with pytest.raises(error, match=match):
        db.add(many, ids=ids)


def test_a_failure_in_the_middle_says_what_stays(db: omendb.Database, many: Any) -> None:
    db.add(many[:1], ids=[100_000])
    with pytest.raises(omendb.AlreadyExistsError, match=r"^id 100000 ") as caught:
        db.add(many, ids=range(ROWS))
    written = 3 * _write.PART_ROWS
    assert caught.value.__notes__ == [
        f"{written:,} rows were written before this one failed, and stay"
    ]
    assert len(db) == written + 1


def test_a_batch_of_many_bytes_is_split_too(
    db: omendb.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_write, "WHOLE_BYTES", 1_000)
    monkeypatch.setattr(_write, "PART_BYTES", 400)
    metadata = [{"text": "x" * (i % 7), "tags": ["a"] * (i % 3)} for i in range(100)]
    ids = db.add(
        np.arange(200.0).reshape(100, 2), ids=[str(i) for i in range(100)], metadata=metadata
    )
    assert ids == [str(i) for i in range(100)]
    points = db.get(ids)
    assert [p and p["text"] for p in points] == [m["text"] for m in metadata]
    assert [p and p["tags"] for p in points] == [m["tags"] for m in metadata]
