#!/usr/bin/env python3
"""Holds every #include, and every CMake dependency, against the arrows of docs/architecture.md.

    scripts/check_layers.py [ROOT]

Prints one line a violation, `file:line: what is wrong; what is allowed`, and exits with 1 if there
is any. Needs nothing but the standard library. Its negative controls are tests/test_layers.py.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# The house. A layer may include itself, these layers, and the public headers listed below it.
ARROWS: dict[str, set[str]] = {
    "base": set(),
    "distance": {"base"},
    "codec": {"base", "distance"},
    "storage": {"base"},
    "column": {"base", "storage"},
    "filter": {"base", "column"},
    "index": {"base", "distance", "codec"},
    "segment": {"base", "distance", "codec", "index", "storage", "column"},
    "collection": {"base", "distance", "codec", "column", "filter", "index", "segment"},
    "database": {"base", "storage", "collection"},
    # The faces see the public headers and nothing else.
    "capi": set(),
    "python": set(),
    "server": set(),
    "cli": set(),
}
FACES = {"capi", "python", "server", "cli"}

# Public headers that hold plain values, or say what runs here: the vocabulary of every layer.
VALUE_HEADERS = {
    "omendb/status.h",
    "omendb/types.h",
    "omendb/executor.h",
    "omendb/filter.h",
    "omendb/runtime.h",
}
# What calls take and return: for the layers that implement them.
CALL_HEADERS = {"omendb/options.h", "omendb/results.h"}
MAY_SEE_CALLS = {"collection"}
# The rest of include/omendb is the engine's front door: for the layer that implements it, and for
# those that stand before it.
MAY_SEE_FRONT_DOOR = {"database", *FACES}

# Headers of the operating system that open files or read clocks: storage's Env alone uses them.
ENV_ONLY = {
    "dirent.h", "fcntl.h", "filesystem", "fstream", "sys/file.h", "sys/mman.h", "sys/stat.h",
    "sys/statvfs.h", "unistd.h",
}  # fmt: skip
# What is said of memory that belongs to no file.
MEMORY_ADVICE = (Path("src/base/large_array.cc"), "sys/mman.h")
INTRINSICS = {"arm_acle.h", "arm_neon.h", "cpuid.h", "immintrin.h", "nmmintrin.h"}
INTRINSICS_LAYERS = {"base", "distance", "codec", "index"}
POSIX = {
    "cerrno", "errno.h", "pthread.h", "signal.h", "sys/auxv.h", "sys/random.h", "sys/resource.h",
    "sys/syscall.h", "sys/types.h", "sys/uio.h", "asm/hwcap.h", "math.h", "stddef.h", "stdint.h",
    "stdio.h", "stdlib.h", "string.h",
}  # fmt: skip
STANDARD_NAMES = """
    algorithm any array atomic barrier bit bitset cassert cctype cfenv cfloat charconv chrono
    cinttypes climits cmath compare complex concepts condition_variable coroutine csignal cstdarg
    cstddef cstdint cstdio cstdlib cstring ctime cwchar deque exception execution format
    forward_list functional future initializer_list iomanip ios iosfwd iostream istream iterator
    latch limits list locale map memory memory_resource mutex new numbers numeric optional ostream
    queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location
    span sstream stack stdexcept stop_token streambuf string string_view system_error thread tuple
    type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector
    version
