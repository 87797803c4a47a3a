"""The results of ``info()`` of a collection and ``stats()`` of a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Job(NamedTuple):
    """A job of a collection that runs in the background or in a call of ``compact``."""

    #: "seal" (vectors move from memory to a file), "merge" (files become one) or "index" (an index
    #: of a file is built)
    kind: str
    rows_done: int
    rows_total: int


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """The state of a collection in one snapshot."""

    name: str
    dim: int  #: 0 until the first add
    metric: str
    dtype: str
    #: The dim, metric and dtype of each named vector field, as ``db.collection(vectors=)`` takes
    #: them. Empty if points have one vector without a name.
    vectors: dict[str, dict[str, Any]]
    id_type: str | None  #: "u64" or "str"; None until the first add
    columns: dict[str, str]  #: metadata columns and their types
    points: int  #: live points
    memory_points: int  #: rows in memory, dead ones included
    segments: int  #: files
    segment_points: int  #: rows in files, dead ones included
    indexed_points: int  #: of those, rows with an index of at least one vector field
    segment_bytes: int  #: on disk, indexes included
    waiting_seals: int  #: batches of rows in memory that are full and are to become files
    jobs: tuple[Job, ...]  #: what is being done now


@dataclass(frozen=True, slots=True)
class DatabaseStats:
    """The state of all collections of a database: their sums, and each collection's own."""

    collections: dict[str, CollectionInfo]
    points: int  #: live points
    memory_points: int  #: rows in memory, dead ones included
    segments: int  #: files
    segment_points: int  #: rows in files, dead ones included
    indexed_points: int  #: of those, rows with an index of at least one vector field
    segment_bytes: int  #: on disk, indexes included
    waiting_seals: int  #: batches of rows in memory that are full and are to become files
    jobs: tuple[Job, ...]  #: what is being done now


def shape_text(dim: int, dtype: str, metric: str) -> str:
    return f"{dim} x {dtype}, {metric}" if dim else f"{dtype}, {metric}"


def points_text(count: int) -> str:
    return "1 point" if count == 1 else f"{count:,} points"
