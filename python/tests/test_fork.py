"""A database belongs to the process that opened it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import omendb
import pytest


def in_child(work: Callable[[], None]) -> int:
    """Forks, runs `work` there, ends the child as a program ends, and returns its exit status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_child_is_refused_and_the_parent_loses_nothing(tmp_path: Path) -> None:
    with omendb.open(tmp_path / "db") as db:
        db.add(np.eye(16, dtype=np.float32))

        def use() -> None:
            with pytest.raises(omendb.ClosedError, match="before a fork"):
                db.add(np.ones((3, 16), dtype=np.float32))
            with pytest.raises(omendb.ClosedError, match="before a fork"):
                db.search(np.ones(16, dtype=np.float32))

        assert in_child(use) == 0
        db.add(np.ones((2, 16), dtype=np.float32))
    with omendb.open(tmp_path / "db") as db:
        assert len(db) == 18


@pytest.mark.parametrize("closed", [False, True])
def test_a_child_that_only_ends_does_not_wait_for_threads_that_are_not_there(closed: bool) -> None:
    script = f"""
import os, sys
import numpy as np, omendb
db = omendb.open(":memory:")
db.add(np.ones((20_000, 64), dtype=np.float32))
if {closed}:
    db.close()
pid = os.fork()
if pid == 0:
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert ended.returncode == 0
