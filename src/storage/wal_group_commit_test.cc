// Writers that come back while others wait share the next sync: on a disk that takes its time.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/bytes.h"
#include "storage/wal.h"

namespace omendb::storage {
namespace {

constexpr std::chrono::milliseconds kSyncTime{20};

class SlowFile final : public WritableFile {
 public:
  SlowFile(std::unique_ptr<WritableFile> file, std::atomic<int>& syncs)
      : file_(std::move(file)), syncs_(syncs) {}
  Status append(std::span<const std::span<const std::byte>> parts) override {
    return file_->append(parts);
  }
  Status write_at(uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    return file_->write_at(offset, parts);
  }
  Status sync() override {
    ++syncs_;
    std::this_thread::sleep_for(kSyncTime);
    return file_->sync();
  }
  Status close() override { return file_->close(); }
  uint64_t size() const override { return file_->size(); }

 private:
  const std::unique_ptr<WritableFile> file_;
  std::atomic<int>& syncs_;
};

/// A file system in memory whose syncs of files are slow, and counted.
class SlowEnv final : public Env {
 public:
  Result<std::unique_ptr<WritableFile>> create_file(const std::string& path) override {
    return slow(env_->create_file(path));
  }
  Result<std::unique_ptr<WritableFile>> reopen_file(const std::string& path) override {
    return slow(env_->reopen_file(path));
  }
  Result<std::vector<std::byte>> read_file(const std::string& path) override {
    return env_->read_file(path);
  }
  Result<std::shared_ptr<const MappedFile>> map_file(const std::string& path) override {
    return env_->map_file(path);
  }
  Result<uint64_t> file_size(const std::string& path) override { return env_->file_size(path); }
  Result<bool> exists(const std::string& path) override { return env_->exists(path); }
  Result<bool> is_directory(const std::string& path) override { return env_->is_directory(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return env_->list(directory);
  }
  Status make_directory(const std::string& path) override { return env_->make_directory(path); }
  Status remove_file(const std::string& path) override { return env_->remove_file(path); }
  Status remove_directory(const std::string& path) override { return env_->remove_directory(path); }
  Status rename(const std::string& from, const std::string& to) override {
    return env_->rename(from, to);
  }
  Status sync_directory(const std::string& path) override { return env_->sync_directory(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view owner) override {
    return env_->lock(path, owner);
  }
  uint64_t now_micros() const override { return env_->now_micros(); }

  int syncs() const { return syncs_; }

 private:
  Result<std::unique_ptr<WritableFile>> slow(Result<std::unique_ptr<WritableFile>> file) {
    if (!file.ok()) return file;
    return std::unique_ptr<WritableFile>(std::make_unique<SlowFile>(*std::move(file), syncs_));
  }

  const std::shared_ptr<Env> env_ = Env::in_memory();
  std::atomic<int> syncs_{0};
};

/// Syncs that `threads` writers of `each` records needed, each waiting for one before the next.
int syncs_of(int threads, int each) {
  const auto env = std::make_shared<SlowEnv>();
  auto wal = Wal::open(
      env, "wal", {}, Lsn{0}, [](Lsn, std::span<const std::byte>) { return Status(); }, nullptr);
  EXPECT_TRUE(wal.ok()) << wal.status().to_string();
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t) {
    writers.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const std::span<const std::byte> part = as_bytes("record");
        const auto lsn = (*wal)->append(std::span(&part, 1));
        EXPECT_TRUE(lsn.ok() && (*wal)->wait_durable(*lsn).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ((*wal)->last_appended(), Lsn{static_cast<uint64_t>(threads * each)});
  return env->syncs();
}

TEST(WalGroupCommit, ALoneWriterSyncsEachRecordAndWaitsForNobody) {
  EXPECT_EQ(syncs_of(1, 10), 10 + 1);  // and the new file's header
}

TEST(WalGroupCommit, TwoWritersDoNotTakeTurns) {
  // 30 if they share each; 44 as it comes, more if they take turns.
  EXPECT_LT(syncs_of(2, 30), 40);
}

TEST(WalGroupCommit, ManyWritersShareNearlyEverySync) {
  // 15 if they share each; 30 if one goes ahead and seven follow, in turns.
  EXPECT_LT(syncs_of(8, 15), 24);
}

}  // namespace
}  // namespace omendb::storage
