"""What a figure depends on: the machine, its instruction sets, and the versions of everything."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

ISA_FLAGS = [
    "sse4_2",
    "avx2",
    "fma",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx512_vpopcntdq",
    "asimd",
]
PACKAGES = ["omendb", "numpy", "faiss-cpu", "hnswlib", "usearch"]


def _cpuinfo(field: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.split(":")[0].strip() == field:
            return line.split(":", 1)[1].strip()
    return ""


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe() -> dict[str, object]:
    from omendb import _core

    flags = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpuinfo("model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "isa": [flag for flag in ISA_FLAGS if flag in flags],
        "omendb_isa": _core.active_isa(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }
