"""Filters as dicts, the same tree as filters as text. The grammar is in docs/filters.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from omendb import _core
from omendb._values import has_utf8, iso, plain
from omendb.errors import FilterError

#: What where= takes.
Where = str | Mapping[str, Any] | None

_COMPARE = {"$eq": "=", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


def compile_where(where: Where) -> _core.Filter | None:
    """The engine's filter; None matches everything."""
    if where is None:
        return None
    if isinstance(where, str):
        if not has_utf8(where):
            raise FilterError(f"where has no UTF-8 form: {where!r:.60}")
        return _core.Filter.parse(where)
    if isinstance(where, Mapping):
        try:
            return _expression(where, "")
        except RecursionError:
            raise FilterError("where is nested too deep; expected at most 256 levels") from None
    raise FilterError(f"where is a {type(where).__name__}; expected a str, a dict or None")


def _expression(node: Any, path: str) -> _core.Filter:
    """{"$and": [...]}, {"column": ...}, or several of these, all of which must hold."""
    if not isinstance(node, Mapping):
        raise _error(path, f"expected a dict, got {_describe(node)}")
    parts = []
    for key, value in node.items():
        here = _join(path, key)
        if not isinstance(key, str):
            raise _error(here, "keys are column names or operators, as str")
        if not has_utf8(key):
            raise _error(path, f"the key {key!r} has no UTF-8 form")
        if key in ("$and", "$or"):
            parts.append(_logic(key, value, here))
        elif key == "$not":
            parts.append(_core.Filter.negate(_expression(value, here)))
        elif key.startswith("$"):
            known = ["$and", "$not", "$or"]
            raise _error(here, f"unknown operator; expected a column name or one of {_list(known)}")
        else:
            parts.append(_column(key, value, here))
    return parts[0] if len(parts) == 1 else _core.Filter.all_of(parts)


def _logic(operator: str, value: Any, path: str) -> _core.Filter:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _error(path, f"expected a list of dicts, got {_describe(value)}")
    parts = [_expression(part, f"{path}[{i}]") for i, part in enumerate(value)]
    return _core.Filter.all_of(parts) if operator == "$and" else _core.Filter.any_of(parts)


def _column(column: str, test: Any, path: str) -> _core.Filter:
    """{"column": value} or {"column": {"$operator": operand, ...}}."""
    if not isinstance(test, Mapping):
        return _equal(column, test, path)
    if not test:
        raise _error(path, f"an empty dict; expected an operator such as {_list(sorted(_COMPARE))}")
    parts = []
    for operator, operand in test.items():
        here = _join(path, operator)
        build = _TESTS.get(operator)
        if build is None:
            raise _error(here, f"unknown operator; expected one of {_list(sorted(_TESTS))}")
        parts.append(build(column, operand, here))
    return parts[0] if len(parts) == 1 else _core.Filter.all_of(parts)


def _equal(column: str, value: Any, path: str) -> _core.Filter:
    if value is None:
        return _core.Filter.is_null(column)
    return _core.Filter.compare(column, "=", _value(value, path))


def _not_equal(column: str, value: Any, path: str) -> _core.Filter:
    if value is None:
        return _core.Filter.negate(_core.Filter.is_null(column))
    return _core.Filter.compare(column, "!=", _value(value, path))


def _compare(symbol: str) -> Callable[[str, Any, str], _core.Filter]:
    return lambda column, value, path: _core.Filter.compare(column, symbol, _value(value, path))


def _in(column: str, values: Any, path: str) -> _core.Filter:
    return _core.Filter.one_of(column, _values(values, path))


def _not_in(column: str, values: Any, path: str) -> _core.Filter:
    return _core.Filter.negate(_in(column, values, path))


def _like(column: str, pattern: Any, path: str) -> _core.Filter:
    if not isinstance(pattern, str):
        raise _error(path, f"expected a pattern as str, got {_describe(pattern)}")
    return _core.Filter.like(column, _value(pattern, path))


def _between(column: str, bounds: Any, path: str) -> _core.Filter:
    values = _values(bounds, path)
    if len(values) != 2:
        raise _error(path, f"expected [low, high], got {len(values)} values")
    low, high = (_present(value, f"{path}[{i}]") for i, value in enumerate(values))
    return _core.Filter.between(column, low, high)


def _null(column: str, wanted: Any, path: str) -> _core.Filter:
    if not isinstance(wanted, bool):
        raise _error(path, f"expected True or False, got {_describe(wanted)}")
    is_null = _core.Filter.is_null(column)
    return is_null if wanted else _core.Filter.negate(is_null)


def _contains(column: str, value: Any, path: str) -> _core.Filter:
    return _core.Filter.contains(column, _present(_value(value, path), path))


def _not(column: str, test: Any, path: str) -> _core.Filter:
    return _core.Filter.negate(_column(column, test, path))


_TESTS: dict[str, Callable[[str, Any, str], _core.Filter]] = {
    **{operator: _compare(symbol) for operator, symbol in _COMPARE.items()},
    "$eq": _equal,
    "$ne": _not_equal,
    "$in": _in,
    "$nin": _not_in,
    "$like": _like,
    "$between": _between,
    "$null": _null,
    "$contains": _contains,
    "$not": _not,
}


def _values(values: Any, path: str) -> list[Any]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, set | frozenset):
        values = list(values)
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise _error(path, f"expected a list of values, got {_describe(values)}")
    return [_value(value, f"{path}[{i}]") for i, value in enumerate(values)]


def _value(value: Any, path: str) -> Any:
    if isinstance(value, float | np.floating):
        return float(value)  # NaN is a number here, not a missing value
    try:
        if not isinstance(value, dt.date):
            value = plain(value)
        if isinstance(value, dt.date):
            return iso(value)
    except OverflowError as error:
        raise _error(path, str(error)) from None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise _error(path, f"ints are 64 bits wide, got {value}")
    if isinstance(value, str) and not has_utf8(value):
        raise _error(path, f"{_describe(value)} has no UTF-8 form")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise _error(path, f"expected a bool, int, float, str or datetime, got {_describe(value)}")


def _present(value: Any, path: str) -> Any:
    if value is None:
        raise _error(path, "expected a value, got None")
    return value


def _error(path: str, message: str) -> FilterError:
    return FilterError(f"where{': ' if not path else ' at ' + path + ': '}{message}")


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _describe(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)
