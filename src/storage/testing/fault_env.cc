#include "storage/testing/fault_env.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/status_macros.h"
#include "storage/name_tree.h"

namespace omendb::storage {
namespace {

constexpr size_t kSectorBytes = 512;

Status error(StatusCode code, std::string_view what, const std::string& path,
             std::string_view why) {
  return {code, std::string(what) + " \"" + path + "\": " + std::string(why)};
}

class Snapshot final : public MappedFile {
 public:
  explicit Snapshot(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  std::span<const std::byte> bytes() const override { return bytes_; }
  Status check() const override { return {}; }
  void advise(uint64_t, uint64_t, Advice) const override {}

 private:
  const std::vector<std::byte> bytes_;
};

}  // namespace

class FaultEnv::File final : public WritableFile {
 public:
  File(FaultEnv& env, NodePtr node, std::string path, uint64_t generation, uint64_t size)
      : env_(env),
        node_(std::move(node)),
        path_(std::move(path)),
        generation_(generation),
        size_(size) {}
  Status append(std::span<const std::span<const std::byte>> parts) override {
    return write_at(size_, parts);
  }
  Status write_at(uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    OMEN_RETURN_IF_ERROR(env_.write(*node_, path_, generation_, offset, parts));
    for (const auto part : parts) offset += part.size();
    size_ = std::max(size_, offset);
    return {};
  }
  Status reserve(uint64_t size) override {
    OMEN_RETURN_IF_ERROR(env_.reserve(*node_, path_, generation_, size));
    size_ = std::max(size_, size);
    return {};
  }
  Status sync() override { return env_.sync(*node_, path_, generation_); }
  Status close() override { return {}; }
  uint64_t size() const override { return size_; }

 private:
  FaultEnv& env_;
  const NodePtr node_;
  const std::string path_;
  const uint64_t generation_;
  uint64_t size_;
};

class FaultEnv::Reading final : public ReadableFile {
 public:
  Reading(FaultEnv& env, NodePtr node, std::string path)
      : env_(env), node_(std::move(node)), path_(std::move(path)) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const override {
    const MutexLock lock(env_.mutex_);
    OMEN_RETURN_IF_ERROR(env_.step(Operation::kRead, "read", path_));
    OMEN_RETURN_IF_ERROR(env_.finish(path_));
    const auto& bytes = node_->current;
    if (offset >= bytes.size()) return size_t{0};
    const size_t size = std::min<size_t>(out.size(), bytes.size() - offset);
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), size, out.begin());
    return size;
  }
  Result<bool> still_named() const override {
    const MutexLock lock(env_.mutex_);
    const auto named = env_.current_.files.find(path_);
    return named != env_.current_.files.end() && named->second == node_;
  }

 private:
  FaultEnv& env_;
  const NodePtr node_;
  const std::string path_;
};

class FaultEnv::Lock final : public FileLock {
 public:
  Lock(FaultEnv& env, std::string path, uint64_t generation)
      : env_(env), path_(std::move(path)), generation_(generation) {}
  ~Lock() override {
    const MutexLock lock(env_.mutex_);
    const auto held = env_.locks_.find(path_);
    if (held != env_.locks_.end() && held->second.first == generation_) env_.locks_.erase(held);
  }
  Status check() const override { return {}; }  // nobody removes it

 private:
  FaultEnv& env_;
  const std::string path_;
  const uint64_t generation_;
};

// ---- faults

void FaultEnv::arm(const FaultPlan& plan) {
  const MutexLock lock(mutex_);
  plan_ = plan;
  fired_ = false;
}
uint64_t FaultEnv::operations() const {
  const MutexLock lock(mutex_);
  return operations_;
}
bool FaultEnv::fired() const {
  const MutexLock lock(mutex_);
  return fired_;
}
bool FaultEnv::crashed() const {
  const MutexLock lock(mutex_);
  return crashed_;
}
void FaultEnv::set_capacity(uint64_t bytes) {
  const MutexLock lock(mutex_);
  capacity_ = bytes;
}
uint64_t FaultEnv::used() const {
  const MutexLock lock(mutex_);
  return used_locked();
}
void FaultEnv::ignore_sync(bool on) {
  const MutexLock lock(mutex_);
  ignore_sync_ = on;
}
void FaultEnv::ignore_directory_sync(bool on) {
  const MutexLock lock(mutex_);
  ignore_directory_sync_ = on;
}

