"""Converts durations of NumPy and pandas to the timedeltas that they equal."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

#: Microseconds in one, or how many make a microsecond.
_LONG = {
    "W": 604_800_000_000,
    "D": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_SHORT = {"ns": 10**3, "ps": 10**6, "fs": 10**9, "as": 10**12}


def from_numpy(value: np.timedelta64) -> dt.timedelta | None:
    """None for NaT. Raises ValueError for a duration that equals no timedelta."""
    if np.isnat(value):
        return None
    unit, count = np.datetime_data(value.dtype)
    if unit == "generic":
        raise ValueError(
            f"{value!r} has no unit; expected one, such as np.timedelta64(5, 's'), or an int"
        )
    if unit not in _LONG and unit not in _SHORT:
        raise ValueError(
            f"{value!r} is a number of {'months' if unit == 'M' else 'years'}, which differ in "
            "length; expected days or a shorter unit, or an int"
        )
    amount = int(value.view(np.int64)) * count
    micros, rest = amount * _LONG.get(unit, 1), 0
    if unit in _SHORT:
        micros, rest = divmod(amount, _SHORT[unit])
    if rest:
        raise ValueError(
            f"{value!r} is no whole number of microseconds; round it, such as with "
            ".astype('m8[us]'), or store an int"
        )
    try:
        return dt.timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError(f"{value!r} is longer than a timedelta, of 999,999,999 days") from None


def from_pandas(value: Any) -> dt.timedelta:
    """Raises ValueError for a duration that equals no timedelta."""
    if value.nanoseconds:
        raise ValueError(
            f"{value!r} is no whole number of microseconds; round it, such as with .round('us')"
        )
    try:
        plain: dt.timedelta = value.to_pytimedelta()
        return plain
    except OverflowError:
        raise ValueError(f"{value!r} is longer than a timedelta, of 999,999,999 days") from None
