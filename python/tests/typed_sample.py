"""A program that mypy --strict must accept: what the type stubs promise to users."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import omendb
from numpy.typing import NDArray


def sample(folder: Path, vectors: NDArray[np.float32]) -> list[int | str]:
    with omendb.open(folder, durability="interval(50)", create=True, memtable_mb=8) as db:
        docs: omendb.Collection = db.collection("docs", dim=4, metric="cosine", dtype="f32")
        docs.add(vectors, metadata=[{"year": 2020}])
        info: omendb.CollectionInfo = docs.info()
        dim: int = info.dim
        one: omendb.Result = docs.search([1.0] * dim, k=3, where={"year": 2020})
        hit: omendb.Hit = one[0]
        distances: NDArray[np.float32] = one.distances
        point: omendb.Point | None = docs.get(1)
        points: list[omendb.Point | None] = docs.get([1, 2])
        for batch in docs.scan("year > 2000", batch_size=10):
            names: list[str] = batch.columns
            assert names
        deleted: int = docs.delete(where="true")
        try:
            db.count("year >")
        except omendb.FilterError as error:
            column: int | None = error.column
            assert column
        report: omendb.RecallReport = docs.measure_recall(sample=10, k=5, recall=0.9)
        share: float = report.recall
        assert deleted and point and points and share and hit.distance == distances[0]
        return [hit.id for hit in one]
