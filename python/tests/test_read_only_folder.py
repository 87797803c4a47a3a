"""A folder that this process may not write: opening it for writing says how to read it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import omendb
import pytest

# Opens the database as a user who may not write it.
AS_NOBODY = """
import os, sys, omendb
path = sys.argv[1]
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    omendb.open(path)
except omendb.StorageError as refused:
    print(refused)
with omendb.open(path, mode="r") as db:
    print(len(db))
"""


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    path = tmp_path / "db"
    with omendb.open(path) as db:
        db.add(np.ones((10, 4), np.float32))
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    for file in (path, *path.rglob("*")):
        file.chmod(0o555 if file.is_dir() else 0o444)
    return path


def test_the_error_says_to_open_it_for_reading(unwritable: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(unwritable)], capture_output=True, text=True
    )
    if "ModuleNotFoundError" in shown.stderr:
        pytest.skip("another user may not read the package")
    error, points = shown.stdout.splitlines()
    assert str(unwritable / "LOCK") in error
    assert "Permission denied" in error
    assert 'mode "r"' in error
    assert points == "10"


def test_a_mount_that_is_read_only_says_the_same(unwritable: Path) -> None:
    bind = ["mount", "--bind", str(unwritable), str(unwritable)]
    only = ["mount", "-o", "remount,bind,ro", str(unwritable)]
    try:
        done = [subprocess.run(command, capture_output=True, text=True) for command in (bind, only)]
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    try:
        if any(step.returncode != 0 for step in done):
            pytest.skip("only root may mount a file system")
        with pytest.raises(omendb.StorageError, match=r'Read-only file system.* mode "r"'):
            omendb.open(unwritable)
        with omendb.open(unwritable, mode="r") as db:
            assert len(db) == 10
    finally:
        subprocess.run(["umount", "--lazy", str(unwritable)], capture_output=True)
