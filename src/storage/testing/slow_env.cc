#include "storage/testing/slow_env.h"

#include <thread>
#include <utility>

namespace omendb::storage {
namespace {

class SlowFile final : public WritableFile {
 public:
  SlowFile(std::unique_ptr<WritableFile> file, std::chrono::microseconds sync_time,
           std::atomic<int>& syncs)
      : file_(std::move(file)), sync_time_(sync_time), syncs_(syncs) {}

  Status append(std::span<const std::span<const std::byte>> parts) override {
    return file_->append(parts);
  }
  Status write_at(uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    return file_->write_at(offset, parts);
  }
  Status reserve(uint64_t size) override { return file_->reserve(size); }
  Status sync() override {
    ++syncs_;
    std::this_thread::sleep_for(sync_time_);
    return file_->sync();
  }
  Status close() override { return file_->close(); }
  uint64_t size() const override { return file_->size(); }

 private:
  const std::unique_ptr<WritableFile> file_;
  const std::chrono::microseconds sync_time_;
  std::atomic<int>& syncs_;
};

}  // namespace

Result<std::unique_ptr<WritableFile>> SlowEnv::slow(Result<std::unique_ptr<WritableFile>> file) {
  if (!file.ok()) return file;
  return std::unique_ptr<WritableFile>(
      std::make_unique<SlowFile>(*std::move(file), sync_time_, syncs_));
}

Result<std::string> SlowEnv::absolute(const std::string& path) {
  return env_->absolute(path);
}
Result<std::unique_ptr<WritableFile>> SlowEnv::create_file(const std::string& path) {
  if (create_) create_(path);
  return slow(env_->create_file(path));
}
Result<std::unique_ptr<WritableFile>> SlowEnv::reopen_file(const std::string& path) {
  return slow(env_->reopen_file(path));
}
Result<std::unique_ptr<ReadableFile>> SlowEnv::open_file(const std::string& path) {
  return env_->open_file(path);
}
Result<std::vector<std::byte>> SlowEnv::read_file(const std::string& path) {
  return env_->read_file(path);
}
Result<std::shared_ptr<const MappedFile>> SlowEnv::map_file(const std::string& path) {
  return env_->map_file(path);
}
Result<uint64_t> SlowEnv::file_size(const std::string& path) {
  return env_->file_size(path);
}
Result<bool> SlowEnv::exists(const std::string& path) {
  return env_->exists(path);
}
Result<bool> SlowEnv::is_directory(const std::string& path) {
  return env_->is_directory(path);
}
Result<std::vector<std::string>> SlowEnv::list(const std::string& directory) {
  return env_->list(directory);
}
Status SlowEnv::make_directory(const std::string& path) {
  return env_->make_directory(path);
}
Status SlowEnv::remove_file(const std::string& path) {
  return env_->remove_file(path);
}
Status SlowEnv::remove_directory(const std::string& path) {
  return env_->remove_directory(path);
}
Status SlowEnv::rename(const std::string& from, const std::string& to) {
  return env_->rename(from, to);
}
Status SlowEnv::link_file(const std::string& from, const std::string& to) {
  return env_->link_file(from, to);
}
Status SlowEnv::sync_directory(const std::string& path) {
  return env_->sync_directory(path);
}
Result<std::unique_ptr<FileLock>> SlowEnv::lock(const std::string& path, std::string_view owner) {
  return env_->lock(path, owner);
}
uint64_t SlowEnv::now_micros() const {
  return env_->now_micros();
}

}  // namespace omendb::storage
