// The version of the library and the instruction sets that it uses.
#pragma once

#include <string_view>
#include <vector>

namespace omendb {

/// "0.1.0".
std::string_view version();
/// The instruction set that distances use: "scalar", "neon", "avx2" or "avx512".
/// OMENDB_FORCE_ISA=name overrides the choice before the first use.
std::string_view active_isa();
/// Every instruction set that this machine can run, best last.
std::vector<std::string_view> supported_isas();

}  // namespace omendb
