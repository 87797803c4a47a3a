"""Database and Collection: the verbs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, overload

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._arguments import (
    ALL_COLUMNS,
    collection_name,
    durability_of,
    fields_in,
    flag,
    lock_milliseconds,
    natural,
)
from omendb._fields import declared_fields, wanted_vectors
from omendb._ids import ids_in
from omendb._info import CollectionInfo, Job, points_text, shape_text
from omendb._result import Id, Point, Points, Result, Results, walk
from omendb._search import milliseconds, queries_in, search_options, wrong_option
from omendb._update import update
from omendb._values import path_text
from omendb._where import Where, compile_where, warn_of_unknown
from omendb._write import write
from omendb.errors import ClosedError, InvalidArgumentError, TypeMismatchError

_F32 = np.dtype(np.float32)
_MAX_K = 65_536

Metric = Literal["l2", "cosine", "ip", "hamming"]
DType = Literal["f32", "f16", "i8", "binary"]


class _Verbs:
    """What a collection can do; a database does it to its collection "default".

    Safe to call from any number of threads. Each call that writes is atomic, each that reads sees
    one snapshot, and the GIL is released while the engine works.
    """

    __slots__ = ("__weakref__",)

    _core_collection: _core.Collection | None
    _warned: set[tuple[str, str]]  # (collection, column), of all collections of a database
    _element: str
    _fields: dict[str, str]  # the named vector fields and their element types

    def _open(self) -> _core.Collection:
        raise NotImplementedError

    def add(
        self,
        vectors: Any,
        *,
        ids: Any = None,
        metadata: Any = None,
        vector: str | None = None,
        id: str | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Adds new points and returns their ids.

        ``vectors``: n x dim numbers as NumPy, DLPack, Arrow or lists; one vector; a table with a
        vector column (``vector=`` and ``id=`` name columns, the rest is metadata); dicts with
        "vector", maybe "id", and metadata; or an iterator of any of these. ``ids``: ints or strs,
        generated if absent. ``metadata``: a list of dicts, a dict of sequences, or a table.

        Where points have several vectors, ``vectors`` is a dict of matrices by field
        (``{"title": A, "body": B}``), dicts with one vector a field, or a table whose columns are
        named like the fields. Each point has a vector in every field.

        Returns a uint64 array, or a list of str for string ids.

        All or nothing, up to 100,000 rows or 256 MiB. More is written in batches of 32,768 rows,
        each all or nothing, after a check of the whole for NaN, Inf and ids given twice. An
        iterator's batches are writes of their own. ``progress=True`` shows a bar (tqdm), False
        never does; by default a long add shows one on a terminal, if tqdm is installed.

        Raises AlreadyExistsError, DimensionError, TypeMismatchError, InvalidArgumentError,
        LimitError, ReadOnlyError, NoSpaceError, ClosedError. A failed write changes nothing.
        """
        core = self._core_collection or self._open()
        return write(
            core, self._element, self._fields, vectors, ids, metadata, vector, id, progress, False
        )

    def upsert(
        self,
        vectors: Any,
        *,
        ids: Any = None,
        metadata: Any = None,
        vector: str | None = None,
        id: str | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Like :meth:`add`, but a point whose id exists is replaced whole."""
        core = self._core_collection or self._open()
        return write(
            core, self._element, self._fields, vectors, ids, metadata, vector, id, progress, True
        )

    def _filter(self, core: _core.Collection, where: Where) -> _core.Filter | None:
        """The engine's filter; warns of names that no point has, before the call does anything."""
        compiled = compile_where(where)
        if compiled is not None and not compiled.empty:
            unknown = core.filter_warnings(compiled)
            if unknown:
                warn_of_unknown(unknown, core.info()["name"], self._warned)
        return compiled

    def delete(self, ids: Any = None, *, where: Where = None) -> int:
        """Deletes by id (ids that do not exist are passed over) or by filter; returns how many.

        Exactly one of the two is given. ``where="true"`` deletes everything.
        """
        if (ids is None) == (where is None):
            raise InvalidArgumentError("delete takes ids or where=, exactly one of the two")
        core = self._core_collection or self._open()
        if ids is not None:
            return core.delete_ids(ids_in(ids))
        return core.delete_where(self._meant(core, where, "delete"))

    def _meant(self, core: _core.Collection, where: Where, verb: str) -> _core.Filter:
        """The filter of a write, which takes all points for no other word than "true"."""
        compiled = self._filter(core, where)
        if compiled is None or (not isinstance(where, str) and compiled.empty):
            raise InvalidArgumentError(f'an empty filter; to {verb} everything say where="true"')
        return compiled

    def update(
        self,
        ids: Any = None,
        *,
        where: Where = None,
        metadata: Any = None,
        vectors: Any = None,
        missing: Literal["error", "ignore"] = "error",
    ) -> int:
        """Changes a part of points that are there, and leaves the rest of each point as it is.

        ``ids`` or ``where=``, exactly one of the two, says which points. ``metadata`` is one dict
        for all of them, or with ids a list of one dict a point (or what else :meth:`add` takes): a
        value takes the place of the old one, ``None`` removes the key, and keys that are not named
        stay. ``vectors``, with ids: one a point; where points have several vectors, a dict of
        those that change (``{"title": A}``).

        Returns how many points were updated. All of the points change or none; together they may
        take 1 GiB.

        Raises NotFoundError for an id that does not exist, unless ``missing="ignore"`` passes over
        it; and what :meth:`upsert` raises.
        """
        core = self._core_collection or self._open()
        meant = None if where is None else self._meant(core, where, "update")
        return update(core, self._element, self._fields, ids, meant, metadata, vectors, missing)

    @overload
    def get(
        self,
        ids: int | str,
        *,
        vectors: bool | Sequence[str] = True,
        fields: Sequence[str] | None = None,
    ) -> Point | None: ...
    @overload
    def get(
        self, ids: Any, *, vectors: bool | Sequence[str] = True, fields: Sequence[str] | None = None
    ) -> list[Point | None]: ...
    def get(
        self, ids: Any, *, vectors: bool | Sequence[str] = True, fields: Sequence[str] | None = None
    ) -> Any:
        """The points of these ids in the order asked for, None for an id that does not exist.

        One id (an int or a str) gives one :class:`Point` or None.
        """
        found, rows = self._get(ids, vectors, fields)
        row = 0
        points: list[Point | None] = []
        for there in found:
            points.append(Point(rows, row) if there else None)
            row += there
        return points[0] if isinstance(ids, str | int | np.integer) else points

    def get_points(
        self, ids: Any, *, vectors: bool | Sequence[str] = True, fields: Sequence[str] | None = None
    ) -> Points:
        """Like :meth:`get`, column by column; ids that do not exist are left out."""
        _, rows = self._get(ids, vectors, fields)
        return Points(rows, 0, len(rows))

    def _get(
        self, ids: Any, vectors: bool | Sequence[str], fields: Sequence[str] | None
    ) -> tuple[bytes, _core.Rows]:
        core = self._core_collection or self._open()
        if ids is None:
            raise InvalidArgumentError("get needs ids")
        return core.get(ids_in(ids), *wanted_vectors(vectors), fields_in(fields))

    def count(self, where: Where = None) -> int:
        """How many points there are, or how many ``where`` matches."""
        core = self._core_collection or self._open()
        return core.count(self._filter(core, where))

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True  # a database without points is still a database

    def scan(
        self,
        where: Where = None,
        *,
        batch_size: int = 1_000,
        vectors: bool | Sequence[str] = True,
        fields: Sequence[str] | None = None,
    ) -> Iterator[Points]:
        """Walks the points of one snapshot in batches; writes made later do not show."""
        core = self._core_collection or self._open()
        batch_size = natural(batch_size, "batch_size")
        scan = core.scan(
            self._filter(core, where), batch_size, *wanted_vectors(vectors), fields_in(fields)
        )
        return walk(scan)

    @overload
    def search(
        self,
        query: Sequence[float],
        k: int = 10,
        *,
        where: Where = None,
        exact: bool = False,
        recall: float = 0.95,
        effort: int | None = None,
        radius: float | None = None,
        field: str | None = None,
        fields: Sequence[str] | None = None,
        vectors: bool | Sequence[str] = False,
        timeout: float | None = None,
    ) -> Result: ...
    @overload
    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        where: Where = None,
        exact: bool = False,
        recall: float = 0.95,
        effort: int | None = None,
        radius: float | None = None,
        field: str | None = None,
        fields: Sequence[str] | None = None,
        vectors: bool | Sequence[str] = False,
        timeout: float | None = None,
    ) -> Any: ...
    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        where: Where = None,
        exact: bool = False,
        recall: float = 0.95,
        effort: int | None = None,
        radius: float | None = None,
        field: str | None = None,
        fields: Sequence[str] | None = None,
        vectors: bool | Sequence[str] = False,
        timeout: float | None = None,
    ) -> Any:
        """Finds the k nearest points: a :class:`Result` for one vector, :class:`Results` for a
        matrix of them. There are k hits whenever k points match.

        ``where``: a filter, as text (``"year > 2020 and lang in ('en', 'de')"``) or as a dict.
        ``exact``: equal to brute force, ties by id. ``recall``: the wanted share of the true
        neighbours, from which the engine chooses its effort; ``effort``: candidates to rerank,
        instead. ``radius``: only hits with distance <= radius. ``fields``: the metadata columns
        that hits carry, by default all. ``vectors``: hits carry their vectors too, all of them or
        those of the vector fields in a list. ``field``: the vector field to search, which has to
        be said where points have several vectors. ``timeout``: seconds after which the search
        gives up with :class:`DeadlineError`, a ``TimeoutError``.
        """
        core = self._core_collection or self._open()
        if type(query) is np.ndarray and query.dtype is _F32 and query.flags.c_contiguous:
            array, bits, single = query, 0, query.ndim == 1
        else:
            array, bits, single = queries_in(query, self._element_of(field))
        if effort is not None or type(k) is not int or not 0 <= k <= _MAX_K:
            k, effort = search_options(k, effort)
        with_vectors, vector_fields = (vectors, ()) if vectors is False else wanted_vectors(vectors)
        try:
            rows = core.search(
                array,
                bits,
                k,
                None if where is None else self._filter(core, where),
                exact,
                recall,
                effort or 0,
                radius,
                with_vectors,
                ALL_COLUMNS if fields is None else fields_in(fields),
                "" if field is None else field,
                vector_fields,
                0 if timeout is None else milliseconds(timeout),
            )
        except TypeError as error:
            raise wrong_option(error, exact, recall, radius, field) from None
        return Result(rows, 0, len(rows)) if single else Results(rows)

    def _element_of(self, field: str | None) -> str:
        """The element type of the field that is searched; the engine refuses one that is not."""
        if not self._fields:
            return self._element
        only = next(iter(self._fields.values()))
        return only if field is None else self._fields.get(field, "f32")

    def info(self) -> CollectionInfo:
        """What the collection holds: dimension, metric, columns, points, bytes on disk."""
        core = self._core_collection or self._open()
        info = core.info()
        info["jobs"] = tuple(Job(*job) for job in info["jobs"])
        return CollectionInfo(**info)

    def optimize(self, timeout: float | None = None) -> None:
        """Waits until the background has nothing left to do: no file to write, no files to merge.

        Searches are as fast then as the engine makes them by itself. ``info().jobs`` tells how far
        it is; the work goes on whether anybody waits or not. ``compact()`` does more: it merges all
        files into one.

        Raises DeadlineError after ``timeout`` seconds, and whatever the work fails with meanwhile.
        """
        if timeout is not None and not timeout >= 0:
            raise InvalidArgumentError(
                f"timeout is {timeout}; expected seconds, 0 or more, or None"
            )
        milliseconds = -1 if timeout is None else math.ceil(min(timeout, 1e9) * 1000)
        (self._core_collection or self._open()).optimize(milliseconds)

    def compact(self) -> None:
        """Writes what is in memory to disk and merges small files. Waits until it is done."""
        (self._core_collection or self._open()).compact()

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"omendb.{name} cannot be pickled: it holds an open folder, which one process at a "
            "time may do. Pass data to the process that opened it"
        )


