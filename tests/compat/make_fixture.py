#!/usr/bin/env python3
"""Makes a compatibility fixture with this build: tests/compat/make_fixture.py tests/compat/v1

Run once for each version of the format. A fixture that was released is never made again.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import contents


def main(folder: Path) -> None:
    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        expected = contents.write(Path(scratch) / "database", folder / "database")
    lines = [
        json.dumps({"collection": name, "id": id, **contents.to_json(point)}, ensure_ascii=False)
        for name, points in expected.items()
        for id, point in points.items()
    ]
    (folder / "points.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
