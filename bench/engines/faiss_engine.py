"""faiss: IndexFlatL2, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import faiss
import numpy as np


class FaissFlat:
    modes: ClassVar[dict[str, dict[str, object]]] = {"exact": {}}

    def __init__(self, path: Path) -> None:
        faiss.omp_set_num_threads(1)
        self.path = path

    def build(self, vectors: np.ndarray) -> None:
        self.index = faiss.IndexFlatL2(vectors.shape[1])
        self.index.add(vectors)

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        return self.index.search(queries, k)[1]

    def save(self) -> None:
        faiss.write_index(self.index, str(self.path))

    def reopen(self) -> None:
        self.index = faiss.read_index(str(self.path))

    def close(self) -> None:
        del self.index


make = FaissFlat
