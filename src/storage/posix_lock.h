// The lock on a database folder, between processes and within one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "storage/env.h"

namespace omendb::storage {

/// Env::lock() of the operating system: flock() on the file, which belongs to the open file and so
/// refuses a second opening in this process like any other. The child of a fork shares that open
/// file: a lock let go of here is free whatever children live, and a child holds no lock from its
/// first moment on, so that its parent's end frees it too.
Result<std::unique_ptr<FileLock>> take_posix_lock(const std::string& path, std::string_view owner);

}  // namespace omendb::storage
