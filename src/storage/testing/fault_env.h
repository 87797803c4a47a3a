// An Env for tests: a file system in memory that knows which bytes and which directory entries were
// synced, fails on purpose, and after a crash shows what a disk could show.
//
//   FaultEnv env(seed);
//   env.arm({.at_operation = 17, .fault = Fault::kCrash});
//   … run the workload until calls fail …
//   env.restart(Survival::kTorn);
//   … open again and compare …
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/sync.h"
#include "storage/env.h"

namespace omendb::storage {

enum class Fault : uint8_t {
  kCrash,        ///< the operation may or may not reach the disk; all later ones fail
  kShortWrite,   ///< part of a write, then an error
  kIoError,      ///< any operation
  kNoSpace,      ///< writes, creations, and what reserves room
  kSyncFails,    ///< what the sync should have saved is gone, and the next sync says OK
  kRenameFails,  ///< a rename
};

/// Which unsynced bytes survive a crash.
enum class Survival : uint8_t {
  kNothing,
  kEverything,
  kPrefix,  ///< of each file's writes, the last one cut; of the directory operations
  kTorn,    ///< any of the 512-byte sectors of each file; a prefix of the directory operations
};

struct FaultPlan {
  uint64_t at_operation =
      UINT64_MAX;  ///< fires at the first operation from this one on that it fits
  Fault fault = Fault::kCrash;
  bool from_then_on = false;  ///< every later operation that it fits fails too
};

/// Thread-safe. Directory operations survive in the order in which they were made, as in a journal.
class FaultEnv final : public Env {
 public:
  explicit FaultEnv(uint64_t seed) : random_(seed) {}

  void arm(const FaultPlan& plan) OMEN_EXCLUDES(mutex_);
  uint64_t operations() const OMEN_EXCLUDES(mutex_);  ///< made since the last restart()
  bool fired() const OMEN_EXCLUDES(mutex_);           ///< whether the plan's fault happened
  bool crashed() const OMEN_EXCLUDES(mutex_);

  /// Cuts the power, unless a fault did, and restores it. Open files and locks become void;
  /// mappings stay. Disarms.
  void restart(Survival survival) OMEN_EXCLUDES(mutex_);

  /// Sets how many bytes the disk can hold.
  void set_capacity(uint64_t bytes) OMEN_EXCLUDES(mutex_);
  uint64_t used() const OMEN_EXCLUDES(mutex_);  ///< bytes of the files that have a name

  // Negative controls: a suite that stays green with one of these on tests nothing.
  void ignore_sync(bool on) OMEN_EXCLUDES(mutex_);
  void ignore_directory_sync(bool on) OMEN_EXCLUDES(mutex_);

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
  class File;
  class Reading;
  class Lock;
  struct Write {
    uint64_t offset = 0;
    std::vector<std::byte> bytes;
    bool truncates = false;
  };
  struct Node {
    std::vector<std::byte> current;  // what a read sees
    std::vector<std::byte> synced;   // what a power cut leaves
    std::vector<Write> unsynced;     // between the two, in order
  };
  using NodePtr = std::shared_ptr<Node>;
  struct Tree {
    std::map<std::string, NodePtr> files;
    std::set<std::string> directories;
  };
  // A change to one directory: names taken away and names given. A folder that moves takes what
  // is in it along.
  struct EntryChange {
    std::string directory;
    std::string removed;
    std::string added;
    NodePtr node;  // of `added`; null for a directory
  };
  enum class Operation : uint8_t { kRead, kCreate, kWrite, kReserve, kSync, kRename, kOther };

  static bool fits(Fault fault, Operation operation);
  static void apply(const Write& write, std::vector<std::byte>& bytes);
  static void apply(const EntryChange& change, Tree& tree);
  static bool has_directory(const Tree& tree, const std::string& path);

  // Counts an operation. @return the error that it must fail with, or OK.
  Status step(Operation operation, std::string_view what, const std::string& path)
      OMEN_REQUIRES(mutex_);
  Status finish(const std::string& path) OMEN_REQUIRES(mutex_);
  void change(EntryChange change) OMEN_REQUIRES(mutex_);
  Result<NodePtr> find(std::string_view what, const std::string& path) OMEN_REQUIRES(mutex_);
  Status write(Node& node, const std::string& path, uint64_t generation, uint64_t offset,
               std::span<const std::span<const std::byte>> parts) OMEN_EXCLUDES(mutex_);
  Status reserve(Node& node, const std::string& path, uint64_t generation, uint64_t size)
      OMEN_EXCLUDES(mutex_);
  Status grow(const Node& node, const std::string& path, std::string_view what, uint64_t end)
      OMEN_REQUIRES(mutex_);
  uint64_t used_locked() const OMEN_REQUIRES(mutex_);
  Status sync(Node& node, const std::string& path, uint64_t generation) OMEN_EXCLUDES(mutex_);
  std::vector<std::byte> after_crash(const Node& node, Survival survival) OMEN_REQUIRES(mutex_);
  uint64_t pick(uint64_t limit) OMEN_REQUIRES(mutex_) { return random_() % (limit + 1); }

  mutable Mutex mutex_;
  std::mt19937_64 random_ OMEN_GUARDED_BY(mutex_);
  FaultPlan plan_ OMEN_GUARDED_BY(mutex_);
  uint64_t operations_ OMEN_GUARDED_BY(mutex_) = 0;
  uint64_t generation_ OMEN_GUARDED_BY(mutex_) = 0;  // counts restarts; older handles are void
  uint64_t capacity_ OMEN_GUARDED_BY(mutex_) = UINT64_MAX;
  bool fired_ OMEN_GUARDED_BY(mutex_) = false;
  bool crashed_ OMEN_GUARDED_BY(mutex_) = false;
  bool crashing_ OMEN_GUARDED_BY(mutex_) = false;
  bool cut_short_ OMEN_GUARDED_BY(mutex_) = false;
  bool lose_sync_ OMEN_GUARDED_BY(mutex_) = false;
  bool ignore_sync_ OMEN_GUARDED_BY(mutex_) = false;
  bool ignore_directory_sync_ OMEN_GUARDED_BY(mutex_) = false;
  Tree current_ OMEN_GUARDED_BY(mutex_);
  Tree synced_ OMEN_GUARDED_BY(mutex_);
  std::vector<EntryChange> unsynced_ OMEN_GUARDED_BY(mutex_);
  std::map<std::string, std::pair<uint64_t, std::string>> locks_ OMEN_GUARDED_BY(mutex_);
};

}  // namespace omendb::storage
