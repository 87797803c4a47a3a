"""Looking after a database folder that is not open: is it sound, and what can be saved of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from omendb import _core
from omendb._values import path_text


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What :func:`omendb.check` found."""

    #: What is damaged or contradicts itself, a sentence each, which names the file.
    problems: list[str]
    #: What is no damage and worth knowing: the torn tail of a log, files that nothing names.
    notes: list[str]
    collections: int
    #: Live points, in segments and in the log.
    points: int
    #: Files that were read whole, and their bytes.
    files: int
    bytes: int

    @property
    def sound(self) -> bool:
        """Whether there are no problems."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What :func:`omendb.repair` did."""

    collections: int
    #: Points that the new database holds.
    points: int
    #: What could not be saved, or may have come back wrongly, a sentence each.
    lost: list[str]

    @property
    def complete(self) -> bool:
        """Whether nothing was lost."""
        return not self.lost


def check(path: str | os.PathLike[str]) -> CheckReport:
    """Reads every byte of a database that no writer has open, and says what is wrong with it.

    Verifies every checksum and holds the files against one another: the manifest against the
    segments, tombstones and log that it names, ids against their order, the log's operations
    against their collections. Writes nothing. Damage is in the report, not an exception.

    Raises NotFoundError, NotADatabaseError, VersionError, LockedError.
    """
    return CheckReport(**_core.check(path_text(path)))


def repair(path: str | os.PathLike[str], into: str | os.PathLike[str]) -> RepairReport:
    """Copies what is sound of a damaged database into a new one at ``into``.

    Every point whose id and vector can be read is copied, with those of its metadata that can, and
    what the log's whole records did since is done again. The damaged folder is not changed.

    Raises AlreadyExistsError if there is something at ``into``, CorruptionError if the manifest
    itself is damaged, NotFoundError, NotADatabaseError, VersionError, LockedError, NoSpaceError.
    """
    return RepairReport(**_core.repair(path_text(path), path_text(into)))