bool FaultEnv::fits(Fault fault, Operation operation) {
  switch (fault) {
    case Fault::kCrash:
    case Fault::kIoError: return true;
    case Fault::kShortWrite: return operation == Operation::kWrite;
    case Fault::kNoSpace:
      return operation == Operation::kWrite || operation == Operation::kCreate ||
             operation == Operation::kReserve;
    case Fault::kSyncFails: return operation == Operation::kSync;
    case Fault::kRenameFails: return operation == Operation::kRename;
  }
  return false;
}

Status FaultEnv::step(Operation operation, std::string_view what, const std::string& path) {
  if (crashed_) return error(StatusCode::kIoError, what, path, "the power is off");
  crashing_ = cut_short_ = lose_sync_ = false;
  const bool due = operations_++ >= plan_.at_operation && (!fired_ || plan_.from_then_on);
  if (!due || !fits(plan_.fault, operation)) return {};
  fired_ = true;
  switch (plan_.fault) {
    case Fault::kCrash: crashing_ = true; return {};
    case Fault::kShortWrite: cut_short_ = true; return {};
    case Fault::kSyncFails: lose_sync_ = true; return {};
    case Fault::kNoSpace: return error(StatusCode::kNoSpace, what, path, "No space left on device");
    case Fault::kIoError:
    case Fault::kRenameFails: break;
  }
  return error(StatusCode::kIoError, what, path, "Input/output error");
}

// Ends an operation that changed something. If the power fails here, its caller gets an error.
Status FaultEnv::finish(const std::string& path) {
  if (!crashing_) return {};
  crashed_ = true;
  return error(StatusCode::kIoError, "crash at", path, "the power went off");
}

// ---- crash and restart

void FaultEnv::apply(const Write& write, std::vector<std::byte>& bytes) {
  if (write.truncates) bytes.clear();
  const uint64_t end = write.offset + write.bytes.size();
  if (write.bytes.empty()) return;
  if (bytes.size() < end) bytes.resize(end);
  std::memcpy(bytes.data() + write.offset, write.bytes.data(), write.bytes.size());
}

void FaultEnv::apply(const EntryChange& change, Tree& tree) {
  if (!change.added.empty() && tree.directories.contains(change.removed)) {
    internal::move_names(tree.files, tree.directories, change.removed, change.added);
    return;
  }
  tree.files.erase(change.removed);
  tree.directories.erase(change.removed);
  if (change.added.empty()) return;
  if (change.node != nullptr) {
    tree.files[change.added] = change.node;
  } else {
    tree.directories.insert(change.added);
  }
}

std::vector<std::byte> FaultEnv::after_crash(const Node& node, Survival survival) {
  if (survival == Survival::kNothing) return node.synced;
  std::vector<std::byte> bytes = node.synced;
  uint64_t whole = node.unsynced.size();
  if (survival == Survival::kPrefix) whole = pick(whole);
  for (uint64_t i = 0; i < node.unsynced.size() && i <= whole; ++i) {
    Write write = node.unsynced[i];
    if (i == whole) write.bytes.resize(pick(write.bytes.size() / kSectorBytes) * kSectorBytes);
    if (survival != Survival::kTorn) {
      apply(write, bytes);
      continue;
    }
    if (write.truncates && pick(1) == 1) bytes.clear();
    for (uint64_t at = 0; at < write.bytes.size();) {
      // Sectors are those of the disk, not of the write.
      const uint64_t sector_end = (write.offset + at) / kSectorBytes * kSectorBytes + kSectorBytes;
      const uint64_t end = std::min<uint64_t>(write.bytes.size(), sector_end - write.offset);
      if (pick(1) == 1) {
        const auto first = write.bytes.begin() + static_cast<ptrdiff_t>(at);
        const auto last = write.bytes.begin() + static_cast<ptrdiff_t>(end);
        apply({write.offset + at, {first, last}}, bytes);
      }
      at = end;
    }
  }
  return bytes;
}

