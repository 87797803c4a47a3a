"""Arguments of the verbs, checked before the engine sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from omendb._values import has_utf8
from omendb.errors import InvalidArgumentError, TypeMismatchError

#: The names that mean all columns.
ALL_COLUMNS = ("*",)
_DURABILITY = {"sync": 1, "none": 3}


def fields_in(fields: Sequence[str] | None) -> Sequence[str]:
    if fields is None:
        return ALL_COLUMNS
    if isinstance(fields, str):
        raise InvalidArgumentError(f"fields is {fields!r}; expected a list of column names")
    if not isinstance(fields, Iterable):
        raise TypeMismatchError(f"fields is {fields!r}; expected a list of column names")
    names = list(fields)
    for name in names:
        if not isinstance(name, str):
            raise TypeMismatchError(f"fields holds {name!r}; expected column names as str")
        if not has_utf8(name):
            raise InvalidArgumentError(f"fields holds {name!r}, which has no UTF-8 form")
    return names


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeMismatchError(f"{name} is {value!r}; expected True or False")
    return bool(value)


def collection_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeMismatchError(f"a collection's name is a str, got {name!r}")
    if not has_utf8(name):
        raise InvalidArgumentError(f"the collection's name {name!r} has no UTF-8 form")
    return name


def natural(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InvalidArgumentError(f"{name} is {value!r}; expected a whole number from 1")
    return int(value)


def durability_of(text: str) -> tuple[int, int]:
    """(omendb::Durability, milliseconds)"""
    if isinstance(text, str) and text in _DURABILITY:
        return _DURABILITY[text], 100
    interval = re.fullmatch(r"interval(?:\((\d{1,9})\))?", text) if isinstance(text, str) else None
    if interval is None:
        raise InvalidArgumentError(
            f'durability is {text!r}; expected "sync", "interval(milliseconds)" or "none"'
        )
    return 2, int(interval[1] or 100)


def lock_milliseconds(timeout: Any) -> int:
    """How long open() waits for the lock."""
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 <= timeout <= 86_400:
        raise InvalidArgumentError(f"timeout is {timeout!r}; expected 0..86400 seconds")
    return int(timeout * 1000)
