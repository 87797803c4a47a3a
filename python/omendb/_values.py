"""Converts values of NumPy, of pandas and of subclasses to plain Python values."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Mapping, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb import _durations
from omendb._shown import shown
from omendb.errors import InvalidArgumentError, TypeMismatchError

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def timestamp_us(moment: dt.datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z; a moment without a time zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - _EPOCH) // _MICROSECOND


def has_utf8(text: str) -> bool:
    """Whether the text can be stored: one with a lone surrogate has no UTF-8 form."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_missing(value: Any) -> bool:
    """Whether it is None, pandas' NA or pandas' NaT."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def plain(value: Any) -> Any:
    """Converts to None, bool, int, float, str, datetime, timedelta or a list of these.

    Converts NumPy scalars and arrays, sets, pandas' NA and NaT, and subclasses; returns any other
    value as it is. Raises ValueError for a time outside datetime's range, and for a duration that
    equals no timedelta.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.datetime64):
        value = None if np.isnat(value) else _from_numpy_time(value)
    elif isinstance(value, np.timedelta64):
        value = _durations.from_numpy(value)
    elif isinstance(value, np.void) and value.dtype.names:
        return [plain(value[name]) for name in value.dtype.names]
    elif isinstance(value, np.ndarray) and value.dtype.kind in "MmV":
        return [plain(one) for one in value]
    elif isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if is_missing(value):
        return None
    if isinstance(value, dt.datetime):
        if hasattr(value, "to_pydatetime"):
            value = _from_pandas_time(value)
        return value
    if isinstance(value, dt.timedelta):
        return _durations.from_pandas(value) if hasattr(value, "to_pytimedelta") else value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, int | str):
        return value
    if isinstance(value, set | frozenset):
        return in_order(value)
    if isinstance(value, bytes | bytearray | Mapping):
        return value
    if hasattr(value, "__iter__") and hasattr(value, "__len__"):
        return list(value)
    return value


def in_order(values: Set[Any]) -> list[Any]:
    """The values as a list, sorted if they can be."""
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def numpy_micros(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Microseconds since 1970-01-01T00:00:00Z; finer units round down, NaT is the least int64.

    Raises ValueError for a time too far from 1970, which NumPy would wrap around, and for times
    without a unit.
    """
    if np.datetime_data(times.dtype)[0] == "generic" and not np.isnat(times).all():
        raise ValueError("a datetime64 has no unit; expected one, such as .astype('M8[us]')")
    micros = times.astype("datetime64[us]")
    if np.can_cast(times.dtype, micros.dtype):  # a unit at least as long
        wrapped = (micros.astype(times.dtype) != times) & ~np.isnat(times)
        if wrapped.any():
            raise ValueError(f"{times[wrapped][0]} does not fit in 64 bits of microseconds")
    return np.ascontiguousarray(micros).view(np.int64)


def _from_numpy_time(value: np.datetime64) -> dt.datetime:
    micros = int(numpy_micros(np.array([value]))[0])
    try:
        return _EPOCH + dt.timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError(f"{value} is not in the years 1 to 9999") from None


def _from_pandas_time(value: Any) -> Any:
    try:
        return value.to_pydatetime(warn=False)
    except ValueError:
        raise ValueError(f"{value} is not in the years 1 to 9999") from None


def path_text(path: Any) -> str:
    """A path as the engine takes it."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str):
        raise TypeMismatchError(f"the path is {shown(text)}; expected a str or a PathLike of str")
    if not has_utf8(text):
        raise InvalidArgumentError(f"the path {shown(text)} has no UTF-8 form")
    return text
