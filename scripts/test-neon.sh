#!/bin/sh
# Builds the kernels and codecs for arm64 and runs their self-checks under an emulator.
# Needs aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: g++-aarch64-linux-gnu qemu-user).
# usage: scripts/test-neon.sh [seed]
set -eu
cd "$(dirname "$0")/.."
build=build/neon
mkdir -p "$build"

# compile <name> <source>…: one self-check, with the kernels that all of them share.
compile() {
  name=$1
  shift
  aarch64-linux-gnu-g++ -std=c++20 -O2 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion \
    -Werror -fno-math-errno -ffp-contract=off -Iinclude -Isrc \
    src/base/check.cc src/base/types.cc \
    src/distance/kernels.cc src/distance/kernels_scalar.cc src/distance/kernels_neon.cc \
    "$@" -o "$build/$name"
}

compile kernels_selfcheck src/distance/kernels_selfcheck.cc src/distance/kernels_selfcheck_main.cc
compile codec_selfcheck \
  src/codec/table.cc src/codec/scalar.cc src/codec/neon.cc \
  src/distance/convert.cc src/codec/rabitq.cc src/codec/rotation.cc src/codec/sq8.cc \
  src/codec/codec_selfcheck.cc
qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/kernels_selfcheck" "${1:-1}"
qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/codec_selfcheck"
