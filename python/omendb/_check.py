"""Checks and repairs a database folder that no writer has open."""

from __future__ import annotations

import os
from dataclasses import dataclass

from omendb import _core
from omendb._values import path_text


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The report of :func:`omendb.check`."""

    #: Damage and contradictions: one sentence for each, which names the file.
    problems: list[str]
    #: Findings that are not damage: the torn tail of a log, files that nothing names.
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
    """The report of :func:`omendb.repair`."""

    collections: int
    #: Points that the new database holds.
    points: int
    #: Losses, and points that may be out of date: one sentence for each.
    lost: list[str]

    @property
    def complete(self) -> bool:
        """Whether nothing was lost."""
        return not self.lost


def check(path: str | os.PathLike[str]) -> CheckReport:
    """Reads every byte of a database that no writer has open, and reports damage.

    Verifies every checksum and compares the files with each other: the manifest with the segments,
    tombstones and log that it names, the ids with their order, the log's operations with their
    collections. Writes nothing. Damage is in the report and raises no exception.

    Raises NotFoundError, NotADatabaseError, VersionError, LockedError.
    """
    return CheckReport(**_core.check(path_text(path)))


def repair(path: str | os.PathLike[str], into: str | os.PathLike[str]) -> RepairReport:
    """Copies the sound parts of a damaged database into a new one at ``into``.

    Copies every point whose id and vector can be read, with the metadata that can be read, and
    then applies the whole records of the log. Does not change the damaged folder.

    Raises AlreadyExistsError if something exists at ``into``, CorruptionError if the manifest
    itself is damaged, NotFoundError, NotADatabaseError, VersionError, LockedError, NoSpaceError.
    """
    return RepairReport(**_core.repair(path_text(path), path_text(into)))
