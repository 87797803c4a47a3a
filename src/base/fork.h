// Finds out whether the process was forked.
#pragma once

#include <cstdint>

namespace omendb {

/// @return how many forks lie between the process of the first call and this one. An object that
/// was
///         made at another count belongs to a parent process, which has its threads and uses its
///         files.
/// Thread-safe.
uint64_t forks();

}  // namespace omendb
