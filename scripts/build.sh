#!/usr/bin/env bash
# Configures a CMake preset once and builds it: scripts/build.sh dev|tsan|release|fuzz [ninja target…]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:?usage: scripts/build.sh dev|tsan|release|fuzz [target…]}
shift
log=build/$preset-configure.log
mkdir -p build
if [[ ! -f build/$preset/build.ninja ]]; then
  echo "==> configuring the preset $preset"
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    rm -f "build/$preset/build.ninja"
    tail -n 40 "$log" >&2
    exit 1
  fi
fi
echo "==> building the preset $preset"
exec ninja -C "build/$preset" -j "${JOBS:-$(nproc)}" "$@"
