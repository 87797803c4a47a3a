"""Every code block in the documents runs, and every link leads somewhere.

A document's `python` blocks run in order, in one program, in an empty folder. Each `cpp` or `c`
block is a program of its own, compiled against the engine of build/dev. Each line of a `bash` block
must be a command that this file knows how to try without doing all of its work; `text` and
`mermaid` are pictures; hex dumps have a C++ test each. Any other language is an error, so that
nothing escapes.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import omendb
import pytest

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "dev"
PLACES = ["*.md", "docs/**/*.md", "bench/**/*.md", "tests/**/*.md", "src/**/*.md", "python/**/*.md"]
DOCUMENTS = sorted({path for place in PLACES for path in ROOT.glob(place)})
PICTURES = {"text", "mermaid"}
# Hex dumps, and the C++ test that holds each against what the code writes.
DUMPS = {
    "section-file": ROOT / "src/storage/format_test.cc",
    "wal-file": ROOT / "src/storage/format_test.cc",
    "index-header": ROOT / "src/segment/sealed_index_test.cc",
    "put-operation": ROOT / "src/collection/write/operation_test.cc",
    "put-operation-of-fields": ROOT / "src/collection/write/operation_test.cc",
    "rename-column-operation": ROOT / "src/collection/write/operation_test.cc",
    "drop-column-operation": ROOT / "src/collection/write/operation_test.cc",
    "delete-operation": ROOT / "src/collection/write/operation_test.cc",
    "create-operation": ROOT / "src/collection/write/operation_test.cc",
    "drop-operation": ROOT / "src/collection/write/operation_test.cc",
}
FENCE = re.compile(r"^```(\S*)\s*$")
LINK = re.compile(r"!?\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


class Block(NamedTuple):
    path: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def blocks_of(path: Path) -> Iterator[Block]:
    """The fenced blocks of a document. A fence that is not closed, or has no language, fails."""
    language, start, lines = None, 0, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if language is None:
            if fence:
                language, start, lines = fence[1], number, []
        elif fence:
            assert not fence[1], f"{path}:{number}: a fence opens inside a block"
            yield Block(path, start, language, "\n".join(lines) + "\n")
            language = None
        else:
            lines.append(line)
    assert language is None, f"{path}:{start}: this block is not closed"


BLOCKS = [block for path in DOCUMENTS for block in blocks_of(path)]


def run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


# --- bash: each command is tried in a form that finds out whether it would work -------------------


def try_make(words: list[str]) -> None:
    run([*words, "--dry-run", "--no-print-directory"], ROOT)


def try_script(words: list[str]) -> None:
    run(["bash", "-n", words[0]], ROOT)
    assert (ROOT / words[0]).stat().st_mode & 0o100, f"{words[0]} is not executable"


def try_ctest(words: list[str]) -> None:
    listed = run([*words, "-N"], ROOT)
    found = re.search(r"Total Tests: (\d+)", listed)
    assert found and int(found[1]) > 0, f"{shlex.join(words)} runs no test"


def try_pytest(words: list[str]) -> None:
    run([*words, "--collect-only"], ROOT)


def try_pip(words: list[str]) -> None:
    assert words == ["pip", "install", "."], "the only installation that is documented is from here"
    assert (ROOT / "pyproject.toml").exists()
    run([sys.executable, "-c", "import omendb"], ROOT / "tests")


def try_cmake(words: list[str]) -> None:
    kind = ["--build"] if "--build" in words else []
    preset = words[words.index("--preset") + 1]
    assert f'"{preset}"' in run(["cmake", *kind, "--list-presets"], ROOT), f"no preset {preset!r}"


def try_compiler(words: list[str]) -> None:
    """The C blocks of the same documents are compiled; here the folders must be the right ones."""
    assert "-Iinclude" in words
    assert (ROOT / "include/omendb/omendb.h").exists()
    libraries = [word.removeprefix("-Lbuild/release/") for word in words if word.startswith("-L")]
    assert all((ROOT / library / "CMakeLists.txt").exists() for library in libraries)


TRIES = {
    "cc": try_compiler,
    "cmake": try_cmake,
    "make": try_make,
    "scripts/build.sh": try_script,
    "ctest": try_ctest,
    ".venv/bin/python": try_pytest,
    "pip": try_pip,
}


def try_line(line: str) -> None:
    """Tries each command of a line of commands that are joined by &&."""
    for command in line.split("&&"):
        words = shlex.split(command, comments=True)
        while words and re.match(r"^[A-Z_]+=", words[0]):
            words = words[1:]
        if words:
            assert words[0] in TRIES, f"nothing tries {words[0]!r}; known: {', '.join(TRIES)}"
            TRIES[words[0]](words)


# --- the tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_python_of_a_document_runs_in_order(path: Path, tmp_path: Path) -> None:
    parts = [block for block in blocks_of(path) if block.language == "python"]
    if parts:
        program = "".join(f"# {part}\n{part.code}" for part in parts)
        (tmp_path / "program.py").write_text(program, encoding="utf-8")
        run([sys.executable, "-W", "error::DeprecationWarning", "program.py"], tmp_path)


def module_in_docs(name: str, into: Path) -> None:
    """Writes the module whose text docs/python.md has under that name."""
    marked = [b for b in blocks_of(ROOT / "docs/python.md") if b.code.startswith(f"# {name}")]
    assert len(marked) == 1, f"docs/python.md has {len(marked)} blocks of {name}"
    (into / name).write_text(marked[0].code, encoding="utf-8")


def eventually(ask: Callable[[], bytes], process: subprocess.Popen[bytes]) -> bytes:
    """The answer of a server that may still be starting."""
    while True:
        try:
            return ask()
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, "the server ended"
            time.sleep(0.05)


def test_gunicorns_workers_answer_with_what_was_just_written(tmp_path: Path) -> None:
    module_in_docs("app.py", tmp_path)
    rng = np.random.default_rng(7)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with omendb.open(tmp_path / "vectors.db") as writer:
        writer.add(rng.integers(-9, 9, (100, 16)).astype(np.float32))
        server = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", address, "app:application"]
        with subprocess.Popen(server, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
            try:
                for _ in range(5):
                    vector = rng.integers(-9, 9, 16).astype(np.float32)
                    new = writer.add(vector[None, :])
                    url = f"http://{address}/?" + ",".join(str(x) for x in vector)
                    for _ in range(8):
                        answer = eventually(lambda u=url: urllib.request.urlopen(u).read(), process)
                        hits = json.loads(answer)
                        assert hits[0] == {"id": int(new[0]), "distance": 0.0}, hits
            finally:
                process.terminate()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_data_set_of_the_documents_is_read_by_four_workers(tmp_path: Path, method: str) -> None:
    module_in_docs("dataset.py", tmp_path)
    vectors = np.random.default_rng(8).standard_normal((200, 16), dtype=np.float32)
    with omendb.open(tmp_path / "vectors.db") as db:
        db.add(vectors)
    program = f"""
