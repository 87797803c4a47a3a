"""The stubs are what the module is, and a user's program type-checks against them."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import resources
from pathlib import Path

import omendb
import pytest
from omendb import _core

HERE = Path(__file__).parent


def test_the_stub_of_the_extension_is_up_to_date(tmp_path: Path) -> None:
    """Renew it with: python -m nanobind.stubgen -m omendb._core -o python/omendb/_core.pyi"""
    pytest.importorskip("nanobind.stubgen")
    fresh = tmp_path / "_core.pyi"
    subprocess.run(
        [sys.executable, "-m", "nanobind.stubgen", "-q", "-m", "omendb._core", "-o", str(fresh)],
        check=True,
    )
    kept = resources.files("omendb") / "_core.pyi"
    assert ast.dump(ast.parse(fresh.read_text())) == ast.dump(ast.parse(kept.read_text()))


def test_a_users_program_passes_mypy_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            f"--cache-dir={tmp_path}",
            str(HERE / "typed_sample.py"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_package_says_that_it_is_typed() -> None:
    assert (resources.files("omendb") / "py.typed").is_file()


def test_everything_public_is_documented() -> None:
    for name in omendb.__all__:
        thing = getattr(omendb, name)
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                    assert inspect.getdoc(value), f"{name}.{member}"


def test_the_module_gives_no_more_than_it_names() -> None:
    public = {n for n in vars(omendb) if not n.startswith("_")}
    assert public - set(omendb.__all__) <= {"errors"}
    assert _core.version() == omendb.__version__
