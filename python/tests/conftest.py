from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import omendb
import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "vectors.db"


@pytest.fixture
def db(path: Path) -> Iterator[omendb.Database]:
    with omendb.open(path) as database:
        yield database


@pytest.fixture
def line(db: omendb.Database) -> omendb.Database:
    """Ten points on a line: id i at (i, 0), year 2000 + i, lang "en" for even i and absent else."""
    vectors = np.zeros((10, 2), dtype=np.float32)
    vectors[:, 0] = np.arange(10)
    metadata = [{"year": 2000 + i} | ({"lang": "en"} if i % 2 == 0 else {}) for i in range(10)]
    db.add(vectors, ids=range(10), metadata=metadata)
    return db
