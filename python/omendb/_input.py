"""What add, upsert and search take, made into arrays that the engine can borrow.

Whatever the caller has (NumPy, DLPack, Arrow, lists, dicts, iterators of these) becomes a stream
of :class:`Batch`. A float32 matrix whose rows have no gaps is borrowed, not copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._values import has_utf8, numpy_micros
from omendb.errors import (
    DimensionError,
    InvalidArgumentError,
    LimitError,
    TypeMismatchError,
)

#: Rows of an iterator that come one by one are gathered into batches of this many.
GATHER_ROWS = 4_096

_F32 = np.dtype(np.float32)

_BOOLS = {bool, np.bool_}

#: DLPack's kDLCPU and kDLCUDAHost.
_HOST_MEMORY = (1, 3)


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


# ---- Vectors -------------------------------------------------------------------------------------


def vectors_in(data: Any, element: str, what: str = "vectors") -> tuple[NDArray[Any], int]:
    """(n x dim array that the engine can borrow, bits). One vector is a matrix of one row."""
    array = to_array(data, what)
    if array.size == 0 and array.ndim == 1:
        raise InvalidArgumentError(f"{what} are empty; expected at least one vector")
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2:
        raise DimensionError(
            f"{what} have shape {array.shape}; expected (n, dim), or (dim,) for one vector"
        )
    if element == "binary":
        return _bits_in(array, what)
    kind = array.dtype.kind
    if kind not in "fiu" or not array.dtype.isnative:
        array = _real_numbers(array, what)
    wanted = {"f16": np.dtype(np.float16), "i8": np.dtype(np.int8)}.get(element, _F32)
    if array.dtype != wanted and array.dtype != _F32:
        array = _as_f32(array, what)
    return _side_by_side(array), 0


def _as_f32(array: NDArray[Any], what: str) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        floats = array.astype(_F32)
    infinite = np.isinf(floats)
    if infinite.any() and (lost := infinite & np.isfinite(array)).any():
        row, position = (int(i) for i in np.argwhere(lost)[0])
        one = "query" if what == "queries" else "vector"
        raise InvalidArgumentError(
            f"{one} {row} holds {array[row, position]} at position {position}; float32 holds "
            "numbers up to 3.4e38"
        )
    return floats


def _real_numbers(array: NDArray[Any], what: str) -> NDArray[Any]:
    kinds = {"b": "bool", "c": "complex numbers", "O": "objects", "U": "str", "S": "bytes"}
    if array.dtype.kind in "fiu":
        return array.astype(array.dtype.newbyteorder("="))
    got = kinds.get(array.dtype.kind, str(array.dtype))
    raise TypeMismatchError(f"{what} hold {got}; expected real numbers, such as float32")


def _bits_in(array: NDArray[Any], what: str) -> tuple[NDArray[Any], int]:
    if array.dtype == np.bool_:
        return np.packbits(array, axis=1, bitorder="little"), int(array.shape[1])
    if array.dtype == np.uint8:
        return _side_by_side(array), 0
    raise TypeMismatchError(
        f"{what} are {array.dtype}; a binary collection takes bool (one a bit) or uint8 "
        "(eight bits a byte, lowest bit first)"
    )


def _side_by_side(array: NDArray[Any]) -> NDArray[Any]:
    """Rows without gaps inside, going forward in memory; copies only what is laid out otherwise."""
    rows, columns = array.shape
    row_bytes = columns * array.itemsize
    inner = columns < 2 or array.strides[1] == array.itemsize
    outer = rows < 2 or array.strides[0] >= row_bytes
    if inner and outer and array.flags.aligned:
        return array
    return np.ascontiguousarray(array)


def to_array(data: Any, what: str) -> NDArray[Any]:
    """One vector or a matrix, not yet looked into."""
    if isinstance(data, np.ndarray):
        return unmasked(data, what)
    if hasattr(data, "__dlpack__"):
        if data.__dlpack_device__()[0] not in _HOST_MEMORY:
            raise TypeMismatchError(f"{what} are on another device; move them to the CPU first")
        try:
            return np.from_dlpack(data)
        except (BufferError, RuntimeError, TypeError) as error:
            raise TypeMismatchError(f"{what} could not be read through DLPack: {error}") from error
    if isinstance(data, str | bytes | Mapping | Set) or not hasattr(data, "__len__"):
        raise TypeMismatchError(
            f"{what} are a {type(data).__name__}; expected a matrix: NumPy, DLPack, Arrow, or "
            "lists of numbers"
        )
    if len(data) > 0 and hasattr(data, "__getitem__") and not hasattr(data, "__array__"):
        _check_ragged(data, what)
    try:
        return np.asarray(data)
    except (ValueError, TypeError, OverflowError) as error:
        raise TypeMismatchError(f"{what} cannot be made into a matrix: {error}") from error


def unmasked(array: NDArray[Any], what: str) -> NDArray[Any]:
    """The array itself; one that hides some of its values is refused, for they would show."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise InvalidArgumentError(f"{what} are masked; expected an array without missing values")
    return array


