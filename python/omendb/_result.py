"""The results of search, get and scan.

Rows stay in the engine's columns. A :class:`Hit` or :class:`Point` is made on access.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, KeysView, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._shown import described

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

#: A point's id: an unsigned 64-bit int, or a str.
Id = int | str

_NO_ID = np.iinfo(np.uint64).max


class Point:
    """A stored point: ``id``, ``metadata`` (a dict) and ``vector`` (a NumPy array, or None)."""

    __slots__ = ("_metadata", "_row", "_rows", "id")

    id: Id

    def __init__(self, rows: _core.Rows, row: int) -> None:
        self.id = rows.id(row)
        self._rows = rows
        self._row = row

    @property
    def metadata(self) -> dict[str, Any]:
        """The keys and values of the point, limited to the requested columns."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata: dict[str, Any] = self._rows.metadata(self._row)
            return self._metadata

    @property
    def vector(self) -> NDArray[Any] | None:
        """The vector in the collection's element type, or None if vectors were not requested.

        Raises for a point of a collection with vector fields; use ``vectors`` there.
        """
        vector: NDArray[Any] | None = self._rows.vector(self._row)
        return vector

    @property
    def vectors(self) -> dict[str, Any]:
        """The vectors of the requested fields by the fields' names; None for a field in which the
        point has no vector. Empty in a collection whose points have one vector without a name."""
        return self._rows.fields(self._row)

    def __getitem__(self, name: str) -> Any:
        return self.metadata[name]

    def __contains__(self, name: object) -> bool:
        return name in self.metadata

    #: Else Python would iterate with __getitem__ and raise KeyError: 0.
    __iter__ = None

    def keys(self) -> KeysView[str]:
        """The keys of the metadata, so that ``dict(hit)`` is its metadata."""
        return self.metadata.keys()

    def get(self, name: str, default: Any = None) -> Any:
        """A metadata value, or ``default`` if the point has no such key."""
        return self.metadata.get(name, default)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Point):
            return NotImplemented
        return (
            self.id == other.id and self.metadata == other.metadata and _same_vectors(self, other)
        )

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Point(id={self.id!r}{_shown(self.metadata)})"

    def __reduce__(self) -> NoReturn:
        raise _no_pickle(self, "take its id, metadata and vector")


class Hit(Point):
    """A point that a search found, with its ``distance`` to the query: smaller is nearer."""

    __slots__ = ("distance",)

    distance: float

    def __init__(self, rows: _core.Rows, row: int) -> None:
        self.id, self.distance = rows.hit(row)
        self._rows = rows
        self._row = row

    @property
    def score(self) -> float:
        """The similarity of hit and query: larger is nearer. cosine: the cosine; ip: the inner
        product; l2: 1 / (1 + distance); hamming: the share of equal bits."""
        return self._rows.score(self._row)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hit):
            return NotImplemented
        return self.distance == other.distance and super().__eq__(other)

    __hash__ = Point.__hash__

    def __repr__(self) -> str:
        return f"Hit(id={self.id!r}, distance={self.distance:.6g}{_shown(self.metadata)})"


