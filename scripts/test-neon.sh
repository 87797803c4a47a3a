#!/bin/sh
# Builds the kernels for arm64 and runs their self-check under an emulator.
# Needs aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: g++-aarch64-linux-gnu qemu-user).
# usage: scripts/test-neon.sh [seed]
set -eu
cd "$(dirname "$0")/.."
build=build/neon
mkdir -p "$build"
aarch64-linux-gnu-g++ -std=c++20 -O2 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion \
  -Werror -fno-math-errno -ffp-contract=off -Iinclude -Isrc \
  src/base/check.cc src/base/types.cc \
  src/distance/kernels.cc src/distance/kernels_scalar.cc src/distance/kernels_neon.cc \
  src/distance/kernels_selfcheck.cc src/distance/kernels_selfcheck_main.cc \
  -o "$build/kernels_selfcheck"
qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/kernels_selfcheck" "${1:-1}"
