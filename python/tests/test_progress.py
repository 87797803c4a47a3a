"""Work in the background shows how far it is."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import numpy as np
import omendb

ROWS = 50_000


def test_a_build_is_seen_growing(tmp_path: Path) -> None:
    vectors = np.random.default_rng(5).standard_normal((ROWS, 16), dtype=np.float32)
    seen: list[omendb.Job] = []
    with omendb.open(tmp_path / "db") as db:
        db.add(vectors)
        db.compact()  # one segment, large enough for partitions and a graph
        waiting = threading.Thread(target=db.optimize)
        waiting.start()
        while waiting.is_alive():
            seen.extend(db.info().jobs)
            time.sleep(0.002)
        waiting.join()
        assert db.info().jobs == ()
    builds = [job for job in seen if job.kind == "index"]
    assert builds
    assert all(0 <= job.rows_done <= job.rows_total == ROWS for job in builds)
    assert any(0 < job.rows_done < ROWS for job in builds)
    # From one look to the next it grows, unless another build has begun from nothing.
    falls = sum(a.rows_done > b.rows_done for a, b in itertools.pairwise(builds))
    assert falls <= 2, "partitions, then a graph"