void FaultEnv::restart(Survival survival) {
  const MutexLock lock(mutex_);
  uint64_t kept = 0;
  if (survival == Survival::kEverything) kept = unsynced_.size();
  if (survival == Survival::kPrefix || survival == Survival::kTorn) kept = pick(unsynced_.size());
  for (uint64_t i = 0; i < kept; ++i) apply(unsynced_[i], synced_);
  std::erase_if(synced_.files, [&](const auto& entry) OMEN_REQUIRES(mutex_) {
    return !has_directory(synced_, parent_directory(entry.first));
  });
  // Void handles may still hold the old nodes, so the disk gets new ones.
  for (auto& [path, node] : synced_.files) {
    auto fresh = std::make_shared<Node>();
    fresh->current = fresh->synced = after_crash(*node, survival);
    node = std::move(fresh);
  }
  current_ = synced_;
  unsynced_.clear();
  locks_.clear();
  ++generation_;
  operations_ = 0;
  plan_ = {};
  fired_ = crashed_ = crashing_ = false;
}

// ---- files

Status FaultEnv::write(Node& node, const std::string& path, uint64_t generation, uint64_t offset,
                       std::span<const std::span<const std::byte>> parts) {
  const MutexLock lock(mutex_);
  if (generation != generation_) {
    return error(StatusCode::kIoError, "write", path, "the file was opened before the crash");
  }
  OMEN_RETURN_IF_ERROR(step(Operation::kWrite, "write", path));
  Write write{offset, {}};
  uint64_t end = offset;
  for (const auto part : parts) end += part.size();
  OMEN_RETURN_IF_ERROR(grow(node, path, "write", end));
  for (const auto part : parts) write.bytes.insert(write.bytes.end(), part.begin(), part.end());
  const bool short_write = cut_short_;
  if (short_write) write.bytes.resize(write.bytes.size() / 2);
  apply(write, node.current);
  node.unsynced.push_back(std::move(write));
  if (short_write) return error(StatusCode::kIoError, "write", path, "Input/output error");
  return finish(path);
}

Status FaultEnv::reserve(Node& node, const std::string& path, uint64_t generation, uint64_t size) {
  const MutexLock lock(mutex_);
  if (generation != generation_) {
    return error(StatusCode::kIoError, "make room in", path,
                 "the file was opened before the crash");
  }
  OMEN_RETURN_IF_ERROR(step(Operation::kReserve, "make room in", path));
  OMEN_RETURN_IF_ERROR(grow(node, path, "make room in", size));
  if (size > node.current.size()) {
    Write zeros{node.current.size(), std::vector<std::byte>(size - node.current.size())};
    apply(zeros, node.current);
    node.unsynced.push_back(std::move(zeros));
  }
  return finish(path);
}

uint64_t FaultEnv::used_locked() const {
  uint64_t bytes = 0;
  for (const auto& [path, node] : current_.files) bytes += node->current.size();
  return bytes;
}

// Whether the disk has blocks for a file that ends there.
Status FaultEnv::grow(const Node& node, const std::string& path, std::string_view what,
                      uint64_t end) {
  const uint64_t size = node.current.size();
  if (end <= size || capacity_ == UINT64_MAX || used_locked() + (end - size) <= capacity_)
    return {};
  return error(StatusCode::kNoSpace, what, path, "No space left on device");
}