"""
STANDARD = set(STANDARD_NAMES.split())
# What tests, benchmarks and fuzzers may use on top.
TESTING = re.compile(r"^(gtest|gmock|rapidcheck|benchmark)(/|\.h)")
BINDING = re.compile(r"^(nanobind/|Python\.h|datetime\.h)")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CMAKE_LAYER = re.compile(r"\bomen_layer\(\s*(\w+)([^)]*)\)", re.DOTALL)
TEST_FILE = re.compile(r"_(test|bench|fuzz)(_\w+)?\.(cc|h|c)$")
CLOCK_CALL = re.compile(
    r"\b(system_clock|steady_clock|high_resolution_clock)::now\(|\bclock_gettime\("
)
SUFFIXES = {".h", ".cc", ".c", ".cpp", ".hpp", ".inl"}


def left_of(layer: str) -> set[str]:
    """Every layer that `layer` stands on, however far down; for the faces, the whole engine."""
    if layer in FACES:
        return set(ARROWS) - FACES
    seen: set[str] = set()
    todo = [layer]
    while todo:
        for below in ARROWS[todo.pop()] - seen:
            seen.add(below)
            todo.append(below)
    return seen


def layer_of(path: Path) -> str | None:
    """The layer that a path relative to the root belongs to; "include" for the public headers."""
    parts = path.parts
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[0] in ("include", "python"):
        return parts[0]
    return None


def check_public_header(name: str, angle: bool) -> str | None:
    if angle:
        return (
            None
            if name in STANDARD | POSIX
            else f"<{name}> in a public header; only the C++ library is"
        )
    if name.startswith("omendb/"):
        return None
    return f'"{name}" in a public header; it may include "omendb/…" and never src/'


def check_quoted(layer: str, name: str, is_test: bool, beside: Path) -> str | None:
    """Why `layer` may not say #include "name", or None if it may."""
    target = name.split("/")[0]
    if target == "omendb":
        seen = VALUE_HEADERS | (CALL_HEADERS if layer in MAY_SEE_CALLS else set())
        if name in seen or is_test or layer in MAY_SEE_FRONT_DOOR:
            return None
        return f'{layer} includes "{name}"; below database only {", ".join(sorted(seen))}'
    if layer in FACES and ".." not in name and (beside / name).exists():
        return None
    if "/" not in name:
        return f'"{name}" names no layer; write "{layer}/{name}"'
    allowed = (left_of(layer) if is_test else ARROWS[layer]) | {layer}
    if target not in allowed:
        return f'{layer} includes "{name}"; it may include {", ".join(sorted(allowed))}'
    for_tests = TEST_FILE.search(name) or "testing" in name.split("/")
    if for_tests and not is_test:
        return f'{layer} includes the test header "{name}" in product code'
    return None


def check_angle(layer: str, name: str, is_test: bool) -> str | None:
    """Why `layer` may not say #include <name>, or None if it may."""
    if name in ENV_ONLY:
        if layer == "storage" or is_test:
            return None
        return f"<{name}> in {layer}; file and clock calls belong to storage's Env"
    if name in INTRINSICS:
        if layer in INTRINSICS_LAYERS:
            return None
        return f"<{name}> in {layer}; intrinsics belong to {', '.join(sorted(INTRINSICS_LAYERS))}"
    if name in STANDARD | POSIX:
        return None
    if (is_test and (TESTING.match(name) or name.startswith("sys/"))) or (
        layer == "python" and BINDING.match(name)
    ):
        return None
    return f"<{name}> is no header of the standard library; the core depends on nothing else"


def check_file(root: Path, path: Path) -> Iterator[str]:
    relative = path.relative_to(root)
    layer = layer_of(relative)
    if layer is None:
        return
    if layer != "include" and layer not in ARROWS:
        yield f"{relative}:1: {layer} is no layer; the layers are {', '.join(ARROWS)}"
        return
    is_test = TEST_FILE.search(path.name) is not None or "testing" in relative.parts
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        found = INCLUDE.match(line)
        problem = None
        if found:
            angle, name = found[1] == "<", found[2]
            if layer == "include":
                problem = check_public_header(name, angle)
            elif angle and (relative, name) != MEMORY_ADVICE:
                problem = check_angle(layer, name, is_test)
            elif not angle:
                problem = check_quoted(layer, name, is_test, path.parent)
        elif layer != "storage" and not is_test and CLOCK_CALL.search(line.split("//")[0]):
            problem = f"{layer} reads a clock; clocks belong to storage's Env"
        if problem:
            yield f"{relative}:{number}: {problem}"


def check_cmake(root: Path, path: Path) -> Iterator[str]:
    """A target may link what its layer may include; omen_x_testing serves the tests of x."""
    for layer, arguments in CMAKE_LAYER.findall(path.read_text(encoding="utf-8")):
        words = arguments.split()
        linked = set(words[words.index("DEPS") + 1 :]) if "DEPS" in words else set()
        owner = layer.removesuffix("_testing")
        allowed = left_of(owner) if owner in ARROWS else set()
        if owner != layer:
            allowed |= {owner}
        for extra in sorted(linked - allowed):
            name = path.relative_to(root)
            yield f"{name}:1: omen_{layer} links {extra}; arrows point left only"


def check_tree(root: Path) -> tuple[int, list[str]]:
    """How many files were read, and what is wrong with them."""
    files = [
        path
        for folder in ("include", "src", "python")
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in SUFFIXES
    ]
    problems = [problem for path in files for problem in check_file(root, path)]
    for path in sorted((root / "src").rglob("CMakeLists.txt")):
        problems += check_cmake(root, path)
    return len(files), problems


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    count, problems = check_tree(root)
    print("\n".join(problems) or f"layers: {count} files, every include points left")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
