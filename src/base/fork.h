// Whether this process is the one that it was.
#pragma once

#include <cstdint>

namespace omendb {

/// How often fork() has led to this process since the first call. What was made at another count
/// belongs to a parent: its threads are not here, and its files are still in use there.
/// Thread-safe.
uint64_t forks();

}  // namespace omendb
