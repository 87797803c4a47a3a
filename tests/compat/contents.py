"""What the database of the compatibility fixture holds, and a JSON form of it for any build.

`write()` makes the database in three sessions, so that it has every kind of file and of log record:
segments, an index, lists of dead rows, and a log that no segment has taken in yet. It
returns what a reader must find, built from the calls' arguments and not from the database.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import omendb

Points = dict[Any, dict[str, Any]]  # id -> {"vectors": {field: [..]}, "metadata": {..}}

UNNAMED = {
    "floats": {"metric": "l2", "dtype": "f32", "dim": 8},
    "halves": {"metric": "cosine", "dtype": "f16", "dim": 70},
    "bytes": {"metric": "ip", "dtype": "i8", "dim": 16},
    "bits": {"metric": "hamming", "dtype": "binary", "dim": 20},
    "many": {"metric": "l2", "dtype": "f32", "dim": 8},  # enough for an index
}
NAMED = {
    "title": {"metric": "cosine", "dtype": "f32", "dim": 6},
    "body": {"metric": "l2", "dtype": "i8", "dim": 9},
}
RENAMED = {"score": "rating", "moment": "at"}
DROPPED = {"flags", "scores"}


def vector(spec: dict[str, Any], seed: int) -> list[float]:
    """Small whole numbers, which every element type holds; never all zeros."""
    low, high = (0, 2) if spec["dtype"] == "binary" else (-5, 6)
    values = np.random.default_rng(seed).integers(low, high, spec["dim"])
    values[seed % spec["dim"]] = 1
    return [float(value) for value in values]


def given(spec: dict[str, Any], vectors: list[list[float]]) -> np.ndarray:
    """Vectors as add() takes them."""
    if spec["dtype"] == "binary":
        return np.packbits(np.array(vectors, np.uint8), axis=1, bitorder="little")
    return np.array(vectors, np.int8 if spec["dtype"] == "i8" else np.float32)


def metadata(spec: dict[str, Any], number: int) -> dict[str, Any]:
    """In the first collection, metadata of every type; which keys a point has depends on its
    number."""
    if spec is not UNNAMED["floats"]:
        return {"at": number}
    moment = dt.datetime(2024, 5, 1, 12, 30, number % 60, 250_000, tzinfo=dt.UTC)
    everything = {
        "flag": number % 2 == 0,
        "count": number - 7,
        "score": number / 4,
        "text": f"text {number} \N{LATIN SMALL LETTER E WITH ACUTE}",
        "moment": moment,
        "flags": [True, number % 3 == 0],
        "counts": list(range(number % 4)),
        "scores": [0.5, number / 8],
        "texts": [f"tag{number % 5}", ""],
        "moments": [moment],
        "mixed": [
            {"author": {"name": f"n{number % 3}"}, "pages": [1, "two", None]},
            decimal.Decimal("1.50"),
            uuid.UUID(int=number),
            b"\x00\xff",
            dt.date(2024, 2, 29),
            None,
        ][number % 6],
        "nothing": None,
    }
    keys = list(everything)
    return {key: everything[key] for at, key in enumerate(keys) if (number + at) % 4 != 0}


def put(collection: Any, spec: dict[str, Any], points: Points, ids: Any, first: int) -> None:
    """Upserts a point for each id (add() if ids is a number of them), with vectors and metadata."""
    count = ids if isinstance(ids, int) else len(ids)
    vectors = [vector(spec, first + i) for i in range(count)]
    values = [metadata(spec, first + i) for i in range(count)]
    if isinstance(ids, int):
        ids = collection.add(given(spec, vectors), metadata=values).tolist()
    else:
        collection.upsert(given(spec, vectors), ids=ids, metadata=values)
    for i, id in enumerate(ids):
        points[id] = {"vectors": {"": vectors[i]}, "metadata": values[i]}


def put_fields(collection: Any, points: Points, ids: list[str], first: int) -> None:
    vectors = {
        name: [vector(spec, 2 * (first + i) + at) for i in range(len(ids))]
        for at, (name, spec) in enumerate(NAMED.items())
    }
    values = [{"at": first + i} for i in range(len(ids))]
    rows = {name: list(given(NAMED[name], some)) for name, some in vectors.items()}
    lacking = {i: list(NAMED)[i % 2] for i in range(len(ids)) if i % 3 == 0}
    for i, name in lacking.items():
        rows[name][i] = None
    collection.upsert(rows, ids=ids, metadata=values)
    for i, id in enumerate(ids):
        points[id] = {
            "vectors": {name: some[i] for name, some in vectors.items() if lacking.get(i) != name},
            "metadata": values[i],
        }


def delete(collection: Any, points: Points, ids: list[Any]) -> None:
    collection.delete(ids)
    for id in ids:
        points.pop(id, None)


def names(first: int, count: int) -> list[str]:
    return [f"doc-{number:03}" for number in range(first, first + count)]


def write(scratch: Path, database: Path) -> dict[str, Points]:
    """Makes the database in `scratch` and copies it to `database` while its log is in use."""
    expected: dict[str, Points] = {name: {} for name in (*UNNAMED, "fields", "empty")}

    with omendb.open(scratch) as db:
        for name, spec in UNNAMED.items():
            put(db.collection(name, **spec), spec, expected[name], *first_batch(name))
        put_fields(db.collection("fields", vectors=NAMED), expected["fields"], names(0, 50), 0)

    with omendb.open(scratch) as db:  # a second segment, and dead rows in the first
        for name, spec in UNNAMED.items():
            collection, points = db.collection(name), expected[name]
            put(collection, spec, points, list(points)[:9], 500)
            delete(collection, points, list(points)[3:7])
        delete(db.collection("fields"), expected["fields"], names(10, 5))
        alter(db, expected, "score", "scores")

    db = omendb.open(scratch)  # the rest stays in the log
    for name, spec in UNNAMED.items():
        collection, points = db.collection(name), expected[name]
        put(collection, spec, points, list(points)[20:25], 700)
        delete(collection, points, list(points)[30:33])
    put(db.collection("floats"), UNNAMED["floats"], expected["floats"], 4, 800)
    put_fields(db.collection("fields"), expected["fields"], names(45, 10), 900)
    update(db, expected)
    alter(db, expected, "moment", "flags")
    db.collection("empty", dim=3, metric="l2")
    db.collection("dropped").add(np.eye(3, dtype=np.float32))
    db.drop("dropped")
    shutil.copytree(scratch, database, ignore=shutil.ignore_patterns("LOCK"))
    db.close()
    return expected


def first_batch(name: str) -> tuple[Any, int]:
    """The ids of a collection's first points (a number: generated ids), and their first number."""
    return {
        "floats": (120, 0),
        "halves": (names(0, 60), 100),
        "bytes": ([2**64 - 2 - i for i in range(60)], 200),
        "bits": (60, 300),
        "many": (2_100, 10_000),
    }[name]


