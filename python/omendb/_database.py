"""Database and Collection, and how a database is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from types import TracebackType
from typing import Any, Literal, Self

from numpy.typing import NDArray

from omendb import _core
from omendb._arguments import (
    collection_name,
    durability_of,
    flag,
    lock_milliseconds,
    natural,
    schema_name,
)
from omendb._fields import declared_fields
from omendb._info import CollectionInfo, DatabaseStats, Job, points_text, shape_text
from omendb._result import Id
from omendb._shown import shown
from omendb._values import path_text
from omendb._verbs import Verbs
from omendb._waiting import in_parts
from omendb.errors import (
    ClosedError,
    InvalidArgumentError,
    LockedError,
    NotFoundError,
    TypeMismatchError,
)

Metric = Literal[
    "l2", "cosine", "ip", "hamming", "euclidean", "sqeuclidean", "cos", "dot", "dot_product",
    "inner_product",
]  # fmt: skip
DType = Literal["f32", "f16", "i8", "binary", "float32", "float16", "int8", "bool"]


class Collection(Verbs):
    """A named set of points with one schema. :meth:`Database.collection` returns it.

    The object goes by the name: its verbs raise NotFoundError while the collection is dropped, and
    act on the new one once a collection of that name is created again.
    """

    __slots__ = ("_core_collection", "_database", "_name", "_warned")

    def __init__(self, database: Database, name: str, core: _core.Collection) -> None:
        self._database = database
        self._name = name
        self._core_collection = core
        self._warned = database._warned

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self._name

    @property
    def database(self) -> Database:
        """The database of the collection."""
        return self._database

    def __repr__(self) -> str:
        try:
            info = self.info()
        except ClosedError:
            return f"<omendb.Collection {self._name!r} closed>"
        except Exception as error:
            return f"<omendb.Collection {self._name!r}: {error}>"
        shape = shape_text(info.dim, info.dtype, info.metric)
        if info.vectors:
            shape = "; ".join(f"{name}: {shape_text(**one)}" for name, one in info.vectors.items())
        return f"<omendb.Collection {self._name!r}, {points_text(info.points)}, {shape}>"


class Database(Verbs):
    """An open database folder. :func:`omendb.open` returns it.

    Its own verbs act on the collection "default". Use it as a context manager, or call close().
    """

    __slots__ = (
        "_closed",
        "_core",
        "_core_collection",
        "_drops",
        "_path",
        "_warned",
    )

    def __init__(self, core: _core.Database, path: str) -> None:
        self._core = core
        self._path = path
        self._closed = False
        self._core_collection = None
        self._drops = object()  # another one after each drop of "default"
        self._warned = set()

    def _open(self) -> _core.Collection:
        drops = self._drops
        core = self._core.collection("default", 0, None, None, [], True)
        if drops is self._drops:  # not if another thread has dropped the collection since
            self._core_collection = core
        return core

    @property
    def path(self) -> str:
        """The folder, as it was passed to open()."""
        return self._path

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    @property
    def recovery_notes(self) -> list[str]:
        """What recovery found at open, e.g. a torn tail that it dropped. Empty after a clean
        start."""
        return list(self._core.recovery_notes)

    def collection(
        self,
        name: str,
        *,
        dim: int | None = None,
        metric: Metric | None = None,
        dtype: DType | type | None = None,
        vectors: Mapping[str, int | Mapping[str, Any] | None] | None = None,
        create: bool = True,
    ) -> Collection:
        """Gets the collection, or creates it; ``create=False`` raises NotFoundError instead.

        ``dim`` is taken from the first add if it is None. ``metric`` is "l2" (squared Euclidean),
        "cosine" (1 - cos), "ip" (-<q, x>) or "hamming"; ``dtype`` is "f32", "f16", "i8" or
        "binary". Other common names work too: "euclidean" (also squared), "dot", "inner_product",
        "float32", np.float32 and so on. An option that is None accepts what an existing collection
        has; a new one gets "l2" and "f32".

        ``vectors`` declares several vectors a point, each in a named field with its own dimension,
        metric and dtype: ``vectors={"title": 384, "body": {"dim": 768, "metric": "cosine"}}``. At
        most 16; names are ``[A-Za-z0-9_-]{1,64}``.

        Raises AlreadyExistsError if the collection exists with another schema.
        """
        if dim is not None:
            dim = natural(dim, "dim")
        metric_name = schema_name(metric, "metric")
        dtype_name = schema_name(dtype, "dtype")
        fields = []
        if vectors is not None:
            if (dim, metric, dtype) != (None, None, None):
                raise InvalidArgumentError(
                    "dim=, metric= or dtype= is given beside vectors=; give it for each vector "
                    "field instead"
                )
            fields = declared_fields(vectors)
        create = flag(create, "create")
        try:
            core = self._core.collection(
                collection_name(name), dim or 0, metric_name, dtype_name, fields, create
            )
        except NotFoundError:
            if create:
                raise
            raise NotFoundError(_no_such(name, self.collections())) from None
        return Collection(self, name, core)

    def collections(self) -> list[str]:
        """The names of the collections."""
        return self._core.collection_names()

    def drop(self, name: str) -> None:
        """Drops a collection and everything in it. Verbs that run on it meanwhile may raise
        NotFoundError; then they have written nothing."""
        try:
            self._core.drop_collection(collection_name(name))
        finally:
            if name == "default":
                self._drops = object()
                self._core_collection = None

    def stats(self) -> DatabaseStats:
        """Points, rows in memory, files and bytes: of each collection, and the sum of all."""
        infos = {}
        for name in self.collections():
            with suppress(NotFoundError):  # dropped meanwhile
                infos[name] = self.collection(name, create=False).info()
        return DatabaseStats(
            infos,
            points=sum(info.points for info in infos.values()),
            memory_points=sum(info.memory_points for info in infos.values()),
            segments=sum(info.segments for info in infos.values()),
            segment_points=sum(info.segment_points for info in infos.values()),
            indexed_points=sum(info.indexed_points for info in infos.values()),
            segment_bytes=sum(info.segment_bytes for info in infos.values()),
            waiting_seals=sum(info.waiting_seals for info in infos.values()),
            jobs=tuple(job for info in infos.values() for job in info.jobs),
        )

    def compact(self) -> None:
        """Compacts every collection; see :meth:`Collection.compact`."""
        self._core.compact()

    def flush(self) -> None:
        """Makes every returned write durable, in any durability mode."""
        self._core.flush()

    def snapshot(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        """Makes a complete copy of the database at ``path`` while reads and writes go on.

        The copy is a folder that opens like any other and holds every write that had returned
        before the call. Files are linked if the file system can do so, and copied otherwise. The
        folder gets its name when all of it is on the disk; a crash leaves a folder
        ``<path>.partial-…``, which may be removed. A ":memory:" database is copied to the disk.

        ``progress(bytes_done, bytes_total)`` is called now and then, on this thread. If it returns
        False, the snapshot stops with CancelledError; if it raises, this call raises the same.
        Raises AlreadyExistsError if something exists at ``path``.
        """
        if progress is not None and not callable(progress):
            raise TypeMismatchError(f"progress is {shown(progress)}; expected a callable or None")
        self._core.snapshot(path_text(path), progress)

    def close(self) -> None:
        """Writes the points in memory to files and releases the folder.

        Later calls raise ClosedError; a second close does nothing. If this raises, because the
        points in memory could not be written, the database is closed all the same.
        """
        self._closed = True
        self._core.close()

    def __enter__(self) -> Self:
        if self._closed:
            raise ClosedError(f"database {self._path!r} is closed")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._closed:
            return f"<omendb.Database {self._path!r} closed>"
        try:
            stats = self.stats()
        except Exception as error:
            return f"<omendb.Database {self._path!r}: {error}>"
        held = [f"{name} ({points_text(info.points)})" for name, info in stats.collections.items()]
        if len(held) > 5:
            held[4:] = [f"{len(held) - 4} more, {points_text(stats.points)} in all"]
        return f"<omendb.Database {self._path!r} open: {', '.join(held) or 'no collections'}>"


def open(
    path: str | os.PathLike[str],
    *,
    mode: Literal["r", "rw"] = "rw",
    durability: str = "sync",
    create: bool = True,
    memtable_mb: float | None = None,
    timeout: float = 0,
) -> Database:
    """Opens a database folder, and makes it if it is missing; ":memory:" needs no folder.

    ``mode``: "rw" (read and write; one process at a time) or "r" (read only; any number of
    processes, also beside a writer). A reader creates and writes nothing, so a read-only folder is
    enough. Each of its calls sees every write that was acknowledged before the call began; calls
    that would write raise ReadOnlyError.
    ``durability``: "sync" (a write that returned survives a power cut), "interval(100)" (a power
    cut loses at most the last 100 ms, always a suffix) or "none" (until flush or close).
    ``create=False`` raises NotFoundError instead of making a folder. ``memtable_mb``: megabytes of
    vectors that a collection gathers in memory before it writes a segment file; 64 by default.
    ``timeout``: seconds to wait for the lock while another process holds it; then LockedError.

    Raises LockedError, NotADatabaseError, NotFoundError, VersionError, CorruptionError.
    """
    text = path_text(path)
    create = flag(create, "create")
    if mode not in ("r", "rw"):
        raise InvalidArgumentError(f'mode is {shown(mode)}; expected "r" or "rw"')
    level, interval = durability_of(durability)
    memtable = None
    if memtable_mb is not None:
        if not isinstance(memtable_mb, int | float) or not 0.0625 <= memtable_mb <= 4096:
            raise InvalidArgumentError(
                f"memtable_mb is {shown(memtable_mb)}; expected 0.0625..4096"
            )
        memtable = int(memtable_mb * 2**20)
    wait = lock_milliseconds(timeout)
    return Database(
        in_parts(
            wait,
            lambda part: _core.open(text, mode == "r", level, interval, create, memtable, part),
            LockedError,
        ),
        text,
    )


def _no_such(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, 1)
    if near:
        return f'no collection "{name}"; did you mean "{near[0]}"?'
    return f'no collection "{name}"; there are {", ".join(names) or "none"}'


__all__ = [
    "Collection",
    "CollectionInfo",
    "Database",
    "DatabaseStats",
    "Id",
    "Job",
    "NDArray",
    "open",
]
