"""Filters as dicts: the same trees as filters as text. docs/filters.md has the meaning of both."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omendb import _core
from omendb._shown import described, shown
from omendb._values import has_utf8, plain, timestamp_us
from omendb._warnings import warn
from omendb.errors import FilterError, FilterWarning

#: What where= takes.
Where = str | Mapping[str, Any] | None

_COMPARE = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_MAX_DEPTH = 256
_FIRST_MICROS, _LAST_MICROS = timestamp_us(dt.datetime.min), timestamp_us(dt.datetime.max)
_INTEGER = re.compile(r"-?[0-9]+")
_HINTS: dict[type, str] = {
    dt.timedelta: '; the microseconds of a stored timedelta are "<column>.$timedelta"',
    bytes: '; stored bytes are "<column>.$bytes", in base64',
}


def compile_where(where: Where) -> _core.Filter | None:
    """The engine's filter; None matches everything."""
    if where is None:
        return None
    if isinstance(where, str):
        if not has_utf8(where):
            raise FilterError(f"where has no UTF-8 form: {shown(where)}")
        return _core.Filter.parse(where)
    if isinstance(where, Mapping):
        return _compile(where)
    raise FilterError(f"where is a {type(where).__name__}; expected a str, a dict or None")


def warn_of_unknown(
    unknown: list[tuple[str, str]], collection: str, warned: set[tuple[str, str]]
) -> None:
    """Warns of each (column, message), once, at the line outside this package that called it."""
    for column, message in unknown:
        if (collection, column) in warned:
            continue
        warn(f'collection "{collection}": {message}', FilterWarning)
        warned.add((collection, column))


@dataclass(slots=True)
class _Dict:
    """{"$and": [...]}, {"column": ...}, or several of these, all of which must hold."""

    node: Any
    path: str
    depth: int


@dataclass(slots=True)
class _Test:
    """{"column": value} or {"column": {"$operator": operand, ...}}."""

    column: str
    test: Any
    path: str
    depth: int


@dataclass(slots=True)
class _Join:
    """Makes one filter of the last ``count`` that were built."""

    make: Callable[[list[_core.Filter]], _core.Filter]
    count: int


_Work = list[_Dict | _Test | _Join]


def _compile(where: Mapping[str, Any]) -> _core.Filter:
    """Walks the dicts with a stack of its own, so that deep ones take no room on the thread's."""
    work: _Work = [_Dict(where, "", 1)]
    built: list[_core.Filter] = []
    while work:
        step = work.pop()
        if isinstance(step, _Join):
            first = len(built) - step.count
            built[first:] = [step.make(built[first:])]
            continue
        if step.depth > _MAX_DEPTH:
            raise FilterError(f"where is nested too deep; expected at most {_MAX_DEPTH} levels")
        parts: _Work = []
        if isinstance(step, _Dict):
            _open_dict(step, parts)
        else:
            _open_test(step, parts, built)
        work.extend(reversed(parts))
    return built[0]


def _open_dict(step: _Dict, parts: _Work) -> None:
    """Replaces a dict by its entries, in order, and a step that joins their filters."""
    if not isinstance(step.node, Mapping):
        raise _error(step.path, f"expected a dict, got {described(step.node)}")
    below = step.depth + 1
    for key, value in step.node.items():
        here = _join(step.path, key)
        if not isinstance(key, str):
            raise _error(here, "keys are column names or operators, as str")
        if not has_utf8(key):
            raise _error(step.path, f"the key {shown(key)} has no UTF-8 form")
        if key in ("$and", "$or"):
            if not _is_list(value):
                raise _error(here, f"expected a list of dicts, got {described(value)}")
            dicts = _listed(value)
            parts.extend(_Dict(one, f"{here}[{i}]", below) for i, one in enumerate(dicts))
            make = _core.Filter.all_of if key == "$and" else _core.Filter.any_of
            parts.append(_Join(make, len(dicts)))
        elif key == "$not":
            parts += (_Dict(value, here, below), _Join(_complement, 1))
        elif key.startswith("$"):
            known = ["$and", "$not", "$or"]
            raise _error(here, f"unknown operator; expected a column name or one of {_list(known)}")
        else:
            parts.append(_Test(key, value, here, below))
    parts.append(_Join(_core.Filter.all_of, len(step.node)))