class _Frames:
    """Converts an Arrow stream to tables and frames."""

    __slots__ = ()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        raise NotImplementedError

    def to_arrow(self) -> pyarrow.Table:
        """A pyarrow.Table. Needs pyarrow."""
        import pyarrow

        return pyarrow.table(self)

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas.DataFrame. Needs pandas and pyarrow."""
        import pandas as pd

        frame: pandas.DataFrame = self.to_arrow().to_pandas()
        assert isinstance(frame, pd.DataFrame)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """A polars.DataFrame. Needs polars."""
        import polars

        return polars.DataFrame(_Stream(self))


class _Table(_Frames):
    """Rows [start, stop) of an answer, and their columnar forms."""

    __slots__ = ("_rows", "_start", "_stop")

    def __init__(self, rows: _core.Rows, start: int, stop: int) -> None:
        self._rows = rows
        self._start = start
        self._stop = stop

    @property
    def ids(self) -> Any:
        """A uint64 array (a view, read-only), or a list of str."""
        return self._rows.ids(self._start, self._stop)

    @property
    def vectors(self) -> Any:
        """n x dim in the collection's element type (a view, read-only); None if not requested.

        In a collection with vector fields: a dict of such arrays by the fields' names. If some of
        the points have no vector in a field, its array is a masked array that masks their rows.
        """
        vectors = self._rows.vectors(self._start, self._stop)
        if isinstance(vectors, dict):
            for name, absent in self._rows.lacking(self._start, self._stop).items():
                mask = np.repeat(absent[:, np.newaxis], vectors[name].shape[1], axis=1)
                vectors[name] = np.ma.MaskedArray(vectors[name], mask)
        return vectors

    @property
    def columns(self) -> list[str]:
        """The names of the returned metadata columns."""
        return self._rows.columns

    def column(self, name: str) -> list[Any]:
        """The values of one metadata column; None where a point has no value."""
        return self._rows.column(name, self._start, self._stop)

    @property
    def metadata(self) -> list[dict[str, Any]]:
        """One dict a row."""
        return [self._rows.metadata(row) for row in range(self._start, self._stop)]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """One Arrow record batch; shares numbers, strings and vectors without a copy."""
        return self._rows.arrow_stream(self._start, self._stop, self._with_query)

    _with_query = False

    def __reduce__(self) -> NoReturn:
        raise _no_pickle(self, "send .to_numpy(), .to_arrow() or .to_pandas() instead")


class _Stream:
    """Only the Arrow stream of a table, for libraries that would prefer its sequence of rows."""

    def __init__(self, table: _Frames) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class Points(_Table, Sequence[Point]):
    """Points, column by column; a sequence of :class:`Point`."""

    __slots__ = ()

    def __len__(self) -> int:
        return self._stop - self._start

    @overload
    def __getitem__(self, index: int) -> Point: ...
    @overload
    def __getitem__(self, index: slice) -> Points: ...
    def __getitem__(self, index: int | slice) -> Point | Points:
        if isinstance(index, slice):
            start, stop = _slice(index, len(self))
            return Points(self._rows, self._start + start, self._start + stop)
        return Point(self._rows, self._start + _index(index, len(self)))

    def __iter__(self) -> Iterator[Point]:
        return (Point(self._rows, row) for row in range(self._start, self._stop))

    def __repr__(self) -> str:
        columns = f", columns {', '.join(self.columns)}" if self.columns else ""
        return f"<omendb.Points {len(self):,}{columns}>"


class Scan(_Frames, Iterator[Points]):
    """Walks the points of one snapshot: an iterator of :class:`Points`.

    It is also an Arrow stream: libraries that read ``__arrow_c_stream__`` read the remaining
    batches one by one, and so do ``to_arrow``, ``to_pandas`` and ``to_polars``.
    """

    __slots__ = ("_scan",)

    def __init__(self, scan: _core.Scan) -> None:
        self._scan = scan

    def __next__(self) -> Points:
        rows = self._scan.next()
        if rows is None:
            raise StopIteration
        return Points(rows, 0, len(rows))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The remaining batches, as one stream."""
        return self._scan.arrow_stream()

    def __repr__(self) -> str:
        return "<omendb.Scan>"

    def __reduce__(self) -> NoReturn:
        raise _no_pickle(self, "send .to_arrow() or .to_pandas() instead")


class Result(_Table, Sequence[Hit]):
    """The hits of one query, nearest first; a sequence of :class:`Hit`.

    ``ids`` and ``distances`` are NumPy views. ``to_arrow``, ``to_pandas`` and ``to_polars`` return
    the columns id, distance, vector (if requested; with vector fields one column a field, with its
    name) and the metadata.
    """

    __slots__ = ()

    @property
    def distances(self) -> NDArray[np.float32]:
        """One float32 a hit (a view, read-only)."""
        distances: NDArray[np.float32] = self._rows.distances(self._start, self._stop)
        return distances

    @property
    def scores(self) -> NDArray[np.float32]:
        """One float32 a hit; see :attr:`Hit.score`."""
        scores: NDArray[np.float32] = self._rows.scores(self._start, self._stop)
        return scores

    def __len__(self) -> int:
        return self._stop - self._start

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Result: ...
    def __getitem__(self, index: int | slice) -> Hit | Result:
        if isinstance(index, slice):
            start, stop = _slice(index, len(self))
            return Result(self._rows, self._start + start, self._start + stop)
        return Hit(self._rows, self._start + _index(index, len(self)))

    def __iter__(self) -> Iterator[Hit]:
        return (Hit(self._rows, row) for row in range(self._start, self._stop))

    def to_numpy(self) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """(ids, distances), one entry a hit. String ids come as an array of objects."""
        ids = self.ids
        return (np.array(ids, dtype=object) if isinstance(ids, list) else ids), self.distances

    def __repr__(self) -> str:
        return _listed(f"Result of {_count(len(self), 'hit')}", self, "  ")


