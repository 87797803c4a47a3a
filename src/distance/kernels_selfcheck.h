// Checks of the kernels that need no test framework, so that they also run under an emulator for
// an instruction set that this machine lacks (scripts/test-neon.sh).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distance/kernels.h"

namespace omendb::distance {

/// Runs every kernel of `isa` against a double-precision oracle, and scan and gather against pair.
/// @return what failed, a line each; empty if all is well. At most 20 lines.
std::vector<std::string> check_kernels(Isa isa, uint64_t seed);

}  // namespace omendb::distance
