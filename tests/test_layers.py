"""The layer check and the tree check find what they are for: each rule is broken once here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run_check(script: str, root: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def plant(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# A whole house, small, in which every arrow points left.
GOOD = {
    "include/omendb/status.h": "#include <cstdint>\n",
    "include/omendb/database.h": '#include "omendb/status.h"\n',
    "src/base/status.cc": '#include "omendb/status.h"\n#include "base/check.h"\n',
    "src/base/CMakeLists.txt": "omen_layer(base SOURCES status.cc)\n",
    "src/distance/l2.cc": '#include <immintrin.h>\n#include "base/check.h"\n',
    "src/storage/env_posix.cc": "#include <fcntl.h>\n#include <unistd.h>\n",
    "src/storage/CMakeLists.txt": "omen_layer(storage_testing SOURCES f.cc DEPS base storage)\n",
    "src/index/flat.cc": '#include "distance/l2.h"\n',
    "src/segment/memtable.cc": '#include "index/flat.h"\n#include "storage/log/log.h"\n',
    "src/segment/CMakeLists.txt": "omen_layer(segment SOURCES x.cc DEPS base index storage)\n",
    "src/segment/memtable_test.cc": '#include <gtest/gtest.h>\n#include "distance/l2.h"\n',
    "src/collection/plan.cc": '#include "segment/memtable.h"\n',
    "src/database/open.cc": '#include "omendb/database.h"\n#include "collection/plan.h"\n',
    "src/capi/capi.cc": '#include "omendb/database.h"\n#include <vector>\n',
    "python/src/module.cc": '#include <nanobind/nanobind.h>\n#include "omendb/database.h"\n',
}


def test_a_house_in_order_passes(tmp_path: Path) -> None:
    for name, text in GOOD.items():
        plant(tmp_path, name, text)
    code, output = run_check("check_layers.py", tmp_path)
    assert code == 0, output


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("src/base/x.cc", '#include "distance/l2.h"\n', "base includes"),
        ("src/distance/x.cc", '#include "storage/log/log.h"\n', "distance includes"),
        ("src/storage/x.cc", '#include "index/flat.h"\n', "storage includes"),
        ("src/storage/x.cc", '#include "segment/memtable.h"\n', "storage includes"),
        ("src/filter/x.cc", '#include "collection/plan.h"\n', "filter includes"),
        ("src/column/x.cc", '#include "filter/tree.h"\n', "column includes"),
        ("src/distance/x.cc", '#include "codec/sq8.h"\n', "distance includes"),
        ("src/index/x.cc", '#include "storage/log/log.h"\n', "index includes"),
        ("src/collection/x.cc", '#include "database/open.h"\n', "collection includes"),
        ("src/database/x.cc", '#include "capi/capi.h"\n', "database includes"),
        ("src/segment/x_test.cc", '#include "collection/plan.h"\n', "segment includes"),
        ("src/segment/x.cc", '#include "omendb/options.h"\n', "below database only"),
        ("src/collection/x.cc", '#include "omendb/database.h"\n', "below database only"),
        ("src/capi/x.cc", '#include "database/open.h"\n', "capi includes"),
        ("python/src/x.cc", '#include "base/check.h"\n', "python includes"),
        ("include/omendb/x.h", '#include "base/check.h"\n', "never src/"),
        ("include/omendb/x.h", "#include <nlohmann/json.hpp>\n", "in a public header"),
        ("src/base/x.cc", "#include <boost/asio.hpp>\n", "no header of the standard library"),
        ("src/database/x.cc", "#include <Python.h>\n", "no header of the standard library"),
        ("src/base/x.cc", "#include <gtest/gtest.h>\n", "no header of the standard library"),
        ("src/base/x.cc", '#include "base/y_test.h"\n', "test header"),
        ("src/segment/x.cc", '#include "storage/testing/fault_env.h"\n', "test header"),
        ("src/base/x.cc", '#include "check.h"\n', "names no layer"),
        ("src/segment/x.cc", "#include <fcntl.h>\n", "storage's Env"),
        ("src/segment/x.cc", "auto t = std::chrono::steady_clock::now();\n", "reads a clock"),
        ("src/storage/x.cc", "#include <immintrin.h>\n", "intrinsics belong"),
        ("src/extra/x.cc", "int x;\n", "extra is no layer"),
        ("src/index/CMakeLists.txt", "omen_layer(index SOURCES x.cc DEPS base storage)\n", "links"),
        ("src/segment/CMakeLists.txt", "omen_layer(segment DEPS base storage_testing)\n", "links"),
    ],
)
def test_an_arrow_that_points_right_fails(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    for good_name, good_text in GOOD.items():
        plant(tmp_path, good_name, good_text)
    plant(tmp_path, name, text)
    code, output = run_check("check_layers.py", tmp_path)
    assert code == 1
    assert complaint in output
    assert f"{name}:1:" in output
    assert len(output.strip().splitlines()) == 1, output


def test_an_empty_tree_is_no_success(tmp_path: Path) -> None:
    assert run_check("check_layers.py", tmp_path)[0] == 1


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("src/base/long.cc", "int x;\n" * 601, "more than 600 lines"),
        ("scripts/get.sh", "curl https://" + "pypi" + ".org/simple\n", "registry"),
        ("bench/run.py", "DATA = '/" + "home/someone/data'\n", "one machine"),
        ("src/base/x.cc", "// TO" + "DO: later\n", "leaves work"),
        ("tests/big.bin", "x" * 1_500_001, "bytes"),
    ],
)
def test_the_tree_check_finds(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    plant(tmp_path, "src/base/good.cc", "int good;\n" * 600)
    assert run_check("check_tree.py", tmp_path)[0] == 0
    plant(tmp_path, name, text)
    code, output = run_check("check_tree.py", tmp_path)
    assert code == 1
    assert complaint in output


def test_this_repository_is_in_order() -> None:
    for script in ("check_layers.py", "check_tree.py"):
        code, output = run_check(script, ROOT)
        assert code == 0, output
