// A slow disk, for tests and benchmarks.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/env.h"

namespace omendb::storage {

/// Another Env, each of whose files takes `sync_time` longer to sync. Counts the syncs.
/// Thread-safe.
class SlowEnv final : public Env {
 public:
  SlowEnv(std::shared_ptr<Env> env, std::chrono::microseconds sync_time)
      : env_(std::move(env)), sync_time_(sync_time) {}

  int syncs() const { return syncs_; }  ///< of files
  /// Runs before each file is created, and may take its time. Set before other threads use this.
  void before_create(std::function<void(const std::string& path)> run) { create_ = std::move(run); }

  Result<std::string> absolute(const std::string& path) override;
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
  uint64_t now_micros() const override;

 private:
  Result<std::unique_ptr<WritableFile>> slow(Result<std::unique_ptr<WritableFile>> file);

  const std::shared_ptr<Env> env_;
  const std::chrono::microseconds sync_time_;
  std::atomic<int> syncs_{0};
  std::function<void(const std::string&)> create_;
};

}  // namespace omendb::storage
