"""A database belongs to the process that opened it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
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


@contextlib.contextmanager
def holder_with_child(path: Path, then: str) -> Iterator[subprocess.Popen[str]]:
    """A process that opened a database, forked a child that lives on, and did `then`."""
    script = f"""
import os, sys, time
import omendb
db = omendb.open({str(path)!r})
db.add([[1.0, 2.0]])
if (child := os.fork()) == 0:
    time.sleep(600)
{then}
print(child, flush=True)
time.sleep(600)
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            yield holder
        finally:
            holder.kill()
            os.kill(child, signal.SIGKILL)


def test_a_closed_database_is_free_though_a_forked_child_lives(tmp_path: Path) -> None:
    with holder_with_child(tmp_path / "db", "db.close()"), omendb.open(tmp_path / "db") as db:
        assert len(db) == 1


def test_a_killed_process_leaves_its_database_free_though_a_forked_child_lives(
    tmp_path: Path,
) -> None:
    with holder_with_child(tmp_path / "db", "") as holder:
        with pytest.raises(omendb.LockedError):
            omendb.open(tmp_path / "db")
        holder.kill()
        holder.wait()
        with omendb.open(tmp_path / "db") as db:
            assert len(db) == 1


@pytest.fixture
def on_alarm() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Says what a signal does that arrives 50 ms later."""

    def arm(act: Callable[[], object]) -> None:
        signal.signal(signal.SIGALRM, lambda *_: act())
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    before = signal.getsignal(signal.SIGALRM)
    try:
        yield arm
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_is_handled_while_opening_waits_for_the_lock(
    tmp_path: Path, on_alarm: Callable[[Callable[[], object]], None]
) -> None:
    holder = omendb.open(tmp_path / "db")
    on_alarm(holder.close)  # the wait ends well only if the handler runs during it
    with omendb.open(tmp_path / "db", timeout=4) as db:
        assert len(db) == 0


def test_opening_waits_for_the_lock_up_to_the_timeout(tmp_path: Path) -> None:
    db = omendb.open(tmp_path / "db")
    with pytest.raises(omendb.LockedError, match="after 20 ms"):
        omendb.open(tmp_path / "db", timeout=0.02)
    with pytest.raises(omendb.LockedError, match="after 450 ms"):
        omendb.open(tmp_path / "db", timeout=0.45)
    closing = threading.Timer(0.1, db.close)
    closing.start()
    omendb.open(tmp_path / "db", timeout=60).close()
    closing.join()
    for wrong in (-1, 1e9, float("nan"), "5", True, None):
        with pytest.raises(omendb.InvalidArgumentError, match="timeout"):
            omendb.open(tmp_path / "db", timeout=wrong)  # type: ignore[arg-type]
