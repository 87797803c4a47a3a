"""The engines that are measured. Each is one file with one class that satisfies `Engine`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

NAMES = ["omendb", "faiss", "hnswlib", "hnsw", "usearch"]


class Engine(Protocol):
    """A set of f32 vectors under squared Euclidean distance; vector i has id i. One thread."""

    # What can be asked of search(): label to keyword arguments.
    modes: ClassVar[dict[str, dict[str, object]]]

    def build(self, vectors: np.ndarray) -> None: ...

    def search(self, queries: np.ndarray, k: int, **mode: object) -> np.ndarray:
        """The ids found for each query: q x k."""
        ...

    def save(self) -> None:
        """Makes everything durable under the path given to the constructor."""
        ...

    def close(self) -> None: ...

    def reopen(self) -> None:
        """Takes a fresh object from what save() left, to where it can be searched."""
        ...


def create(name: str, path: Path) -> Engine:
    """The engine by its name; what it keeps goes under `path`, which does not exist yet."""
    engine: Engine = importlib.import_module(f"engines.{name}_engine").make(path)
    return engine
