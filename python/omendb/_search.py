"""Converts queries that are not float32 arrays, and checks uncommon options."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb._arrays import is_arrow, to_array, vectors_in
from omendb._ids import ids_in
from omendb._shown import shown
from omendb._tables import arrow_queries
from omendb.errors import InvalidArgumentError, LimitError, OmendbError, TypeMismatchError


def queries_in(query: Any, element: str) -> tuple[NDArray[Any], int, bool]:
    """(queries that the engine can borrow, bits, whether it was one vector)"""
    if is_arrow(query) and not isinstance(query, np.ndarray):
        query = arrow_queries(query, element)
    array = to_array(query, "queries")
    if array.ndim == 1 and array.size == 0 and not isinstance(query, list | tuple):
        raise InvalidArgumentError("the query is empty; expected one vector, or a matrix of them")
    queries, bits = vectors_in(array, element, "queries")
    return queries, bits, array.ndim == 1


def stored_queries(query: Any, id: Any) -> tuple[None, int, bool, Any]:
    """(no queries, 0, whether it is one point, ids that the engine can borrow)"""
    if query is not None:
        raise InvalidArgumentError("search takes a query or id=, one of the two; both were given")
    return None, 0, isinstance(id, int | str | np.integer), ids_in(id)


def search_options(k: Any, effort: Any) -> tuple[int, int]:
    """k and effort as the engine takes them; refuses all but natural numbers."""
    for name, value in (("k", k), ("effort", effort)):
        if value is None and name == "effort":
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InvalidArgumentError(f"{name} is {shown(value)}; expected a whole number from 1")
        if value >= 2**63:
            raise LimitError(f"{name} is {shown(value)}; expected at most 2^63 - 1")
    return int(k), 0 if effort is None else int(effort)


def milliseconds(timeout: Any) -> int:
    """A timeout in seconds as milliseconds, rounded up; refuses all but positive numbers."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float | np.number):
        raise TypeMismatchError(f"timeout is {shown(timeout)}; expected a number of seconds")
    if not timeout > 0:
        raise InvalidArgumentError(f"timeout is {shown(timeout)}; expected more than 0 seconds")
    return math.ceil(float(min(timeout, 1e12)) * 1000)


def wrong_option(error: TypeError, exact: Any, recall: Any, radius: Any, field: Any) -> OmendbError:
    """The error to raise for a TypeError of the engine's call; it names the wrong option."""
    if isinstance(error, OmendbError):
        return error
    if not isinstance(exact, bool):
        return TypeMismatchError(f"exact is {shown(exact)}; expected True or False")
    if field is not None and not isinstance(field, str):
        return TypeMismatchError(f"field is {shown(field)}; expected the name of a vector field")
    for name, value, optional in (("recall", recall, False), ("radius", radius, True)):
        if value is None and optional:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            return TypeMismatchError(f"{name} is {shown(value)}; expected a number")
    return TypeMismatchError(str(error))
