"""Points to write at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from omendb import _core


@dataclass(slots=True)
class Batch:
    """Points to write at once. ``bits`` is the dimension of packed bits, 0 for other vectors."""

    vectors: NDArray[Any]
    bits: int = 0
    ids: Any = None
    metadata: _core.Columns | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def nbytes(self) -> int:
        metadata = 0 if self.metadata is None else self.metadata.nbytes
        return int(self.vectors.size * self.vectors.itemsize) + metadata

    def slice(self, start: int, stop: int) -> Batch:
        return Batch(
            self.vectors[start:stop],
            self.bits,
            None if self.ids is None else self.ids[start:stop],
            None if self.metadata is None else self.metadata.slice(start, stop),
        )
