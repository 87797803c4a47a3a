"""A real file system without room: writes are refused whole and go on when there is room again."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import omendb
import pytest
from omendb import errors


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(tmp_path)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if made.returncode != 0:
        pytest.skip(f"only root may mount a file system: {made.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_refuses_writes_and_takes_them_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    vectors = np.random.default_rng(3).standard_normal((500, 128), dtype=np.float32)
    db = omendb.open(small_disk / "db")
    written = 0
    with pytest.raises(omendb.NoSpaceError) as full:
        while True:
            db.add(vectors, ids=range(written, written + 500))
            written += 500
    assert full.value.errno == errno.ENOSPC
    assert written > 0
    assert len(db) == written
    assert db.search(vectors[3], k=1)[0].distance == 0
    with pytest.raises(omendb.NoSpaceError):
        db.add(vectors, ids=range(written, written + 500))

    ballast.unlink()
    db.add(vectors, ids=range(written, written + 500))  # not reopened
    written += 500
    assert len(db) == written
    db.delete(range(1000))
    grown = ["mount", "-o", "remount,size=64m", str(small_disk)]
    subprocess.run(grown, check=True)  # close() writes a segment
    db.close()
    with omendb.open(small_disk / "db") as again:
        assert len(again) == written - 1000
        assert again.get(written - 1) is not None


FILE_SIZE_LIMIT = """
import resource, signal, sys
import numpy as np
import omendb
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # as in a program that is not Python: it kills
db = omendb.open(sys.argv[1])
vectors = np.random.default_rng(3).standard_normal((500, 128), dtype=np.float32)
db.add(vectors)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
try:
    while True:
        db.add(vectors)
except omendb.NoSpaceError as error:
    assert "file size limit" in str(error), error
    assert "ulimit -f" in str(error), error
written = len(db)
assert db.search(vectors[3], k=1)[0].distance == 0
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
db.add(vectors)
db.close()
with omendb.open(sys.argv[1]) as again:
    assert len(again) == written + 500
"""


def test_a_file_size_limit_is_named_and_kills_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILE_SIZE_LIMIT, str(tmp_path / "db")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_memory_is_a_memory_error() -> None:
    error = errors.from_status(20, "out of memory")
    assert isinstance(error, MemoryError)
    assert isinstance(error, omendb.OutOfMemoryError)
