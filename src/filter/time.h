// ISO 8601 as filters take it.
#pragma once

#include <cstdint>
#include <string_view>

#include "omendb/status.h"

namespace omendb::filter {

/// "2024-05-01", or "2024-05-01T12:30[:15[.123456]]" with a space for the T if you like, and then
/// Z, +hh:mm, -hh:mm or nothing, which is UTC. Years 0001..9999.
/// @return microseconds since 1970-01-01T00:00:00Z.
/// @error kInvalidArgument that says which part is wrong.
Result<int64_t> parse_timestamp(std::string_view text);

}  // namespace omendb::filter
