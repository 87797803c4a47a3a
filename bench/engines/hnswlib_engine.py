"""hnswlib: BFIndex, its flat index, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import hnswlib
import numpy as np


class HnswlibFlat:
    modes: ClassVar[dict[str, dict[str, object]]] = {"exact": {}}

    def __init__(self, path: Path) -> None:
        self.path = path

    def build(self, vectors: np.ndarray) -> None:
        self.index = hnswlib.BFIndex(space="l2", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors))
        self.index.set_num_threads(1)
        self.index.add_items(vectors, np.arange(len(vectors)))
        self.dim, self.count = vectors.shape[1], len(vectors)

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        return self.index.knn_query(queries, k=k)[0]

    def save(self) -> None:
        self.index.save_index(str(self.path))
        self.path.with_suffix(".shape").write_text(f"{self.dim} {self.count}")

    def reopen(self) -> None:
        self.dim, self.count = map(int, self.path.with_suffix(".shape").read_text().split())
        self.index = hnswlib.BFIndex(space="l2", dim=self.dim)
        self.index.load_index(str(self.path), max_elements=self.count)
        self.index.set_num_threads(1)

    def close(self) -> None:
        del self.index


make = HnswlibFlat
