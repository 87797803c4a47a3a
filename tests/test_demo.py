"""`make demo` does what it says: exact recall is 1, and a reopened database answers the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_demo_adds_searches_and_reopens() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recalls = [float(x) for x in re.findall(r"recall@10\s+([\d.]+)", done.stdout)]
    assert len(recalls) == 2, done.stdout
    assert recalls[0] == 1.0
    assert recalls[1] >= 0.95
    assert "all 10,000 vectors are there" in done.stdout
    assert "\033" not in done.stdout, "colour is for terminals"
