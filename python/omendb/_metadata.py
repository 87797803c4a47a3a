"""Converts metadata to columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._arrays import is_arrow, is_one_vector
from omendb._frames import arrow_reader, columns_of, frame_in, values_of
from omendb._shown import described, shown
from omendb._values import has_utf8, is_missing, numpy_micros
from omendb.errors import InvalidArgumentError, TypeMismatchError


def metadata_in(metadata: Any, rows: int, what: str = "vectors") -> _core.Columns | None:
    """Columns from a list of dicts, a dict of sequences, or an Arrow table."""
    if metadata is None:
        return None
    metadata = frame_in(metadata, ids_given=True)
    if (frame := columns_of(metadata)) is not None:
        columns = frame_metadata(frame, len(metadata))
    elif is_arrow(metadata):
        columns = arrow_metadata(metadata)
    elif isinstance(metadata, Mapping):
        columns = _core.Columns(rows)
        for name, values in metadata.items():
            if not isinstance(name, str):
                raise TypeMismatchError(
                    f"metadata: expected a str as column name, got {shown(name)}"
                )
            if not has_utf8(name):
                raise InvalidArgumentError(
                    f"metadata: the column name {shown(name)} has no UTF-8 form"
                )
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
        raise InvalidArgumentError(f"metadata has {len(columns)} rows for {rows} {what}")
    return columns


def frame_metadata(frame: Mapping[str, Any], rows: int) -> _core.Columns:
    """The columns of a frame."""
    columns = _core.Columns(rows)
    for name, values in frame.items():
        if not has_utf8(name):
            raise InvalidArgumentError(f"metadata: the column name {shown(name)} has no UTF-8 form")
        _add_column(columns, name, values, rows)
    return columns


def split_frame(frame: Any, ours: Set[str], named: bool) -> tuple[Any, _core.Columns | None]:
    """(the part of a table that Arrow can carry, metadata columns that it cannot)

    ``ours``: the columns of vectors and ids. ``named``: whether the caller named the vectors'
    column; if not, and none is called "vector", a column of lists of numbers may be that.
    """
    columns = columns_of(frame) or {}
    sure = named or "vector" in columns
    apart = {}
    for name, column in columns.items():
        values = None if name in ours else values_of(column)
        if values is not None and (sure or not _may_be_vectors(values)):
            apart[name] = values
    if not apart:
        return frame, None
    beside = frame_metadata(apart, len(frame))
    labels = zip(columns, frame.columns, strict=True)
    return frame[[label for name, label in labels if name not in apart]], beside


def _may_be_vectors(values: Sequence[Any]) -> bool:
    first = next((one for one in values if not is_missing(one)), None)
    return isinstance(first, bytes) or is_one_vector(first)


def _needs_copy(record: Any) -> bool:
    return isinstance(record, Mapping) and not isinstance(record, dict)


def _add_column(columns: _core.Columns, name: str, values: Any, rows: int) -> None:
    if (held := values_of(values)) is not None:
        columns.add_values(name, held)
        return
    if is_arrow(values) and not isinstance(values, np.ndarray):
        column = _core.Columns(0)
        reader = arrow_reader(values)
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
            f"{described(values)}"
        )
    if not isinstance(values, np.ndarray) and hasattr(values, "isna"):
        values = values.astype(object)  # of pandas: NumPy would turn ints with gaps into floats
    if isinstance(values, np.ma.MaskedArray):
        values = _unmasked(values)
    if not isinstance(values, np.ndarray) and hasattr(values, "__array__"):
        values = np.asarray(values)
    numbers = isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biufM"
    if numbers and not _is_beyond_i64(values):
        columns.add_array(name, *_numpy_column(name, values))
    elif isinstance(values, np.ndarray) and values.dtype.kind not in "MmV":
        columns.add_values(name, values.tolist())
    else:
        columns.add_values(name, values)


def _unmasked(values: np.ma.MaskedArray[Any, Any]) -> Any:
    """The values, with None (among times NaT) in the place of masked ones."""
    if values.dtype.kind in "Mm":
        nat: Any = np.array("NaT", values.dtype)[()]
        return values.filled(nat)
    return values.tolist()


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
        except ValueError as error:
            raise TypeMismatchError(f'metadata column "{name}": {error}') from None
        return "timestamp", moments, _valid(missing)
    else:
        return "i64", np.ascontiguousarray(values, dtype=np.int64), None
    return "f64", numbers, _valid(missing)


def _is_beyond_i64(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "u" and values.size > 0 and values.max() > np.iinfo(np.int64).max


def _valid(missing: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    return np.ascontiguousarray(~missing, dtype=np.uint8) if missing.any() else None


def arrow_metadata(data: Any) -> _core.Columns:
    columns = _core.Columns(0)
    reader = arrow_reader(data)
    while (batch := reader.next()) is not None:
        if not batch.is_table:
            raise TypeMismatchError("metadata is one Arrow array; expected a table of columns")
        columns.append(batch.columns(list(range(len(batch.names))), []))
    return columns
