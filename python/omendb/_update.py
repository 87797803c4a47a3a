"""update: changes parts of existing points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omendb import _core
from omendb._arrays import vectors_in
from omendb._fields import some_fields
from omendb._ids import ids_in
from omendb._metadata import metadata_in
from omendb._shown import shown
from omendb._write import given_twice
from omendb.errors import InvalidArgumentError, NotFoundError


def update(
    core: _core.Collection,
    element: str,
    fields: dict[str, str],
    ids: Any,
    where: _core.Filter | None,
    metadata: Any,
    vectors: Any,
    missing: str,
) -> int:
    """Collection.update"""
    if (ids is None) == (where is None):
        raise InvalidArgumentError("update takes ids or where=, exactly one of the two")
    if missing not in ("error", "ignore"):
        raise InvalidArgumentError(f'missing is {shown(missing)}; expected "error" or "ignore"')
    named = ids_in(ids)
    if named is not None and len(named) == 0:
        return 0
    given: list[tuple[str, Any, int, bytes | None]] = []
    if vectors is not None and fields:
        given = some_fields(vectors, fields)
    elif vectors is not None:
        given = [("", *vectors_in(vectors, element), None)]
    columns = None
    if isinstance(metadata, Mapping):
        columns = metadata_in([metadata], 1)
    elif metadata is not None:
        columns = metadata_in(metadata, 1 if named is None else len(named), "points")
    if columns is not None and not columns.names:
        columns = None
    if metadata is None and vectors is None:
        raise InvalidArgumentError("update changes nothing; pass metadata= or vectors=")
    if columns is None and not given:
        return _found(core, named, where, missing == "error")
    return core.update(named, where, given, columns, missing == "error")


def _found(
    core: _core.Collection, ids: Any, where: _core.Filter | None, all_must_exist: bool
) -> int:
    """How many points an update of no keys has; it writes nothing."""
    if ids is None:
        return core.count(where)
    if (twice := given_twice(ids)) is not None:
        raise InvalidArgumentError(f"id {shown(twice)} is given twice; ids must be unique")
    found, _ = core.get(ids, False, (), ())
    if all_must_exist and 0 in found:
        missing = ids[found.index(0)]
        missing = missing if isinstance(missing, str) else int(missing)
        raise NotFoundError(f"id {shown(missing)} does not exist; nothing was updated")
    return sum(found)