def _open_test(step: _Test, parts: _Work, built: list[_core.Filter]) -> None:
    """Builds the tests of a column. Replaces a $not by its operand and a step that negates it."""
    column, test = step.column, step.test
    if not isinstance(test, Mapping):
        built.append((_in if _is_list(test) else _equal)(column, test, step.path))
        return
    if not test:
        known = _list(sorted(_COMPARE))
        raise _error(step.path, f"an empty dict; expected an operator such as {known}")
    for operator, operand in test.items():
        here = _join(step.path, operator)
        if operator == "$not":
            parts += (_Test(column, operand, here, step.depth + 1), _Join(_complement, 1))
        else:
            parts.append(_Join(_built(_build(column, operator, operand, here)), 0))
    parts.append(_Join(_core.Filter.all_of, len(test)))


def _build(column: str, operator: Any, operand: Any, path: str) -> _core.Filter:
    build = _TESTS.get(operator)
    if build is None:
        known = _list(sorted([*_TESTS, "$not"]))
        message = f"unknown operator; expected one of {known}"
        if isinstance(operator, str) and not operator.startswith("$"):
            message += f'; a field of a dict is written "{column}.{operator}"'
        raise _error(path, message)
    return build(column, operand, path)


def _built(one: _core.Filter) -> Callable[[list[_core.Filter]], _core.Filter]:
    return lambda _: one


def _complement(parts: list[_core.Filter]) -> _core.Filter:
    """Matches every point that the part does not match, also points without the field."""
    return _core.Filter.complement(parts[0])


def _equal(column: str, value: Any, path: str) -> _core.Filter:
    if value is None:
        return _core.Filter.is_null(column)
    if _is_list(value):
        raise _error(path, "expected one value; for one of several write $in, for all of them $all")
    value = _value(value, path)
    if value is None:  # pandas' NA and the like
        return _core.Filter.is_null(column)
    return _core.Filter.compare(column, "=", value)


def _not_equal(column: str, value: Any, path: str) -> _core.Filter:
    if _is_list(value):
        raise _error(path, "expected one value; for none of several write $nin")
    if value is None:
        return _core.Filter.negate(_core.Filter.is_null(column))  # never NULL: no need for more
    return _core.Filter.complement(_equal(column, value, path))


def _compare(symbol: str) -> Callable[[str, Any, str], _core.Filter]:
    return lambda column, value, path: _core.Filter.compare(column, symbol, _value(value, path))


def _in(column: str, values: Any, path: str) -> _core.Filter:
    """None in the list stands for a missing field."""
    given = _values(values, path)
    present = [value for value in given if value is not None]
    one_of = _core.Filter.one_of(column, present)
    if len(present) == len(given):
        return one_of
    missing = _core.Filter.is_null(column)
    return _core.Filter.any_of([one_of, missing]) if present else missing


def _not_in(column: str, values: Any, path: str) -> _core.Filter:
    return _core.Filter.complement(_in(column, values, path))


def _all(column: str, values: Any, path: str) -> _core.Filter:
    given = [_present(value, f"{path}[{i}]") for i, value in enumerate(_values(values, path))]
    if not given:
        return _core.Filter.any_of([])
    return _core.Filter.all_of([_core.Filter.compare(column, "=", value) for value in given])


def _size(column: str, size: Any, path: str) -> _core.Filter:
    tests = size if isinstance(size, Mapping) and size else {"$eq": size}
    parts = []
    for operator, operand in tests.items():
        here = _join(path, operator) if tests is size else path
        symbol = _COMPARE.get(operator)
        if symbol is None:
            raise _error(here, f"unknown operator; expected one of {_list(sorted(_COMPARE))}")
        count = _value(operand, here)
        if isinstance(count, bool) or not isinstance(count, int) or count >= 2**63:
            raise _error(here, f"expected a number of elements as int, got {described(operand)}")
        parts.append(_core.Filter.size(column, symbol, count))
    return _core.Filter.all_of(parts)


def _like(column: str, pattern: Any, path: str) -> _core.Filter:
    return _core.Filter.like(column, _pattern(pattern, path))


def _ilike(column: str, pattern: Any, path: str) -> _core.Filter:
    return _core.Filter.ilike(column, _pattern(pattern, path))


def _pattern(pattern: Any, path: str) -> str:
    if not isinstance(pattern, str):
        raise _error(path, f"expected a pattern as str, got {described(pattern)}")
    if not has_utf8(pattern):
        raise _error(path, f"{described(pattern)} has no UTF-8 form")
    return pattern