def _check_ragged(rows: Sequence[Any], what: str) -> None:
    """Names the first row whose length differs, which NumPy would not."""
    if not isinstance(rows, list | tuple) or not hasattr(rows[0], "__len__"):
        return
    if isinstance(rows[0], str | bytes):
        return
    for i, row in enumerate(rows):
        length = len(row) if hasattr(row, "__len__") else 0
        if length != len(rows[0]):
            raise DimensionError(
                f"{what}: row {i} has {length} dimensions; row 0 has {len(rows[0])}"
            )


def is_arrow(data: Any) -> bool:
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")


def arrow_queries(data: Any, element: str) -> NDArray[Any]:
    """The one vector column of Arrow data, or the one vector that an array of numbers is."""
    parts = []
    reader = _core.ArrowReader(data)
    while (batch := reader.next()) is not None:
        one = not batch.is_table and batch.kinds[0] in ("int", "float")
        parts.append(batch.vector() if one else _arrow_vectors(batch, None, element)[1])
    if not parts:
        return np.empty((0, 0), dtype=np.float32)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


# ---- Ids -----------------------------------------------------------------------------------------


def ids_in(ids: Any) -> Any:
    """A uint64 array, or a tuple of str; None stays None."""
    if ids is None:
        return None
    if isinstance(ids, str):
        return (ids,)
    if isinstance(ids, int | np.integer) and not isinstance(ids, bool):
        ids = [ids]
    elif is_arrow(ids) and not isinstance(ids, np.ndarray):
        ids = _arrow_ids(ids)
    elif isinstance(ids, Set) or (isinstance(ids, Iterable) and not hasattr(ids, "__len__")):
        ids = list(ids)
    elif isinstance(ids, np.ndarray):
        ids = unmasked(ids, "ids")
    elif isinstance(ids, bool) or not hasattr(ids, "__len__") or isinstance(ids, Mapping):
        raise _wrong_id(ids)
    if isinstance(ids, Sequence) and len(ids) > 0 and isinstance(ids[0], str):
        return _string_ids(ids)
    array = np.asarray(ids)
    if array.ndim != 1:
        raise InvalidArgumentError(f"ids have shape {array.shape}; expected one dimension")
    if array.size == 0:
        return np.empty(0, dtype=np.uint64)
    if isinstance(ids, Sequence) and array.dtype.kind in "fUT":
        return _big_ids(array, ids)  # of mixed types, NumPy made floats or text
    if array.dtype.kind in "UTO" and isinstance(array.flat[0], str):
        return _string_ids(array.tolist())
    if array.dtype.kind == "O":
        return _big_ids(array, ids)
    if isinstance(ids, list | tuple) and not _BOOLS.isdisjoint(map(type, ids)):
        return _big_ids(array, ids)  # of bools among ints, NumPy made ints
    if array.dtype.kind not in "iu":
        raise _wrong_id(array.flat[0])
    if array.dtype.kind == "i" and array.min() < 0:
        raise InvalidArgumentError(f"ids are not negative, got {array.min()}")
    return np.ascontiguousarray(array, dtype=np.uint64)


def _string_ids(ids: Iterable[Any]) -> tuple[str, ...]:
    strings = tuple(ids)
    for one in strings:
        if not isinstance(one, str):
            raise TypeMismatchError(f"ids are all str or all int, got {one!r} among str")
        if not has_utf8(one):
            raise InvalidArgumentError(f"id {one!r} has no UTF-8 form")
    return strings


