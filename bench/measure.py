"""Time, memory and recall, measured the same way for every engine."""

from __future__ import annotations

import ctypes
import gc
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def summary(values: list[float]) -> dict[str, float]:
    """Median, lowest and highest of several rounds, and how many there were."""
    return {
        "median": statistics.median(values),
        "low": min(values),
        "high": max(values),
        "rounds": len(values),
    }


def percentiles(values: list[float]) -> dict[str, float]:
    p50, p90, p99 = np.percentile(values, [50, 90, 99])
    return {"p50": float(p50), "p90": float(p90), "p99": float(p99), "max": max(values)}


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    """The share of the true neighbours among those found, over all queries."""
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True))
    return hits / truth.size


def pin_to_one_core() -> int:
    """Keeps this process, and the threads it starts from now on, on one core."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def resident_bytes() -> dict[str, int]:
    """What this process holds in memory, after giving back what the allocator kept for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())

    def kib(name: str) -> int:
        return int(fields[name].split()[0]) * 1024

    return {"total": kib("VmRSS"), "anonymous": kib("RssAnon"), "mapped": kib("RssFile")}


def bytes_on_disk(path: Path) -> int:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)
