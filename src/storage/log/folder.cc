#include "storage/log/folder.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <random>

#include "base/status_macros.h"

namespace omendb::storage {
namespace {

constexpr std::string_view kLogSuffix = ".wal";
constexpr std::string_view kSpareSuffix = ".spare";
constexpr std::string_view kTemporary = "next.tmp";
// Writing over a file that has its blocks costs half of growing a file (add_bench), so trimmed
// files are kept for reuse. Two are kept, because the log begins files faster than segments are
// published.
constexpr size_t kMaxSpares = 2;

uint64_t random_nonce() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

std::string log_file_name(uint64_t sequence) {
  char name[32] = {};
  std::snprintf(name, sizeof(name), "%010llu", static_cast<unsigned long long>(sequence));
  return std::string(name) + std::string(kLogSuffix);
}

std::optional<uint64_t> log_file_sequence(std::string_view name) {
  if (!name.ends_with(kLogSuffix)) return std::nullopt;
  const std::string_view digits = name.substr(0, name.size() - kLogSuffix.size());
  uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return sequence;
}

Status LogOutput::write(LogBuffer& frames, Lsn durable) {
  frames.seal(seed, durable);
  const std::span<const std::byte> all[] = {frames.bytes(), kLogEnd};
  OMEN_RETURN_IF_ERROR(file->write_at(offset, all));
  offset += frames.size();
  return {};
}

Status LogOutput::write(LogFrame frame, std::span<const std::span<const std::byte>> parts,
                        Lsn durable) {
  frame.durable_lsn = to_int(durable);
  frame.header_crc = log_frame_crc(frame, seed);
  std::vector<std::span<const std::byte>> all{std::as_bytes(std::span(&frame, 1))};
  all.insert(all.end(), parts.begin(), parts.end());
  all.push_back(std::span(kLogEnd).first(log_padding(frame.length)));
  all.emplace_back(kLogEnd);
  OMEN_RETURN_IF_ERROR(file->write_at(offset, all));
  offset += log_frame_bytes(frame.length);
  return {};
}

Status LogOutput::write_in_pieces(LogFrame frame, std::span<const std::span<const std::byte>> parts,
                                  Lsn durable, std::span<std::byte> piece) {
  uint64_t at = offset + sizeof(frame);
  frame.payload_crc = 0;
  size_t filled = 0;
  const auto write_piece = [&]() -> Status {
    const auto bytes = piece.first(filled);
    frame.payload_crc = crc32c::extend(frame.payload_crc, bytes);
    OMEN_RETURN_IF_ERROR(file->write_at(at, bytes));
    at += filled;
    filled = 0;
    return {};
  };
  for (auto part : parts) {
    while (!part.empty()) {
      const size_t n = std::min(part.size(), piece.size() - filled);
      std::memcpy(piece.data() + filled, part.data(), n);
      filled += n;
      part = part.subspan(n);
      if (filled == piece.size()) OMEN_RETURN_IF_ERROR(write_piece());
    }
  }
  OMEN_RETURN_IF_ERROR(write_piece());
  const std::span<const std::byte> end[] = {std::span(kLogEnd).first(log_padding(frame.length)),
                                            kLogEnd};
  OMEN_RETURN_IF_ERROR(file->write_at(at, end));
  frame.durable_lsn = to_int(durable);
  frame.header_crc = log_frame_crc(frame, seed);
  OMEN_RETURN_IF_ERROR(file->write_at(offset, std::as_bytes(std::span(&frame, 1))));
  offset += log_frame_bytes(frame.length);
  return {};
}

Status LogOutput::write_continued(Lsn first) {
  LogFrame frame{
      .lsn = to_int(first), .durable_lsn = to_int(first) - 1, .kind = LogFrameKind::kContinued};
  frame.header_crc = log_frame_crc(frame, seed);
  OMEN_RETURN_IF_ERROR(file->write_at(offset, std::as_bytes(std::span(&frame, 1))));
  return file->sync();
}

Result<LogOutput> LogFolder::reopen(uint64_t sequence, uint32_t seed, uint64_t offset) {
  OMEN_ASSIGN_OR_RETURN(auto file, env_->reopen_file(path(sequence)));
  return LogOutput{std::move(file), sequence, seed, offset};
}

Result<std::vector<uint64_t>> LogFolder::scan() {
  OMEN_ASSIGN_OR_RETURN(const bool there, env_->exists(directory_));
  if (!there) OMEN_RETURN_IF_ERROR(env_->make_directory(directory_));
  OMEN_ASSIGN_OR_RETURN(const auto names, env_->list(directory_));
  std::vector<uint64_t> sequences;
  for (const std::string& name : names) {
    if (const auto sequence = log_file_sequence(name)) {
      sequences.push_back(*sequence);
    } else if (name.ends_with(kSpareSuffix) && spares_.size() < kMaxSpares) {
      spares_.push_back(join(directory_, name));
    } else if (name == kTemporary || name.ends_with(kSpareSuffix)) {
      OMEN_RETURN_IF_ERROR(env_->remove_file(join(directory_, name)));
    }
  }
  // Also if the folder was there: an earlier opening may have failed between making and syncing it.
  if (sequences.empty()) {
    OMEN_RETURN_IF_ERROR(env_->sync_directory(parent_directory(directory_)));
  }
  std::ranges::sort(sequences);
  return sequences;
}

Result<std::unique_ptr<WritableFile>> LogFolder::take_spare(const std::string& path) {
  const std::string spare = spares_.back();
  spares_.pop_back();
  OMEN_RETURN_IF_ERROR(env_->rename(spare, path));
  return env_->reopen_file(path);
}

Result<LogOutput> LogFolder::begin(uint64_t sequence, Lsn first_lsn, Epoch epoch, uint64_t room) {
  auto begun = write_header(sequence, first_lsn, epoch, room);
  if (!begun.ok()) abandon();
  return begun;
}

void LogFolder::abandon() {
  env_->remove_file(join(directory_, kTemporary)).ignore();
}

Result<LogOutput> LogFolder::write_header(uint64_t sequence, Lsn first_lsn, Epoch epoch,
                                          uint64_t room) {
  const std::string path = join(directory_, kTemporary);
  const bool anew = room == 0 || spares_.empty();
  OMEN_ASSIGN_OR_RETURN(auto file, anew ? env_->create_file(path) : take_spare(path));
  OMEN_RETURN_IF_ERROR(file->reserve(kLogHeaderBytes + std::max(room, sizeof(LogFrame))));
  LogFileHeader header{};
  header.magic = kLogMagic;
  header.version = kLogFormatVersion;
  header.sequence = sequence;
  header.first_lsn = to_int(first_lsn);
  header.nonce = random_nonce();
  header.epoch = to_int(epoch);
  header.crc = log_header_crc(header);
  // The header's page, and zeros where the first record would be: the log ends there.
  std::array<std::byte, kLogHeaderBytes + sizeof(LogFrame)> start{};
  std::memcpy(start.data(), &header, sizeof(header));
  OMEN_RETURN_IF_ERROR(file->write_at(0, start));
  OMEN_RETURN_IF_ERROR(file->sync());
  return LogOutput{std::move(file), sequence, header.crc, kLogHeaderBytes};
}

Status LogFolder::publish(uint64_t sequence) {
  OMEN_RETURN_IF_ERROR(env_->rename(join(directory_, kTemporary), path(sequence)));
  return env_->sync_directory(directory_);
}

Status LogFolder::retire(std::span<const uint64_t> sequences) {
  std::vector<std::string> spares;
  for (const uint64_t sequence : sequences) {
    const std::string file = path(sequence);
    OMEN_ASSIGN_OR_RETURN(const uint64_t size, env_->file_size(file));
    const bool worth_keeping = size >= file_bytes_ / 2 && size <= file_bytes_ * 2;
    if (worth_keeping && spares_.size() + spares.size() < kMaxSpares) {
      spares.push_back(file.substr(0, file.size() - kLogSuffix.size()) + std::string(kSpareSuffix));
      OMEN_RETURN_IF_ERROR(env_->rename(file, spares.back()));
    } else {
      OMEN_RETURN_IF_ERROR(env_->remove_file(file));
    }
  }
  // Before a spare is written over: its old name must not come back and show another file's header.
  if (!sequences.empty()) OMEN_RETURN_IF_ERROR(env_->sync_directory(directory_));
  spares_.insert(spares_.end(), spares.begin(), spares.end());
  return {};
}

void LogFolder::remove_spares() {
  for (const std::string& spare : spares_) env_->remove_file(spare).ignore();
  spares_.clear();
}

}  // namespace omendb::storage
