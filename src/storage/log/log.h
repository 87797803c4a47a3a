// The write-ahead log of a database: what makes a write durable. Format: docs/format.md, "WAL".
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "omendb/status.h"
#include "storage/env.h"

namespace omendb::storage {

struct LogOptions {
  bool sync_on_wait = true;        ///< wait_durable() means fdatasync; else only handed to the OS
  uint64_t sync_interval_ms = 0;   ///< > 0: a background fdatasync this often
  uint64_t file_bytes = 64 << 20;  ///< a new file is begun past this size
};

/// What open() found besides whole records.
struct LogRecovery {
  Lsn last{};                      ///< the last whole record, or Lsn{0}
  std::vector<std::string> notes;  ///< "dropped a torn tail of 812 bytes in …", for people
};

/// Appends are ordered and atomic: after a crash the log holds a prefix of them. Thread-safe.
/// After one failed write or flush every later append fails with kReadOnly.
class Log {
 public:
  /// Replays each record after `from` in order, then is ready to append. Damage before the
  /// durable mark (not a torn tail) is kCorruption that names file and offset.
  /// @param from    at least what was last trimmed. If the log ends before it (it was not synced,
  ///                and the segments were), appending goes on after `from`.
  /// @param replay  returns an error to stop the opening.
  static Result<std::unique_ptr<Log>> open(
      std::shared_ptr<Env> env, std::string directory, const LogOptions& options, Lsn from,
      const std::function<Status(Lsn, std::span<const std::byte>)>& replay, LogRecovery* recovery);
  virtual ~Log() = default;  ///< writes out what was appended; does not sync

  /// Gives the next LSN to the record made of `parts`, in order. Copies them to the log's buffer or
  /// file before returning. Not durable until wait_durable().
  /// @error kNoSpace if the disk has no room for it: nothing has changed; it may be tried again.
  virtual Result<Lsn> append(std::span<const std::span<const std::byte>> parts) = 0;
  /// Returns when the record, and all before it, are as durable as the options say. Concurrent
  /// waiters share one flush.
  virtual Status wait_durable(Lsn lsn) = 0;
  /// Like wait_durable(), with fdatasync whatever the options.
  virtual Status sync(Lsn lsn) = 0;
  /// Has a thread of the log write (and sync, if the options say so) what is appended so far.
  virtual void start_flush() = 0;
  /// Whether a write or a sync is under way: who waits now would wait for another's first.
  virtual bool flushing() const = 0;

  virtual Lsn last_appended() const = 0;
  /// Forgets records up to and including `lsn`: files wholly below it are removed or recycled. The
  /// caller has made durable that they are needed no more.
  virtual Status trim(Lsn lsn) = 0;
  virtual uint64_t bytes() const = 0;  ///< of records not yet trimmed
};

}  // namespace omendb::storage
