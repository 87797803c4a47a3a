#!/usr/bin/env bash
# Builds the Python package from this checkout and installs it into .venv. The build folder and the
# compiler cache are kept, so that a second run compiles only what changed.
set -euo pipefail
cd "$(dirname "$0")/.."

log=build/package.log
mkdir -p build
command -v ccache >/dev/null && export CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_C_COMPILER_LAUNCHER=ccache
export CMAKE_BUILD_PARALLEL_LEVEL=${JOBS:-$(nproc)}
echo "==> building the Python package (the whole engine, optimised; its log is $log)"
if ! .venv/bin/python -m pip --disable-pip-version-check install --no-build-isolation --no-deps \
  --force-reinstall -C build-dir=build/package . >"$log" 2>&1; then
  grep -nE -A 12 'error:|Error' "$log" | head -n 60 >&2 || tail -n 60 "$log" >&2
  echo "install_package: the build failed; all of it is in $log" >&2
  exit 1
fi