def _big_ids(array: NDArray[Any], ids: Any) -> NDArray[np.uint64]:
    """Python ints that NumPy did not fit into one integer type."""
    for one in ids:
        if isinstance(one, str):
            raise TypeMismatchError(f"ids are all str or all int, got {one!r} among int")
        if type(one) in _BOOLS or not isinstance(one, int | np.integer):
            raise _wrong_id(one)
        if not 0 <= int(one) < 2**64:
            raise InvalidArgumentError(f"ids are in 0..2^64 - 2, got {one}")
    return np.array([int(one) for one in ids], dtype=np.uint64)


def _wrong_id(one: Any) -> TypeMismatchError:
    return TypeMismatchError(f"ids are int or str, got {type(one).__name__} {one!r}")


def _arrow_ids(data: Any) -> Any:
    parts: list[Any] = []
    reader = _core.ArrowReader(data)
    while (batch := reader.next()) is not None:
        parts.append(batch.ids(0))
    if not parts:
        return []
    if isinstance(parts[0], list):
        return [one for part in parts for one in part]
    return np.concatenate(parts)


# ---- Metadata ------------------------------------------------------------------------------------


def metadata_in(metadata: Any, rows: int) -> _core.Columns | None:
    """Columns from a list of dicts, a dict of sequences, or an Arrow table."""
    if metadata is None:
        return None
    if is_arrow(metadata):
        columns = _arrow_metadata(metadata)
    elif isinstance(metadata, Mapping):
        columns = _core.Columns(rows)
        for name, values in metadata.items():
            if not isinstance(name, str):
                raise TypeMismatchError(f"metadata: expected a str as column name, got {name!r}")
            if not has_utf8(name):
                raise InvalidArgumentError(f"metadata: the column name {name!r} has no UTF-8 form")
            _add_column(columns, name, values, rows)
    elif isinstance(metadata, Iterable) and not isinstance(metadata, str | bytes):
        records = metadata if isinstance(metadata, list) else list(metadata)
        records = [dict(r) if _needs_copy(r) else r for r in records]
        columns = _core.Columns.from_rows(records)
    else:
        raise TypeMismatchError(
            f"metadata is a {type(metadata).__name__}; expected a list of dicts, a dict of "
            "sequences, or an Arrow table"
        )
    if len(columns) != rows:
        raise InvalidArgumentError(f"metadata has {len(columns)} rows for {rows} vectors")
    return columns


def _needs_copy(record: Any) -> bool:
    return isinstance(record, Mapping) and not isinstance(record, dict)


def _add_column(columns: _core.Columns, name: str, values: Any, rows: int) -> None:
    if is_arrow(values) and not isinstance(values, np.ndarray):
        column = _core.Columns(0)
        reader = _core.ArrowReader(values)
        while (batch := reader.next()) is not None:
            if batch.is_table:
                raise TypeMismatchError(
                    f'metadata column "{name}": expected bool, integer, float, string, timestamp, '
                    f"date or a list of these, got a struct of {', '.join(batch.names)}"
                )
            column.append(batch.columns([0], [name]))
        columns.extend(column)
        return
    no_items = not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0
    if no_items or isinstance(values, str | bytes | Mapping):
        raise TypeMismatchError(
            f'metadata column "{name}": expected a sequence of {rows} values, got '
            f"{type(values).__name__} {values!r:.60}"
        )
    if not isinstance(values, np.ndarray) and hasattr(values, "isna"):
        values = values.astype(object)  # of pandas; as NumPy, ints with missing ones are floats
    if isinstance(values, np.ma.MaskedArray):
        times = values.dtype.kind == "M"
        values = values.filled(np.datetime64("NaT")) if times else values.tolist()  # None if masked
    if not isinstance(values, np.ndarray) and hasattr(values, "__array__"):
        values = np.asarray(values)
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biufM":
        columns.add_array(name, *_numpy_column(name, values))
    elif isinstance(values, np.ndarray) and values.dtype.kind != "M":
        columns.add_values(name, values.tolist())
    else:
        columns.add_values(name, values)


