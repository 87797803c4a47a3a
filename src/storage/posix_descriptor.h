// Shared by the parts of PosixEnv: an open file descriptor, and errors that name the failed call.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "omendb/status.h"

namespace omendb::storage {

inline Status os_error(std::string_view operation, const std::string& path, int error) {
  if (error == EFBIG) {
    return {StatusCode::kNoSpace, std::string(operation) + " \"" + path +
                                      "\": the file would pass the file size limit of this process "
                                      "(ulimit -f) or of its file system"};
  }
  StatusCode code = StatusCode::kIoError;
  if (error == ENOSPC || error == EDQUOT) code = StatusCode::kNoSpace;
  if (error == ENOENT) code = StatusCode::kNotFound;
  return {code, std::string(operation) + " \"" + path +
                    "\": " + std::error_code(error, std::generic_category()).message()};
}

/// Closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

  static Result<Descriptor> open(const std::string& path, int flags) {
    for (;;) {
      const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
      if (fd >= 0) return Descriptor(fd);
      if (errno != EINTR) return os_error("open", path, errno);
    }
  }

 private:
  int fd_;
};

/// Whether the path leads to the open file.
inline Result<bool> names_file(const std::string& path, int fd) {
  struct stat held {};
  struct stat named {};
  if (::fstat(fd, &held) != 0) return os_error("stat", path, errno);
  if (::stat(path.c_str(), &named) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return os_error("stat", path, errno);
  }
  return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

}  // namespace omendb::storage
