"""Converts frames and data sets of other libraries to objects that Arrow readers take.

Recognises them by their attributes, not by their type, so that none of the libraries is needed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

from omendb import _core
from omendb._arrays import is_arrow
from omendb._warnings import warn
from omendb.errors import InvalidArgumentError, OmendbError, TypeMismatchError

#: Types of polars that are converted value by value in Python, and those that would lose
#: nanoseconds by that.
_VALUES = re.compile(r"\b(Struct|Decimal|Binary|Object)\b|\b(List|Array)\((List|Array)\b")
_CUT = re.compile(r"\b(Duration|Time)\b")

#: Rows of a data set that are read, and written, at once.
DATASET_ROWS = 4_096


def is_table(data: Any) -> bool:
    """Whether it is an Arrow table, a record batch or a frame, and not one array."""
    return is_lazy(data) or (
        is_arrow(data) and (hasattr(data, "schema") or hasattr(data, "columns"))
    )


def is_lazy(data: Any) -> bool:
    """Whether it is a LazyFrame of polars, whose rows are yet to be computed."""
    return type(data).__name__ == "LazyFrame" and hasattr(data, "collect")


def are_tables(data: Any) -> bool:
    """Whether it is a list of tables, such as the record batches of one."""
    return isinstance(data, list | tuple) and len(data) > 0 and all(map(is_table, data))


def tables_in(data: Any, ids_given: bool) -> list[Any]:
    """The tables of a list, or the one table."""
    return [frame_in(table, ids_given) for table in (data if are_tables(data) else [data])]


def arrow_reader(table: Any) -> _core.ArrowReader:
    """A reader of the table. Raises TypeMismatchError if its library cannot give it to Arrow."""
    try:
        return _core.ArrowReader(table)
    except (OmendbError, MemoryError):
        raise
    except Exception as error:
        raise TypeMismatchError(
            f"the {type(table).__name__} gives no Arrow data: {error}; give each column one "
            'name and one type, such as df["column"].astype(str) does'
        ) from error


def columns_of(frame: Any) -> dict[str, Any] | None:
    """The columns of a frame of pandas or polars by name; None if it is none of these."""
    if hasattr(frame, "get_columns") and hasattr(frame, "schema"):
        return {column.name: column for column in frame.get_columns()}
    if not (hasattr(frame, "iloc") and hasattr(frame, "columns")):
        return None
    columns: dict[str, Any] = {}
    for at, label in enumerate(frame.columns):
        if str(label) in columns:
            raise InvalidArgumentError(f'the frame\'s column "{label}" is given twice')
        columns[str(label)] = frame.iloc[:, at]
    return columns


def values_of(column: Any) -> Any:
    """The Python values of a column that Arrow cannot carry, or whose types it would lose: dicts,
    UUIDs, Decimals, bytes, periods, durations, values of several types. None for other columns."""
    dtype = getattr(column, "dtype", None)
    if hasattr(column, "isna"):
        text = type(dtype).__name__ in ("StringDtype", "CategoricalDtype")
        if text or getattr(dtype, "kind", "") not in "Omc":
            return None
        values = column.astype(object).tolist()
        dates = {type(one) for one, gone in zip(values, column.isna(), strict=True) if not gone}
        return None if dates == {dt.date} else values  # Arrow's dates are times here
    if hasattr(column, "to_list") and hasattr(column, "is_null") and _VALUES.search(str(dtype)):
        return None if _CUT.search(str(dtype)) else column.to_list()
    return None


def frame_in(data: Any, ids_given: bool = False) -> Any:
    """The table behind a frame: a lazy one collected, pandas' index a column or left out."""
    if is_lazy(data):
        return data.collect()
    if hasattr(data, "reset_index") and hasattr(data, "index") and hasattr(data, "columns"):
        return _index_as_column(data, ids_given)
    return data


def dataset_batches(data: Any) -> Iterator[Any] | None:
    """The Arrow tables of a Hugging Face data set; None if ``data`` is not one."""
    if not (hasattr(data, "with_format") and hasattr(data, "column_names")):
        return None
    if isinstance(data, dict):
        raise TypeMismatchError(
            f"this is a {type(data).__name__} of the splits {', '.join(map(str, data))}; add one "
            'of them, such as data["train"]'
        )
    batches: Iterator[Any] = iter(data.with_format("arrow").iter(batch_size=DATASET_ROWS))
    return batches


def _index_as_column(frame: Any, ids_given: bool) -> Any:
    index = frame.index
    if any(name is not None for name in index.names):
        twice = [name for name in index.names if name in frame.columns]
        if twice:
            raise InvalidArgumentError(
                f'the frame has both an index and a column called "{twice[0]}"; drop one of them'
            )
        return frame.reset_index()
    numbers = getattr(index.dtype, "kind", "O") in "iu"
    if not ids_given and not numbers:
        raise InvalidArgumentError(
            f"the frame's index holds {index.dtype} and has no name, so it would be lost; name it "
            'with df.rename_axis("id"), or drop it with df.reset_index(drop=True)'
        )
    if not (ids_given or getattr(index, "step", 0) == 1 or "id" in frame):
        warn(
            f"the frame's index ({index[0]}, ...) has no name and is taken for row numbers, which "
            'are not kept; if it holds the ids, name it with df.rename_axis("id")',
            UserWarning,
        )
    return frame.reset_index(drop=True)
