"""Converts points of a collection with named vector fields to batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._arrays import is_one_vector
from omendb._batch import FieldBatch
from omendb._frames import arrow_reader, tables_in
from omendb._ids import ids_in, joined_ids
from omendb._lacking import FieldRows, Part, field_rows, joined, lacks_all, part_of
from omendb._metadata import metadata_in, split_frame
from omendb._shown import shown
from omendb._tables import id_column
from omendb._values import has_utf8, is_missing
from omendb.errors import (
    InvalidArgumentError,
    NotFoundError,
    TypeMismatchError,
)

Declared = tuple[str, int, str | None, str | None]


def declared_fields(vectors: Any) -> list[Declared]:
    """(name, dim or 0, metric, dtype) of each field in ``vectors={"title": 384, ...}``."""
    if not isinstance(vectors, Mapping) or not vectors:
        raise TypeMismatchError(
            f"vectors is {shown(vectors)}; expected a dict such as "
            '{"title": 384, "body": {"dim": 768, "metric": "cosine"}}'
        )
    return [_declared(name, spec) for name, spec in vectors.items()]


def _declared(name: Any, spec: Any) -> Declared:
    if not isinstance(name, str):
        raise TypeMismatchError(f"a vector field's name is a str, got {shown(name)}")
    if not has_utf8(name):
        raise InvalidArgumentError(f"the vector field's name {shown(name)} has no UTF-8 form")
    given = dict(spec) if isinstance(spec, Mapping) else {"dim": spec}
    for option in given:
        if option not in ("dim", "metric", "dtype"):
            raise InvalidArgumentError(
                f'vector field "{name}": unknown option {shown(option)}; expected dim, metric, '
                "dtype"
            )
    dim = given.get("dim")
    if dim is not None and (
        isinstance(dim, bool) or not isinstance(dim, int | np.integer) or not 0 <= dim < 2**63
    ):
        raise InvalidArgumentError(
            f'vector field "{name}": dim is {shown(dim)}; expected a whole number from 1'
        )
    for option in ("metric", "dtype"):
        text = given.get(option)
        if text is not None and not isinstance(text, str):
            raise TypeMismatchError(
                f'vector field "{name}": {option} is {shown(text)}; expected a name as str'
            )
    return name, int(dim or 0), given.get("metric"), given.get("dtype")


def wanted_vectors(vectors: Any) -> tuple[bool, Sequence[str]]:
    """(whether vectors come back, of which fields; none named = of all)"""
    if isinstance(vectors, bool | np.bool_):
        return bool(vectors), ()
    if isinstance(vectors, str) or not isinstance(vectors, Iterable):
        raise TypeMismatchError(
            f"vectors is {shown(vectors)}; expected True or False, or a list of vector fields"
        )
    names = list(vectors)
    for name in names:
        if not isinstance(name, str) or not has_utf8(name):
            raise TypeMismatchError(f"vectors holds {shown(name)}; expected names of vector fields")
    return bool(names), names


def is_one_point(data: Mapping[Any, Any], fields: dict[str, str]) -> bool:
    """Whether a dict is a point (one vector a field, its id, its metadata), not many by field."""
    others = any(name not in fields for name in data)
    vectors = [data[name] for name in fields if data.get(name) is not None]
    return others and len(vectors) > 0 and all(is_one_vector(v) for v in vectors)


def some_fields(
    data: Any, fields: dict[str, str]
) -> list[tuple[str, NDArray[Any], int, bytes | None]]:
    """(name, vectors, bits, None) of the fields in ``{"title": n x 384}``."""
    if not isinstance(data, Mapping):
        raise TypeMismatchError(
            f"vectors are a {type(data).__name__}; expected a dict by field: {_listed(fields)}"
        )
    for name in data:
        if name not in fields:
            raise NotFoundError(
                f"unknown vector field {shown(name)}; the fields are {_listed(fields)}"
            )
    out = []
    for name, vectors in data.items():
        rows = _rows_in(vectors, name, fields)
        if rows.present is not None:
            point = int(np.argmin(rows.present))
            raise InvalidArgumentError(
                f"{_vectors_of(name)}: point {point} has none; update gives one to each point, and "
                "upsert writes points without"
            )
        out.append(rows.lent(name))
    return out


def vectors_by_field(
    data: Mapping[Any, Any], fields: dict[str, str], ids: Any, metadata: Any
) -> FieldBatch:
    """{"title": n x 384, "body": n x 768}; None for a point that lacks one, or for all of them"""
    for name in data:
        if name not in fields:
            raise NotFoundError(
                f"unknown vector field {shown(name)}; the fields are {_listed(fields)} (ids= and "
                "metadata= take the rest)"
            )
    if isinstance(ids, set | frozenset):
        raise TypeMismatchError("ids are a set, which has no order; expected a sequence")
    given = {name: data[name] for name in fields if data.get(name) is not None}
    if not given:
        raise InvalidArgumentError(
            f"there are no vectors; each point has one in at least one of {_listed(fields)}"
        )
    by_field = {name: _rows_in(vectors, name, fields) for name, vectors in given.items()}
    one = all(is_one_vector(vectors) for vectors in given.values())
    if one and isinstance(metadata, Mapping):
        metadata = [metadata]
    batch = FieldBatch(by_field, ids_in(ids))
    batch.metadata = metadata_in(metadata, len(batch))
    return batch


def field_points(points: Sequence[Any], fields: dict[str, str], id: str) -> FieldBatch:
    """[{"id": ..., "title": [...], "body": [...], other keys are metadata}, ...]"""
    vectors: dict[str, list[Any]] = {name: [] for name in fields}
    ids, records = [], []
    for i, point in enumerate(points):
        if not isinstance(point, Mapping):
            raise TypeMismatchError(f"point {i} is a {type(point).__name__}; expected a dict")
        if all(is_missing(point.get(name)) for name in fields):
            raise InvalidArgumentError(
                f"point {i} has no vector; each point has one in at least one of {_listed(fields)}"
            )
        for name in fields:
            vectors[name].append(point.get(name))
        if (id in point) != (id in points[0]):
            raise InvalidArgumentError(
                f'point {i} has {"an" if id in point else "no"} "{id}"; give one to all points '
                "or to none"
            )
        if id in point:
            ids.append(point[id])
        records.append({key: v for key, v in point.items() if key not in fields and key != id})
    metadata = _core.Columns.from_rows(records) if any(records) else None
    by_field = {name: _rows_in(rows, name, fields) for name, rows in vectors.items()}
    return FieldBatch(by_field, ids_in(ids) if ids else None, metadata)


def table_of_fields(
    data: Any, fields: dict[str, str], ids: Any, metadata: Any, id: str | None
) -> FieldBatch | None:
    """An Arrow table, as one batch: a column of each field's name, maybe ids, the rest metadata."""
    parts: dict[str, list[Part]] = {name: [] for name in fields}
    own_ids: list[Any] = []
    own_metadata = _core.Columns(0)
    rows = 0
    for part, beside in _parts_of(data, fields, ids is not None, id):
        places = _columns(part, fields)
        for name in fields:
            at = places.get(name)
            parts[name].append(lacks_all(part) if at is None else part_of(part, at, fields[name]))
        id_at = id_column(part, id, ids is not None)
        own_ids.append(None if id_at is None else ids_in(part.ids(id_at)))
        rest = [i for i in range(len(part.names)) if i not in (*places.values(), id_at)]
        part_metadata = part.columns(rest, [])
        if beside is not None:
            part_metadata.extend(beside)
        own_metadata.append(part_metadata)
        rows += len(part)
    if rows == 0:
        return None
    if ids is not None and id is not None:
        raise InvalidArgumentError(f'both ids= and the id column "{id}" were given')
    if metadata is not None and own_metadata.names:
        raise InvalidArgumentError("metadata= does not go with a table that has columns of it")
    by_field = {name: joined(some, fields[name], _vectors_of(name)) for name, some in parts.items()}
    batch = FieldBatch(by_field, ids_in(ids) if ids is not None else joined_ids(own_ids))
    batch.metadata = own_metadata if metadata is None else metadata_in(metadata, rows)
    return batch


