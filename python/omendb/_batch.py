"""Points to write at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._lacking import FieldRows
from omendb.errors import InvalidArgumentError


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

    def matrices(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """(what messages say after "vector 3", the vectors)"""
        yield "", self.vectors

    def write(self, core: _core.Collection, upsert: bool, first_row: int) -> Any:
        return core.write(
            self.vectors, self.bits, self.ids, self.metadata, upsert, first_row=first_row
        )


@dataclass(slots=True)
class FieldBatch:
    """Points of a collection with named vector fields; fields that no point has are left out."""

    fields: dict[str, FieldRows]
    ids: Any = None
    metadata: _core.Columns | None = None

    def __post_init__(self) -> None:
        (first, rows), *others = self.fields.items()
        for name, more in others:
            if len(more) != len(rows):
                raise InvalidArgumentError(
                    f'field "{name}" has {len(more)} vectors, field "{first}" has {len(rows)}; '
                    "expected one a point in each, or None"
                )
        present = [rows.present for rows in self.fields.values()]
        lists = [one for one in present if one is not None]
        if len(lists) == len(present) and not (some := np.logical_or.reduce(lists)).all():
            raise InvalidArgumentError(
                f"point {int(np.argmin(some))} has no vector; each point has one in at least one "
                "of the fields"
            )

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    @property
    def nbytes(self) -> int:
        metadata = 0 if self.metadata is None else self.metadata.nbytes
        return metadata + sum(
            int(rows.vectors.size * rows.vectors.itemsize) for rows in self.fields.values()
        )

    def slice(self, start: int, stop: int) -> FieldBatch:
        return FieldBatch(
            {name: rows.slice(start, stop) for name, rows in self.fields.items()},
            None if self.ids is None else self.ids[start:stop],
            None if self.metadata is None else self.metadata.slice(start, stop),
        )

    def matrices(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for name, rows in self.fields.items():
            yield f' of field "{name}"', rows.vectors

    def write(self, core: _core.Collection, upsert: bool, first_row: int) -> Any:
        fields = [rows.lent(name) for name, rows in self.fields.items()]
        return core.write_fields(fields, self.ids, self.metadata, upsert, first_row=first_row)
