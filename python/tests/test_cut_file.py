"""A file that is cut while the database has it mapped raises; the process goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import faulthandler, os, sys
from pathlib import Path
import numpy as np
import omendb

if sys.argv[2] == "before":
    faulthandler.enable()
vectors = np.random.default_rng(3).random((5_000, 32), dtype=np.float32)
db = omendb.open(sys.argv[1])
if sys.argv[2] == "after":
    faulthandler.enable()
db.add(vectors)
db.compact()
assert db.search(vectors[7], k=1)[0].distance == 0
(segment,) = Path(sys.argv[1], "segments").glob("*.seg")
os.truncate(segment, segment.stat().st_size // 2)
for attempt in range(3):
    try:
        db.search(vectors[7], k=1)
    except omendb.OmendbError as error:
        assert segment.name in str(error), error
    else:
        raise AssertionError("a search over lost bytes answered")
print("alive")
"""


def run(folder: Path, faulthandler: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), faulthandler],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_search_of_a_file_that_was_cut_raises_and_names_the_file(tmp_path: Path) -> None:
    done = run(tmp_path / "v.db", "never")
    assert done.stdout == "alive\n", done.stderr


def test_pythons_faulthandler_and_ours_get_along_in_either_order(tmp_path: Path) -> None:
    for order in ("before", "after"):
        done = run(tmp_path / f"{order}.db", order)
        assert done.stdout == "alive\n", (order, done.stderr)
