// The folder of the log: begins, retires and reuses files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "storage/env.h"
#include "storage/log/buffer.h"
#include "storage/log/format.h"

namespace omendb::storage {

/// A log file that is being written. One thread at a time; another thread may sync `file`.
struct LogOutput {
  std::shared_ptr<WritableFile> file;
  uint64_t sequence = 0;
  uint32_t seed = 0;                  ///< of its frames' checksums
  uint64_t offset = kLogHeaderBytes;  ///< where the next frame goes

  /// Writes gathered frames, and after them the zeros that end the log.
  Status write(LogBuffer& frames, Lsn durable);
  /// Writes one large record without a copy. `frame` has the checksum of its payload.
  Status write(LogFrame frame, std::span<const std::span<const std::byte>> parts, Lsn durable);
  /// Writes one large record whose bytes the caller may change during the call. Copies each part to
  /// `piece`, takes the checksum of the copy and writes the copy. Writes the header last: only then
  /// is it a record.
  Status write_in_pieces(LogFrame frame, std::span<const std::span<const std::byte>> parts,
                         Lsn durable, std::span<std::byte> piece);
  /// Writes and syncs the frame that ends the file and names the next one, which begins with record
  /// `first`. @pre the next file exists, and all records before `first` are durable.
  Status write_continued(Lsn first);
};

/// One thread at a time, except directory().
class LogFolder {
 public:
  LogFolder(std::shared_ptr<Env> env, std::string directory, uint64_t file_bytes)
      : env_(std::move(env)), directory_(std::move(directory)), file_bytes_(file_bytes) {}

  const std::string& directory() const { return directory_; }
  std::string path(uint64_t sequence) const { return join(directory_, log_file_name(sequence)); }

  /// Makes the folder if it is missing, removes unfinished files that a crash left, and finds
  /// spares.
  /// @return the sequence numbers of the log files, in order.
  Result<std::vector<uint64_t>> scan();

  /// Begins a file under a temporary name and syncs its header, so that no *.wal file lacks one.
  /// @param room  bytes of frames that the file gets blocks for; 0 makes a small file, never from a
  ///              spare.
  /// @error kNoSpace, kIoError: the file is removed.
  Result<LogOutput> begin(uint64_t sequence, Lsn first_lsn, Epoch epoch, uint64_t room);
  /// Removes a file that was begun and not published.
  void abandon();
  /// Opens a file of the log to append to it.
  Result<LogOutput> reopen(uint64_t sequence, uint32_t seed, uint64_t offset);
  /// Gives the file that was begun its name. When this returns, the name survives a power cut.
  Status publish(uint64_t sequence);

  /// Takes files out of the log. Keeps some as spares and removes the others.
  Status retire(std::span<const uint64_t> sequences);
  /// Removes the spares, so that the folder of a small database that is idle or closed is small.
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
