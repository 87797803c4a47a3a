// The write-ahead log of a database: what makes a write durable. This is the interface. A LogStore
// opens a Log for the one process that writes, and a LogReader for each one that reads meanwhile.
// FileLogStore (file_log_store.h) keeps a log in a folder of files.
//
// Positions rise from record to record and may leave gaps: a log that several writers share gives
// this database positions 1, 5, 900. Whoever uses a log compares positions and never counts with
// their differences, and may ask from, up to or for a position at which there is no record.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
  /// @return the position of the last record, or LogMark::trimmed of the opening if that is later.
  virtual Lsn last_appended() const = 0;
  /// Forgets records up to and including `lsn`, which need not be the position of a record.
  /// LogReaders may lose records that they have not read yet.
  /// @pre a durable manifest says that they are no longer needed.
  virtual Status trim(Lsn lsn) = 0;
  virtual uint64_t bytes() const = 0;  ///< of records not yet trimmed
  /// @return the mark for the next manifest. The caller fills in `trimmed` and `durable`.
  virtual LogMark mark() const = 0;
};

/// Reads the records of a log while another process appends to it and trims it. Takes no lock and
/// writes nothing. One thread at a time.
class LogReader {
 public:
  virtual ~LogReader() = default;

  /// Whether read() may find something. Costs little, so that a reader may ask before each query.
  virtual Result<bool> has_news() const = 0;

  enum class Outcome : uint8_t {
    kUpToDate,  ///< every record that was in the log when the call began was visited
    kLost,      ///< records that were not visited are gone, or visited ones were taken back
  };
  /// Visits the records after position(), in order. Ends in finite time, however fast the writer
  /// is.
  /// @error kCorruption, kUnsupportedVersion, kIoError; the visitor's own.
  virtual Result<Outcome> read(const LogVisitor& visit) = 0;

  /// Finds out whether read() stopped at the end of the log or at damage.
  /// @param mark  of a manifest that was in force when read() began. If it still is when this has
  ///              failed, the log is damaged; if not, the writer may have trimmed it meanwhile.
  /// @error kCorruption, with the place, for a damaged record, for a log that ends before `mark`,
  ///        and for a missing part.
  virtual Status check_end(const LogMark& mark) = 0;

  /// @return the position of the last record that was visited; before the first one, the position
  ///         that LogStore::read() was given.
  virtual Lsn position() const = 0;
  /// How often the reader has opened a part of the log by its name, which may lead to the log of
  /// another database meanwhile. While read() visits a record it counts that record's part.
  virtual uint64_t parts_opened() const = 0;
};

struct LogOptions {
  bool sync_on_wait = true;        ///< whether wait_durable() syncs, or only writes to the system
  uint64_t sync_interval_ms = 0;   ///< > 0: a background fdatasync this often
  uint64_t file_bytes = 64 << 20;  ///< a new file is begun past this size
  /// Trimmed files that wait for reuse are removed when nothing was appended for this long.
  uint64_t spare_lifetime_ms = 5'000;
};

/// The place where a database's log is kept. Thread-safe.
class LogStore {
 public:
  virtual ~LogStore() = default;

  /// Opens the log for writing, after visiting each record after `mark.trimmed`. Only one Log may
  /// be open; the database's lock sees to that.
  /// @param mark      of the latest manifest.
  /// @param recovery  may be null.
  /// @error kCorruption, with the place, for damage before the durable mark (a torn tail is no
  ///        damage), for a log that ends before `mark.durable`, and for a missing part.
  virtual Result<std::unique_ptr<Log>> open(const LogOptions& options, const LogMark& mark,
                                            const LogVisitor& replay, LogRecovery* recovery) = 0;

  /// Begins to read behind position `from`. Touches nothing before LogReader::read().
  virtual std::unique_ptr<LogReader> read(Lsn from) = 0;

  /// @return what messages call this log: `the log in "…"`.
  virtual std::string describe() const = 0;
};

}  // namespace omendb::storage
