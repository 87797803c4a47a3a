"""hnswlib: its HNSW graph with the parameters of its README. Searches use one thread."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import hnswlib
import numpy as np


class HnswlibGraph:
    modes: ClassVar[dict[str, dict[str, object]]] = {
        f"ef {ef}": {"ef": ef} for ef in (10, 20, 40, 80, 160, 320)
    }

    def __init__(self, path: Path) -> None:
        self.path = path

    def build(self, vectors: np.ndarray) -> None:
        self.dim = vectors.shape[1]
        self.index = hnswlib.Index(space="l2", dim=self.dim)
        self.index.init_index(max_elements=len(vectors), M=16, ef_construction=200)
        self.index.add_items(vectors, np.arange(len(vectors)))
        self.index.set_num_threads(1)

    def search(self, queries: np.ndarray, k: int, ef: int = 80) -> np.ndarray:
        self.index.set_ef(max(ef, k))
        return self.index.knn_query(queries, k=k)[0]

    def save(self) -> None:
        self.index.save_index(str(self.path))

    def reopen(self) -> None:
        self.index = hnswlib.Index(space="l2", dim=self.dim)
        self.index.load_index(str(self.path))
        self.index.set_num_threads(1)

    def close(self) -> None:
        del self.index


make = HnswlibGraph
