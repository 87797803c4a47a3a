// Reads and writes times in ISO 8601.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "omendb/status.h"

namespace omendb::filter {

// The years that timestamps in a filter may lie in: 0001..9999.
inline constexpr int64_t kFirstTimestamp = -62'135'596'800'000'000;
inline constexpr int64_t kLastTimestamp = 253'402'300'799'999'999;

/// A date, or a date, T or a space, and a time; each in the extended or in the basic form:
///   date  2024-05-01, 20240501, 2024-W18-3, 2024W183, 2024-W18 (its Monday)
///   time  12, 12:30, 1230, 12:30:15, 123015, 12:30:15.25, 12:30:15,250000000
///   zone  Z, +02, +02:00, +0200, +02:00:30; without one the time is UTC
/// Python 3.11's datetime.fromisoformat reads the same. Digits finer than a microsecond are cut
/// off, as they are from values that are stored.
/// @return microseconds since 1970-01-01T00:00:00Z, within the years above.
/// @error kInvalidArgument that says which part is wrong.
Result<int64_t> parse_timestamp(std::string_view text);

/// "2024-05-01T12:30:15.25Z". @pre within the years above.
std::string format_timestamp(int64_t micros);

}  // namespace omendb::filter
