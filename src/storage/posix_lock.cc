#include "storage/posix_lock.h"

#include <algorithm>
#include <vector>

#include <pthread.h>
#include <sys/file.h>

#include "base/status_macros.h"
#include "base/sync.h"
#include "storage/posix_descriptor.h"

namespace omendb::storage {
namespace {

class PosixFileLock;

/// The locks that this process holds. fork() waits while a lock is being taken or released. The
/// child closes them all.
class HeldLocks {
 public:
  static HeldLocks& instance() {
    static auto* const held = new HeldLocks();  // never freed: a thread may fork while others exit
    return *held;
  }

  Mutex& mutex() OMEN_TSA(lock_returned(mutex_)) { return mutex_; }
  std::unique_ptr<FileLock> keep(std::unique_ptr<PosixFileLock> lock) OMEN_REQUIRES(mutex_);
  void remove(PosixFileLock* lock) OMEN_REQUIRES(mutex_) { std::erase(held_, lock); }

 private:
  HeldLocks() {
    ::pthread_atfork([] { instance().before_fork(); }, [] { instance().after_fork(); },
                     [] { instance().in_child(); });
  }
  void before_fork() OMEN_TSA(no_thread_safety_analysis) { mutex_.lock(); }
  void after_fork() OMEN_TSA(no_thread_safety_analysis) { mutex_.unlock(); }
  void in_child() OMEN_TSA(no_thread_safety_analysis);

  Mutex mutex_;
  std::vector<PosixFileLock*> held_ OMEN_GUARDED_BY(mutex_);
};

class PosixFileLock final : public FileLock {
 public:
  PosixFileLock(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  ~PosixFileLock() override {
    HeldLocks& held = HeldLocks::instance();
    const MutexLock lock(held.mutex());
    held.remove(this);
    // Closing alone would leave the lock to a child that shares the open file, such as one that
    // was made by a bare clone().
    if (fd_.get() >= 0) ::flock(fd_.get(), LOCK_UN);
  }

  /// Runs in the child of a fork. The parent keeps its lock.
  void leave_to_parent() { const Descriptor closed = std::move(fd_); }

  Status check() const override {
    OMEN_ASSIGN_OR_RETURN(const bool named, names_file(path_, fd_.get()));
    if (named) return {};
    return {StatusCode::kIoError, "database \"" + parent_directory(path_) +
                                      "\" was removed or moved while it was open; nothing more " +
                                      "is written to it"};
  }

 private:
  Descriptor fd_;
  const std::string path_;
};

std::unique_ptr<FileLock> HeldLocks::keep(std::unique_ptr<PosixFileLock> lock) {
  held_.push_back(lock.get());
  return lock;
}

void HeldLocks::in_child() {
  for (PosixFileLock* lock : held_) lock->leave_to_parent();
  held_.clear();
  mutex_.unlock();
}

Result<std::string> read_text(int fd, const std::string& path) {
  char text[512];
  const ssize_t n = ::pread(fd, text, sizeof(text), 0);
  if (n < 0) return os_error("read", path, errno);
  return std::string(text, static_cast<size_t>(n));
}

Result<bool> try_flock(int fd, int kind, const std::string& path) {
  if (::flock(fd, kind | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return os_error("lock", path, errno);
}

Status held_by_writer(int fd, const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(const std::string holder, read_text(fd, path));
  return internal::locked_error(path, holder);
}

// Writes the new name over the old one and then cuts the file: an emptied file might get no block
// on a full disk. If the disk is full all the same, the file names no holder.
Status write_owner(int fd, const std::string& path, std::string_view owner) {
  size_t written = 0;
  while (written < owner.size()) {
    const ssize_t n =
        ::pwrite(fd, owner.data() + written, owner.size() - written, static_cast<off_t>(written));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT)) {
      written = 0;
      break;
    }
    if (n < 0) return os_error("write", path, errno);
    written += static_cast<size_t>(n);
  }
  if (::ftruncate(fd, static_cast<off_t>(written)) != 0) return os_error("truncate", path, errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<FileLock>> take_posix_lock(const std::string& path, std::string_view owner) {
  HeldLocks& held = HeldLocks::instance();
  const MutexLock lock(held.mutex());  // no fork between opening the file and listing it
  OMEN_ASSIGN_OR_RETURN(auto fd, Descriptor::open(path, O_RDWR | O_CREAT));
  OMEN_ASSIGN_OR_RETURN(bool taken, try_flock(fd.get(), LOCK_EX, path));
  if (!taken) {
    OMEN_ASSIGN_OR_RETURN(const bool shared, try_flock(fd.get(), LOCK_SH, path));
    if (!shared) return held_by_writer(fd.get(), path);
    // The holder may be gone by now. If not, it shares the lock, and the name in the file is that
    // of an earlier writer.
    OMEN_ASSIGN_OR_RETURN(taken, try_flock(fd.get(), LOCK_EX, path));
    if (!taken) return internal::locked_error(path, "a check or a repair");
  }
  OMEN_RETURN_IF_ERROR(write_owner(fd.get(), path, owner));
  return held.keep(std::make_unique<PosixFileLock>(std::move(fd), path));
}

Result<std::unique_ptr<FileLock>> share_posix_lock(const std::string& path) {
  HeldLocks& held = HeldLocks::instance();
  const MutexLock lock(held.mutex());
  auto fd = Descriptor::open(path, O_RDONLY);
  if (fd.status().code() == StatusCode::kNotFound) return std::unique_ptr<FileLock>();
  OMEN_RETURN_IF_ERROR(fd.status());
  OMEN_ASSIGN_OR_RETURN(const bool taken, try_flock(fd->get(), LOCK_SH, path));
  if (!taken) return held_by_writer(fd->get(), path);
  return held.keep(std::make_unique<PosixFileLock>(*std::move(fd), path));
}

}  // namespace omendb::storage
