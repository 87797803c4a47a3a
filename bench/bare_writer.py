"""The yardstick for durable adds: a bare loop that writes and syncs the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


def write_and_sync(path: Path, vectors: np.ndarray, batch: int) -> None:
    """Appends `batch` vectors at a time to a new file, with fdatasync after each."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for at in range(0, len(vectors), batch):
            data = memoryview(np.ascontiguousarray(vectors[at : at + batch])).cast("B")
            while data:
                data = data[os.write(file, data) :]
            os.fdatasync(file)
    finally:
        os.close(file)
