"""OmenDB: a vector database that lives in a folder, inside your program.

import omendb
db = omendb.open("./vectors.db")
ids = db.add(vectors)                        # n x dim numbers; returns ids
hits = db.search(query, k=10, where="year > 2020 and lang in ('en', 'de')")
db.close()
"""

from omendb import _core, errors
from omendb._check import CheckReport, RepairReport, check, repair
from omendb._database import Collection, Database, open
from omendb._info import CollectionInfo, DatabaseStats, Job
from omendb._recall import RecallReport
from omendb._result import Hit, Point, Points, Result, Results, Scan
from omendb.errors import (
    AlreadyExistsError,
    CancelledError,
    ClosedError,
    CorruptionError,
    DeadlineError,
    DimensionError,
    FilterError,
    FilterWarning,
    InternalError,
    InvalidArgumentError,
    LimitError,
    LockedError,
    NoSpaceError,
    NotADatabaseError,
    NotFoundError,
    OmendbError,
    OmendbWarning,
    OutOfMemoryError,
    ReadOnlyError,
    StorageError,
    TypeMismatchError,
    UnimplementedError,
    VersionError,
)

__version__: str = _core.version()

#: The names of the exceptions and warnings, and what a program normally uses.
__all__ = [
    "AlreadyExistsError",
    "CancelledError",
    "CheckReport",
    "ClosedError",
    "Collection",
    "CollectionInfo",
    "CorruptionError",
    "Database",
    "DatabaseStats",
    "DeadlineError",
    "DimensionError",
    "FilterError",
    "FilterWarning",
    "Hit",
    "InternalError",
    "InvalidArgumentError",
    "Job",
    "LimitError",
    "LockedError",
    "NoSpaceError",
    "NotADatabaseError",
    "NotFoundError",
    "OmendbError",
    "OmendbWarning",
    "OutOfMemoryError",
    "Point",
    "Points",
    "ReadOnlyError",
    "RecallReport",
    "RepairReport",
    "Result",
    "Results",
    "Scan",
    "StorageError",
    "TypeMismatchError",
    "UnimplementedError",
    "VersionError",
    "check",
    "open",
    "repair",
]

# Users see omendb.Hit and omendb.LockedError, wherever they are written.
for _name in __all__:
    globals()[_name].__module__ = "omendb"
del _name, errors
