// Keeps every change in memory, over the files of another Env, which stay as they are. check() and
// repair() open a database that may be damaged this way, so that even recovery writes nothing to
// it.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/sync.h"
#include "storage/env.h"

namespace omendb::storage {

/// Thread-safe. A file is copied into memory before it is written over, renamed or linked. Folders
/// of the base cannot be renamed or removed.
class OverlayEnv final : public Env {
 public:
  explicit OverlayEnv(std::shared_ptr<Env> base)
      : base_(std::move(base)), memory_(Env::in_memory()) {}

  Result<std::string> absolute(const std::string& path) override { return base_->absolute(path); }
  Result<std::unique_ptr<WritableFile>> create_file(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> reopen_file(const std::string& path) override;
  Result<std::unique_ptr<ReadableFile>> open_file(const std::string& path) override;
  Result<std::vector<std::byte>> read_file(const std::string& path) override;
  Result<std::shared_ptr<const MappedFile>> map_file(const std::string& path) override;
  Result<uint64_t> file_size(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<bool> is_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directory(const std::string& path) override;
  Status remove_file(const std::string& path) override;
  Status remove_directory(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status link_file(const std::string& from, const std::string& to) override;
  Status sync_directory(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view owner) override;
  /// Of the base: a lock() here is kept in memory and refuses nobody.
  Result<std::unique_ptr<FileLock>> lock_shared(const std::string& path) override {
    return base_->lock_shared(path);
  }
  uint64_t now_micros() const override { return base_->now_micros(); }

 private:
  /// @return the Env that has the file: memory, or the base if the file was not removed here.
  Result<Env*> holder(std::string_view what, const std::string& path);
  Status take_into_memory(const std::string& path);
  Status make_room_for(const std::string& path);
  bool is_hidden(const std::string& path) const;
  void hide(const std::string& path);

  const std::shared_ptr<Env> base_;
  const std::shared_ptr<Env> memory_;
  mutable Mutex mutex_;
  std::set<std::string> hidden_ OMEN_GUARDED_BY(mutex_);  // files of the base that are gone here
};

}  // namespace omendb::storage