class Collection(_Verbs):
    """A named set of points with one schema; from :meth:`Database.collection`."""

    __slots__ = ("_core_collection", "_database", "_element", "_fields", "_name", "_warned")

    def __init__(self, database: Database, name: str, core: _core.Collection) -> None:
        self._database = database
        self._name = name
        self._core_collection = core
        self._element = core.element
        self._warned = database._warned
        self._fields = core.fields

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def database(self) -> Database:
        """The database that it is in."""
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


class Database(_Verbs):
    """An open database folder; from :func:`omendb.open`.

    Its own verbs act on the collection "default". Use it as a context manager, or close it.
    """

    __slots__ = (
        "_closed",
        "_core",
        "_core_collection",
        "_element",
        "_fields",
        "_path",
        "_reader",
        "_warned",
    )

    def __init__(self, core: _core.Database, path: str, reader: bool) -> None:
        self._core = core
        self._path = path
        self._reader = reader
        self._closed = False
        self._core_collection = None
        self._element = "f32"
        self._warned = set()
        self._fields = {}

    def _open(self) -> _core.Collection:
        core = self._core.collection("default", 0, None, None, [])
        self._element = core.element
        self._fields = core.fields
        # A reader may be here before the writer has made the collection, and its element type.
        if not self._reader or self._fields or core.info()["dim"]:
            self._core_collection = core
        return core

    @property
    def path(self) -> str:
        """The folder, as it was given."""
        return self._path

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    @property
    def recovery_notes(self) -> list[str]:
        """What recovery had to say at open: a torn tail that was dropped. Empty after a clean
        start."""
        return list(self._core.recovery_notes)

    def collection(
        self,
        name: str,
        *,
        dim: int | None = None,
        metric: Metric | None = None,
        dtype: DType | None = None,
        vectors: Mapping[str, int | Mapping[str, Any] | None] | None = None,
    ) -> Collection:
        """Gets the collection, or creates it.

        ``dim`` is taken from the first add if absent. ``metric`` is "l2" (squared Euclidean),
        "cosine" (1 - cos), "ip" (-<q, x>) or "hamming"; ``dtype`` "f32", "f16", "i8" or "binary".
        What is not said is as in the collection that exists, or "l2" and "f32" in a new one.

        ``vectors`` declares several vectors a point, each in a field with a name and with a
        dimension, metric and dtype of its own: ``vectors={"title": 384, "body": {"dim": 768,
        "metric": "cosine"}}``. At most 16; names are ``[A-Za-z0-9_-]{1,64}``.

        Raises AlreadyExistsError if it exists with another schema than is asked for here.
        """
        if dim is not None:
            dim = natural(dim, "dim")
        for option, text in (("metric", metric), ("dtype", dtype)):
            if text is not None and not isinstance(text, str):
                raise TypeMismatchError(f"{option} is {text!r}; expected a name as str")
        fields = []
        if vectors is not None:
            if (dim, metric, dtype) != (None, None, None):
                raise InvalidArgumentError(
                    "dim=, metric= or dtype= beside vectors=; each vector field says its own"
                )
            fields = declared_fields(vectors)
        core = self._core.collection(collection_name(name), dim or 0, metric, dtype, fields)
        if name == "default":
            self._core_collection = None  # it may have been declared anew
        return Collection(self, name, core)

    def collections(self) -> list[str]:
        """The names of the collections."""
        return self._core.collection_names()

    def drop(self, name: str) -> None:
        """Drops a collection and everything in it."""
        self._core.drop_collection(collection_name(name))
        if name == "default":
            self._core_collection = None

    def flush(self) -> None:
        """Makes every returned write durable, whatever the durability mode."""
        self._core.flush()

    def snapshot(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        """Makes a complete copy of the database at ``path`` while reads and writes go on.

        The copy is a folder that opens like any other and holds every write that had returned
        before the call. Files are linked where the file system can, and copied otherwise. The
        folder gets its name when all of it is on the disk; what a crash leaves is called
        ``<path>.partial-…`` and may be removed. A ":memory:" database is copied to the disk.

        ``progress(bytes_done, bytes_total)`` is called now and then, on this thread; if it returns
        False the snapshot is given up with CancelledError, and what it raises comes out of here.
        Raises AlreadyExistsError if there is something at ``path``.
        """
        if progress is not None and not callable(progress):
            raise TypeMismatchError(f"progress is {progress!r}; expected a callable or None")
        self._core.snapshot(path_text(path), progress)

    def close(self) -> None:
        """Releases the folder. Later calls raise ClosedError; a second close is fine.

        It is closed also if this raises, because what was in memory could not be written.
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
            names = self.collections()
            cores = [self._core.collection(name, 0, None, None, []) for name in names]
            points = sum(core.info()["points"] for core in cores)
        except Exception as error:
            return f"<omendb.Database {self._path!r}: {error}>"
        collections = "1 collection" if len(names) == 1 else f"{len(names)} collections"
        return f"<omendb.Database {self._path!r} open, {collections}, {points_text(points)}>"


def open(
    path: str | os.PathLike[str],
    *,
    mode: Literal["r", "rw"] = "rw",
    durability: str = "sync",
    create: bool = True,
    memtable_mb: float | None = None,
    timeout: float = 0,
) -> Database:
    """Opens a database folder, making it if it is missing; ":memory:" lives with the process.

    ``mode``: "rw" (read and write; one process at a time) or "r" (read only; any number of
    processes, beside a writer too). A reader needs a folder that it can read and nothing else: it
    creates and writes nothing. Each of its calls sees every write that was acknowledged before it
    began; whatever would write raises ReadOnlyError.
    ``durability``: "sync" (a write that returned survives a power cut), "interval(100)" (a power
    cut loses at most the last 100 ms, always a suffix) or "none" (until flush or close).
    ``create=False`` raises NotFoundError instead of making a folder. ``memtable_mb``: megabytes of
    vectors that a collection gathers in memory before it writes a segment file; 64 by default.
    ``timeout``: seconds to wait for a database that another process holds, before LockedError.

    Raises LockedError, NotADatabaseError, NotFoundError, VersionError, CorruptionError.
    """
    text = path_text(path)
    create = flag(create, "create")
    if mode not in ("r", "rw"):
        raise InvalidArgumentError(f'mode is {mode!r}; expected "r" or "rw"')
    level, interval = durability_of(durability)
    memtable = None
    if memtable_mb is not None:
        if not isinstance(memtable_mb, int | float) or not 0.0625 <= memtable_mb <= 4096:
            raise InvalidArgumentError(f"memtable_mb is {memtable_mb!r}; expected 0.0625..4096")
        memtable = int(memtable_mb * 2**20)
    wait = lock_milliseconds(timeout)
    return Database(
        _core.open(text, mode == "r", level, interval, create, memtable, wait), text, mode == "r"
    )


__all__ = ["Collection", "CollectionInfo", "Database", "Id", "Job", "NDArray", "open"]
