// kernels_selfcheck [seed]: checks every instruction set that this machine can run.
#include <cstdio>
#include <cstdlib>

#include "distance/kernels_selfcheck.h"

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  bool ok = true;
  for (const omendb::distance::Isa isa : omendb::distance::supported_isas()) {
    const auto failures = omendb::distance::check_kernels(isa, seed);
    for (const std::string& failure : failures) std::fprintf(stderr, "%s\n", failure.c_str());
    std::printf("%s: %s (seed %llu)\n", omendb::distance::isa_name(isa).data(),
                failures.empty() ? "ok" : "FAILED", static_cast<unsigned long long>(seed));
    ok = ok && failures.empty();
  }
  return ok ? 0 : 1;
}
