#!/usr/bin/env bash
# One linter at a time, as ctest runs them:
#   scripts/lint.sh clang_format|ruff [--fix]
#   scripts/lint.sh clang_tidy [BUILD_FOLDER]     the one whose compile_commands.json to use
#   scripts/lint.sh mypy
set -euo pipefail
cd "$(dirname "$0")/.."

cpp_files() { find include src python bench tests -name '*.h' -o -name '*.cc' -o -name '*.c' | sort; }

case "${1:-}" in
  clang_format)
    if [[ ${2:-} == --fix ]]; then
      cpp_files | xargs -r clang-format-14 -i
    else
      cpp_files | xargs -r clang-format-14 --dry-run --Werror
    fi
    ;;
  clang_tidy)
    # Product code only: tests lean on macros that the checks dislike. Clang's own warnings, the
    # lock annotations among them, are on as well (see .clang-tidy).
    find src -name '*.cc' -not -name '*_test.cc' -not -name '*_bench.cc' -not -name '*_fuzz.cc' |
      sort | xargs -r -n 2 -P "${JOBS:-$(nproc)}" clang-tidy-14 --quiet -p "${2:-build/dev}" \
      2> >(grep -vE 'warnings? (and|generated)' >&2)
    ;;
  ruff)
    if [[ ${2:-} == --fix ]]; then
      .venv/bin/ruff format . && .venv/bin/ruff check --fix .
    else
      .venv/bin/ruff format --check . && .venv/bin/ruff check .
    fi
    ;;
  mypy) .venv/bin/python -m mypy ;;
  *) echo "usage: scripts/lint.sh clang_format|clang_tidy|ruff|mypy" >&2 && exit 2 ;;
esac
