// A database folder that check() and repair() read without changing it.
#pragma once

#include <memory>
#include <string>

#include "database/database_impl.h"
#include "storage/manifest.h"
#include "storage/overlay_env.h"

namespace omendb::internal {

/// For one thread. While it lives, no writer opens the folder. Changes to the database are kept in
/// memory and vanish with this object.
class Untouched {
 public:
  /// @error kNotFound, kNotADatabase, kUnsupportedVersion, kInvalidArgument, kLocked.
  static Result<Untouched> find(std::string path);

  const std::string& path() const { return path_; }
  std::string segments() const { return storage::join(path_, kSegmentsFolder); }
  /// An Env that shows the folder with the changes of this object.
  const std::shared_ptr<storage::Env>& env() const { return env_; }

  /// @error kCorruption.
  Result<storage::Manifest> manifest() const;
  /// Recovers and opens the database, without background threads.
  Result<std::shared_ptr<DatabaseImpl>> open() const;

 private:
  Untouched(std::string path, std::shared_ptr<storage::Env> env,
            std::unique_ptr<storage::FileLock> lock)
      : path_(std::move(path)), env_(std::move(env)), lock_(std::move(lock)) {}

  std::string path_;
  std::shared_ptr<storage::Env> env_;
  std::unique_ptr<storage::FileLock> lock_;  // null for a folder that never had a writer
};

}  // namespace omendb::internal
