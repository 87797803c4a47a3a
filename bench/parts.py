"""The parts of the benchmark. Each runs in a process of its own and returns plain JSON data."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import datasets
import engines
import measure
import numpy as np
from bare_writer import write_and_sync

BATCH = 1_000
Json = dict[str, object]


@dataclass
class Plan:
    """What one run measures."""

    data: Path | None
    queries: Path | None
    truth: Path | None
    folder: Path  # where databases are made; its disk is the one that is measured
    engines: list[str]
    k: int
    limit: int | None
    max_queries: int
    rounds: int
    round_seconds: float  # how long one engine searches in one round, roughly
    add_count: int
    mixed_seconds: float

    def load(self) -> datasets.DataSet:
        return datasets.load(
            self.data,
            self.queries,
            self.truth,
            k=self.k,
            limit=self.limit,
            max_queries=self.max_queries,
        )

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield path
        finally:
            shutil.rmtree(path)


# --- add -----------------------------------------------------------------------------------------


def _add_in_threads(db: object, vectors: np.ndarray, threads: int) -> None:
    """Adds the vectors in batches that the threads take in turn."""
    starts = iter(range(0, len(vectors), BATCH))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                with lock:
                    at = next(starts, None)
                if at is None:
                    return
                batch = vectors[at : at + BATCH]
                db.add(batch, ids=np.arange(at, at + len(batch), dtype=np.uint64))
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]


def measure_add(plan: Plan) -> list[Json]:
    """Vectors/s added by OmenDB in each mode, and by a bare loop that syncs the same bytes."""
    import omendb

    base = plan.load().base
    vectors = np.resize(base, (plan.add_count, base.shape[1]))
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(plan.rounds):
        with plan.scratch() as folder:
            taken = measure.seconds(lambda: write_and_sync(folder / "bare", vectors, BATCH))
            rates.setdefault(("bare write + fdatasync", 1), []).append(len(vectors) / taken)
        for durability in ("sync", "interval", "none"):
            for threads in (1, 4):
                with (
                    plan.scratch() as folder,
                    omendb.open(folder / "db", durability=durability) as db,
                ):
                    taken = measure.seconds(lambda: _add_in_threads(db, vectors, threads))  # noqa: B023
                rates.setdefault((durability, threads), []).append(len(vectors) / taken)
    return [
        {"mode": mode, "threads": threads, "vectors_per_second": measure.summary(values)}
        for (mode, threads), values in rates.items()
    ]


# --- search --------------------------------------------------------------------------------------


def _queries_that_fit(
    search: Callable[[np.ndarray], object], queries: np.ndarray, budget: float
) -> int:
    """How many single queries fill the budget, by timing a few; at least ten."""
    search(queries[:1])
    few = queries[: min(5, len(queries))]
    each = measure.seconds(lambda: [search(query[None]) for query in few]) / len(few)
    return int(min(len(queries), max(10, budget / each)))


def _seconds_each(work: Callable[[], object], budget: float) -> float:
    """Mean time of `work`, done again and again until the budget is spent; once at least."""
    taken = measure.seconds(work)
    times = max(1, round(budget / taken))
    return (taken + measure.seconds(lambda: [work() for _ in range(times - 1)])) / times


def measure_search(plan: Plan) -> list[Json]:
    """Time of a query, alone and in batches, with its recall; engines take turns, on one core."""
    measure.pin_to_one_core()
    data = plan.load()
    # As often as it takes to make a batch.
    queries = np.resize(data.queries, (plan.max_queries, data.queries.shape[1]))
    truth = np.resize(data.truth, (plan.max_queries, data.truth.shape[1]))
    with plan.scratch() as folder:
        contestants = []
        for name in plan.engines:
            engine = engines.create(name, folder / name)
            engine.build(data.base)
            for label, mode in engine.modes.items():

                def search(queries, engine=engine, mode=mode):
                    return engine.search(queries, plan.k, **mode)

                size = _queries_that_fit(search, queries, plan.round_seconds)
                found = search(queries[:size])
                contestants.append((name, label, search, size, found, [], []))
        for _ in range(plan.rounds):
            for _, _, search, size, _, single, batch in contestants:
                some = queries[:size]
                for results, work in (
                    (single, lambda: [search(q[None]) for q in some]),  # noqa: B023
                    (batch, lambda: search(some)),  # noqa: B023
                ):
                    results.append(_seconds_each(work, plan.round_seconds) / size * 1e6)
    return [
        {
            "engine": name,
            "mode": label,
            "vectors": len(data.base),
            "queries": size,
            f"recall@{plan.k}": measure.recall(found, truth[:size]),
            "single_us": measure.summary(single),
            "batch_us": measure.summary(batch),
        }
        for name, label, _, size, found, single, batch in contestants
    ]


# --- footprint -----------------------------------------------------------------------------------


def measure_build(plan: Plan, name: str, path: Path) -> Json:
    """Builds the engine, saves it under `path` and leaves it there."""
    data = plan.load()
    engine = engines.create(name, path)
    before = measure.resident_bytes()
    taken = measure.seconds(lambda: engine.build(data.base))
    grown = measure.resident_bytes()["total"] - before["total"]
    engine.save()
    engine.close()
    disk = sum(measure.bytes_on_disk(p) for p in path.parent.glob(f"{path.name}*"))
    return {
        "engine": name,
        "vectors": len(data.base),
        "vector_bytes": data.base.nbytes,
        "build_vectors_per_second": len(data.base) / taken,
        "resident_after_build": grown,
        "disk_bytes": disk,
    }


def measure_reopen(plan: Plan, name: str, path: Path) -> Json:
    """Opens what measure_build() left, in a process that has nothing else in memory."""
    queries = datasets.read_matrix(plan.queries or datasets.FIXTURE / "query.u8bin", 1)
    query = np.ascontiguousarray(queries, dtype=np.float32)
    engine = engines.create(name, path)
    mode = next(iter(engine.modes.values()))
    before = measure.resident_bytes()
    opened = measure.seconds(engine.reopen)
    after = measure.resident_bytes()
    first = measure.seconds(lambda: engine.search(query, plan.k, **mode))
    searched = measure.resident_bytes()
    engine.close()
    return {
        "reopen_ms": opened * 1e3,
        "resident_after_open": after["total"] - before["total"],
        "first_exact_query_ms": first * 1e3,
        "anonymous_after_query": searched["anonymous"] - before["anonymous"],
        "mapped_after_query": searched["mapped"] - before["mapped"],
    }


# --- collections ---------------------------------------------------------------------------------

COLLECTIONS = 600


def measure_collections(plan: Plan) -> Json:
    """A database of many collections, with durable writes; and the log of one that is idle."""
    import omendb

    point = np.ones((1, 8), dtype=np.float32)
    taken: dict[str, list[float]] = {"create_and_write": [], "close": [], "open_again": []}

    def create_and_write(db: omendb.Database) -> None:
        for i in range(COLLECTIONS):
            db.collection(f"c{i}").add(point)

    for _ in range(plan.rounds):
        with plan.scratch() as folder:
            db = omendb.open(folder / "db")
            taken["create_and_write"].append(measure.seconds(lambda db=db: create_and_write(db)))
            taken["close"].append(measure.seconds(db.close))
            start = time.perf_counter()
            db = omendb.open(folder / "db")
            taken["open_again"].append(time.perf_counter() - start)
            db.close()
    milliseconds = {
        name: measure.summary([each * 1e3 for each in runs]) for name, runs in taken.items()
    }
    return {"collections": COLLECTIONS, "ms": milliseconds, "idle_log_bytes": _idle_log(plan)}


def _idle_log(plan: Plan) -> int:
    """Bytes of log files a while after 400 MB were written in one go."""
    import omendb

    with plan.scratch() as folder, omendb.open(folder / "db", durability="none") as db:
        rows = np.ones((BATCH, 1_000), dtype=np.float32)
        for _ in range(100):
            db.collection("docs").add(rows)
        db.collection("docs").compact()
        time.sleep(6)
        return measure.bytes_on_disk(folder / "db" / "wal")


# --- mixed ---------------------------------------------------------------------------------------


def _search_for(db: object, queries: np.ndarray, k: int, seconds: float, out: list[float]) -> None:
    end = time.perf_counter() + seconds
    for i in count():
        start = time.perf_counter()
        if start >= end:
            return
        db.search(queries[i % len(queries)], k=k)
        out.append((time.perf_counter() - start) * 1e3)


def _two_searchers(
    db: object, plan: Plan, queries: np.ndarray
) -> tuple[list[threading.Thread], list]:
    latencies: list[list[float]] = [[], []]
    threads = [
        threading.Thread(target=_search_for, args=(db, queries, plan.k, plan.mixed_seconds, out))
        for out in latencies
    ]
    return threads, latencies


def _variations(base: np.ndarray, count: int) -> np.ndarray:
    """Other vectors like these: no two the same, or searches would rank thousands of equals."""
    noise = np.random.default_rng(1).standard_normal((count, base.shape[1]), dtype=np.float32)
    return np.resize(base, noise.shape) + noise * (0.1 * base.std())


def measure_mixed(plan: Plan) -> Json:
    """Latencies of two searching threads while a third adds durably, and while nobody adds."""
    import omendb

    data = plan.load()
    more = _variations(data.base, 100_000)
    result: Json = {}
    with plan.scratch() as folder, omendb.open(folder / "db") as db:
        for at in range(0, len(data.base), BATCH):
            db.add(data.base[at : at + BATCH])
        adds: list[float] = []
        for label in ("idle", "while adding"):
            threads, latencies = _two_searchers(db, plan, data.queries)
            for thread in threads:
                thread.start()
            while label == "while adding" and any(thread.is_alive() for thread in threads):
                at = len(adds) * BATCH % len(more)
                batch = more[at : at + BATCH]
                adds.append(measure.seconds(lambda: db.add(batch)) * 1e3)  # noqa: B023
            for thread in threads:
                thread.join()
            result[label] = measure.percentiles(latencies[0] + latencies[1])
            result[f"searches, {label}"] = len(latencies[0]) + len(latencies[1])
        result["add_ms"] = measure.percentiles(adds)
    return result
