"""check() and repair() of a database folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import omendb
import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "v.db"
    with omendb.open(path) as db:
        vectors = np.random.default_rng(5).random((4_000, 16), dtype=np.float32)
        db.add(vectors, metadata=[{"n": i} for i in range(4_000)])
    return path


def flip(file: Path, offset: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(offset)
        byte = opened.read(1)
        opened.seek(offset)
        opened.write(bytes([byte[0] ^ 1]))


def test_a_sound_database_is_said_to_be_sound(folder: Path) -> None:
    report = omendb.check(folder)
    assert report.sound and report.problems == []
    assert (report.collections, report.points, report.files) == (1, 4_000, 2)
    assert report.bytes > 4_000 * 64


def test_damage_is_reported_and_what_is_sound_is_saved(folder: Path, tmp_path: Path) -> None:
    (segment,) = (folder / "segments").glob("*.seg")
    flip(segment, segment.stat().st_size // 3)
    report = omendb.check(str(folder))
    assert not report.sound
    assert segment.name in report.problems[0]
    repaired = omendb.repair(folder, tmp_path / "saved.db")
    assert not repaired.complete and segment.name in repaired.lost[0]
    assert 3_400 < repaired.points < 4_000
    assert omendb.check(tmp_path / "saved.db").sound
    with omendb.open(tmp_path / "saved.db") as db:
        assert len(db) == repaired.points
        for point in db.get([0, 3_999]):
            assert point is not None
    assert omendb.check(folder).problems == report.problems  # the damaged folder is as it was


def test_a_folder_that_may_only_be_read_is_checked(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert omendb.check(folder).sound
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_what_is_no_database_raises(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(omendb.NotFoundError):
        omendb.check(tmp_path / "none")
    with pytest.raises(omendb.NotFoundError):
        omendb.repair(tmp_path / "none", tmp_path / "into")
    with pytest.raises(omendb.AlreadyExistsError):
        omendb.repair(folder, tmp_path)
    with pytest.raises(omendb.TypeMismatchError):
        omendb.check(7)  # type: ignore[arg-type]