def _parts_of(
    data: Any, fields: dict[str, str], ids_given: bool, id: str | None
) -> Iterator[tuple[_core.ArrowBatch, _core.Columns | None]]:
    """The batches of all tables, and the metadata of their rows that Arrow does not carry."""
    for table in tables_in(data, ids_given):
        carried, beside = split_frame(table, {*fields, id or "id"}, named=True)
        reader = arrow_reader(carried)
        row = 0
        while (part := reader.next()) is not None:
            yield part, None if beside is None else beside.slice(row, row + len(part))
            row += len(part)


def _columns(part: _core.ArrowBatch, fields: dict[str, str]) -> dict[str, int]:
    """The place of each field's column, for the fields that the table has."""
    names = part.names if part.is_table else []
    places = {name: names.index(name) for name in fields if name in names}
    if not places:
        raise InvalidArgumentError(
            f"no column of vectors; each point has one in at least one of {_listed(fields)}, and "
            "the table has " + (", ".join(names) if names else "no columns with names")
        )
    return places


def _rows_in(data: Any, name: str, fields: dict[str, str]) -> FieldRows:
    return field_rows(data, fields[name], _vectors_of(name))


def _vectors_of(name: str) -> str:
    return f'vectors of field "{name}"'


def _listed(fields: dict[str, str]) -> str:
    return ", ".join(f'"{name}"' for name in fields)