import multiprocessing, warnings
import numpy as np
from dataset import VectorDataset
if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
    dataset = VectorDataset("vectors.db")
    first = dataset[0]  # opens a reader here, which no worker may use
    with multiprocessing.get_context({method!r}).Pool(4) as pool:
        rows = pool.map(dataset.__getitem__, range(len(dataset)), chunksize=10)
    np.save("rows.npy", np.array(rows))
"""
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    run([sys.executable, "program.py"], tmp_path)
    assert np.array_equal(np.load(tmp_path / "rows.npy"), vectors)


def test_a_forked_worker_reads_by_a_reader_of_its_own_though_it_inherits_an_open_one(
    tmp_path: Path,
) -> None:
    module_in_docs("dataset.py", tmp_path)
    vectors = np.random.default_rng(9).standard_normal((40, 16), dtype=np.float32)
    with omendb.open(tmp_path / "vectors.db") as db:
        db.add(vectors)
    program = """
import multiprocessing, warnings
import numpy as np
from dataset import VectorDataset
warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
dataset = VectorDataset("vectors.db")
dataset[0]  # opens a reader here, which every worker inherits


def work(share):  # what DataLoader's workers do: a forked Process pickles nothing
    inherited = dataset.reader
    rows = [dataset[i] for i in range(share, len(dataset), 4)]
    assert dataset.reader is not inherited
    np.save(f"rows{share}.npy", np.array(rows))


workers = [multiprocessing.get_context("fork").Process(target=work, args=(i,)) for i in range(4)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
    assert worker.exitcode == 0
np.save("rows.npy", np.array([dataset[i] for i in range(len(dataset))]))  # the parent reads on
"""
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    run([sys.executable, "program.py"], tmp_path)
    assert np.array_equal(np.load(tmp_path / "rows.npy"), vectors)
    for share in range(4):
        assert np.array_equal(np.load(tmp_path / f"rows{share}.npy"), vectors[share::4])


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in ("c", "cpp")], ids=str)
def test_a_program_compiles_and_runs(block: Block, tmp_path: Path) -> None:
    source = tmp_path / f"program.{block.language}"
    source.write_text(block.code, encoding="utf-8")
    flags = ["-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", f"-I{ROOT}/include"]
    program = str(tmp_path / "program")
    if block.language == "c":
        libraries = [f"-L{BUILD}/src/capi", "-lomendb", f"-Wl,-rpath,{BUILD}/src/capi"]
        run(["gcc", "-std=c11", *flags, str(source), "-o", program, *libraries], tmp_path)
    else:
        layers = [str(library) for library in sorted(BUILD.glob("src/*/libomen_*.a"))]
        libraries = ["-Wl,--start-group", *layers, "-Wl,--end-group", "-pthread"]
        run(["g++", "-std=c++20", *flags, str(source), "-o", program, *libraries], tmp_path)
    run([program], tmp_path)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in ("bash", "console")], ids=str)
def test_each_command_would_work(block: Block) -> None:
    for line in block.code.splitlines():
        try_line(line)


def test_no_block_escapes() -> None:
    known = {"python", "c", "cpp", "bash", "console", *PICTURES, *DUMPS}
    strangers = [f"{block}: {block.language!r}" for block in BLOCKS if block.language not in known]
    assert not strangers, f"no test runs {strangers}; known languages: {', '.join(sorted(known))}"
    for language, holder in DUMPS.items():
        assert f'"{language}"' in holder.read_text(encoding="utf-8"), f"{holder} drops {language}"
    assert {"python", "cpp", "bash"} <= {block.language for block in BLOCKS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_name_what_those_hold(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for match in LINK.finditer(text):
        target = match["target"].split("#")[0]
        if not target or target.startswith(("https://", "http://")):
            continue
        there = (path.parent / target).resolve()
        assert there.exists(), f"{path}: {match[0]} leads nowhere"
        # [`Class::function`](file) promises that the file has that function.
        name = re.fullmatch(r"`(?:\w+::)?(\w+)`", match["text"])
        if name and there.is_file():
            held = re.search(rf"\b{name[1]}\b", there.read_text(encoding="utf-8"))
            assert held, f"{path}: {there.name} has no {name[1]}"


@pytest.mark.parametrize(
    "line",
    [
        "make no-such-target",
        "curl -O x",
        "cmake --preset no-such",
        "ctest --test-dir build/dev -R NoSuchTestIsHere",
    ],
)
def test_a_command_that_would_not_work_is_found(line: str) -> None:
    with pytest.raises(AssertionError):
        try_line(line)
