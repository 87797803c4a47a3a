"""usearch: its exact search over a matrix, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from usearch.index import MetricKind, search


class UsearchExact:
    modes: ClassVar[dict[str, dict[str, object]]] = {"exact": {}}

    def __init__(self, path: Path) -> None:
        self.path = path.with_suffix(".npy")

    def build(self, vectors: np.ndarray) -> None:
        self.matrix = vectors.copy()

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        found = search(self.matrix, queries, k, MetricKind.L2sq, exact=True, threads=1)
        return found.keys.reshape(-1, k)

    def save(self) -> None:
        np.save(self.path, self.matrix)

    def reopen(self) -> None:
        self.matrix = np.load(self.path)

    def close(self) -> None:
        del self.matrix


make = UsearchExact
