"""Converts the arguments of add and upsert to batches that the engine can borrow.

Whatever the caller has (NumPy, DLPack, Arrow, lists, dicts, iterators of these) becomes a stream
of :class:`Batch`. A float32 matrix whose rows have no gaps is borrowed, not copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from omendb import _core
from omendb._arguments import column_name
from omendb._arrays import is_arrow, is_one_vector, to_array, vectors_in
from omendb._batch import Batch, FieldBatch
from omendb._fields import field_points, is_one_point, table_of_fields, vectors_by_field
from omendb._frames import are_tables, dataset_batches, frame_in
from omendb._ids import ids_in
from omendb._metadata import metadata_in
from omendb._result import Scan
from omendb._tables import arrow_batches, no_points
from omendb.errors import InvalidArgumentError, TypeMismatchError

#: Rows of an iterator that come one by one are gathered into batches of this many.
GATHER_ROWS = 4_096


def batches_in(
    data: Any,
    element: str,
    fields: dict[str, str],
    *,
    ids: Any,
    metadata: Any,
    vector: str | None,
    id: str | None,
) -> Iterator[Batch | FieldBatch]:
    """Every batch in ``data``. Each is meant to be one atomic write.

    ``fields`` are the named vector fields and their element types; none where a point has one
    vector, of the type ``element``.
    """
    for option, name in (("vector", vector), ("id", id)):
        if name is not None:
            column_name(name, option)
    if fields and vector is not None:
        raise InvalidArgumentError(
            "vector= names the column of vectors where a point has one; here each field is the "
            "column of its name"
        )
    if (tables := dataset_batches(data)) is not None:
        _refuse_beside("a data set", ids, metadata)
        yield from _iterator_batches(tables, element, fields, vector, id)
        return
    data = frame_in(data, ids is not None or id is not None)
    if fields:
        yield from _field_batches(data, fields, ids, metadata, id)
        return
    if _is_table(data):
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
        yield from _iterator_batches(iter(data), element, {}, vector, id)
        return
    if isinstance(ids, set | frozenset):
        raise TypeMismatchError("ids are a set, which has no order; expected a sequence")
    array = to_array(data, "vectors")
    vectors, bits = vectors_in(array, element)
    if array.ndim == 1 and isinstance(metadata, Mapping):
        metadata = [metadata]
    yield Batch(vectors, bits, ids_in(ids), metadata_in(metadata, len(vectors)))


def _field_batches(
    data: Any, fields: dict[str, str], ids: Any, metadata: Any, id: str | None
) -> Iterator[Batch | FieldBatch]:
    """The same where a point has several vectors."""
    if _is_table(data):
        batch = table_of_fields(data, fields, ids, metadata, id)
        yield batch or no_points(ids, metadata)
    elif isinstance(data, list | tuple | np.ndarray) and len(data) == 0:
        yield no_points(ids, metadata)
    elif isinstance(data, Mapping) and not is_one_point(data, fields):
        yield vectors_by_field(data, fields, ids, metadata)
    elif isinstance(data, Mapping) or (
        isinstance(data, list | tuple) and len(data) > 0 and isinstance(data[0], Mapping)
    ):
        _refuse_beside("a list of dicts", ids, metadata)
        yield field_points([data] if isinstance(data, Mapping) else data, fields, id or "id")
    elif isinstance(data, Iterator) or (
        isinstance(data, Iterable) and not hasattr(data, "__len__") and not _is_matrix(data)
    ):
        _refuse_beside("an iterator of batches", ids, metadata)
        yield from _iterator_batches(iter(data), "", fields, None, id)
    else:
        names = ", ".join(f'"{name}"' for name in fields)
        raise InvalidArgumentError(
            f"each point has a vector in the fields {names}; expected a dict of vectors by field, "
            f"a list of dicts or a table, got {type(data).__name__}"
        )


def _is_table(data: Any) -> bool:
    """Whether it is an Arrow object or a list of tables. A scan is not: it is read in batches."""
    return are_tables(data) or (is_arrow(data) and not isinstance(data, np.ndarray | Scan))


def _is_matrix(data: Any) -> bool:
    return isinstance(data, np.ndarray) or hasattr(data, "__dlpack__") or is_arrow(data)


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
    items: Iterator[Any],
    element: str,
    fields: dict[str, str],
    vector: str | None,
    id: str | None,
) -> Iterator[Batch | FieldBatch]:
    """An iterator yields batches, or single points (dicts) and vectors, which are gathered."""
    gathered: list[Any] = []
    for item in items:
        one = _is_one(item, fields)
        if one and (not gathered or isinstance(item, Mapping) == isinstance(gathered[0], Mapping)):
            gathered.append(item)
            if len(gathered) < GATHER_ROWS:
                continue
            item, gathered = gathered, []
        elif gathered:
            yield from _batches_of(gathered, element, fields, vector, id)
            gathered = [item] if one else []
            if one:
                continue
        yield from _batches_of(item, element, fields, vector, id)
    if gathered:
        yield from _batches_of(gathered, element, fields, vector, id)


def _is_one(item: Any, fields: dict[str, str]) -> bool:
    """Whether the item is one point, to be gathered with others, or a batch of its own."""
    if isinstance(item, Mapping):
        return not fields or is_one_point(item, fields)
    return not is_arrow(item) and is_one_vector(item)


def _batches_of(
    item: Any, element: str, fields: dict[str, str], vector: str | None, id: str | None
) -> Iterator[Batch | FieldBatch]:
    if isinstance(item, Iterator):
        raise TypeMismatchError("an iterator yielded an iterator; expected batches of vectors")
    return batches_in(item, element, fields, ids=None, metadata=None, vector=vector, id=id)
