// A folder that gets its final name when everything in it is on the disk.
#pragma once

#include <memory>
#include <string>

#include "storage/env.h"

namespace omendb::internal {

/// For one thread. A crash leaves a folder named `<path>.partial-<eight digits>`.
class NewFolder {
 public:
  /// Makes the folder under its provisional name.
  /// @param path      absolute or relative; its parent exists.
  /// @param database  the folder of the database that is copied; the new folder lies outside it.
  /// @error kInvalidArgument, kAlreadyExists if there is something at `path`, kNotFound.
  static Result<NewFolder> create(std::shared_ptr<storage::Env> env, std::string path,
                                  const std::string& database);
  /// Removes the folder again, unless it was published.
  ~NewFolder();
  NewFolder(NewFolder&& other) noexcept;
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  /// The provisional name.
  const std::string& staging() const { return staging_; }
  storage::Env& env() const { return *env_; }

  /// Gives the folder its name, which survives a power cut when this returns.
  /// @pre the caller has synced everything in it.
  Status publish();

 private:
  NewFolder(std::shared_ptr<storage::Env> env, std::string path, std::string staging);

  std::shared_ptr<storage::Env> env_;
  std::string path_;
  std::string staging_;
  bool owned_ = true;
};

}  // namespace omendb::internal
