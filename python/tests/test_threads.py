"""Many threads on one database, and the GIL out of the way."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import omendb


def test_searches_run_beside_adds_and_see_only_whole_batches(path: Path) -> None:
    rng = np.random.default_rng(3)
    done = threading.Event()
    wrong: list[str] = []

    with omendb.open(path, durability="interval(5)", memtable_mb=0.5) as db:
        db.add(rng.standard_normal((100, 32), dtype=np.float32), metadata={"batch": [0] * 100})

        def search() -> int:
            rounds = 0
            query = rng.standard_normal(32).astype(np.float32)
            while not done.is_set():
                if db.count() % 100 != 0:
                    wrong.append("a count saw half a batch")
                result = db.search(query, k=10)
                if len(result) != 10 or np.any(np.diff(result.distances) < 0):
                    wrong.append(repr(result))
                rounds += 1
            return rounds

        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(search) for _ in range(2)]
            for i in range(1, 60):
                rows = rng.standard_normal((100, 32), dtype=np.float32)
                db.add(rows, metadata={"batch": [i] * 100})
            done.set()
            rounds = [reader.result() for reader in readers]
        assert not wrong and min(rounds) > 0
        assert len(db) == 6_000
    with omendb.open(path) as db:
        assert len(db) == 6_000 and db.count("batch = 59") == 100


def test_writers_from_many_threads_lose_nothing(db: omendb.Database) -> None:
    def write(start: int) -> None:
        for i in range(start, start + 200, 20):
            db.add(np.full((20, 4), i, dtype=np.float32), ids=range(i, i + 20))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(0, 1_600, 200)))
    assert len(db) == 1_600
    assert sorted(i for b in db.scan() for i in b.ids.tolist()) == list(range(1_600))


def test_the_gil_is_free_while_the_engine_works(db: omendb.Database) -> None:
    """A Python loop goes on counting while another thread is inside one long search.

    With the GIL held, the loop could not run at all between the search's start and end.
    """
    rng = np.random.default_rng(4)
    db.add(rng.standard_normal((20_000, 64), dtype=np.float32))
    queries = rng.standard_normal((1_500, 64), dtype=np.float32)
    span: list[float] = []

    def search() -> None:
        start = time.perf_counter()
        db.search(queries, k=10, exact=True)
        span.extend((start, time.perf_counter()))

    thread = threading.Thread(target=search)
    ticks: list[float] = []
    thread.start()
    while thread.is_alive():
        ticks.append(time.perf_counter())
    thread.join()
    length = span[1] - span[0]
    inside = [t for t in ticks if span[0] + 0.3 * length < t < span[1] - 0.3 * length]
    assert len(inside) > 10, f"{len(inside)} ticks in the middle of a search of {length:.3f} s"


def test_closing_while_others_search_is_clean(path: Path) -> None:
    for _ in range(5):
        db = omendb.open(path)
        if len(db) == 0:
            db.add(np.random.default_rng(6).standard_normal((2_000, 16), dtype=np.float32))
        refused: list[bool] = []

        def search(db: omendb.Database = db, refused: list[bool] = refused) -> None:
            try:
                while True:
                    assert len(db.search(np.zeros(16, dtype=np.float32), k=5)) == 5
            except omendb.ClosedError:
                refused.append(True)

        threads = [threading.Thread(target=search) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)
        db.close()
        for thread in threads:
            thread.join()
        assert refused == [True, True]


def test_one_scan_may_be_shared_by_threads(line: omendb.Database) -> None:
    line.add(np.zeros((990, 2), dtype=np.float32), ids=range(10, 1_000))
    scan = line.scan(batch_size=10)
    lock = threading.Lock()
    seen: list[int] = []

    def take() -> None:
        while True:
            with lock:  # a Python generator is not re-entrant; the engine's scan is
                batch = next(scan, None)
            if batch is None:
                return
            seen.extend(batch.ids.tolist())

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(take) for _ in range(3)]:
            future.result()
    assert sorted(seen) == list(range(1_000))
