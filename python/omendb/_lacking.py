"""Vectors of a field that some points lack: None in lists, null in Arrow, masked rows in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._arrays import holds_objects, is_arrow, vectors_in
from omendb._values import is_missing
from omendb.errors import DimensionError, InvalidArgumentError, TypeMismatchError

#: The vectors that a batch has, and which of its rows have one.
Part = tuple[NDArray[Any], NDArray[np.bool_]]


@dataclass(slots=True)
class FieldRows:
    """Vectors in one field, one row a point.

    ``bits`` is the dimension of packed bits, 0 for other vectors. ``present`` says which points
    have a vector, None if all do; the rows of the others are zeros.
    """

    vectors: NDArray[Any]
    bits: int = 0
    present: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    def slice(self, start: int, stop: int) -> FieldRows:
        present = None if self.present is None else self.present[start:stop]
        return FieldRows(self.vectors[start:stop], self.bits, present)

    def lent(self, name: str) -> tuple[str, NDArray[Any], int, bytes | None]:
        """The field as the engine borrows it."""
        present = None if self.present is None else self.present.astype(np.uint8).tobytes()
        return name, self.vectors, self.bits, present


def field_rows(data: Any, element: str, what: str) -> FieldRows:
    """Converts what a caller gave for a field. One vector becomes a matrix of one row."""
    if is_arrow(data) and not isinstance(data, np.ndarray):
        return _arrow_rows(data, element, what)
    there, present = _split(data, what)
    return _spread(there, present, element, what)


def lacks_all(batch: _core.ArrowBatch) -> Part:
    """The part for a batch that has no column for the field."""
    return np.empty((0, 0)), np.zeros(len(batch), dtype=np.bool_)


def part_of(batch: _core.ArrowBatch, column: int, element: str) -> Part:
    """The part for a batch whose column has the field's vectors."""
    if element != "binary" and batch.kinds[column] == "bytes":
        raise TypeMismatchError(
            f'column "{batch.names[column]}" holds bytes, which are vectors in a binary field only'
        )
    vectors, present = batch.present_vectors(column)
    return vectors, np.frombuffer(present, dtype=np.bool_)


def joined(parts: Sequence[Part], element: str, what: str) -> FieldRows:
    """The rows of all batches."""
    matrices = [vectors for vectors, _ in parts if len(vectors)]
    dims = {matrix.shape[1] for matrix in matrices}
    if len(dims) > 1:
        raise DimensionError(f"the table's batches have {what} of {sorted(dims)} dimensions")
    there = matrices[0] if len(matrices) == 1 else np.concatenate(matrices or [np.empty((0, 0))])
    present = np.concatenate([rows for _, rows in parts]) if parts else None
    return _spread(there, present, element, what)


def _arrow_rows(data: Any, element: str, what: str) -> FieldRows:
    """The vectors of an Arrow array or a frame's column. An array of numbers is one vector."""
    parts: list[Part] = []
    numbers: list[NDArray[Any]] = []
    reader = _core.ArrowReader(data)
    while (batch := reader.next()) is not None:
        if len(batch.kinds) != 1:
            raise TypeMismatchError(
                f"{what} are a table of {len(batch.kinds)} columns; expected one column"
            )
        if batch.kinds[0] in ("int", "float"):
            numbers.append(batch.vector())
        else:
            parts.append(part_of(batch, 0, element))
    if numbers:
        return FieldRows(*vectors_in(np.concatenate(numbers), element, what))
    return joined(parts, element, what)


def _spread(there: Any, present: NDArray[np.bool_] | None, element: str, what: str) -> FieldRows:
    """Puts each vector into the row of its point."""
    if present is None:
        return FieldRows(*vectors_in(there, element, what))
    if not present.any():
        dtype = np.uint8 if element == "binary" else np.float32
        return FieldRows(np.zeros((len(present), 0), dtype), 0, present)
    vectors, bits = vectors_in(there, element, what)
    if present.all():
        return FieldRows(vectors, bits)
    rows = np.zeros((len(present), vectors.shape[1]), vectors.dtype)
    rows[present] = vectors
    return FieldRows(rows, bits, present)


def _split(data: Any, what: str) -> tuple[Any, NDArray[np.bool_] | None]:
    """(the vectors, which points have one; None if all have one)"""
    if isinstance(data, np.ndarray) and data.ndim == 2:
        return _split_masked(data, what) if isinstance(data, np.ma.MaskedArray) else (data, None)
    rows: Any = data
    if holds_objects(data) and getattr(data, "ndim", 0) == 1:
        rows = list(data)
    if not isinstance(rows, list | tuple):
        return data, None
    lacking = [_lacks(row) for row in rows]
    there = [row for row, absent in zip(rows, lacking, strict=True) if not absent]
    if not any(lacking) or (there and not hasattr(there[0], "__len__")):
        return rows, None
    return there, ~np.array(lacking)


def _lacks(row: Any) -> bool:
    """Whether there is no vector; frames say NaN where an object is missing."""
    return is_missing(row) or (isinstance(row, float) and row != row)


def _split_masked(
    data: np.ma.MaskedArray[Any, Any], what: str
) -> tuple[Any, NDArray[np.bool_] | None]:
    mask = np.ma.getmaskarray(data)
    if data.shape[1] == 0:  # of a field whose dimension is not known yet: no point has a vector
        return data, np.zeros(len(data), dtype=np.bool_)
    lacking = mask.all(axis=1)
    if (mask.any(axis=1) != lacking).any():
        row = int(np.argmax(mask.any(axis=1) != lacking))
        raise InvalidArgumentError(
            f"{what}: row {row} is masked in part; expected rows masked whole, or not at all"
        )
    present: NDArray[np.bool_] = np.logical_not(lacking)
    return data.data[present], present
