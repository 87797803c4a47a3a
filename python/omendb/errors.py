"""The exceptions of OmenDB.

Each is an :class:`OmendbError` and also the built-in exception that a Python programmer would
expect in its place, so that both ``except omendb.DimensionError`` and ``except ValueError`` work.
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
        # KeyError would show the repr of its message, OSError wants an errno first.
        return str(self.args[0]) if self.args else ""


class OmendbWarning(UserWarning):
    """Everything that OmenDB warns of."""


class FilterWarning(OmendbWarning):
    """A filter names a column that no point has. It is NULL in all of them.

    Given once for each collection and name, before the call does anything: turned into an error
    (``warnings.simplefilter("error", omendb.FilterWarning)``), it keeps the call from running.
    """


class InvalidArgumentError(OmendbError, ValueError):
    """A parameter is malformed: k = 0, NaN, a bad name, an id given twice."""


class DimensionError(OmendbError, ValueError):
    """The vectors' dimension differs from the collection's."""


class TypeMismatchError(OmendbError, TypeError):
    """Element type, id kind or column type conflicts with what is there."""


class NotFoundError(OmendbError, LookupError):
    """No such database, collection or column."""


class AlreadyExistsError(OmendbError, ValueError):
    """add() met an id that exists, or a collection has another schema."""


class FilterError(OmendbError, ValueError):
    """A filter does not parse or does not fit the columns."""

    @property
    def column(self) -> int | None:
        """Where in the filter's text the mistake is, counted from 1; None if it has no text."""
        found = re.search(r"\bcolumn (\d+)", str(self))
        return int(found[1]) if found else None


class LockedError(OmendbError, BlockingIOError):
    """Another process holds the database.

    A BlockingIOError, because that is what ``fcntl.flock`` with LOCK_NB raises in the same place:
    nothing is wrong with the caller, and trying again later may work.
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
    """A stated maximum (dimension, k, batch, name length) was passed."""


class UnimplementedError(OmendbError, NotImplementedError):
    """Not available in this build."""


class InternalError(OmendbError, RuntimeError):
    """A broken invariant that could be contained; please report it."""


class DeadlineError(OmendbError, TimeoutError):
    """The time that the caller gave ran out first. ``errno`` is ETIMEDOUT."""


class CancelledError(OmendbError, RuntimeError):
    """The caller stopped it."""


class OutOfMemoryError(OmendbError, MemoryError):
    """The system gave no memory. The call changed nothing."""


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
    """The exception for a status of the engine; called by the extension module."""
    kind = _BY_CODE.get(code, InternalError)
    error = kind(message)
    if isinstance(error, OSError):
        error.errno = _ERRNO[kind]
    return error
