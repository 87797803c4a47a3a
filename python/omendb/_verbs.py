"""The verbs that a collection and a database share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NoReturn, overload

import numpy as np

from omendb import _core
from omendb._arguments import (
    ALL_COLUMNS,
    OrderBy,
    column_name,
    fields_in,
    natural,
    order_in,
    page_in,
    wait_milliseconds,
    whole,
)
from omendb._fields import wanted_vectors
from omendb._ids import ids_in
from omendb._info import CollectionInfo, Job
from omendb._recall import RecallReport
from omendb._result import Point, Points, Result, Results, Scan
from omendb._search import (
    milliseconds,
    queries_in,
    search_options,
    stored_queries,
    wrong_option,
)
from omendb._shown import described, shown
from omendb._update import update
from omendb._waiting import in_parts
from omendb._where import Where, compile_where, warn_of_unknown
from omendb._write import write
from omendb.errors import (
    DeadlineError,
    FilterError,
    InvalidArgumentError,
    LimitError,
    TypeMismatchError,
)

_F32 = np.dtype(np.float32)
_MAX_K = 65_536


class Verbs:
    """The calls of a collection. A database has them too, for its collection "default".

    Thread-safe. Each write is atomic, each read sees one snapshot, and the GIL is released while
    the engine works.
    """

    __slots__ = ("__weakref__",)

    _core_collection: _core.Collection | None
    _warned: set[tuple[str, str]]  # (collection, column), of all collections of a database

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

        In a collection with vector fields, ``vectors`` is a dict of matrices by field
        (``{"title": A, "body": B}``), dicts with one vector a field, or a table whose columns have
        the fields' names. Each point needs a vector in at least one field. If it lacks one, leave
        out the key or the column, or pass None as the vector (Arrow: null).

        Returns a uint64 array, or a list of str for string ids.

        Below 100,000 rows and up to 256 MiB, all points are added or none. A larger add first
        checks all rows for NaN, Inf and ids given twice; then it writes parts of up to 32,768
        rows, each all or nothing. Each batch of an iterator is a write of its own.
        ``progress=True`` shows a bar (tqdm), False shows none; by default a long add shows one on a
        terminal, if tqdm is installed.

        Raises AlreadyExistsError, DimensionError, TypeMismatchError, InvalidArgumentError,
        LimitError, ReadOnlyError, NoSpaceError, ClosedError. A failed write changes nothing.
        """
        core = self._core_collection or self._open()
        return write(
            core, core.element, core.fields, vectors, ids, metadata, vector, id, progress, False
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
            core, core.element, core.fields, vectors, ids, metadata, vector, id, progress, True
        )

    def _filter(self, core: _core.Collection, where: Where) -> _core.Filter | None:
        """The engine's filter; warns of names that no point has, before the call does anything."""
        compiled = compile_where(where)
        if compiled is not None and not compiled.empty:
            unknown = core.filter_warnings(compiled)
            if unknown:
                warn_of_unknown(unknown, core.info()["name"], self._warned)
        return compiled

    def _filters(
        self, core: _core.Collection, where: Where | Sequence[Where]
    ) -> _core.Filter | list[_core.Filter] | None:
        """One filter for all queries, or a list of one each, where None is every point."""
        if isinstance(where, list | tuple):
            return [self._filter_of(core, q, one) for q, one in enumerate(where)]
        return self._filter(core, where)  # type: ignore[arg-type]

    def _filter_of(self, core: _core.Collection, query: int, where: Where) -> _core.Filter:
        try:
            return self._filter(core, where) or _core.Filter.parse("true")
        except FilterError as error:
            raise FilterError(f"the filter of query {query}: {error}") from None

    def delete(self, ids: Any = None, *, where: Where = None) -> int:
        """Deletes points by id or by filter, and returns how many it deleted.

        Pass ``ids`` (those that do not exist are skipped) or ``where=``, exactly one of the two.
        ``where="true"`` deletes everything.
        """
        if (ids is None) == (where is None):
            raise InvalidArgumentError("delete takes ids or where=, exactly one of the two")
        core = self._core_collection or self._open()
        if ids is not None:
            return core.delete_ids(ids_in(ids))
        return core.delete_where(self._meant(core, where, "delete"))

    def _meant(self, core: _core.Collection, where: Where, verb: str) -> _core.Filter:
        """The filter of a write. Only the text "true" may mean all points."""
        compiled = self._filter(core, where)
        if compiled is None or (not isinstance(where, str) and compiled.empty):
            raise InvalidArgumentError(
                f'where is {shown(where)}, an empty filter; to {verb} everything pass where="true"'
            )
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
        """Changes parts of existing points, and leaves the rest of each point as it is.

        ``ids`` or ``where=``, exactly one of the two, chooses the points. ``metadata`` is one dict
        for all of them, or with ids one dict a point (a list, or another form that :meth:`add`
        takes). A value replaces the old one, ``None`` removes the key, and other keys stay.
        ``vectors``, only with ids, has one vector a point; in a collection with vector fields it
        is a dict of the fields that change (``{"title": A}``).

        Returns how many points were updated; with an empty dict, which changes nothing, how many
        there are. All of the points change or none; together they may take 1 GiB.

        Raises NotFoundError for an id that does not exist (``missing="ignore"`` skips it), and the
        errors of :meth:`upsert`.
        """
        core = self._core_collection or self._open()
        meant = None if where is None else self._meant(core, where, "update")
        return update(core, core.element, core.fields, ids, meant, metadata, vectors, missing)

    def rename_column(self, column: str, name: str) -> None:
        """Renames a metadata key in every point, in the same time for any number of points.

        Raises NotFoundError if no point ever had the key, AlreadyExistsError if another key has
        the new name; InvalidArgumentError, LimitError, ReadOnlyError, NoSpaceError, ClosedError.
        """
        core = self._core_collection or self._open()
        core.rename_column(column_name(column, "column"), column_name(name, "name"))

    def drop_column(self, column: str) -> None:
        """Removes a metadata key from every point, in the same time for any number of points.

        Its values never come back, even if points get a key of that name later, which may have
        values of another type. :meth:`compact` frees their space.

        Raises NotFoundError if no point ever had the key; ReadOnlyError, NoSpaceError,
        ClosedError.
        """
        core = self._core_collection or self._open()
        core.drop_column(column_name(column, "column"))

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
    @overload
    def get(
        self,
        *,
        where: Where = None,
        limit: int | None = None,
        offset: int = 0,
        order_by: OrderBy | None = None,
        vectors: bool | Sequence[str] = True,
        fields: Sequence[str] | None = None,
    ) -> Points: ...
    def get(
        self,
        ids: Any = None,
        *,
        where: Where = None,
        limit: int | None = None,
        offset: int = 0,
        order_by: OrderBy | None = None,
        vectors: bool | Sequence[str] = True,
        fields: Sequence[str] | None = None,
    ) -> Any:
        """Returns the points of these ids in the order of the ids, None for an id that does not
        exist; or, without ids, the :class:`Points` that ``where`` matches.

        One id (an int or a str) returns one :class:`Point` or None. ``limit``, ``offset`` and
        ``order_by`` choose among the points that match: ``order_by="year"``, ``"-year"`` (the
        largest first), ``["lang", "-year"]``. "id" is the point's id; ties are sorted by id; points
        without a value come last. Without an order points come as they are stored, which later
        writes may change.
        """
        if ids is None:
            return self._matching(where, limit, offset, order_by, vectors, fields)
        _refuse_paging(where, limit, offset, order_by)
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
        """Like :meth:`get`, but column by column and without ids that do not exist."""
        if ids is None:
            raise InvalidArgumentError("get_points needs ids")
        _, rows = self._get(ids, vectors, fields)
        return Points(rows, 0, len(rows))

    def _get(
        self, ids: Any, vectors: bool | Sequence[str], fields: Sequence[str] | None
    ) -> tuple[bytes, _core.Rows]:
        core = self._core_collection or self._open()
        return core.get(ids_in(ids), *wanted_vectors(vectors), fields_in(fields))

    def _matching(
        self,
        where: Where,
        limit: int | None,
        offset: int,
        order_by: OrderBy | None,
        vectors: bool | Sequence[str],
        fields: Sequence[str] | None,
    ) -> Points:
        core = self._core_collection or self._open()
        if where is None and limit is None and order_by is None:
            raise InvalidArgumentError(
                'get needs ids, where=, limit= or order_by=; for every point pass where="true", '
                "or call scan()"
            )
        most, skip = page_in(limit, offset)
        rows = core.get_where(
            self._filter(core, where),
            *wanted_vectors(vectors),
            fields_in(fields),
            most,
            skip,
            order_in(order_by),
        )
        return Points(rows, 0, len(rows))

    def __contains__(self, id: object) -> bool:
        """Whether a point has this id."""
        core = self._core_collection or self._open()
        if isinstance(id, bool | np.bool_) or not isinstance(id, int | str | np.integer):
            raise TypeMismatchError(f"ids are int or str, got {described(id)}")
        try:
            return bool(core.get(ids_in(id), False, (), ())[0][0])
        except (InvalidArgumentError, LimitError, TypeMismatchError):
            return False  # no id of this collection looks so

    def __iter__(self) -> NoReturn:
        raise TypeError(f"an omendb.{type(self).__name__} is not a sequence; walk it with scan()")

    def count(self, where: Where = None) -> int:
        """Returns how many points there are, or how many ``where`` matches."""
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
        limit: int | None = None,
        offset: int = 0,
        order_by: OrderBy | None = None,
        batch_size: int = 1_000,
        vectors: bool | Sequence[str] = True,
        fields: Sequence[str] | None = None,
    ) -> Scan:
        """Walks the points of one snapshot in batches. It does not see later writes.

        The :class:`Scan` is an iterator of :class:`Points` and also one Arrow stream. ``limit``,
        ``offset`` and ``order_by`` are as in :meth:`get`; with an order, this call sorts all
        matching points before the first batch.
        """
        core = self._core_collection or self._open()
        most, skip = page_in(limit, offset)
        return Scan(
            core.scan(
                self._filter(core, where),
                natural(batch_size, "batch_size"),
                *wanted_vectors(vectors),
                fields_in(fields),
                most,
                skip,
                order_in(order_by),
            )
        )

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
        query: Any = None,
        k: int = 10,
        *,
        id: Any = None,
        where: Where | Sequence[Where] = None,
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
        query: Any = None,
        k: int = 10,
        *,
        id: Any = None,
        where: Where | Sequence[Where] = None,
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

        ``id``: the id of a stored point, or several; finds their neighbours instead of a query's,
        and leaves out the point itself. ``where``: a filter, as text (``"year > 2020 and lang in
        ('en', 'de')"``) or as a dict; or a list of filters, one a query.
        ``exact``: the same answer as brute force, ties by id. ``recall``: the wanted share of the
        true neighbours, from which the engine chooses its effort. ``effort``: the number of
        candidates to rerank, instead of ``recall``. ``radius``: only hits with distance <= radius.
        ``fields``: the metadata columns that hits carry, by default all. ``vectors``: whether hits
        carry their vectors, or a list of the vector fields that they carry. ``field``: the vector
        field to search; required if the collection has several. ``timeout``: seconds after which
        the search raises :class:`DeadlineError`, a ``TimeoutError``.
        """
        core = self._core_collection or self._open()
        ids = None
        if id is not None:
            array, bits, single, ids = stored_queries(query, id)
        elif type(query) is np.ndarray and query.dtype is _F32 and query.flags.c_contiguous:
            array, bits, single = query, 0, query.ndim == 1
        elif query is None:
            raise TypeMismatchError("search needs a query or id=, the id of a stored point")
        else:
            array, bits, single = queries_in(query, _element_of(core, field))
        if effort is not None or type(k) is not int or not 0 <= k <= _MAX_K:
            k, effort = search_options(k, effort)
        with_vectors, vector_fields = (vectors, ()) if vectors is False else wanted_vectors(vectors)
        try:
            rows = core.search(
                array,
                bits,
                ids,
                k,
                None if where is None else self._filters(core, where),
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

    def measure_recall(
        self,
        sample: int = 200,
        k: int = 10,
        *,
        recall: float | None = None,
        effort: int | None = None,
        where: Where = None,
        queries: Any = None,
        field: str | None = None,
        seed: int = 0,
        timeout: float | None = None,
    ) -> RecallReport:
        """Measures how much of the truth searches find, on the points as they are now.

        Searches for ``sample`` stored points, drawn at random (``seed``), or for ``queries``, your
        own vectors as :meth:`search` takes them, which tell more; compares the hits with those of
        an exact search of the same snapshot. A point is not its own neighbour, and a hit as near
        as the k-th true neighbour counts as found. ``k``, ``recall``, ``effort``, ``where`` and
        ``field`` say which searches to judge; the points are drawn whether or not ``where``
        matches them. The searches run one after the other, as a user's would; the exact answers,
        which take most of the time, run in batches on all processors. ``timeout``: seconds after
        which this raises :class:`DeadlineError`.
        """
        core = self._core_collection or self._open()
        array, bits = None, 0
        if queries is not None:
            array, bits, _ = queries_in(queries, _element_of(core, field))
        number, candidates = search_options(k, effort)
        wanted = 0.95 if recall is None else recall
        try:
            report = core.measure_recall(
                natural(sample, "sample"),
                whole(seed, "seed"),
                array,
                bits,
                number,
                self._filter(core, where),
                wanted,
                candidates,
                "" if field is None else field,
                0 if timeout is None else milliseconds(timeout),
            )
        except TypeError as error:
            raise wrong_option(error, False, wanted, None, field) from None
        return RecallReport(**report)

    def info(self) -> CollectionInfo:
        """Returns the collection's dimension, metric, columns, points, bytes on disk and so on."""
        core = self._core_collection or self._open()
        info = core.info()
        info["jobs"] = tuple(Job(*job) for job in info["jobs"])
        return CollectionInfo(**info)

    def optimize(self, timeout: float | None = None) -> None:
        """Waits until the background work is done: no file to write or merge, no index missing.

        Graphs are built as well, which otherwise come once a segment was searched much.
        ``info().jobs`` shows its progress; the work also goes on when nobody waits. ``compact()``
        does more: it merges all files into one.

        Raises DeadlineError after ``timeout`` seconds, and the error of the work if that fails
        while this call waits.
        """
        wait = wait_milliseconds(timeout)
        in_parts(wait, (self._core_collection or self._open()).optimize, DeadlineError)

    def compact(self) -> None:
        """Writes the points in memory to disk and merges all files into one. Returns when done."""
        (self._core_collection or self._open()).compact()

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"omendb.{name} cannot be pickled: an open database belongs to one process. Open the "
            'folder in the other process, with mode="r" to read it'
        )


def _refuse_paging(where: Where, limit: int | None, offset: int, order_by: OrderBy | None) -> None:
    if where is not None:
        raise InvalidArgumentError("get takes ids or where=, one of the two; both were given")
    if limit is not None or offset != 0 or order_by is not None:
        raise InvalidArgumentError("limit=, offset= and order_by= go with where=, not with ids")


def _element_of(core: _core.Collection, field: str | None) -> str:
    """The element type of the searched field. The engine refuses a field that does not exist."""
    fields = core.fields
    if not fields:
        return core.element
    return next(iter(fields.values())) if field is None else fields.get(field, "f32")
