// Reading a log that another process is writing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/env.h"
#include "storage/log/folder.h"
#include "storage/log/log.h"

namespace omendb::storage {

/// Reads the records of a log folder while another process appends, begins files, trims them and
/// writes over spares. It takes no lock and writes nothing, so the writer does not notice it.
///
/// A record counts as soon as its frame is whole in the file: a moment before the writer
/// acknowledges it. A writer that is killed leaves the frame in the system's cache, and the next
/// one keeps every whole frame, so what was read stays read. Only a failed flush can take a record
/// back; read() finds that out and says so.
///
/// One thread at a time.
class LogFollower final : public LogReader {
 public:
  /// @param from  records up to here are not wanted.
  LogFollower(std::shared_ptr<Env> env, std::string directory, Lsn from);

  /// Costs two to three calls of the operating system.
  Result<bool> has_news() const override;
  Result<Outcome> read(const LogVisitor& visit) override;
  /// Reads the rest of the file that is being read. Errors name file and offset.
  Status check_end(const LogMark& mark) override;
  Lsn position() const override { return position_; }
  uint64_t parts_opened() const override { return files_opened_; }

 private:
  /// The file that is being read.
  struct Source {
    std::unique_ptr<ReadableFile> file;
    std::string path;
    LogFileHeader header{};
    uint64_t offset = kLogHeaderBytes;  // of the next frame
    uint64_t next = 0;                  // its LSN
  };
  /// Why the reading of the source stopped.
  enum class Stop : uint8_t {
    kNoMore,  ///< it has no more records so far
    kEnded,   ///< it has no more records, and the log continues in the next file
    kLost,    ///< a record that was visited was taken back
  };
  /// Whether find_source() found another source.
  enum class Switch : uint8_t { kMoved, kNone, kLost };

  std::string path(uint64_t sequence) const { return join(directory_, log_file_name(sequence)); }
  Result<std::vector<uint64_t>> sequences() const;
  Result<std::optional<Source>> open_source(uint64_t sequence) const;
  Result<Switch> find_source();
  Result<bool> superseded() const;
  Result<bool> continues_elsewhere() const;
  Status check_rest();
  Result<uint64_t> end_of_frames() const;
  Result<Stop> visit_frames(const LogVisitor& visit);
  Result<bool> next_frame(LogFrame& frame, std::span<const std::byte>& payload);
  Status refill(uint64_t bytes);

  const std::shared_ptr<Env> env_;
  const std::string directory_;
  Lsn position_;
  Epoch epoch_{};  // of the record at position_, if it was visited
  bool visited_ = false;
  std::optional<Source> source_;
  uint64_t files_opened_ = 0;
  std::vector<std::byte> buffer_;  // of the source, from buffer_offset_
  uint64_t buffer_offset_ = 0;
};

}  // namespace omendb::storage
