// MemEnv: a whole file system in memory, for ":memory:" databases and tests.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <set>

#include "base/status_macros.h"
#include "base/sync.h"
#include "storage/env.h"
#include "storage/name_tree.h"

namespace omendb::storage {
namespace {

using Content = std::vector<std::byte>;

Status not_found(std::string_view operation, const std::string& path) {
  return {StatusCode::kNotFound,
          std::string(operation) + " \"" + path + "\": no such file or directory"};
}

// A file's bytes. Mapped views share them; the first write after a view was given out copies them,
// so a view never changes and never moves.
class MemNode {
 public:
  void write(uint64_t offset, std::span<const std::span<const std::byte>> parts)
      OMEN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (shared_) content_ = std::make_shared<Content>(*content_);
    shared_ = false;
    auto at = static_cast<size_t>(offset);
    for (const auto part : parts) {
      if (part.empty()) continue;
      if (at == content_->size()) {
        content_->insert(content_->end(), part.begin(), part.end());
      } else {
        if (at + part.size() > content_->size()) content_->resize(at + part.size());
        std::memcpy(content_->data() + at, part.data(), part.size());
      }
      at += part.size();
    }
  }
  std::shared_ptr<const Content> share() OMEN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    shared_ = true;
    return content_;
  }
  Content copy() const OMEN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return *content_;
  }
  size_t read(uint64_t offset, std::span<std::byte> out) const OMEN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (offset >= content_->size()) return 0;
    const size_t size = std::min<size_t>(out.size(), content_->size() - offset);
    std::memcpy(out.data(), content_->data() + offset, size);
    return size;
  }
  uint64_t size() const OMEN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return content_->size();
  }
  void truncate() OMEN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    content_ = std::make_shared<Content>();
    shared_ = false;
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<Content> content_ OMEN_GUARDED_BY(mutex_) = std::make_shared<Content>();
  bool shared_ OMEN_GUARDED_BY(mutex_) = false;
};

class MemWritableFile final : public WritableFile {
 public:
  explicit MemWritableFile(std::shared_ptr<MemNode> node)
      : node_(std::move(node)), size_(node_->size()) {}
  Status append(std::span<const std::span<const std::byte>> parts) override {
    return write_at(size_, parts);
  }
  Status write_at(uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    node_->write(offset, parts);
    for (const auto part : parts) offset += part.size();
    size_ = std::max(size_, offset);
    return {};
  }
  Status reserve(uint64_t) override { return {}; }
  Status sync() override { return {}; }
  Status close() override { return {}; }
  uint64_t size() const override { return size_; }

 private:
  const std::shared_ptr<MemNode> node_;
  uint64_t size_;
};

class MemMappedFile final : public MappedFile {
 public:
  explicit MemMappedFile(std::shared_ptr<const Content> content) : content_(std::move(content)) {}
  std::span<const std::byte> bytes() const override { return *content_; }
  Status check() const override { return {}; }
  void advise(uint64_t, uint64_t, Advice) const override {}

 private:
  const std::shared_ptr<const Content> content_;
};

// Which paths are locked, and by whom. Outlives the Env if a lock does.
struct LockTable {
  Mutex mutex;
  std::map<std::string, std::string> owners OMEN_GUARDED_BY(mutex);
};

class MemFileLock final : public FileLock {
 public:
  MemFileLock(std::shared_ptr<LockTable> table, std::string path)
      : table_(std::move(table)), path_(std::move(path)) {}
  ~MemFileLock() override {
    const MutexLock lock(table_->mutex);
    table_->owners.erase(path_);
  }
  Status check() const override { return {}; }  // nobody removes it

 private:
  const std::shared_ptr<LockTable> table_;
  const std::string path_;
};

class MemEnv final : public Env {
 public:
  Result<std::unique_ptr<WritableFile>> create_file(const std::string& path) override {
    const MutexLock lock(mutex_);
    if (directories_.contains(path)) {
      return Status(StatusCode::kIoError, "open \"" + path + "\": is a directory");
    }
    if (!is_known_directory(parent_directory(path))) return not_found("open", path);
    auto& node = files_[path];
    if (node == nullptr) node = std::make_shared<MemNode>();
    node->truncate();
    return std::unique_ptr<WritableFile>(std::make_unique<MemWritableFile>(node));
  }

