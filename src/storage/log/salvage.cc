#include "storage/log/salvage.h"

#include <algorithm>

#include "base/status_macros.h"
#include "storage/log/recovery.h"

namespace omendb::storage {

namespace {

/// Frames begin at multiples of this.
constexpr uint64_t kFrameStep = 8;

class Salvage {
 public:
  Salvage(Lsn trimmed, const LogVisitor& visit, std::vector<std::string>& lost)
      : visit_(visit), lost_(lost), last_(to_int(trimmed)) {}

  Status read(const LogInput& input) {
    const auto file = input.mapped->bytes();
    const uint64_t first = input.header.first_lsn;
    if (first > last_ + 1) tell_missing("before \"" + input.path + "\": ", first - 1);
    uint64_t offset = kLogHeaderBytes;
    uint64_t gap = 0;  // where the damage began that is being passed over; 0: none
    LogFrame frame;
    while (offset + sizeof(LogFrame) <= file.size()) {
      const bool whole = read_log_frame(file, offset, input.header.crc, frame);
      if (!whole) {
        if (gap == 0) gap = offset;
        offset += kFrameStep;
        continue;
      }
      if (frame.kind == LogFrameKind::kRecord && frame.lsn > last_) {
        if (gap != 0) tell_gap(input.path, gap, offset, frame.lsn);
        last_ = frame.lsn;
        const LogRecord record{Lsn{frame.lsn}, ShardId{frame.shard}, Epoch{frame.epoch},
                               file.subspan(offset + sizeof(frame), frame.length)};
        OMEN_RETURN_IF_ERROR(visit_(record));
      }
      gap = 0;
      offset += log_frame_bytes(frame.length);
    }
    return input.mapped->check();
  }

  /// The log held records up to `durable` at least.
  void finish(const std::string& directory, Lsn durable) {
    if (to_int(durable) > last_) tell_missing("\"" + directory + "\": ", to_int(durable));
  }

  void tell(const Status& status) { lost_.push_back(status.message()); }

 private:
  void tell_missing(const std::string& where, uint64_t until) {
    lost_.push_back(where + "the records after number " + std::to_string(last_) + " and up to " +
                    std::to_string(until) + " are missing");
  }

  void tell_gap(const std::string& path, uint64_t from, uint64_t to, uint64_t next) {
    lost_.push_back("\"" + path + "\": offsets " + std::to_string(from) + " to " +
                    std::to_string(to) + " are damaged: the records after number " +
                    std::to_string(last_) + " and before " + std::to_string(next) + " are lost");
  }

  const LogVisitor& visit_;
  std::vector<std::string>& lost_;
  uint64_t last_;
};

}  // namespace

Status salvage_log(Env& env, const std::string& directory, const LogMark& mark,
                   const LogVisitor& visit, std::vector<std::string>& lost) {
  OMEN_ASSIGN_OR_RETURN(const auto names, env.list(directory));
  std::vector<uint64_t> sequences;
  for (const std::string& name : names) {
    if (const auto sequence = log_file_sequence(name)) sequences.push_back(*sequence);
  }
  std::ranges::sort(sequences);
  Salvage salvage(mark.trimmed, visit, lost);
  for (const uint64_t sequence : sequences) {
    const auto input = open_log_file(env, join(directory, log_file_name(sequence)), sequence);
    if (input.ok()) {
      OMEN_RETURN_IF_ERROR(salvage.read(*input));
    } else {
      salvage.tell(input.status());
    }
  }
  salvage.finish(directory, mark.durable);
  return {};
}

}  // namespace omendb::storage