def _numpy_column(name: str, values: NDArray[Any]) -> tuple[str, NDArray[Any], NDArray[Any] | None]:
    """(type, values, valid) of a one-dimensional array, as Columns.add_array wants them."""
    kind = values.dtype.kind
    if kind == "b":
        return "bool", np.ascontiguousarray(values, dtype=np.uint8), None
    if kind == "f":
        numbers = np.ascontiguousarray(values, dtype=np.float64)
        missing = np.isnan(numbers)
    elif kind == "M":
        missing = np.isnat(values)
        try:
            moments = numpy_micros(values)
        except OverflowError as error:
            raise TypeMismatchError(f'metadata column "{name}": {error}') from None
        return "timestamp", moments, _valid(missing)
    else:
        if kind == "u" and values.size and values.max() > np.iinfo(np.int64).max:
            raise LimitError(f'metadata column "{name}": ints are 64 bits wide, got {values.max()}')
        return "i64", np.ascontiguousarray(values, dtype=np.int64), None
    return "f64", numbers, _valid(missing)


def _valid(missing: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    return np.ascontiguousarray(~missing, dtype=np.uint8) if missing.any() else None


def _arrow_metadata(data: Any) -> _core.Columns:
    columns = _core.Columns(0)
    reader = _core.ArrowReader(data)
    while (batch := reader.next()) is not None:
        if not batch.is_table:
            raise TypeMismatchError("metadata is one Arrow array; expected a table of columns")
        columns.append(batch.columns(list(range(len(batch.names))), []))
    return columns


# ---- Whole batches -------------------------------------------------------------------------------


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
        yield from _arrow_batches(data, element, ids, metadata, vector, id)
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


# ---- Arrow tables --------------------------------------------------------------------------------


def _arrow_batches(
    data: Any, element: str, ids: Any, metadata: Any, vector: str | None, id: str | None
) -> Iterator[Batch]:
    whole_ids = ids_in(ids)
    whole_metadata = None
    if isinstance(metadata, list | tuple) or (metadata is not None and not is_arrow(metadata)):
        whole_metadata = metadata
    elif metadata is not None:
        whole_metadata = _arrow_metadata(metadata)
    done = 0
    parts: list[Batch] = []
    reader = _core.ArrowReader(data)
    while (part := reader.next()) is not None:
        parts.append(_arrow_batch(part, element, vector, id, ids is not None))
        done += len(part)
    if not parts:
        return
    batch = parts[0] if len(parts) == 1 else _joined(parts)
    if whole_ids is not None:
        if batch.ids is not None and id is not None:
            raise InvalidArgumentError(f'both ids= and the id column "{id}" were given')
        batch.ids = whole_ids
    if whole_metadata is not None:
        if batch.metadata is not None and batch.metadata.names:
            raise InvalidArgumentError("metadata= does not go with a table that has columns of it")
        if isinstance(whole_metadata, _core.Columns):
            batch.metadata = whole_metadata
        else:
            batch.metadata = metadata_in(whole_metadata, done)
    yield batch


def _arrow_batch(
    part: _core.ArrowBatch, element: str, vector: str | None, id: str | None, has_ids: bool
) -> Batch:
    at, array = _arrow_vectors(part, vector, element)
    vectors, bits = vectors_in(array, element)
    if not part.is_table:
        return Batch(vectors, bits)
    id_at = _id_column(part, id, has_ids)
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
        "which column holds the vectors? Say vector= one of "
        + ", ".join(f'"{names[i]}"' for i in lists)
    )


def _id_column(part: _core.ArrowBatch, id: str | None, has_ids: bool) -> int | None:
    """The column that holds the ids. One called "id" that cannot is refused when it is read, except
    beside ids=, where it is metadata."""
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
    ids: Any = None
    if parts[0].ids is not None:
        if isinstance(parts[0].ids, tuple):
            ids = tuple(one for part in parts for one in part.ids)
        else:
            ids = np.concatenate([part.ids for part in parts])
    metadata = parts[0].metadata
    if metadata is not None:
        for part in parts[1:]:
            if part.metadata is not None:
                metadata.append(part.metadata)
    dims = {part.vectors.shape[1] for part in parts}
    if len(dims) > 1:
        raise DimensionError(f"the table's batches have vectors of {sorted(dims)} dimensions")
    return Batch(np.concatenate([p.vectors for p in parts]), parts[0].bits, ids, metadata)
