"""A program ends in peace while daemon threads are inside the engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Daemon threads do `work` over and over while the main thread comes to its end.
PROGRAM = """
import datetime, threading, time
import numpy as np
import omendb

db = omendb.open(":memory:")
rows = np.random.default_rng(1).standard_normal((64, 32), dtype=np.float32)
db.add(rows, metadata={{"year": list(range(64))}})
moments = [{{"at": datetime.date(2024, 1, 1 + i % 28)}} for i in range(64)]

def search():
    assert len(db.search(rows[0], k=5)) == 5

def add():
    db.add(rows)

def convert():
    db.add(rows, metadata=moments)

def fail():
    try:
        db.search(rows[0, :8])
    except omendb.DimensionError:
        pass

def forever():
    while True:
        {work}()

for _ in range(4):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.05)
"""


@pytest.mark.parametrize("work", ["search", "add", "convert", "fail"])
def test_daemon_threads_inside_a_call_do_not_disturb_the_end_of_the_program(work: str) -> None:
    """A thread that may no longer have the GIL must stop where it is, not be unwound."""
    program = PROGRAM.format(work=work)
    for _ in range(5):
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, timeout=30, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, b"")


def test_an_older_exit_hook_may_still_wait_for_a_thread_that_calls_the_engine() -> None:
    """Hooks run last registered first, so this one finds the thread already held back."""
    program = """
import atexit, threading
stop = threading.Event()
atexit.register(lambda: (stop.set(), worker.join(), print("joined", len(db))))
import numpy as np, omendb
db = omendb.open(":memory:")
started = threading.Event()

def work():
    while not stop.is_set():
        db.upsert(np.ones((1, 4), dtype=np.float32), ids=[1])
        started.set()

worker = threading.Thread(target=work, daemon=True)
worker.start()
started.wait()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"joined 1\n", b"")
