// Any bytes as a section file: opening and verifying every section that it names ends in an error
// or in bytes that lie inside the file. The footer, the directory and the header get checksums that
// fit, so that the fuzzer gets past them.
#include <cstring>

#include "base/check.h"
#include "base/crc32c.h"
#include "storage/section_file.h"
#include "storage/section_format.h"

namespace omendb::storage {
namespace {

void try_open(std::span<const std::byte> bytes) {
  const auto env = Env::in_memory();
  auto written = env->create_file("file");
  OMEN_CHECK((*written)->append(bytes).ok());
  const auto file = SectionFile::open(env, "file", 1);
  if (!file.ok()) return;
  for (uint32_t kind = 0; kind < 8; ++kind) {
    for (uint32_t index = 0; index < 4; ++index) {
      const auto section = (*file)->section({kind, index});
      if (!section.ok()) continue;
      OMEN_CHECK(section->size() <= bytes.size());
      const auto content = section->bytes();
      uint32_t crc = 0;  // touches every byte
      if (content.ok()) crc = crc32c::of(*content);
      (void)crc;
    }
  }
}

template <class T>
void seal(std::vector<std::byte>& file, size_t at) {
  T record;
  std::memcpy(&record, file.data() + at, sizeof(record));
  record.magic = kSectionMagic;
  record.version = kSectionFormatVersion;
  const auto raw = std::as_bytes(std::span(&record, 1));
  record.crc = crc32c::of(raw.first(sizeof(record) - sizeof(uint32_t)));
  std::memcpy(file.data() + at, &record, sizeof(record));
}

// A header page, then the input, whose last 64 bytes become the footer.
std::vector<std::byte> with_good_checksums(std::span<const std::byte> body) {
  std::vector<std::byte> file(kPageBytes);
  SectionFileHeader header{};
  header.file_kind = 1;
  header.page_bytes = kPageBytes;
  std::memcpy(file.data(), &header, sizeof(header));
  seal<SectionFileHeader>(file, 0);
  file.insert(file.end(), body.begin(), body.end());
  if (body.size() < sizeof(SectionFileFooter)) file.resize(kPageBytes + sizeof(SectionFileFooter));
  const size_t at = file.size() - sizeof(SectionFileFooter);
  SectionFileFooter footer;
  std::memcpy(&footer, file.data() + at, sizeof(footer));
  footer.file_bytes = file.size();
  if (footer.directory_offset <= at) {
    footer.directory_crc = crc32c::of(std::span(file).first(at).subspan(footer.directory_offset));
  }
  std::memcpy(file.data() + at, &footer, sizeof(footer));
  seal<SectionFileFooter>(file, at);
  return file;
}

}  // namespace
}  // namespace omendb::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  omendb::storage::try_open(bytes);
  omendb::storage::try_open(omendb::storage::with_good_checksums(bytes));
  return 0;
}
