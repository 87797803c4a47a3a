"""What add and upsert take, made into batches that the engine can borrow.

Whatever the caller has (NumPy, DLPack, Arrow, lists, dicts, iterators of these) becomes a stream
of :class:`Batch`. A float32 matrix whose rows have no gaps is borrowed, not copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from omendb import _core
from omendb._arrays import is_arrow, to_array, vectors_in
from omendb._batch import Batch
from omendb._ids import ids_in
from omendb._metadata import metadata_in
from omendb._tables import arrow_batches
from omendb.errors import InvalidArgumentError, TypeMismatchError

#: Rows of an iterator that come one by one are gathered into batches of this many.
GATHER_ROWS = 4_096


def batches_in(
    data: Any,
    element: str,
    *,
    ids: Any,
    metadata: Any,
    vector: str | None,
    id: str | None,
) -> Iterator[Batch]:
    """Every batch in ``data``. Each is meant to be one atomic write."""
    if is_arrow(data) and not isinstance(data, np.ndarray):
        yield from arrow_batches(data, element, ids, metadata, vector, id)
        return
    if isinstance(data, Mapping):
        data = [data]
    if isinstance(data, list | tuple) and len(data) > 0 and isinstance(data[0], Mapping):
        _refuse_beside("a list of dicts", ids, metadata)
        yield _points_batch(data, element, vector or "vector", id or "id")
        return
    if isinstance(data, Iterator) or (
        isinstance(data, Iterable) and not hasattr(data, "__len__") and not _is_matrix(data)
    ):
        _refuse_beside("an iterator of batches", ids, metadata)
        yield from _iterator_batches(iter(data), element, vector, id)
        return
    if isinstance(ids, set | frozenset):
        raise TypeMismatchError("ids are a set, which has no order; expected a sequence")
    array = to_array(data, "vectors")
    vectors, bits = vectors_in(array, element)
    if array.ndim == 1 and isinstance(metadata, Mapping):
        metadata = [metadata]
    yield Batch(vectors, bits, ids_in(ids), metadata_in(metadata, len(vectors)))


def _is_matrix(data: Any) -> bool:
    return isinstance(data, np.ndarray) or hasattr(data, "__dlpack__") or is_arrow(data)


def _is_one_vector(data: Any) -> bool:
    if isinstance(data, list | tuple):
        return len(data) > 0 and not hasattr(data[0], "__len__")
    return getattr(data, "ndim", 2) == 1


def _refuse_beside(what: str, ids: Any, metadata: Any) -> None:
    for name, value in (("ids", ids), ("metadata", metadata)):
        if value is not None:
            raise InvalidArgumentError(f"{name}= does not go with {what}, which brings its own")


def _points_batch(points: Sequence[Any], element: str, vector: str, id: str) -> Batch:
    """[{"id": ..., "vector": [...], other keys are metadata}, ...]"""
    vectors, ids, records = [], [], []
    for i, point in enumerate(points):
        if not isinstance(point, Mapping):
            raise TypeMismatchError(f"point {i} is a {type(point).__name__}; expected a dict")
        if point.get(vector) is None:
            raise InvalidArgumentError(f'point {i} has no "{vector}"')
        vectors.append(point[vector])
        if (id in point) != (id in points[0]):
            raise InvalidArgumentError(
                f'point {i} has {"an" if id in point else "no"} "{id}"; give one to all points '
                "or to none"
            )
        if id in point:
            ids.append(point[id])
        records.append({name: v for name, v in point.items() if name not in (vector, id)})
    matrix, bits = vectors_in(vectors, element)
    metadata = _core.Columns.from_rows(records) if any(records) else None
    return Batch(matrix, bits, ids_in(ids) if ids else None, metadata)


def _iterator_batches(
    items: Iterator[Any], element: str, vector: str | None, id: str | None
) -> Iterator[Batch]:
    """An iterator yields batches, or single points (dicts) and vectors, which are gathered."""
    gathered: list[Any] = []
    for item in items:
        one = isinstance(item, Mapping) or (not is_arrow(item) and _is_one_vector(item))
        if one and (not gathered or isinstance(item, Mapping) == isinstance(gathered[0], Mapping)):
            gathered.append(item)
            if len(gathered) < GATHER_ROWS:
                continue
            item, gathered = gathered, []
        elif gathered:
            yield from _batches_of(gathered, element, vector, id)
            gathered = [item] if one else []
            if one:
                continue
        yield from _batches_of(item, element, vector, id)
    if gathered:
        yield from _batches_of(gathered, element, vector, id)


def _batches_of(item: Any, element: str, vector: str | None, id: str | None) -> Iterator[Batch]:
    if isinstance(item, Iterator):
        raise TypeMismatchError("an iterator yielded an iterator; expected batches of vectors")
    return batches_in(item, element, ids=None, metadata=None, vector=vector, id=id)
