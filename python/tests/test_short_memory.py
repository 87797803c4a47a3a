"""A shortage of memory is a MemoryError, wherever it comes up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import resource, sys
import numpy as np, omendb, pyarrow as pa

def used():
    pages = int(open("/proc/self/statm").read().split()[0])
    return pages * resource.getpagesize()

with omendb.open(sys.argv[1]) as db:
    db.add(np.ones((60_000, 256), dtype=np.float32))
    reader = pa.RecordBatchReader.from_stream(db.scan(batch_size=30_000))
    reader.read_next_batch()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used() + (1 << 20), limits[1]))
    try:
        reader.read_next_batch()
    except BaseException as error:
        caught = error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert isinstance(caught, MemoryError), repr(caught)
    assert len(db) == 60_000
"""


def test_a_stream_that_runs_out_of_memory_raises_a_memory_error(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "db")], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
