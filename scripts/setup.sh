#!/usr/bin/env bash
# Installs what is missing, and nothing else: Debian packages for the set that was asked for, and a
# virtual environment in .venv with pinned Python packages. Running it again costs under a second.
#
#   scripts/setup.sh build|test|long|bench
set -euo pipefail
cd "$(dirname "$0")/.."

set_name=${1:-}
case "$set_name" in
  build) sets="build" ;;
  test) sets="build test" ;;
  long) sets="build test long" ;;
  bench) sets="build" ;;
  *) echo "usage: scripts/setup.sh build|test|long|bench" >&2 && exit 2 ;;
esac
mkdir -p build
log=build/setup.log

say() { printf '==> %s\n' "$*"; }

# run_logged WHAT COMMAND…: quiet while it works, the end of the log when it does not.
run_logged() {
  local what=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    echo "setup: $what failed; the end of $log:" >&2
    tail -n 30 "$log" >&2
    exit 1
  fi
}

python_is_good() {
  command -v python3 >/dev/null && python3 - <<'PY' >/dev/null 2>&1
import ensurepip, os, sys, sysconfig, venv
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
sys.exit(0 if sys.version_info >= (3, 11) and os.path.exists(header) else 1)
PY
}

# The names of the wanted packages that are not installed, as apt wants them: name=version.
missing_packages() {
  python_is_good || sets="$sets python"
  local wanted name version
  while read -r wanted name version; do
    [[ " $sets " == *" $wanted "* ]] || continue
    dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed ||
      echo "$name=$version"
  done < <(grep -v '^#' scripts/packages.txt)
}

install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "not a Debian machine: expecting g++ 12 or clang 14, CMake 3.25, Ninja and ccache on PATH"
    return
  fi
  local packages as_root=()
  mapfile -t packages < <(missing_packages)
  [[ ${#packages[@]} -gt 0 ]] || return 0
  if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
      echo "setup: these packages are missing; as root, run" >&2
      echo "  apt-get update && apt-get install -y --no-install-recommends ${packages[*]@Q}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  say "installing ${#packages[@]} Debian packages: ${packages[*]%%=*}"
  run_logged "apt-get update" "${as_root[@]}" apt-get -q update
  run_logged "apt-get install" "${as_root[@]}" apt-get -q install -y --no-install-recommends \
    "${packages[@]}"
}

# make_venv STAMP FILE…: installs the pinned files unless the stamp says that it was done.
make_venv() {
  local stamp=.venv/$1 wanted
  shift
  wanted=$(python3 -c 'import sys; print(sys.version)' | cat - "$@" | sha256sum)
  [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
  if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    say "making .venv with $(python3 --version)"
    run_logged "python3 -m venv" python3 -m venv --clear .venv
  fi
  say "installing pinned Python packages: $*"
  local arguments=()
  for file in "$@"; do arguments+=(-r "$file"); done
  run_logged "pip install" .venv/bin/python -m pip --disable-pip-version-check install \
    --progress-bar off "${arguments[@]}"
  echo "$wanted" >"$stamp"
}

install_packages
make_venv .requirements requirements-dev.txt
if [[ $set_name == bench ]]; then
  make_venv .requirements-bench requirements-dev.txt bench/requirements.txt
fi
