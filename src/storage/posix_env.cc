// PosixEnv: the operating system's files.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/status_macros.h"
#include "storage/env.h"
#include "storage/mapping_guard.h"
#include "storage/posix_descriptor.h"
#include "storage/posix_lock.h"

namespace omendb::storage {
namespace {

int sync_fd(int fd) {
#if defined(__APPLE__)
  return ::fcntl(fd, F_FULLFSYNC);  // fsync there stops at the drive's cache
#else
  return ::fdatasync(fd);
#endif
}

int reserve_fd(int fd, uint64_t size) {
#if defined(__linux__)
  return ::fallocate(fd, 0, 0, static_cast<off_t>(size));
#else
  errno = ENOSYS;
  return -1;
#endif
}

/// Whether a file may end at `end`. The system would answer a write past the limit with a signal
/// that ends the process, unless the program ignores it.
bool within_size_limit(uint64_t end) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
         end <= limit.rlim_cur;
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(Descriptor fd, std::string path, uint64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

  Status append(std::span<const std::span<const std::byte>> parts) override {
    return write_at(size_, parts);
  }

  Status write_at(uint64_t offset, std::span<const std::span<const std::byte>> parts) override {
    constexpr size_t kVectors = 64;
    iovec vectors[kVectors];
    size_t part = 0;
    size_t within = 0;  // bytes of parts[part] already written
    uint64_t end = offset;
    for (const auto bytes : parts) end += bytes.size();
    if (!within_size_limit(end)) return os_error("write", path_, EFBIG);
    for (;;) {
      int count = 0;
      for (size_t i = part, skip = within; i < parts.size() && count < int{kVectors}; ++i) {
        const auto rest = parts[i].subspan(skip);
        skip = 0;
        if (rest.empty()) continue;
        vectors[count++] = {const_cast<std::byte*>(rest.data()), rest.size()};
      }
      if (count == 0) return {};
      const ssize_t written = ::pwritev(fd_.get(), vectors, count, static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return os_error("write", path_, errno);
      offset += static_cast<uint64_t>(written);
      size_ = std::max(size_, offset);
      // Step over what was written; the system may take less than it was given.
      for (auto left = static_cast<size_t>(written) + within; part < parts.size(); ++part) {
        within = left;
        if (left < parts[part].size()) break;
        left -= parts[part].size();
        within = 0;
      }
    }
  }

  Status reserve(uint64_t size) override {
    if (size <= size_) return {};
    if (!within_size_limit(size)) return os_error("make room in", path_, EFBIG);
    while (reserve_fd(fd_.get(), size) != 0) {
      if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
      if (errno != EINTR) return os_error("make room in", path_, errno);
    }
    size_ = size;
    return {};
  }

  Status sync() override {
    if (sync_fd(fd_.get()) != 0) return os_error("sync", path_, errno);
    return {};
  }

  Status close() override {
    const int fd = fd_.release();
    if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) return os_error("close", path_, errno);
    return {};
  }

  uint64_t size() const override { return size_; }

 private:
  Descriptor fd_;
  const std::string path_;
  uint64_t size_;
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const override {
    size_t size = 0;
    while (size < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + size, out.size() - size,
                                static_cast<off_t>(offset + size));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error("read", path_, errno);
      if (n == 0) break;
      size += static_cast<size_t>(n);
    }
    return size;
  }

  Result<bool> still_named() const override { return names_file(path_, fd_.get()); }

 private:
  const Descriptor fd_;
  const std::string path_;
};

class PosixMappedFile final : public MappedFile {
 public:
  PosixMappedFile(std::string path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {
    if (!bytes_.empty()) guard_.emplace(bytes_);
  }
  ~PosixMappedFile() override {
    guard_.reset();
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  std::span<const std::byte> bytes() const override { return bytes_; }

  Status check() const override {
    if (!guard_ || guard_->intact()) return {};
    return {StatusCode::kIoError, "\"" + path_ + "\": offset " +
                                      std::to_string(guard_->first_lost()) +
                                      ": the file was cut while it was open, or the disk failed"};
  }

  void advise(uint64_t offset, uint64_t length, Advice advice) const override {
    if (offset >= bytes_.size()) return;
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const uint64_t end = std::min<uint64_t>(bytes_.size(), offset + length);
    const uint64_t begin = offset / page * page;
    int flag = MADV_NORMAL;
    if (advice == Advice::kRandom) flag = MADV_RANDOM;
    if (advice == Advice::kSequential) flag = MADV_SEQUENTIAL;
    if (advice == Advice::kWillNeed) flag = MADV_WILLNEED;
    // A hint: a system that does not know it is no error.
    (void)::madvise(const_cast<std::byte*>(bytes_.data()) + begin, end - begin, flag);
  }

 private:
  const std::string path_;
  const std::span<const std::byte> bytes_;
  std::optional<MappingGuard> guard_;
};

class PosixEnv final : public Env {
 public:
  Result<std::string> absolute(const std::string& path) override {
    if (path.starts_with('/')) return path;
    std::error_code error;
    const auto folder = std::filesystem::current_path(error);
    if (error) return os_error("find the working folder for", path, error.value());
    return join(folder.string(), path);
  }

  Result<std::string> resolved(const std::string& path) override {
    std::error_code error;
    const auto out = std::filesystem::weakly_canonical(path, error);
    if (error) return os_error("resolve", path, error.value());
    return out.string();
  }

  Result<std::unique_ptr<WritableFile>> create_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(auto fd, Descriptor::open(path, O_RDWR | O_CREAT | O_TRUNC));
    return std::unique_ptr<WritableFile>(
        std::make_unique<PosixWritableFile>(std::move(fd), path, 0));
  }

  Result<std::unique_ptr<WritableFile>> reopen_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(auto fd, Descriptor::open(path, O_RDWR));
    OMEN_ASSIGN_OR_RETURN(const uint64_t size, size_of(fd, path));
    return std::unique_ptr<WritableFile>(
        std::make_unique<PosixWritableFile>(std::move(fd), path, size));
  }

