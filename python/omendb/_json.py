"""Converts metadata that no column type holds to JSON text and back.

A value that JSON cannot express is written as an object of one key that begins with a dollar sign.
If a user's dict looks like one, its key gets a second dollar sign. docs/python.md lists the keys.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from omendb._shown import described
from omendb._values import has_utf8, plain

#: As omendb::kMaxJsonDepth.
_MAX_DEPTH = 128

_MICROSECOND = dt.timedelta(microseconds=1)

_READ: dict[str, Callable[[Any], Any]] = {
    "$uuid": uuid.UUID,
    "$decimal": decimal.Decimal,
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$date": dt.date.fromisoformat,
    "$time": dt.time.fromisoformat,
    "$datetime": dt.datetime.fromisoformat,
    "$timedelta": lambda micros: micros * _MICROSECOND,
    "$float": {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.__getitem__,
}


def encode(value: Any) -> str:
    """The value as JSON. Raises TypeError or ValueError, with a reason, if that is impossible."""
    return json.dumps(_plainest(value, 0), ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Any:
    """The value that encode() was given."""
    return json.loads(text, object_hook=_untagged)


def _plainest(value: Any, depth: int) -> Any:
    """The value made of None, bool, int, finite float, str, list, and dict with str keys."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None or kind is int or kind is bool:
        return value
    if isinstance(value, float | np.floating):
        return _float(float(value))
    if kind is dict or kind is list:
        return _container(value, depth)
    value = plain(value)
    if isinstance(value, list | tuple):
        return _container(list(value), depth)
    if isinstance(value, Mapping):
        return _container(dict(value), depth)
    return _scalar(value)


def _container(value: dict[Any, Any] | list[Any], depth: int) -> Any:
    if depth == _MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels")
    if isinstance(value, list):
        return [_plainest(one, depth + 1) for one in value]
    fields = {_key(key): _plainest(one, depth + 1) for key, one in value.items()}
    if len(fields) == 1 and (key := next(iter(fields))).startswith("$"):
        return {"$" + key: fields[key]}
    return fields


def _scalar(value: Any) -> Any:
    """A value after plain(), whose type JSON may lack."""
    if isinstance(value, str):
        return _text(str.__str__(value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dt.datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, dt.date):
        return {"$date": value.isoformat()}
    if isinstance(value, dt.time):
        return {"$time": value.isoformat()}
    if isinstance(value, dt.timedelta):
        return {"$timedelta": value // _MICROSECOND}
    if isinstance(value, uuid.UUID):
        return {"$uuid": str(value)}
    if isinstance(value, decimal.Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(
        "expected None, bool, int, float, str, datetime, date, time, timedelta, UUID, Decimal, "
        f"bytes, or lists and dicts of these, got {described(value)}"
    )


def _float(value: float) -> Any:
    if math.isfinite(value):
        return value
    return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}


def _text(text: str) -> str:
    if not has_utf8(text):
        raise ValueError("a string holds a lone surrogate and has no UTF-8 form")
    return text


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"expected a str as key, got {described(key)}")
    return _text(str.__str__(key))


def _untagged(fields: dict[str, Any]) -> Any:
    if len(fields) != 1:
        return fields
    key, value = next(iter(fields.items()))
    if key.startswith("$$"):
        return {key[1:]: value}
    read = _READ.get(key)
    if read is None or not isinstance(value, str | int):
        return fields
    try:
        return read(value)
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return fields  # not written by encode()
