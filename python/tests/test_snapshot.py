"""Copies of a live database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import omendb
import pytest


@pytest.fixture
def db(tmp_path: Path) -> omendb.Database:
    db = omendb.open(tmp_path / "v.db")
    vectors = np.random.default_rng(5).random((2_000, 16), dtype=np.float32)
    db.add(vectors, metadata=[{"n": i} for i in range(2_000)])
    return db


def test_a_snapshot_opens_like_any_database_and_stays_as_it_was(
    db: omendb.Database, tmp_path: Path
) -> None:
    db.delete(where="n < 100")
    db.snapshot(tmp_path / "copy.db")
    db.delete(where="n < 500")
    with omendb.open(tmp_path / "copy.db", create=False) as copy:
        assert len(copy) == 1_900
        assert copy.count(where="n < 500") == 400
        copy.delete(where="n >= 100")
        assert len(copy) == 0
    assert len(db) == 1_500


def test_a_database_in_memory_is_saved_by_a_snapshot(tmp_path: Path) -> None:
    with omendb.open(":memory:") as db:
        db.add(np.eye(4, dtype=np.float32))
        steps: list[tuple[int, int]] = []
        db.snapshot(
            str(tmp_path / "saved.db"), progress=lambda done, total: steps.append((done, total))
        )
    assert steps[-1][0] == steps[-1][1] > 0
    with omendb.open(tmp_path / "saved.db") as saved:
        assert len(saved) == 4


def test_what_progress_raises_comes_out_and_false_gives_up(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop(f"{done} of {total}")

    with omendb.open(":memory:") as db:
        db.add(np.eye(4, dtype=np.float32))
        with pytest.raises(Stop):
            db.snapshot(tmp_path / "a", progress=stop)
        with pytest.raises(omendb.CancelledError, match="given up"):
            db.snapshot(tmp_path / "a", progress=lambda done, total: False)
        with pytest.raises(omendb.TypeMismatchError, match="progress"):
            db.snapshot(tmp_path / "a", progress=3)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_snapshot_writes_over_nothing(db: omendb.Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for taken in (tmp_path / "file", tmp_path):
        with pytest.raises(omendb.AlreadyExistsError, match="exists"):
            db.snapshot(taken)
    with pytest.raises(omendb.InvalidArgumentError, match="inside"):
        db.snapshot(tmp_path / "v.db" / "copy")
    with pytest.raises(omendb.NotFoundError):
        db.snapshot(tmp_path / "no" / "parent")
    assert (tmp_path / "file").read_text() == "mine"
