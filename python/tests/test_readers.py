"""Databases opened with ``mode="r"``, beside the process that writes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import omendb
import pytest


def test_a_reader_sees_each_write_on_its_next_call(tmp_path: Path) -> None:
    with omendb.open(tmp_path / "db") as writer, omendb.open(tmp_path / "db", mode="r") as reader:
        assert len(reader) == 0 and reader.collections() == []
        writer.add(np.eye(8, dtype=np.float32), metadata={"n": list(range(8))})
        assert len(reader) == 8
        assert reader.search(np.eye(8, dtype=np.float32)[3], k=1)[0].id == 3
        writer.delete([3])
        assert reader.get(3) is None and reader.count("n > 4") == 3
        docs = writer.collection("docs", dim=2, metric="cosine")
        docs.add([[1.0, 0.0]], ids=["a"])
        there = reader.collection("docs")
        assert there.info() == docs.info() and there.get("a") is not None
        writer.compact()
        assert reader.info() == writer.info()


def test_a_reader_takes_what_the_writer_makes_of_the_default_collection(tmp_path: Path) -> None:
    with omendb.open(tmp_path / "db") as writer, omendb.open(tmp_path / "db", mode="r") as reader:
        assert len(reader) == 0
        bits = np.eye(16, dtype=bool)
        binary = writer.collection("default", dtype="binary", metric="hamming")
        binary.add(bits)
        assert reader.search(bits[5], k=1)[0].id == 5


def test_a_readers_handle_goes_by_what_the_writer_declared_since(tmp_path: Path) -> None:
    with omendb.open(tmp_path / "db") as writer, omendb.open(tmp_path / "db", mode="r") as reader:
        writer.collection("docs")
        docs = reader.collection("docs")
        assert len(docs.search([1.0, 2.0])) == 0  # f32 for all that is known
        writer.collection("docs", dtype="binary").add(np.eye(16, dtype=bool), ids=range(16))
        hit = docs.search(np.eye(16, dtype=bool)[5], k=1, vectors=True)[0]
        assert (hit.id, hit.score) == (5, 1) and hit.vector.dtype == np.uint8
        writer.drop("docs")
        with pytest.raises(omendb.NotFoundError):
            docs.get(5)
        writer.collection("docs", dtype="i8", metric="ip").add([[1, -2, 3]], ids=["a"])
        point = docs.get("a")
        assert point is not None and point.vector is not None
        assert point.vector.dtype == np.int8 and point.vector.tolist() == [1, -2, 3]
        assert docs.search([1, -2, 3], k=1)[0].score == 14
        writer.drop("docs")
        writer.collection("docs", vectors={"title": 2}).add({"title": [[3.0, 4.0]]}, ids=[9])
        assert docs.search([3.0, 4.0], k=1)[0].id == 9
        (batch,) = docs.scan(vectors=True)
        assert batch.vectors["title"].tolist() == [[3.0, 4.0]]


def test_every_write_of_a_reader_is_refused(tmp_path: Path) -> None:
    omendb.open(tmp_path / "db").close()
    with omendb.open(tmp_path / "db", mode="r") as reader:
        for write in (
            lambda: reader.add([[1.0]]),
            lambda: reader.upsert([[1.0]]),
            lambda: reader.delete([1]),
            lambda: reader.delete(where="true"),
            lambda: reader.compact(),
            lambda: reader.drop("default"),
        ):
            with pytest.raises(omendb.ReadOnlyError, match='mode "r"'):
                write()
        with pytest.raises(omendb.NotFoundError, match="a reader cannot create it"):
            reader.collection("new", dim=3)


def test_a_reader_makes_no_folder_and_wants_one_of_the_modes(tmp_path: Path) -> None:
    with pytest.raises(omendb.NotFoundError, match="there is no database"):
        omendb.open(tmp_path / "none", mode="r")
    assert not (tmp_path / "none").exists()
    for mode in ("w", "", None, 1):
        with pytest.raises(omendb.InvalidArgumentError, match='expected "r" or "rw"'):
            omendb.open(tmp_path / "none", mode=mode)  # type: ignore[arg-type]


def test_the_error_of_a_second_writer_tells_of_readers(tmp_path: Path) -> None:
    with (
        omendb.open(tmp_path / "db"),
        pytest.raises(omendb.LockedError, match=r'held by pid .*mode "r"'),
    ):
        omendb.open(tmp_path / "db")


def test_a_reader_goes_over_to_a_folder_that_takes_the_place_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with omendb.open(path) as old, omendb.open(tmp_path / "next") as new:
        old.add(np.full((5, 2), 1.0), ids=range(5))
        new.add(np.full((2, 2), 2.0), ids=[100, 101])
    with omendb.open(path, mode="r") as reader:
        assert len(reader) == 5
        path.rename(tmp_path / "old")
        with pytest.raises(omendb.NotFoundError, match=str(path)):
            len(reader)
        (tmp_path / "next").rename(path)
        with omendb.open(path) as writer:
            writer.add(np.full((1, 2), 3.0), ids=[102])
            ids = [point.id for batch in reader.scan() for point in batch]
            assert sorted(ids) == [100, 101, 102]


def test_a_reader_goes_back_to_a_backup_that_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with omendb.open(path) as writer:
        writer.add(np.ones((5, 2)))
    with omendb.open(path) as writer:
        writer.snapshot(tmp_path / "backup")
        writer.add(np.ones((3, 2)))
        reader = omendb.open(path, mode="r")
        assert len(reader) == 8
    shutil.rmtree(path)
    shutil.copytree(tmp_path / "backup", path)
    with omendb.open(path) as writer:
        writer.add(np.ones((1, 2)))
        assert len(reader) == len(writer) == 6
    reader.close()


def test_readers_in_other_processes_see_each_write(tmp_path: Path) -> None:
    script = f"""
import sys, omendb
db = omendb.open({str(tmp_path / "db")!r}, mode="r")
for line in sys.stdin:
    print(len(db), flush=True)
"""
    with omendb.open(tmp_path / "db") as writer:
        command = [sys.executable, "-c", script]
        pipes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        for count in range(1, 20):
            writer.add([[float(count)]])
            if count % 7 == 0:
                writer.compact()
            for pipe in pipes:
                assert pipe.stdin is not None and pipe.stdout is not None
                pipe.stdin.write("\n")
                pipe.stdin.flush()
                assert int(pipe.stdout.readline()) == count
        for pipe in pipes:
            pipe.communicate()
            assert pipe.returncode == 0
