// A database folder that is looked at and not changed.
#pragma once

#include <memory>
#include <string>

#include "database/database_impl.h"
#include "storage/manifest.h"
#include "storage/overlay_env.h"

namespace omendb::internal {

/// For one thread. Whatever is done with the database goes to memory and is gone with this object.
class Untouched {
 public:
  /// @error kNotFound, kNotADatabase, kUnsupportedVersion, kInvalidArgument, kLocked.
  static Result<Untouched> find(std::string path);

  const std::string& path() const { return path_; }
  std::string segments() const { return storage::join(path_, kSegmentsFolder); }
  /// Shows the folder as it is, and as this object changed it.
  const std::shared_ptr<storage::Env>& env() const { return env_; }

  /// @error kCorruption.
  Result<storage::Manifest> manifest() const;
  /// Recovers and opens the database. Nothing tends it.
  Result<std::shared_ptr<DatabaseImpl>> open() const;

 private:
  Untouched(std::string path, std::shared_ptr<storage::Env> env)
      : path_(std::move(path)), env_(std::move(env)) {}

  std::string path_;
  std::shared_ptr<storage::Env> env_;
};

}  // namespace omendb::internal
