// The folder of the log: beginning a file, retiring it, reusing it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "storage/env.h"
#include "storage/log/buffer.h"
#include "storage/log/format.h"

namespace omendb::storage {

/// A log file that was begun and is being written. One thread at a time; `file` may be synced by
/// another.
struct LogOutput {
  std::shared_ptr<WritableFile> file;
  uint64_t sequence = 0;
  uint32_t seed = 0;                  ///< of its frames' checksums
  uint64_t offset = kLogHeaderBytes;  ///< where the next frame goes

  /// Writes gathered frames, and zeros after them: the log ends there for now.
  Status write(LogBuffer& frames, Lsn durable);
  /// Writes one large record, whose checksum `frame` has, from where it lies.
  Status write(LogFrame frame, std::span<const std::span<const std::byte>> parts, Lsn durable);
  /// Writes one large record that may change meanwhile: what goes to the file is what was copied to
  /// `piece`, of which the checksum is taken. The header comes last, and makes it a record.
  Status write_in_pieces(LogFrame frame, std::span<const std::span<const std::byte>> parts,
                         Lsn durable, std::span<std::byte> piece);
  /// Ends the file, durably: record `first` is in the next one, which is there by now. All before
  /// it is durable.
  Status write_continued(Lsn first);
};

/// Not thread-safe, but for `directory()`; the log calls it from one thread at a time.
class LogFolder {
 public:
  LogFolder(std::shared_ptr<Env> env, std::string directory, uint64_t file_bytes)
      : env_(std::move(env)), directory_(std::move(directory)), file_bytes_(file_bytes) {}

  const std::string& directory() const { return directory_; }
  std::string path(uint64_t sequence) const { return join(directory_, log_file_name(sequence)); }

  /// Makes the folder if it is missing, removes what a crash left half made, and finds spares.
  /// @return the sequence numbers of the log files, in order.
  Result<std::vector<uint64_t>> scan();

  /// Begins a file under a name that is not yet a log's, with its header synced: no file that is
  /// called *.wal ever lacks one.
  /// @param room  bytes of frames that it has blocks for; 0: a small file, which is no spare.
  /// @error kNoSpace, or another: nothing is left of it.
  Result<LogOutput> begin(uint64_t sequence, Lsn first_lsn, Epoch epoch, uint64_t room);
  /// Removes a file that was begun and not published.
  void abandon();
  /// Opens a file of the log to write on.
  Result<LogOutput> reopen(uint64_t sequence, uint32_t seed, uint64_t offset);
  /// Gives it its name. When this returns, that survives a power cut.
  Status publish(uint64_t sequence);

  /// Takes files out of the log: kept for reuse, or removed.
  Status retire(std::span<const uint64_t> sequences);
  /// Removes the files that are kept for reuse, for a log that is closed or idle: a small database
  /// should be a small folder.
  void remove_spares();
  bool has_spares() const { return !spares_.empty(); }

 private:
  Result<std::unique_ptr<WritableFile>> take_spare(const std::string& path);
  Result<LogOutput> write_header(uint64_t sequence, Lsn first_lsn, Epoch epoch, uint64_t room);

  const std::shared_ptr<Env> env_;
  const std::string directory_;
  const uint64_t file_bytes_;
  std::vector<std::string> spares_;
};

}  // namespace omendb::storage
