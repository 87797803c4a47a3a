"""OmenDB: the exact scan, and the coded scan at several efforts."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import omendb

BATCH = 1_000


class OmenDb:
    modes: ClassVar[dict[str, dict[str, object]]] = {
        "exact": {"exact": True},
        "coded, recall .95": {"recall": 0.95},
        "coded, recall .99": {"recall": 0.99},
        "coded, effort 100": {"effort": 100},
        "coded, effort 500": {"effort": 500},
        "coded, effort 1000": {"effort": 1_000},
    }

    def __init__(self, path: Path) -> None:
        self.path = path

    def build(self, vectors: np.ndarray) -> None:
        """Adds without waiting for the disk; the `add` part measures durable adds."""
        self.db = omendb.open(self.path, durability="none")
        for at in range(0, len(vectors), BATCH):
            batch = vectors[at : at + BATCH]
            self.db.add(batch, ids=np.arange(at, at + len(batch), dtype=np.uint64))

    def search(self, queries: np.ndarray, k: int, **mode: object) -> np.ndarray:
        ids: np.ndarray = self.db.search(queries, k=k, **mode).to_numpy()[0]
        return ids.reshape(len(queries) if queries.ndim == 2 else 1, -1)

    def save(self) -> None:
        self.db.flush()

    def reopen(self) -> None:
        self.db = omendb.open(self.path)

    def close(self) -> None:
        self.db.close()


make = OmenDb
