"""The exceptions of OmenDB.

Each is an :class:`OmendbError` and also the built-in exception that Python raises in such a case,
so that both ``except omendb.DimensionError`` and ``except ValueError`` work.
"""

from __future__ import annotations

import errno
import re

__all__ = [
    "AlreadyExistsError",
    "CancelledError",
    "ClosedError",
    "CorruptionError",
    "DeadlineError",
    "DimensionError",
    "FilterError",
    "FilterWarning",
    "InternalError",
    "InvalidArgumentError",
    "LimitError",
    "LockedError",
    "NoSpaceError",
    "NotADatabaseError",
    "NotFoundError",
    "OmendbError",
    "OmendbWarning",
    "OutOfMemoryError",
    "ReadOnlyError",
    "StorageError",
    "TypeMismatchError",
    "UnimplementedError",
    "VersionError",
]


class OmendbError(Exception):
    """Everything that OmenDB raises."""

    def __str__(self) -> str:
        # KeyError would show the repr of its message, and OSError expects an errno first.
        return str(self.args[0]) if self.args else ""


class OmendbWarning(UserWarning):
    """Everything that OmenDB warns of."""


class FilterWarning(OmendbWarning):
    """A filter names a column that no point has. The column is NULL in all points.

    Issued once for each collection and name, before the call does anything. As an error
    (``warnings.simplefilter("error", omendb.FilterWarning)``) it stops the call.
    """


class InvalidArgumentError(OmendbError, ValueError):
    """A parameter is malformed: k = 0, NaN, a bad name, an id given twice."""


class DimensionError(OmendbError, ValueError):
    """The vectors' dimension differs from the collection's."""


class TypeMismatchError(OmendbError, TypeError):
    """Element type, id kind or column type conflicts with the schema."""


class NotFoundError(OmendbError, LookupError):
    """No such database, collection or column."""


class AlreadyExistsError(OmendbError, ValueError):
    """An id that add() gets exists, a path exists, or a collection has another schema."""


class FilterError(OmendbError, ValueError):
    """A filter does not parse or does not fit the columns."""

    @property
    def column(self) -> int | None:
        """The column of the mistake in the filter's text, from 1; None if there is no text."""
        found = re.search(r"\bcolumn (\d+)", str(self))
        return int(found[1]) if found else None


class LockedError(OmendbError, BlockingIOError):
    """Another process holds the database.

    It is a BlockingIOError because ``fcntl.flock`` with LOCK_NB raises that for a lock that another
    process holds. Trying again later may work.
    """


class CorruptionError(OmendbError, OSError):
    """Stored bytes fail their checksum or make no sense."""


class StorageError(OmendbError, OSError):
    """The operating system refused a file operation."""


class NoSpaceError(StorageError):
    """The disk is full. ``errno`` is ENOSPC."""


class ReadOnlyError(StorageError):
    """The database was opened with ``mode="r"``, or a flush failed and it must be reopened."""


class VersionError(OmendbError, RuntimeError):
    """The database was written by a newer OmenDB."""


class NotADatabaseError(OmendbError, OSError):
    """The path is a file, or a folder that OmenDB did not make."""


class ClosedError(OmendbError, ValueError):
    """The database was closed. A ValueError, as for a closed file."""


class LimitError(OmendbError, ValueError):
    """A value is above its stated maximum (dimension, k, batch, name length)."""


class UnimplementedError(OmendbError, NotImplementedError):
    """Not available in this build."""


class InternalError(OmendbError, RuntimeError):
    """A bug in OmenDB that did no damage; please report it."""


class DeadlineError(OmendbError, TimeoutError):
    """The call did not finish within the caller's timeout. ``errno`` is ETIMEDOUT."""


class CancelledError(OmendbError, RuntimeError):
    """The caller stopped the call."""


class OutOfMemoryError(OmendbError, MemoryError):
    """The system gave no memory. The call changed nothing, unless memory ran out after its write
    was logged: then later writes raise ReadOnlyError until the database is opened again, and
    opening applies the write."""


#: By omendb::StatusCode, whose numbers are frozen.
_BY_CODE: dict[int, type[OmendbError]] = {
    1: InvalidArgumentError,
    2: DimensionError,
    3: TypeMismatchError,
    4: NotFoundError,
    5: AlreadyExistsError,
    6: FilterError,
    7: LockedError,
    8: CorruptionError,
    9: StorageError,
    10: NoSpaceError,
    11: ReadOnlyError,
    12: VersionError,
    13: NotADatabaseError,
    14: ClosedError,
    15: LimitError,
    16: UnimplementedError,
    17: InternalError,
    18: DeadlineError,
    19: CancelledError,
    20: OutOfMemoryError,
}

_ERRNO = {
    LockedError: errno.EAGAIN,
    CorruptionError: errno.EIO,
    StorageError: errno.EIO,
    NoSpaceError: errno.ENOSPC,
    ReadOnlyError: errno.EROFS,
    NotADatabaseError: errno.ENOTDIR,
    DeadlineError: errno.ETIMEDOUT,
}


def from_status(code: int, message: str) -> OmendbError:
    """Makes the exception for a status of the engine. The extension module calls it."""
    kind = _BY_CODE.get(code, InternalError)
    error = kind(message)
    if isinstance(error, OSError):
        error.errno = _ERRNO[kind]
    return error