  Result<std::unique_ptr<ReadableFile>> open_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(auto fd, Descriptor::open(path, O_RDONLY));
    return std::unique_ptr<ReadableFile>(std::make_unique<PosixReadableFile>(std::move(fd), path));
  }

  Result<std::vector<std::byte>> read_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(auto fd, Descriptor::open(path, O_RDONLY));
    OMEN_ASSIGN_OR_RETURN(const uint64_t size, size_of(fd, path));
    std::vector<std::byte> bytes(static_cast<size_t>(size));
    const PosixReadableFile file(std::move(fd), path);
    OMEN_ASSIGN_OR_RETURN(const size_t there, file.read_at(0, bytes));
    bytes.resize(there);
    return bytes;
  }

  Result<std::shared_ptr<const MappedFile>> map_file(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(const auto fd, Descriptor::open(path, O_RDONLY));
    OMEN_ASSIGN_OR_RETURN(const uint64_t size, size_of(fd, path));
    std::span<const std::byte> bytes;
    if (size > 0) {
      void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
      if (address == MAP_FAILED) return os_error("map", path, errno);
      bytes = {static_cast<const std::byte*>(address), size};
    }
    return std::shared_ptr<const MappedFile>(std::make_shared<PosixMappedFile>(path, bytes));
  }

  Result<uint64_t> file_size(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return os_error("stat", path, errno);
    return static_cast<uint64_t>(info.st_size);
  }

  Result<bool> exists(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return os_error("stat", path, errno);
  }

  Result<bool> is_directory(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return S_ISDIR(info.st_mode);
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return os_error("stat", path, errno);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) return os_error("list", directory, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    ::closedir(dir);
    if (error != 0) return os_error("list", directory, error);
    return names;
  }

  Status make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0755) == 0) return {};
    const int error = errno;
    if (error != EEXIST) return os_error("make directory", path, error);
    OMEN_ASSIGN_OR_RETURN(const bool directory, is_directory(path));
    return directory ? Status() : os_error("make directory", path, error);
  }

  Status remove_file(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return os_error("remove", path, errno);
    return {};
  }

  Status remove_directory(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0) return os_error("remove directory", path, errno);
    return {};
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return os_error("rename to \"" + to + "\" from", from, errno);
  }

  Status link_file(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return {};
    const int error = errno;
    const bool cannot = error == EXDEV || error == EPERM || error == EMLINK || error == ENOTSUP ||
                        error == ENOSYS || error == EOPNOTSUPP;
    if (!cannot) return os_error("link to \"" + to + "\" from", from, error);
    return {StatusCode::kUnimplemented, "the file system links no files here"};
  }

  Status sync_directory(const std::string& path) override {
    OMEN_ASSIGN_OR_RETURN(const auto fd, Descriptor::open(path, O_RDONLY | O_DIRECTORY));
    if (::fsync(fd.get()) != 0) return os_error("sync directory", path, errno);
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock_shared(const std::string& path) override {
    return share_posix_lock(path);
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view owner) override {
    return take_posix_lock(path, owner);
  }

  uint64_t now_micros() const override {
    using std::chrono::microseconds;
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<microseconds>(since).count());
  }

 private:
  static Result<uint64_t> size_of(const Descriptor& fd, const std::string& path) {
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return os_error("stat", path, errno);
    if (!S_ISREG(info.st_mode)) {
      return Status(StatusCode::kIoError, "open \"" + path + "\": not a regular file");
    }
    return static_cast<uint64_t>(info.st_size);
  }
};

}  // namespace

std::shared_ptr<Env> Env::posix() {
  static const std::shared_ptr<Env> env = std::make_shared<PosixEnv>();
  return env;
}

uint64_t memory_bytes() {
  uint64_t bytes = uint64_t{4} << 30;
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) {
    bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
  }
  // "max", or a number.
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  uint64_t allowed = 0;
  return limit >> allowed && allowed > 0 ? std::min(bytes, allowed) : bytes;
}

}  // namespace omendb::storage
