"""Checks the arguments of the calls before the engine gets them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from omendb._shown import shown
from omendb._values import has_utf8
from omendb.errors import InvalidArgumentError, TypeMismatchError

#: The names that mean all columns.
ALL_COLUMNS = ("*",)
_DURABILITY = {"sync": 1, "none": 3}

#: One column, "-column" for the largest first, (column, "desc"), a list of these, or a dict.
OrderBy = str | tuple[str, str] | Sequence[Any] | Mapping[str, str]

_WAYS = {"asc": False, "desc": True, "ascending": False, "descending": True}


def fields_in(fields: Sequence[str] | None) -> Sequence[str]:
    if fields is None:
        return ALL_COLUMNS
    if isinstance(fields, str):
        raise InvalidArgumentError(f"fields is {shown(fields)}; expected a list of column names")
    if not isinstance(fields, Iterable):
        raise TypeMismatchError(f"fields is {shown(fields)}; expected a list of column names")
    names = list(fields)
    for name in names:
        if not isinstance(name, str):
            raise TypeMismatchError(f"fields holds {shown(name)}; expected column names as str")
        if not has_utf8(name):
            raise InvalidArgumentError(f"fields holds {shown(name)}, which has no UTF-8 form")
    return names


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeMismatchError(f"{name} is {shown(value)}; expected True or False")
    return bool(value)


def collection_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeMismatchError(f"a collection's name is a str, got {shown(name)}")
    if not has_utf8(name):
        raise InvalidArgumentError(f"the collection's name {shown(name)} has no UTF-8 form")
    return name


def column_name(name: Any, argument: str) -> str:
    if not isinstance(name, str):
        raise TypeMismatchError(f"{argument} is {shown(name)}; expected a column's name as str")
    if not has_utf8(name):
        raise InvalidArgumentError(f"{argument} is {shown(name)}, which has no UTF-8 form")
    return name


def natural(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InvalidArgumentError(f"{name} is {shown(value)}; expected a whole number from 1")
    return int(value)


def durability_of(text: str) -> tuple[int, int]:
    """(omendb::Durability, milliseconds)"""
    if isinstance(text, str) and text in _DURABILITY:
        return _DURABILITY[text], 100
    interval = re.fullmatch(r"interval(?:\((\d{1,9})\))?", text) if isinstance(text, str) else None
    if interval is None:
        raise InvalidArgumentError(
            f'durability is {shown(text)}; expected "sync", "interval(milliseconds)" or "none"'
        )
    return 2, int(interval[1] or 100)


def lock_milliseconds(timeout: Any) -> int:
    """How long open() waits for the lock."""
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 <= timeout <= 86_400:
        raise InvalidArgumentError(f"timeout is {shown(timeout)}; expected 0..86400 seconds")
    return int(timeout * 1000)


def wait_milliseconds(timeout: Any) -> int:
    """How long optimize() waits; -1 without end."""
    if timeout is None:
        return -1
    number = isinstance(timeout, int | float | np.number) and not isinstance(timeout, bool)
    if not number or not timeout >= 0:
        raise InvalidArgumentError(
            f"timeout is {shown(timeout)}; expected seconds, 0 or more, or None"
        )
    return math.ceil(float(min(timeout, 1e9)) * 1000)


def schema_name(value: Any, option: str) -> str | None:
    """metric= or dtype= as text; a NumPy type stands for its name."""
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, type) and issubclass(value, np.generic | bool | float):
        return np.dtype(np.float32 if value is float else value).name
    if value is not None and not isinstance(value, str):
        raise TypeMismatchError(f"{option} is {shown(value)}; expected a name as str")
    return value


def order_in(order_by: OrderBy | None) -> list[tuple[str, bool]]:
    """[(column, whether descending)]"""
    if order_by is None:
        return []
    if isinstance(order_by, Mapping):
        return [_one_order(pair) for pair in order_by.items()]
    if isinstance(order_by, str) or _is_pair(order_by):
        return [_one_order(order_by)]
    if not isinstance(order_by, Iterable):
        raise _wrong_order(order_by)
    return [_one_order(one) for one in order_by]


def _is_pair(one: Any) -> bool:
    return (
        isinstance(one, tuple)
        and len(one) == 2
        and isinstance(one[1], str)
        and one[1].lower() in _WAYS
    )


def _one_order(one: Any) -> tuple[str, bool]:
    if _is_pair(one):
        name, descending = one[0], _WAYS[one[1].lower()]
    elif isinstance(one, str):
        name, descending = one.removeprefix("-"), one.startswith("-")
    else:
        raise _wrong_order(one)
    if not isinstance(name, str) or not has_utf8(name):
        raise _wrong_order(one)
    return name, descending


def _wrong_order(one: Any) -> TypeMismatchError:
    return TypeMismatchError(
        f'order_by is {shown(one)}; expected a column ("year"), "-year" or ("year", "desc") for '
        "the largest first, or a list of these"
    )


def page_in(limit: Any, offset: Any) -> tuple[int | None, int]:
    """limit and offset as the engine takes them."""
    return (None if limit is None else whole(limit, "limit")), whole(offset, "offset")


def whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise InvalidArgumentError(f"{name} is {shown(value)}; expected a whole number from 0")
    return min(int(value), 2**63)