  Result<std::unique_ptr<WritableFile>> reopen_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(auto node, find("open", path));
    return std::unique_ptr<WritableFile>(std::make_unique<MemWritableFile>(std::move(node)));
  }

  Result<std::unique_ptr<ReadableFile>> open_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(auto node, find("open", path));
    return std::unique_ptr<ReadableFile>(std::make_unique<File>(*this, std::move(node), path));
  }

  Result<std::vector<std::byte>> read_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(const auto node, find("open", path));
    return node->copy();
  }

  Result<std::shared_ptr<const MappedFile>> map_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(const auto node, find("open", path));
    return std::shared_ptr<const MappedFile>(std::make_shared<MemMappedFile>(node->share()));
  }

  Result<uint64_t> file_size(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(const auto node, find("stat", path));
    return node->size();
  }

  Result<bool> exists(const std::string& path) override {
    const MutexLock lock(mutex_);
    return files_.contains(path) || is_known_directory(path);
  }

  Result<bool> is_directory(const std::string& path) override {
    const MutexLock lock(mutex_);
    return is_known_directory(path);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    const MutexLock lock(mutex_);
    if (!is_known_directory(directory)) return not_found("list", directory);
    std::vector<std::string> names;
    const auto add_child = [&](const std::string& path) {
      if (parent_directory(path) == directory) names.push_back(path.substr(path.rfind('/') + 1));
    };
    for (const auto& [path, node] : files_) add_child(path);
    for (const auto& path : directories_) add_child(path);
    return names;
  }

  Status make_directory(const std::string& path) override {
    const MutexLock lock(mutex_);
    if (files_.contains(path)) {
      return {StatusCode::kIoError, "make directory \"" + path + "\": is a file"};
    }
    directories_.insert(path);
    return {};
  }

  Status remove_file(const std::string& path) override {
    const MutexLock lock(mutex_);
    return files_.erase(path) == 0 ? not_found("remove", path) : Status();
  }

  Status remove_directory(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(const auto names, list(path));
    if (!names.empty()) {
      return {StatusCode::kIoError, "remove directory \"" + path + "\": not empty"};
    }
    const MutexLock lock(mutex_);
    directories_.erase(path);
    return {};
  }

  Status rename(const std::string& from, const std::string& to) override {
    const MutexLock lock(mutex_);
    if (directories_.contains(from)) return rename_directory(from, to);
    const auto found = files_.find(from);
    if (found == files_.end()) return not_found("rename", from);
    auto node = std::move(found->second);
    files_.erase(found);
    files_[to] = std::move(node);
    return {};
  }

  Status link_file(const std::string& from, const std::string& to) override {
    OMEN_ASSIGN_OR_RETURN(auto node, find("link", from));
    const MutexLock lock(mutex_);
    if (!is_known_directory(parent_directory(to))) return not_found("link", to);
    files_[to] = std::move(node);
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const MutexLock lock(mutex_);
    return is_known_directory(path) ? Status() : not_found("sync directory", path);
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view owner) override {
    OMEN_RETURN_IF_ERROR(touch(path));
    const MutexLock guard(locks_->mutex);
    const auto [held, taken] = locks_->owners.try_emplace(path, owner);
    if (!taken) return internal::locked_error(path, held->second);
    return std::unique_ptr<FileLock>(std::make_unique<MemFileLock>(locks_, path));
  }

  uint64_t now_micros() const override {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(since).count());
  }

 private:
  class File final : public ReadableFile {
   public:
    File(const MemEnv& env, std::shared_ptr<const MemNode> node, std::string path)
        : env_(env), node_(std::move(node)), path_(std::move(path)) {}
    Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const override {
      return node_->read(offset, out);
    }
    Result<bool> still_named() const override {
      const auto named = env_.find("stat", path_);
      return named.ok() && *named == node_;
    }

   private:
    const MemEnv& env_;
    const std::shared_ptr<const MemNode> node_;
    const std::string path_;
  };

  // The roots exist from the start; every other directory is made.
  bool is_known_directory(const std::string& path) const OMEN_REQUIRES(mutex_) {
    return path == "." || path == "/" || directories_.contains(path);
  }

  Status rename_directory(const std::string& from, const std::string& to) OMEN_REQUIRES(mutex_) {
    if (files_.contains(to) || directories_.contains(to)) {
      return {StatusCode::kIoError, "rename \"" + from + "\": \"" + to + "\" exists"};
    }
    internal::move_names(files_, directories_, from, to);
    return {};
  }

  Status touch(const std::string& path) OMEN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (!is_known_directory(parent_directory(path))) return not_found("lock", path);
    files_.try_emplace(path, std::make_shared<MemNode>());
    return {};
  }

  Result<std::shared_ptr<MemNode>> find(std::string_view operation, const std::string& path) const
      OMEN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    const auto found = files_.find(path);
    if (found == files_.end()) return not_found(operation, path);
    return found->second;
  }

  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<MemNode>> files_ OMEN_GUARDED_BY(mutex_);
  std::set<std::string> directories_ OMEN_GUARDED_BY(mutex_);
  const std::shared_ptr<LockTable> locks_ = std::make_shared<LockTable>();
};

}  // namespace

std::shared_ptr<Env> Env::in_memory() {
  return std::make_shared<MemEnv>();
}

}  // namespace omendb::storage
