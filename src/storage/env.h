// The only place that makes file and clock calls. PosixEnv is the real one, MemEnv lives in memory
// (":memory:" databases and tests), FaultEnv (tests) makes either of them fail on purpose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/status.h"

namespace omendb::storage {

/// A file being written. One thread at a time, except sync(), which may run beside a write.
class WritableFile {
 public:
  virtual ~WritableFile() = default;  ///< closes without syncing
  /// Writes all of `parts` in order at the current end.
  virtual Status append(std::span<const std::span<const std::byte>> parts) = 0;
  Status append(std::span<const std::byte> bytes) { return append(std::span(&bytes, 1)); }
  /// Writes all of `parts` in order from `offset` <= size() (recycled logs); the file grows if they
  /// reach past its end.
  virtual Status write_at(uint64_t offset, std::span<const std::span<const std::byte>> parts) = 0;
  Status write_at(uint64_t offset, std::span<const std::byte> bytes) {
    return write_at(offset, std::span(&bytes, 1));
  }
  /// Takes blocks for all bytes before `size`, so that writing them cannot run out of space; new
  /// bytes read as zeros. Does nothing on a file system that cannot promise this.
  /// @error kNoSpace: the file is as before.
  virtual Status reserve(uint64_t size) = 0;
  /// Returns when every byte written before the call would survive a power cut.
  virtual Status sync() = 0;
  virtual Status close() = 0;
  virtual uint64_t size() const = 0;
};

/// A file read in places, while another process may write to it. One thread at a time.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  /// Reads from `offset` on. @return how many bytes there were: fewer at the end of the file.
  virtual Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const = 0;
  /// Whether the path that the file was opened by still names it: nobody has removed, renamed or
  /// replaced it. While this object lives, no other file is mistaken for it.
  virtual Result<bool> still_named() const = 0;
};

/// A whole file mapped for reading; the bytes stay valid for the life of this object, even if the
/// file is unlinked. Thread-safe.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  /// If somebody cuts the file, or the disk fails, the lost bytes read as zeros.
  virtual std::span<const std::byte> bytes() const = 0;
  /// Says whether every page that was touched so far could be read. (A file that was cut in the
  /// middle of its last page reads zeros there without notice.)
  /// @error kIoError that names the file and the first offset that could not be read.
  virtual Status check() const = 0;
  enum class Advice { kNormal, kRandom, kSequential, kWillNeed };
  virtual void advise(uint64_t offset, uint64_t length, Advice advice) const = 0;
};

/// The lock on a database folder, held while the database is open. The destructor releases it.
class FileLock {
 public:
  virtual ~FileLock() = default;
  /// Thread-safe; takes a microsecond.
  /// @error kIoError if the path no longer names this file: somebody removed or moved the folder,
  ///        and a file written by path could end up in another database.
  virtual Status check() const = 0;
};

/// Thread-safe. Every error names the operation and the path, and is kIoError, kNoSpace (disk or
/// quota full), kNotFound or kLocked.
class Env {
 public:
  virtual ~Env() = default;
  static std::shared_ptr<Env> posix();      ///< shared by the process
  static std::shared_ptr<Env> in_memory();  ///< a fresh, empty file system

  /// @return a path that names the same place after the process changes its working folder.
  virtual Result<std::string> absolute(const std::string& path) { return path; }
  /// @return the absolute path without links and dots; what is not there yet stays as it is.
  virtual Result<std::string> resolved(const std::string& path) { return absolute(path); }

  /// Creates or truncates.
  virtual Result<std::unique_ptr<WritableFile>> create_file(const std::string& path) = 0;
  /// Opens an existing file to append or overwrite.
  virtual Result<std::unique_ptr<WritableFile>> reopen_file(const std::string& path) = 0;
  virtual Result<std::unique_ptr<ReadableFile>> open_file(const std::string& path) = 0;
  virtual Result<std::vector<std::byte>> read_file(const std::string& path) = 0;
  virtual Result<std::shared_ptr<const MappedFile>> map_file(const std::string& path) = 0;
  virtual Result<uint64_t> file_size(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Result<bool> is_directory(const std::string& path) = 0;
  /// Names, without the directory, in no order; "." and ".." left out.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  virtual Status make_directory(const std::string& path) = 0;  ///< fine if it exists
  virtual Status remove_file(const std::string& path) = 0;
  virtual Status remove_directory(const std::string& path) = 0;
  /// A file replaces the file `to`. A folder moves with all that is in it; `to` must not exist.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Gives a file a second name. Nobody writes to the file any more.
  /// @error kUnimplemented if the two places cannot share a file; the caller copies it instead.
  virtual Status link_file(const std::string& from, const std::string& to) = 0;
  /// Makes creations, renames and removals in the directory survive a power cut.
  virtual Status sync_directory(const std::string& path) = 0;
  /// Takes the exclusive lock on `path`, the LOCK file of a database folder, and writes `owner`
  /// into it for others to read (unless the disk is full). Refuses a second lock within one process
  /// too.
  /// @error kLocked: `database "<folder>" is held by <what the holder wrote>`.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path,
                                                 std::string_view owner) = 0;
  /// Takes a shared lock on `path`: lock() is refused while it is held, and other shared locks are
  /// not. Writes nothing, so that a folder which may only be read can be locked. Of the operating
  /// system's files alone.
  /// @return null if there is no such file, and so nobody who holds it.
  /// @error kLocked, as lock(); kUnimplemented.
  virtual Result<std::unique_ptr<FileLock>> lock_shared(const std::string& path);
  virtual uint64_t now_micros() const = 0;  ///< wall clock, since 1970
};

/// Microseconds on a clock that never goes back, since some moment. The same for every Env.
uint64_t steady_micros();

/// Memory of this machine, or the less of it that this process may use (cgroup v2). 4 GiB where
/// that cannot be known.
uint64_t memory_bytes();

/// "dir/name".
std::string join(std::string_view directory, std::string_view name);
/// "dir" of "dir/name"; "." where there is none.
std::string parent_directory(std::string_view path);

/// What a holder writes into LOCK: `pid 123 (python3) on host since 2026-11-22T17:20:01Z`.
std::string describe_this_process(uint64_t now_micros);

namespace internal {
Status locked_error(std::string_view lock_path, std::string_view owner);
}

}  // namespace omendb::storage
