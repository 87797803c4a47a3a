// The lock on a database folder, between processes and within one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "storage/env.h"

namespace omendb::storage {

/// Env::lock() of the operating system: flock() on the file. The lock belongs to the open file, so
/// it refuses a second opening in this process too. The child of a fork shares the open file, so
/// two rules hold: a lock that this process releases is free even while children live, and a child
/// closes its copy at once, so that the end of its parent frees the lock.
Result<std::unique_ptr<FileLock>> take_posix_lock(const std::string& path, std::string_view owner);

/// Env::lock_shared() of the operating system.
Result<std::unique_ptr<FileLock>> share_posix_lock(const std::string& path);

}  // namespace omendb::storage
