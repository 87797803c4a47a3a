"""Arguments of the verbs, checked before the engine sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from omendb._values import has_utf8
from omendb.errors import InvalidArgumentError, TypeMismatchError

#: The names that mean all columns.
ALL_COLUMNS = ("*",)


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