def _between(column: str, bounds: Any, path: str) -> _core.Filter:
    values = _values(bounds, path)
    if len(values) != 2:
        raise _error(path, f"expected [low, high], got {len(values)} values")
    low, high = (_present(value, f"{path}[{i}]") for i, value in enumerate(values))
    return _core.Filter.between(column, low, high)


def _null(column: str, wanted: Any, path: str) -> _core.Filter:
    if not isinstance(wanted, bool | np.bool_):
        raise _error(path, f"expected True or False, got {described(wanted)}")
    is_null = _core.Filter.is_null(column)
    return is_null if wanted else _core.Filter.negate(is_null)


def _exists(column: str, wanted: Any, path: str) -> _core.Filter:
    if not isinstance(wanted, bool | np.bool_):
        raise _error(path, f"expected True or False, got {described(wanted)}")
    return _null(column, not wanted, path)


def _contains(column: str, value: Any, path: str) -> _core.Filter:
    return _core.Filter.contains(column, _present(_value(value, path), path))


_TESTS: dict[str, Callable[[str, Any, str], _core.Filter]] = {
    **{operator: _compare(symbol) for operator, symbol in _COMPARE.items()},
    "$all": _all,
    "$any": _in,
    "$between": _between,
    "$contains": _contains,
    "$eq": _equal,
    "$exists": _exists,
    "$ilike": _ilike,
    "$in": _in,
    "$like": _like,
    "$ne": _not_equal,
    "$nin": _not_in,
    "$null": _null,
    "$size": _size,
}


def _is_list(value: Any) -> bool:
    """Whether the value stands for several: lists, tuples, sets, dict views, arrays, columns."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Iterable) and not isinstance(
        value, str | bytes | bytearray | memoryview | Mapping
    )


def _listed(values: Any) -> list[Any]:
    if isinstance(values, np.ndarray):
        return list(values) if values.dtype.kind in "MmV" else values.tolist()
    if hasattr(values, "to_pylist"):  # an Arrow array
        return list(values.to_pylist())
    return list(values)


def _values(values: Any, path: str) -> list[Any]:
    if not _is_list(values):
        raise _error(path, f"expected a list of values, got {described(values)}")
    given = _listed(values)
    if any(isinstance(value, str) for value in given):  # among text, pandas says NaN for None
        given = [None if _is_nan(value) else value for value in given]
    return [_value(value, f"{path}[{i}]") for i, value in enumerate(given)]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _value(value: Any, path: str) -> Any:
    if isinstance(value, float | np.floating):
        return float(value)  # NaN is a number here, not a missing value
    try:
        value = plain(value.as_py() if hasattr(value, "as_py") else value)
    except ValueError as error:
        raise _error(path, str(error)) from None
    if isinstance(value, dt.date):
        return _core.FilterTime(_micros(value, path))
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        value = _number(value, path)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise _error(path, f"ints are 64 bits wide, got {shown(value)}")
    if isinstance(value, str) and not has_utf8(value):
        raise _error(path, f"{described(value)} has no UTF-8 form")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    message = "expected a bool, int, float, str, Decimal, datetime, date, time or UUID"
    raise _error(path, f"{message}, got {described(value)}{_HINTS.get(type(value), '')}")


def _number(value: decimal.Decimal, path: str) -> int | float:
    """The number as which the engine reads a stored Decimal: an int if it is written as one."""
    try:
        return int(str(value)) if _INTEGER.fullmatch(str(value)) else float(value)
    except ValueError as error:  # a signalling NaN
        raise _error(path, str(error)) from None


def _micros(moment: dt.date, path: str) -> int:
    """A date is its midnight."""
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime(moment.year, moment.month, moment.day)
    micros = timestamp_us(moment)
    if not _FIRST_MICROS <= micros <= _LAST_MICROS:
        raise _error(path, f"{moment} lies outside the years 1 to 9999 in UTC")
    return micros


def _present(value: Any, path: str) -> Any:
    if value is None:
        raise _error(path, "expected a value, got None")
    return value


def _error(path: str, message: str) -> FilterError:
    return FilterError(f"where{': ' if not path else ' at ' + path + ': '}{message}")


def _join(path: str, key: object) -> str:
    text = key if isinstance(key, str) else shown(key)
    return f"{path}.{text}" if path else text


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)
