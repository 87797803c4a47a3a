#!/usr/bin/env python3
"""House rules that no compiler knows: small files, and nothing that belongs to one machine.

    scripts/check_tree.py [ROOT]

Prints one line a violation and exits with 1 if there is any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

MAX_LINES = 600
MAX_FILE_BYTES = 1_500_000
MAX_TREE_BYTES = 10_000_000
CODE = {".cc", ".h", ".c", ".py", ".pyi", ".sh", ".cmake"}

# Packages come from the registries' ordinary clients, so no host of one is ever written down.
FORBIDDEN = {
    "names a package registry's host": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs|repo1\.maven|(?:deb|security)\.debian\.org"
    ),
    "names a path of one machine": re.compile(
        r"(?<![\w./:{}$-])/(?:work|root|farm|home/\w+|Users/\w+)/"
    ),
    "leaves work for later without saying what it waits for": re.compile(r"\b(?:TODO|FIXME|XXX)\b"),
}
THIS_FILE = "scripts/check_tree.py"  # holds the words themselves


def tracked_files(root: Path) -> list[Path]:
    """What git tracks or would track; without git, everything but build outputs."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
        return sorted(root / name for name in names if (root / name).is_file())
    skipped = {"build", ".venv", ".git", "__pycache__", "out"}
    return sorted(p for p in root.rglob("*") if p.is_file() and not skipped & set(p.parts))


def check_file(name: str, content: bytes) -> list[str]:
    """What is wrong with one file, each as `name:line: what`."""
    problems = []
    if len(content) > MAX_FILE_BYTES:
        problems.append(
            f"{name}:1: {len(content):,} bytes; at most {MAX_FILE_BYTES:,} are kept here"
        )
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return problems
    if Path(name).suffix in CODE and len(lines) > MAX_LINES:
        problems.append(
            f"{name}:{len(lines)}: more than {MAX_LINES} lines; find the idea that splits it"
        )
    if name == THIS_FILE:
        return problems
    for number, line in enumerate(lines, start=1):
        for what, pattern in FORBIDDEN.items():
            if pattern.search(line):
                problems.append(f"{name}:{number}: {what}")
    return problems


def check_tree(root: Path) -> tuple[int, list[str]]:
    files = tracked_files(root)
    problems, total = [], 0
    for path in files:
        content = path.read_bytes()
        total += len(content)
        problems += check_file(path.relative_to(root).as_posix(), content)
    if total > MAX_TREE_BYTES:
        problems.append(f".:1: the tree holds {total:,} bytes; at most {MAX_TREE_BYTES:,}")
    return len(files), problems


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    count, problems = check_tree(root)
    print("\n".join(problems) or f"tree: {count} files, small and of no particular machine")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