def alter(db: omendb.Database, expected: dict[str, Points], renamed: str, dropped: str) -> None:
    """One column of the first collection gets another name, and one goes."""
    db.collection("floats").rename_column(renamed, RENAMED[renamed])
    db.collection("floats").drop_column(dropped)
    for point in expected["floats"].values():
        values = point["metadata"]
        values.pop(dropped, None)
        if renamed in values:
            values[RENAMED[renamed]] = values.pop(renamed)


def update(db: omendb.Database, expected: dict[str, Points]) -> None:
    """Of a part; `count` was of ints and is of floats afterwards."""
    points = expected["floats"]
    changed = list(points)[40:44]
    change = {"text": "changed", "flag": None, "count": 2.5}
    db.collection("floats").update(changed, metadata=change)
    for id in changed:
        points[id]["metadata"] = {**points[id]["metadata"], "text": "changed", "count": 2.5}
        points[id]["metadata"].pop("flag", None)


def to_json(value: Any) -> Any:
    """JSON for a metadata value; what JSON lacks becomes {"$type": .., "value": ..}."""
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return {"$type": "bytes", "value": base64.b64encode(value).decode()}
    if isinstance(value, dt.datetime | dt.date):
        return {"$type": type(value).__name__, "value": value.isoformat()}
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return {"$type": type(value).__name__, "value": str(value)}
    return value


def from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$type" not in value:
        return {key: from_json(item) for key, item in value.items()}
    return {
        "bytes": base64.b64decode,
        "datetime": dt.datetime.fromisoformat,
        "date": dt.date.fromisoformat,
        "Decimal": decimal.Decimal,
        "UUID": uuid.UUID,
    }[value["$type"]](value["value"])