Status FaultEnv::sync(Node& node, const std::string& path, uint64_t generation) {
  const MutexLock lock(mutex_);
  if (generation != generation_) {
    return error(StatusCode::kIoError, "sync", path, "the file was opened before the crash");
  }
  OMEN_RETURN_IF_ERROR(step(Operation::kSync, "sync", path));
  OMEN_RETURN_IF_ERROR(finish(path));
  if (lose_sync_) {
    // The pages are marked clean though they never reached the disk; reads still see them.
    node.unsynced.clear();
    return error(StatusCode::kIoError, "sync", path, "Input/output error");
  }
  if (ignore_sync_) return {};
  for (const Write& write : node.unsynced) apply(write, node.synced);
  node.unsynced.clear();
  return {};
}

Result<FaultEnv::NodePtr> FaultEnv::find(std::string_view what, const std::string& path) {
  const auto found = current_.files.find(path);
  if (found == current_.files.end()) {
    return error(StatusCode::kNotFound, what, path, "No such file or directory");
  }
  return found->second;
}

Result<std::unique_ptr<WritableFile>> FaultEnv::create_file(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kCreate, "open", path));
  if (!has_directory(current_, parent_directory(path))) {
    return error(StatusCode::kNotFound, "open", path, "No such file or directory");
  }
  NodePtr node;
  if (const auto found = current_.files.find(path); found != current_.files.end()) {
    node = found->second;
    node->current.clear();
    node->unsynced.push_back({0, {}, true});
  } else {
    node = std::make_shared<Node>();
    change({parent_directory(path), "", path, node});
  }
  OMEN_RETURN_IF_ERROR(finish(path));
  return std::unique_ptr<WritableFile>(
      std::make_unique<File>(*this, std::move(node), path, generation_, 0));
}

Result<std::unique_ptr<WritableFile>> FaultEnv::reopen_file(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kOther, "open", path));
  OMEN_RETURN_IF_ERROR(finish(path));
  OMEN_ASSIGN_OR_RETURN(auto node, find("open", path));
  const uint64_t size = node->current.size();
  return std::unique_ptr<WritableFile>(
      std::make_unique<File>(*this, std::move(node), path, generation_, size));
}

Result<std::unique_ptr<ReadableFile>> FaultEnv::open_file(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kRead, "open", path));
  OMEN_RETURN_IF_ERROR(finish(path));
  OMEN_ASSIGN_OR_RETURN(auto node, find("open", path));
  return std::unique_ptr<ReadableFile>(std::make_unique<Reading>(*this, std::move(node), path));
}

Result<std::vector<std::byte>> FaultEnv::read_file(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kRead, "read", path));
  OMEN_RETURN_IF_ERROR(finish(path));
  OMEN_ASSIGN_OR_RETURN(const auto node, find("open", path));
  return node->current;
}

Result<std::shared_ptr<const MappedFile>> FaultEnv::map_file(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(auto bytes, read_file(path));
  return std::shared_ptr<const MappedFile>(std::make_shared<Snapshot>(std::move(bytes)));
}

Result<uint64_t> FaultEnv::file_size(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kRead, "stat", path));
  OMEN_RETURN_IF_ERROR(finish(path));
  OMEN_ASSIGN_OR_RETURN(const auto node, find("stat", path));
  return uint64_t{node->current.size()};
}

// ---- names

bool FaultEnv::has_directory(const Tree& tree, const std::string& path) {
  return path == "." || path == "/" || tree.directories.contains(path);
}

void FaultEnv::change(EntryChange change) {
  apply(change, current_);
  unsynced_.push_back(std::move(change));
}

Result<bool> FaultEnv::exists(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kRead, "stat", path));
  OMEN_RETURN_IF_ERROR(finish(path));
  return current_.files.contains(path) || has_directory(current_, path);
}

Result<bool> FaultEnv::is_directory(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kRead, "stat", path));
  OMEN_RETURN_IF_ERROR(finish(path));
  return has_directory(current_, path);
}

