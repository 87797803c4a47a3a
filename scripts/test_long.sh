#!/usr/bin/env bash
# The slow suites, each with its own build: long tests under ASan, everything under TSan, every
# fuzzer for a while, the micro-benchmarks once, and the NEON kernels under qemu.
#   FUZZ_SECONDS=60   for each fuzzer
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=${JOBS:-$(nproc)}
run_ctest() { ctest --output-on-failure --progress -j "$jobs" --test-dir "$@"; }

echo "==> long tests (ASan, UBSan)"
run_ctest build/dev -L long --no-tests=ignore

scripts/build.sh tsan
echo "==> every test under ThreadSanitizer"
run_ctest build/tsan -E '^lint\.'

scripts/build.sh fuzz
find build/fuzz -type f -executable -name '*_fuzz' | sort | while read -r fuzzer; do
  name=$(basename "$fuzzer")
  echo "==> fuzzing: $name, ${FUZZ_SECONDS:-60} s"
  mkdir -p "build/fuzz/corpus/$name" "build/fuzz/findings/$name"
  "$fuzzer" -max_total_time="${FUZZ_SECONDS:-60}" -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/findings/$name/" "build/fuzz/corpus/$name"
done

scripts/build.sh release
find build/release -type f -executable -name '*_bench' | sort | while read -r bench; do
  echo "==> micro-benchmark, once: $(basename "$bench")"
  case $(basename "$bench") in
    add_bench) "$bench" build/release/add_bench_scratch 1 ;;
    *) "$bench" --benchmark_min_time=0.01 ;;
  esac
done

echo "==> NEON kernels under qemu"
scripts/test-neon.sh
