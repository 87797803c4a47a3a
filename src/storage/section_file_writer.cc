#include <cstring>
#include <set>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/status_macros.h"
#include "storage/section_file.h"
#include "storage/section_format.h"

namespace omendb::storage {
namespace {

// Written in pieces of this size: large enough for the disk, small enough for the cache.
constexpr size_t kBufferBytes = 64 * kPageBytes;

template <class T>
uint32_t crc_before_last_field(const T& record) {
  const auto bytes = std::as_bytes(std::span(&record, 1));
  return crc32c::of(bytes.first(sizeof(T) - sizeof(uint32_t)));
}

class Writer final : public SectionFileWriter {
 public:
  Writer(std::shared_ptr<Env> env, std::string path, std::unique_ptr<WritableFile> file)
      : env_(std::move(env)), path_(std::move(path)), file_(std::move(file)) {
    buffer_.reserve(kBufferBytes);
  }
  ~Writer() override {
    if (finished_) return;
    file_.reset();
    env_->remove_file(path_).ignore();  // the error that led here is the one to report
  }

  Status write_header(uint32_t file_kind) {
    SectionFileHeader header{};
    header.magic = kSectionMagic;
    header.version = kSectionFormatVersion;
    header.file_kind = file_kind;
    header.page_bytes = kPageBytes;
    header.crc = crc_before_last_field(header);
    std::vector<std::byte> page(kPageBytes);
    std::memcpy(page.data(), &header, sizeof(header));
    return file_->append(page);
  }

  Status begin(SectionKey key) override {
    OMEN_CHECK(!open_ && !finished_);
    OMEN_CHECK(keys_.insert(key).second);
    open_ = true;
    entries_.push_back({key.kind, key.index, position_, 0});
    return {};
  }

  Status append(std::span<const std::byte> bytes) override {
    OMEN_CHECK(open_);
    entries_.back().length += bytes.size();
    while (!bytes.empty()) {
      const size_t take = std::min(bytes.size(), kBufferBytes - buffer_.size());
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(take));
      bytes = bytes.subspan(take);
      if (buffer_.size() == kBufferBytes) OMEN_RETURN_IF_ERROR(write_buffer());
    }
    return {};
  }

  Status end() override {
    OMEN_CHECK(open_);
    open_ = false;
    buffer_.resize(page_align(buffer_.size()));
    return write_buffer();
  }

  Result<uint64_t> finish() override {
    OMEN_CHECK(!open_ && !finished_);
    const uint64_t table_offset = position_;
    const auto table = std::as_bytes(std::span(page_crcs_));
    std::vector<std::byte> tail(table.begin(), table.end());
    tail.resize(page_align(tail.size()));
    const size_t table_bytes = tail.size();

    const auto entries = std::as_bytes(std::span(entries_));
    tail.insert(tail.end(), entries.begin(), entries.end());
    for (size_t at = 0; at < table_bytes; at += kPageBytes) {
      const uint32_t crc = crc32c::of(std::span(tail).subspan(at, kPageBytes));
      const auto raw = std::as_bytes(std::span(&crc, 1));
      tail.insert(tail.end(), raw.begin(), raw.end());
    }

    SectionFileFooter footer{};
    footer.magic = kSectionMagic;
    footer.version = kSectionFormatVersion;
    footer.section_count = static_cast<uint32_t>(entries_.size());
    footer.crc_table_offset = table_offset;
    footer.directory_offset = table_offset + table_bytes;
    footer.file_bytes = table_offset + tail.size() + sizeof(footer);
    footer.directory_crc = crc32c::of(std::span(tail).subspan(table_bytes));
    footer.crc = crc_before_last_field(footer);
    const auto raw = std::as_bytes(std::span(&footer, 1));
    tail.insert(tail.end(), raw.begin(), raw.end());

    OMEN_RETURN_IF_ERROR(file_->append(tail));
    OMEN_RETURN_IF_ERROR(file_->sync());
    OMEN_RETURN_IF_ERROR(file_->close());
    finished_ = true;
    return footer.file_bytes;
  }

 private:
  // Takes the checksum of each page of the buffer and writes the buffer, which is whole pages.
  Status write_buffer() {
    for (size_t at = 0; at < buffer_.size(); at += kPageBytes) {
      page_crcs_.push_back(crc32c::of(std::span(buffer_).subspan(at, kPageBytes)));
    }
    position_ += buffer_.size();
    OMEN_RETURN_IF_ERROR(file_->append(buffer_));
    buffer_.clear();
    return {};
  }

  const std::shared_ptr<Env> env_;
  const std::string path_;
  std::unique_ptr<WritableFile> file_;
  std::vector<std::byte> buffer_;
  std::vector<SectionEntry> entries_;
  std::set<SectionKey> keys_;
  std::vector<uint32_t> page_crcs_;
  uint64_t position_ = kPageBytes;  // where the buffer will be written
  bool open_ = false;
  bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<SectionFileWriter>> SectionFileWriter::create(std::shared_ptr<Env> env,
                                                                     std::string path,
                                                                     uint32_t file_kind) {
  OMEN_ASSIGN_OR_RETURN(auto file, env->create_file(path));
  auto writer = std::make_unique<Writer>(std::move(env), std::move(path), std::move(file));
  OMEN_RETURN_IF_ERROR(writer->write_header(file_kind));
  return std::unique_ptr<SectionFileWriter>(std::move(writer));
}

}  // namespace omendb::storage