class Results(_Table, Sequence[Result]):
    """The hits of a batch of queries; a sequence of one :class:`Result` a query.

    The columnar forms begin with the columns query and rank, both counted from 0.
    """

    __slots__ = ()

    _with_query = True

    def __init__(self, rows: _core.Rows) -> None:
        super().__init__(rows, 0, len(rows))

    @property
    def distances(self) -> NDArray[np.float32]:
        """One float32 a hit, query after query (a view, read-only)."""
        distances: NDArray[np.float32] = self._rows.distances(self._start, self._stop)
        return distances

    @property
    def scores(self) -> NDArray[np.float32]:
        """One float32 a hit, query after query; see :attr:`Hit.score`."""
        scores: NDArray[np.float32] = self._rows.scores(self._start, self._stop)
        return scores

    @property
    def offsets(self) -> NDArray[np.uint64]:
        """Query q owns the rows [offsets[q], offsets[q + 1]) of ids and distances."""
        offsets: NDArray[np.uint64] = self._rows.offsets
        return offsets

    def __len__(self) -> int:
        return self._rows.queries

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> list[Result]: ...
    def __getitem__(self, index: int | slice) -> Result | list[Result]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        start, stop = self._rows.bounds(_index(index, len(self)))
        return Result(self._rows, start, stop)

    def __iter__(self) -> Iterator[Result]:
        return (self[i] for i in range(len(self)))

    def to_numpy(self) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """(ids, distances), both queries x hits.

        Rows that are shorter than the longest are padded: ids with the largest uint64 (no point has
        it; None for string ids), distances with NaN. Without padding both are views.
        """
        offsets = self.offsets.astype(np.int64)
        counts = np.diff(offsets)
        queries, k = len(counts), int(counts.max(initial=0))
        ids = self.ids
        if isinstance(ids, list):
            ids = np.array(ids, dtype=object)
        if (counts == k).all():
            return ids.reshape(queries, k), self.distances.reshape(queries, k)
        padded_ids = np.full((queries, k), None if ids.dtype == object else _NO_ID, dtype=ids.dtype)
        padded_distances = np.full((queries, k), np.nan, dtype=np.float32)
        there = np.arange(k) < counts[:, None]
        padded_ids[there] = ids
        padded_distances[there] = self.distances
        return padded_ids, padded_distances

    def __repr__(self) -> str:
        queries = "1 query" if len(self) == 1 else f"{len(self):,} queries"
        return f"<omendb.Results of {queries}, {_count(self._stop, 'hit')}>"


def _same_vectors(one: Point, other: Point) -> bool:
    fields, others = one.vectors, other.vectors
    if fields or others:
        return fields.keys() == others.keys() and all(
            np.array_equal(fields[name], others[name]) for name in fields
        )
    return np.array_equal(one.vector, other.vector)  # type: ignore[arg-type]


def _shown(metadata: Mapping[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in metadata.items() if value is not None)


def _listed(title: str, items: Sequence[object], indent: str) -> str:
    shown = [f"{indent}{item!r}" for item in items[:10]]
    if len(items) > 10:
        shown.append(f"{indent}... {len(items) - 10:,} more")
    return "\n".join([f"<omendb.{title}>", *shown])


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _index(index: SupportsIndex, length: int) -> int:
    try:
        at = operator.index(index)
    except TypeError:
        raise TypeError(f"indices are integers or slices, not {described(index)}") from None
    if not -length <= at < length:
        raise IndexError(f"index {at} of {length}")
    return at + length if at < 0 else at


def _slice(index: slice, length: int) -> tuple[int, int]:
    start, stop, step = index.indices(length)
    if step != 1:
        raise ValueError("slices of results have step 1; use list(result)[::step]")
    return start, max(start, stop)


def _no_pickle(thing: object, instead: str) -> TypeError:
    return TypeError(f"omendb.{type(thing).__name__} cannot be pickled; {instead}")
