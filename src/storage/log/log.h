// The write-ahead log of a database: what makes a write durable. This is the interface; FileLog
// (file_log.h) keeps a log in a folder of files.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "omendb/status.h"

namespace omendb::storage {

/// Positions stay far below this; a greater one on the disk is damage.
inline constexpr Lsn kMaxLsn{UINT64_MAX >> 1};

/// A record that is read from the log.
struct LogRecord {
  Lsn position{};
  ShardId shard{};
  Epoch epoch{};
  std::span<const std::byte> payload;  ///< borrowed for the length of the visit
};

/// Called for each record, in the order of positions. An error stops the reading.
using LogVisitor = std::function<Status(const LogRecord&)>;

/// The state of the log that a manifest notes, so that opening notices when part of the log is
/// gone.
struct LogMark {
  Lsn trimmed{};          ///< records up to here are no longer needed
  Lsn durable{};          ///< the log was synced at least up to here; `trimmed` or later
  uint64_t sequence = 0;  ///< of the newest log file; 0 = no file was begun yet
  Epoch epoch{};          ///< of the writer that published it
  bool operator==(const LogMark&) const = default;
};

/// What opening found besides the records.
struct LogRecovery {
  Lsn last{};                      ///< the last whole record, or LogMark::trimmed
  std::vector<std::string> notes;  ///< "dropped a torn tail of 812 bytes in …", for people
};

/// Appends are ordered and atomic: after a crash the log holds a prefix of them. Thread-safe.
/// After one failed write or flush every later append fails with kReadOnly.
class Log {
 public:
  virtual ~Log() = default;  ///< writes out what was appended; does not sync

  /// Appends a record made of `parts`, in order, in this log's epoch, and gives it a position above
  /// all before it. Copies the parts to the log's buffer or file before returning. Not durable
  /// until wait_durable().
  /// @error kNoSpace if the disk has no room for it: nothing has changed; it may be tried again.
  virtual Result<Lsn> append(ShardId shard, std::span<const std::span<const std::byte>> parts) = 0;
  /// Waits until the record, and all before it, are as durable as the options ask. Concurrent
  /// callers share one flush.
  virtual Status wait_durable(Lsn lsn) = 0;
  /// Like wait_durable(), but syncs whatever the options ask.
  virtual Status sync(Lsn lsn) = 0;
  /// Makes a thread of the log write (and sync, if the options ask for it) what was appended so
  /// far. Returns at once.
  virtual void start_flush() = 0;
  /// Whether a write or a sync is running; wait_durable() would wait for it first.
  virtual bool flushing() const = 0;

  /// The epoch of the records that this log appends.
  virtual Epoch epoch() const = 0;
  virtual Lsn last_appended() const = 0;
  /// Forgets records up to and including `lsn`, which need not be the position of a record.
  /// @pre a durable manifest says that they are no longer needed.
  virtual Status trim(Lsn lsn) = 0;
  virtual uint64_t bytes() const = 0;  ///< of records not yet trimmed
  /// @return the mark for the next manifest. The caller fills in `trimmed` and `durable`.
  virtual LogMark mark() const = 0;
};

}  // namespace omendb::storage
