"""A caller's value in an error message: short, and no deeper than a few levels.

``repr()`` of a value that is nested deeply takes a C frame a level, which ends a thread with a
small stack, and ``repr()`` of an int of thousands of digits raises. Neither may happen in an error.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import itertools
import pathlib
import uuid
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

_LENGTH = 60
_DEPTH = 4
_ITEMS = 6
_INT_BITS = 1_024

#: Types whose values contain no other values, so that their repr() is short and flat.
_LEAVES = (
    int, float, complex, decimal.Decimal, dt.date, dt.time, dt.timedelta, pathlib.PurePath, type,
    type(None), uuid.UUID,
)  # fmt: skip

_BRACKETS: dict[type[Collection[Any]], tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
}


def shown(value: object) -> str:
    """repr(), cut short. For a type that may hold anything: its name in angle brackets."""
    text = _text(value, _DEPTH)
    return text if len(text) <= _LENGTH else text[: _LENGTH - 3] + "..."


def described(value: object) -> str:
    """The value after the name of its type: int 5."""
    name, text = type(value).__name__, shown(value)
    return text if text.startswith(f"<{name}") else f"{name} {text}"


def _text(value: Any, depth: int) -> str:
    try:
        if isinstance(value, dict):
            pairs = (f"{_text(k, depth - 1)}: {_text(v, depth - 1)}" for k, v in value.items())
            return _joined("{", pairs, len(value), "}", depth)
        for kind, (opening, closing) in _BRACKETS.items():
            if isinstance(value, kind):
                items = (_text(one, depth - 1) for one in value)
                if kind is tuple and len(value) == 1:
                    closing = ",)"
                return _joined(opening, items, len(value), closing, depth)
        return _leaf(value)
    except Exception:  # of a caller's class
        return f"<{type(value).__name__}>"


def _joined(opening: str, items: Iterable[str], count: int, closing: str, depth: int) -> str:
    if depth == 0:
        return opening + "..." + closing
    first = [*itertools.islice(items, _ITEMS), *(["..."] if count > _ITEMS else [])]
    return opening + ", ".join(first) + closing


def _leaf(value: Any) -> str:
    if isinstance(value, str):
        return repr(str(value[:_LENGTH]))
    if isinstance(value, bytes | bytearray):
        return repr(value[:_LENGTH])
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, int) and value.bit_length() > _INT_BITS:
        return f"<int of {value.bit_length()} bits>"
    if isinstance(value, _LEAVES) or _is_scalar(value):
        return repr(value)
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return repr(value)  # NumPy shows a few items of many
    return f"<{type(value).__name__}>"


def _is_scalar(value: Any) -> bool:
    """Whether it is one of pandas: NA, NaT, a Period, an Interval."""
    return type(value).__module__.partition(".")[0] == "pandas" and not hasattr(value, "__len__")
