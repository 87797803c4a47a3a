"""Every build opens the databases of the frozen formats: docs/format.md, "What is frozen"."""

from __future__ import annotations

import json
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import omendb
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import contents  # beside this file

FORMATS = sorted(path for path in Path(__file__).parent.glob("v*") if path.is_dir())


def expected_points(folder: Path) -> dict[str, contents.Points]:
    points: dict[str, contents.Points] = defaultdict(dict)
    for line in (folder / "points.jsonl").read_text(encoding="utf-8").splitlines():
        point = json.loads(line)
        points[point["collection"]][point["id"]] = {
            "vectors": point["vectors"],
            "metadata": contents.from_json(point["metadata"]),
        }
    return points


def specs_of(name: str) -> dict[str, dict[str, Any]]:
    return contents.NAMED if name == "fields" else {"": contents.UNNAMED[name]}


def unpacked(spec: dict[str, Any], stored: np.ndarray) -> list[float]:
    if spec["dtype"] == "binary":
        stored = np.unpackbits(stored, bitorder="little")[: spec["dim"]]
    return [float(value) for value in stored]


def distances(spec: dict[str, Any], query: list[float], rows: list[list[float]]) -> np.ndarray:
    """By definition, in float64."""
    q, x = np.array(query), np.array(rows)
    match spec["metric"]:
        case "l2":
            return ((x - q) ** 2).sum(axis=1)
        case "ip":
            return -(x @ q)
        case "hamming":
            return (x != q).sum(axis=1).astype(float)
    return 1 - (x @ q) / (np.linalg.norm(x, axis=1) * np.linalg.norm(q))


def check_points(db: omendb.Database, expected: dict[str, contents.Points]) -> None:
    for name, points in expected.items():
        collection = db.collection(name)
        assert len(collection) == len(points), name
        specs = specs_of(name)
        found = {point.id: point for point in collection.get(list(points))}
        for id, point in points.items():
            stored = found[id].vectors if name == "fields" else {"": found[id].vector}
            there = {field for field in specs if stored.get(field) is not None}
            assert there == set(point["vectors"]), (name, id)
            for field, values in point["vectors"].items():
                assert unpacked(specs[field], stored[field]) == values, (name, id, field)
            assert found[id].metadata == point["metadata"], (name, id)
        scanned = [id for batch in collection.scan(vectors=False) for id in batch.ids]
        assert sorted(scanned) == sorted(points), name


def check_searches(db: omendb.Database, expected: dict[str, contents.Points]) -> None:
    for name, points in expected.items():
        collection = db.collection(name)
        for field, spec in specs_of(name).items():
            have = {id: p["vectors"][field] for id, p in points.items() if field in p["vectors"]}
            query = contents.vector(spec, 4_711)
            truth = dict(zip(have, distances(spec, query, list(have.values())), strict=True))
            argument = contents.given(spec, [query])[0]
            options: dict[str, Any] = {"field": field} if field else {}
            for exact in (True, False):
                hits = collection.search(argument, k=10, exact=exact, **options)
                assert len({hit.id for hit in hits}) == 10, (name, field)
                for hit in hits:
                    assert hit.distance == pytest.approx(truth[hit.id], rel=1e-5, abs=1e-5)
                if exact:
                    nearest = sorted(truth.values())[:10]
                    assert [hit.distance for hit in hits] == pytest.approx(nearest, abs=1e-5)


def check_filters(db: omendb.Database, expected: dict[str, contents.Points]) -> None:
    collection, points = db.collection("floats"), expected["floats"].values()
    for where, test in {
        "flag = true": lambda m: m.get("flag") is True,
        "count >= 100": lambda m: m.get("count", -1) >= 100,
        "text = 'changed'": lambda m: m.get("text") == "changed",
        "texts contains 'tag3'": lambda m: "tag3" in m.get("texts", []),
        "mixed.author.name = 'n0'": lambda m: (
            isinstance(m.get("mixed"), dict) and m["mixed"]["author"]["name"] == "n0"
        ),
        "at is null": lambda m: "at" not in m,
        "count = 2.5": lambda m: m.get("count") == 2.5,
    }.items():
        wanted = sum(test(point["metadata"]) for point in points)
        assert wanted > 0, where
        assert collection.count(where) == wanted, where


def check_all(db: omendb.Database, expected: dict[str, contents.Points]) -> None:
    assert sorted(db.collections()) == sorted([*contents.UNNAMED, "empty", "fields"])
    assert len(db.collection("empty")) == 0
    assert db.collection("empty").info().dim == 3
    check_points(db, expected)
    check_searches(db, expected)
    check_filters(db, expected)


@pytest.fixture(params=FORMATS, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_there_is_a_fixture() -> None:
    assert [path.name for path in FORMATS] == ["v1"]


def test_a_reader_reads_an_old_database_where_it_lies(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with omendb.open(folder / "database", mode="r") as db:
        check_all(db, expected_points(folder))
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_old_database_is_sound(folder: Path) -> None:
    report = omendb.check(folder / "database")
    assert report.problems == []
    assert report.points == sum(len(points) for points in expected_points(folder).values())


def test_an_old_database_can_be_written_on(folder: Path, tmp_path: Path) -> None:
    expected = expected_points(folder)
    path = tmp_path / "database"
    shutil.copytree(folder / "database", path)
    for _ in range(2):  # the second opening reads what the first has written
        with omendb.open(path) as db:
            assert db.recovery_notes == []
            check_all(db, expected)
            for name, spec in contents.UNNAMED.items():
                ids = list(expected[name])[:3]
                contents.put(db.collection(name), spec, expected[name], ids, 1_000)
            ids = list(expected["fields"])[:3]
            contents.put_fields(db.collection("fields"), expected["fields"], ids, 1_000)
            check_all(db, expected)
            db.collection("floats").compact()
            check_all(db, expected)


def test_an_old_database_can_be_copied_and_repaired(folder: Path, tmp_path: Path) -> None:
    expected = expected_points(folder)
    shutil.copytree(folder / "database", tmp_path / "database")
    with omendb.open(tmp_path / "database") as db:
        db.snapshot(tmp_path / "copy")
    report = omendb.repair(folder / "database", tmp_path / "repaired")
    assert report.lost == []
    for name in ("copy", "repaired"):
        with omendb.open(tmp_path / name, mode="r") as db:
            check_all(db, expected)