Result<std::vector<std::string>> FaultEnv::list(const std::string& directory) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kRead, "list", directory));
  OMEN_RETURN_IF_ERROR(finish(directory));
  if (!has_directory(current_, directory)) {
    return error(StatusCode::kNotFound, "list", directory, "No such file or directory");
  }
  std::vector<std::string> names;
  const auto add_child = [&](const std::string& path) {
    if (parent_directory(path) == directory) names.push_back(path.substr(path.rfind('/') + 1));
  };
  for (const auto& [path, node] : current_.files) add_child(path);
  for (const auto& path : current_.directories) add_child(path);
  return names;
}

Status FaultEnv::make_directory(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kCreate, "make directory", path));
  if (current_.files.contains(path)) {
    return error(StatusCode::kIoError, "make directory", path, "File exists");
  }
  if (!has_directory(current_, path)) change({parent_directory(path), "", path, nullptr});
  return finish(path);
}

Status FaultEnv::remove_file(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kOther, "remove", path));
  OMEN_RETURN_IF_ERROR(find("remove", path).status());
  change({parent_directory(path), path, "", nullptr});
  return finish(path);
}

Status FaultEnv::remove_directory(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(const auto names, list(path));
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kOther, "remove directory", path));
  if (!names.empty()) {
    return error(StatusCode::kIoError, "remove directory", path, "Directory not empty");
  }
  change({parent_directory(path), path, "", nullptr});
  return finish(path);
}

Status FaultEnv::rename(const std::string& from, const std::string& to) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kRename, "rename", from));
  if (current_.directories.contains(from)) {
    if (current_.files.contains(to) || current_.directories.contains(to)) {
      return error(StatusCode::kIoError, "rename", from, "File exists");
    }
    change({parent_directory(to), from, to, nullptr});
    return finish(from);
  }
  OMEN_ASSIGN_OR_RETURN(auto node, find("rename", from));
  change({parent_directory(to), from, to, std::move(node)});
  return finish(from);
}

Status FaultEnv::link_file(const std::string& from, const std::string& to) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kCreate, "link", from));
  OMEN_ASSIGN_OR_RETURN(auto node, find("link", from));
  change({parent_directory(to), "", to, std::move(node)});
  return finish(to);
}

Status FaultEnv::sync_directory(const std::string& path) {
  const MutexLock lock(mutex_);
  OMEN_RETURN_IF_ERROR(step(Operation::kSync, "sync directory", path));
  OMEN_RETURN_IF_ERROR(finish(path));
  if (lose_sync_) return error(StatusCode::kIoError, "sync directory", path, "Input/output error");
  if (ignore_directory_sync_) return {};
  std::erase_if(unsynced_, [&](const EntryChange& change) OMEN_REQUIRES(mutex_) {
    if (change.directory != path) return false;
    apply(change, synced_);
    return true;
  });
  return {};
}

Result<std::unique_ptr<FileLock>> FaultEnv::lock(const std::string& path, std::string_view owner) {
  {
    const MutexLock lock(mutex_);
    const auto held = locks_.find(path);
    if (held != locks_.end()) return internal::locked_error(path, held->second.second);
  }
  OMEN_ASSIGN_OR_RETURN(const bool there, exists(path));
  OMEN_ASSIGN_OR_RETURN(const auto file, there ? reopen_file(path) : create_file(path));
  const Status written = file->write_at(0, as_bytes(owner));
  if (written.code() != StatusCode::kNoSpace) OMEN_RETURN_IF_ERROR(written);
  const MutexLock lock(mutex_);
  const auto [held, taken] = locks_.try_emplace(path, generation_, std::string(owner));
  if (!taken) return internal::locked_error(path, held->second.second);
  return std::unique_ptr<FileLock>(std::make_unique<Lock>(*this, path, generation_));
}

uint64_t FaultEnv::now_micros() const {
  return Env::posix()->now_micros();
}

}  // namespace omendb::storage
