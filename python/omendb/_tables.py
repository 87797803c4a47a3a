"""Arrow tables, made into batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._arrays import vectors_in
from omendb._batch import Batch
from omendb._frames import arrow_reader, tables_in
from omendb._ids import ids_in, joined_ids
from omendb._metadata import metadata_in, split_frame
from omendb.errors import DimensionError, InvalidArgumentError, TypeMismatchError


def arrow_queries(data: Any, element: str) -> NDArray[Any]:
    """The one vector column of Arrow data, or the one vector that an array of numbers is."""
    parts = []
    reader = _core.ArrowReader(data)
    while (batch := reader.next()) is not None:
        one = not batch.is_table and batch.kinds[0] in ("int", "float")
        parts.append(batch.vector() if one else _arrow_vectors(batch, None, element)[1])
    if not parts:
        # A polars Series without rows: no vectors if it is of vectors, else one empty vector.
        vectors = not hasattr(data, "dtype") or hasattr(data.dtype, "inner")
        return np.empty((0, 0) if vectors else 0, dtype=np.float32)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def arrow_batches(
    data: Any, element: str, ids: Any, metadata: Any, vector: str | None, id: str | None
) -> Iterator[Batch]:
    whole_ids = ids_in(ids)
    tables = [
        _table_batch(table, element, vector, id, ids is not None)
        for table in tables_in(data, ids is not None)
    ]
    parts = [batch for batch in tables if batch is not None]
    if not parts:
        yield no_points(ids, metadata)
        return
    if whole_ids is not None:
        if id is not None:
            raise InvalidArgumentError(f'both ids= and the id column "{id}" were given')
        for part in parts:
            part.ids = None
    batch = parts[0] if len(parts) == 1 else _joined(parts)
    if whole_ids is not None:
        batch.ids = whole_ids
    if metadata is not None:
        if batch.metadata is not None and batch.metadata.names:
            raise InvalidArgumentError("metadata= does not go with a table that has columns of it")
        batch.metadata = metadata_in(metadata, len(batch))
    yield batch


def _table_batch(
    table: Any, element: str, vector: str | None, id: str | None, has_ids: bool
) -> Batch | None:
    """One table; None if it has no rows."""
    table, beside = split_frame(table, {vector or "vector", id or "id"}, vector is not None)
    reader = arrow_reader(table)
    parts: list[Batch] = []
    while (part := reader.next()) is not None:
        parts.append(_arrow_batch(part, element, vector, id, has_ids))
    if not parts:
        return None
    batch = parts[0] if len(parts) == 1 else _joined(parts)
    if beside is not None:
        if batch.metadata is not None:
            beside.extend(batch.metadata)
        batch.metadata = beside
    return batch


def no_points(ids: Any, metadata: Any) -> Batch:
    """An empty batch. The engine refuses it if there are ids."""
    none = np.empty((0, 0), dtype=np.float32)
    return Batch(none, 0, ids_in(ids), metadata_in(metadata, 0))


def _arrow_batch(
    part: _core.ArrowBatch, element: str, vector: str | None, id: str | None, has_ids: bool
) -> Batch:
    at, array = _arrow_vectors(part, vector, element)
    vectors, bits = vectors_in(array, element)
    if not part.is_table:
        return Batch(vectors, bits)
    id_at = id_column(part, id, has_ids)
    rest = [i for i in range(len(part.names)) if i not in (at, id_at)]
    metadata = part.columns(rest, []) if rest else None
    return Batch(vectors, bits, None if id_at is None else ids_in(part.ids(id_at)), metadata)


def _arrow_vectors(
    part: _core.ArrowBatch, vector: str | None, element: str
) -> tuple[int, NDArray[Any]]:
    """(where the vectors are, the vectors)"""
    at = _vector_column(part, vector, element)
    if element != "binary" and part.kinds[at] == "bytes":
        raise TypeMismatchError(
            f'column "{part.names[at]}" holds bytes, which are vectors in a binary collection only'
        )
    vectors: NDArray[Any] = part.vectors(at)
    return at, vectors


def _vector_column(part: _core.ArrowBatch, vector: str | None, element: str) -> int:
    if not part.is_table:
        return 0
    names = part.names
    if vector is not None:
        if vector not in names:
            raise InvalidArgumentError(f'no column "{vector}"; the table has {", ".join(names)}')
        return names.index(vector)
    wanted = ("vector", "bytes") if element == "binary" else ("vector",)
    lists = [i for i, kind in enumerate(part.kinds) if kind in wanted]
    named = [i for i in lists if names[i] == "vector"]
    if len(lists) == 1 or named:
        return named[0] if named else lists[0]
    if not lists:
        raise TypeMismatchError(
            f"no column of the table holds lists of numbers; it has {', '.join(names)}"
        )
    raise InvalidArgumentError(
        "several columns may hold the vectors; choose one with vector=: "
        + ", ".join(f'"{names[i]}"' for i in lists)
    )


def id_column(part: _core.ArrowBatch, id: str | None, has_ids: bool) -> int | None:
    """The column that holds the ids. If the values of a column called "id" cannot be ids, it is
    refused when it is read; but if ids= was given, it is metadata."""
    names = part.names
    if id is not None:
        if id not in names:
            raise InvalidArgumentError(f'no column "{id}"; the table has {", ".join(names)}')
        return names.index(id)
    if "id" not in names:
        return None
    at = names.index("id")
    return None if has_ids and part.kinds[at] not in ("int", "string") else at


def _joined(parts: list[Batch]) -> Batch:
    """The batches of one Arrow stream as one, so that adding a table is one write."""
    ids = joined_ids([part.ids for part in parts])
    metadata = None
    if any(part.metadata is not None for part in parts):
        metadata = _core.Columns(0)
        for part in parts:
            metadata.append(_core.Columns(len(part)) if part.metadata is None else part.metadata)
    dims = {part.vectors.shape[1] for part in parts}
    if len(dims) > 1:
        raise DimensionError(f"the table's batches have vectors of {sorted(dims)} dimensions")
    return Batch(np.concatenate([p.vectors for p in parts]), parts[0].bits, ids, metadata)
