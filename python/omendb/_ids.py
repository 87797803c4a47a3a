"""Converts ids to a uint64 array or a tuple of str."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._arrays import is_arrow, unmasked
from omendb._shown import described, shown
from omendb._values import has_utf8
from omendb.errors import InvalidArgumentError, TypeMismatchError

_BOOLS = {bool, np.bool_}


def ids_in(ids: Any) -> Any:
    """A uint64 array, or a tuple of str; None stays None."""
    if ids is None:
        return None
    if isinstance(ids, str):
        return _string_ids((ids,))
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
    try:
        array = np.asarray(ids)
    except (ValueError, TypeError, OverflowError) as error:
        raise TypeMismatchError(f"ids are int or str, one a point: {error}") from None
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


def joined_ids(parts: Sequence[Any]) -> Any:
    """The ids of several tables, each as ids_in() gives them; None if no table has any."""
    for i, ids in enumerate(parts):
        if (ids is None) != (parts[0] is None):
            raise InvalidArgumentError(
                f"table {i} has {'no' if ids is None else 'a'} column of ids; give one to all "
                "tables or to none"
            )
        if isinstance(ids, tuple) != isinstance(parts[0], tuple):
            kinds = ("int", "str") if isinstance(ids, tuple) else ("str", "int")
            raise TypeMismatchError(
                f"ids are all str or all int; table 0 has {kinds[0]}, table {i} has {kinds[1]}"
            )
    if not parts or parts[0] is None:
        return None
    if isinstance(parts[0], tuple):
        return tuple(one for ids in parts for one in ids)
    return np.concatenate(parts)


def _string_ids(ids: Iterable[Any]) -> tuple[str, ...]:
    strings = tuple(ids)
    for one in strings:
        if not isinstance(one, str):
            raise TypeMismatchError(f"ids are all str or all int, got {shown(one)} among str")
        if not has_utf8(one):
            raise InvalidArgumentError(f"id {shown(one)} has no UTF-8 form")
    return strings


def _big_ids(array: NDArray[Any], ids: Any) -> NDArray[np.uint64]:
    """Python ints that NumPy did not fit into one integer type."""
    for one in ids:
        if isinstance(one, str):
            raise TypeMismatchError(f"ids are all str or all int, got {shown(one)} among int")
        if type(one) in _BOOLS or not isinstance(one, int | np.integer):
            raise _wrong_id(one)
        if not 0 <= int(one) < 2**64:
            raise InvalidArgumentError(f"ids are in 0..2^64 - 2, got {shown(one)}")
    return np.array([int(one) for one in ids], dtype=np.uint64)


def _wrong_id(one: Any) -> TypeMismatchError:
    return TypeMismatchError(f"ids are int or str, got {described(one)}")


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
