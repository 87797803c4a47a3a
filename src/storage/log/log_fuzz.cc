// A log file of any bytes: opening it ends in an error or in a log that takes a record and gives it
// back. The checksums of the first frames are repaired, so that the fuzzer gets past them.
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "storage/log/file_log.h"
#include "storage/log/format.h"

namespace omendb::storage {
namespace {

std::vector<std::byte> with_good_checksums(std::span<const std::byte> body) {
  std::vector<std::byte> file(kLogHeaderBytes);
  LogFileHeader header{};
  header.magic = kLogMagic;
  header.version = kLogFormatVersion;
  header.sequence = 1;
  header.first_lsn = 1;
  header.crc = log_header_crc(header);
  std::memcpy(file.data(), &header, sizeof(header));
  file.insert(file.end(), body.begin(), body.end());
  for (uint64_t at = kLogHeaderBytes; at + sizeof(LogFrame) <= file.size();) {
    LogFrame frame;
    std::memcpy(&frame, file.data() + at, sizeof(frame));
    const uint64_t left = file.size() - at - sizeof(frame);
    if (frame.length <= left) {
      frame.payload_crc = crc32c::of(std::span(file).subspan(at + sizeof(frame), frame.length));
    }
    frame.header_crc = log_frame_crc(frame, header.crc);
    std::memcpy(file.data() + at, &frame, sizeof(frame));
    if (frame.length > left) break;
    at += log_frame_bytes(frame.length);
  }
  return file;
}

void try_open(std::span<const std::byte> file) {
  const auto env = Env::in_memory();
  OMEN_CHECK(env->make_directory("wal").ok());
  auto written = env->create_file("wal/0000000001.wal");
  OMEN_CHECK((*written)->append(file).ok());
  LogRecovery recovery;
  Lsn expected{0};
  const auto replay = [&](const LogRecord& record) {
    OMEN_CHECK(record.position == next(expected));
    expected = record.position;
    return Status();
  };
  auto log = FileLog::open(env, "wal", {}, {}, replay, &recovery);
  if (!log.ok()) return;
  OMEN_CHECK(recovery.last == expected);
  const std::span<const std::byte> part = as_bytes("next");
  const auto lsn = (*log)->append(ShardId{}, std::span(&part, 1));
  OMEN_CHECK(lsn.ok() && (*log)->wait_durable(*lsn).ok());
  log->reset();
  expected = Lsn{0};
  OMEN_CHECK(FileLog::open(env, "wal", {}, {}, replay, &recovery).ok());
  OMEN_CHECK(recovery.last == *lsn);
}

}  // namespace
}  // namespace omendb::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  omendb::storage::try_open(bytes);
  omendb::storage::try_open(omendb::storage::with_good_checksums(bytes));
  return 0;
}
