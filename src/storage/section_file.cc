#include "storage/section_file.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/status_macros.h"
#include "storage/section_format.h"

namespace omendb::storage {
namespace {

// One bit a page. Relaxed is enough: a set bit publishes nothing but itself, the pages never
// change, and two threads that check one page at once merely do it twice.
class PageBits {
 public:
  explicit PageBits(uint64_t pages) : words_((pages + 63) / 64) {}
  bool test(uint64_t page) const {
    return (words_[page / 64].load(std::memory_order_relaxed) >> (page % 64) & 1) != 0;
  }
  void set(uint64_t page) {
    words_[page / 64].fetch_or(uint64_t{1} << (page % 64), std::memory_order_relaxed);
  }

 private:
  std::vector<std::atomic<uint64_t>> words_;
};

Status corrupt(const std::string& path, const std::string& what) {
  return {StatusCode::kCorruption, "\"" + path + "\": " + what};
}

template <class T>
T load(std::span<const std::byte> bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

template <class T>
bool crc_matches(const T& record) {
  const auto bytes = std::as_bytes(std::span(&record, 1));
  return record.crc == crc32c::of(bytes.first(sizeof(T) - sizeof(uint32_t)));
}

std::string name_of(const SectionEntry& entry) {
  return "section " + std::to_string(entry.kind) + "." + std::to_string(entry.index);
}

Status check_header(const std::string& path, std::span<const std::byte> bytes, uint32_t file_kind) {
  const auto header = load<SectionFileHeader>(bytes, 0);
  if (header.magic != kSectionMagic) return corrupt(path, "offset 0: not an OmenDB section file");
  // Before the checksum: a newer version may lay the rest of the header out differently.
  if (header.version > kSectionFormatVersion) {
    return {StatusCode::kUnsupportedVersion,
            "\"" + path + "\" has format version " + std::to_string(header.version) +
                "; this OmenDB reads up to " + std::to_string(kSectionFormatVersion)};
  }
  if (!crc_matches(header)) return corrupt(path, "offset 0: the header fails its checksum");
  if (header.version == 0 || header.flags != 0 || header.page_bytes != kPageBytes) {
    return corrupt(path, "offset 0: the header makes no sense");
  }
  if (header.file_kind != file_kind) {
    return corrupt(path, "is a file of kind " + std::to_string(header.file_kind) + "; expected " +
                             std::to_string(file_kind));
  }
  return {};
}

// The parts of a file, as its footer gives them.
struct Layout {
  uint64_t table_offset = 0;
  uint64_t table_pages = 0;
  uint64_t data_pages = 0;
  std::vector<SectionEntry> entries;
  std::vector<uint32_t> table_crcs;  // one for each page of the CRC table
  uint32_t directory_crc = 0;
};

Status check_entries(const std::string& path, const Layout& layout) {
  uint64_t at = kPageBytes;
  for (const SectionEntry& entry : layout.entries) {
    if (entry.offset != at || entry.length > layout.table_offset - at) {
      return corrupt(path, name_of(entry) + " lies outside the file's data");
    }
    at += page_align(entry.length);
  }
  if (at != layout.table_offset) return corrupt(path, "the directory leaves pages unaccounted for");
  return {};
}

Result<Layout> read_layout(const std::string& path, std::span<const std::byte> bytes) {
  const uint64_t footer_offset = bytes.size() - sizeof(SectionFileFooter);
  const std::string at_footer = "offset " + std::to_string(footer_offset) + ": ";
  const auto footer = load<SectionFileFooter>(bytes, footer_offset);
  if (footer.magic != kSectionMagic || !crc_matches(footer)) {
    return corrupt(path, at_footer + "the footer fails its checksum; the file is cut or damaged");
  }
  if (footer.file_bytes != bytes.size()) {
    return corrupt(path, "is " + std::to_string(bytes.size()) + " bytes; expected " +
                             std::to_string(footer.file_bytes));
  }
  Layout layout;
  layout.table_offset = footer.crc_table_offset;
  if (layout.table_offset < kPageBytes || layout.table_offset % kPageBytes != 0 ||
      footer.directory_offset < layout.table_offset || footer.directory_offset > footer_offset) {
    return corrupt(path, at_footer + "the footer makes no sense");
  }
  layout.data_pages = layout.table_offset / kPageBytes - 1;
  layout.table_pages = (layout.data_pages + kCrcsPerPage - 1) / kCrcsPerPage;
  const uint64_t entry_bytes = footer.section_count * uint64_t{sizeof(SectionEntry)};
  const uint64_t crc_bytes = layout.table_pages * sizeof(uint32_t);
  if (footer.directory_offset - layout.table_offset != layout.table_pages * kPageBytes ||
      footer_offset - footer.directory_offset != entry_bytes + crc_bytes) {
    return corrupt(path, at_footer + "the footer makes no sense");
  }
  const auto directory = bytes.subspan(footer.directory_offset, entry_bytes + crc_bytes);
  if (crc32c::of(directory) != footer.directory_crc) {
    return corrupt(path, "offset " + std::to_string(footer.directory_offset) +
                             ": the directory fails its checksum");
  }
  layout.directory_crc = footer.directory_crc;
  layout.entries.resize(footer.section_count);
  layout.table_crcs.resize(layout.table_pages);
  if (entry_bytes > 0) std::memcpy(layout.entries.data(), directory.data(), entry_bytes);
  if (crc_bytes > 0) {
    std::memcpy(layout.table_crcs.data(), directory.data() + entry_bytes, crc_bytes);
  }
  OMEN_RETURN_IF_ERROR(check_entries(path, layout));
  return layout;
}

}  // namespace

// The mapping, and which of its pages were verified. Page p of the data is at (p + 1) * kPageBytes.
struct Section::Pages {
  Pages(std::shared_ptr<const MappedFile> mapping, std::string file_path, Layout file_layout)
      : mapped(std::move(mapping)),
        path(std::move(file_path)),
        layout(std::move(file_layout)),
        data_ok(layout.data_pages),
        table_ok(layout.table_pages) {}

  Status verify_page(uint64_t page) {
    const uint64_t table_page = page / kCrcsPerPage;
    const auto file = mapped->bytes();
    if (!table_ok.test(table_page)) {
      const uint64_t offset = layout.table_offset + table_page * kPageBytes;
      if (crc32c::of(file.subspan(offset, kPageBytes)) != layout.table_crcs[table_page]) {
        return corrupt(path, "offset " + std::to_string(offset) +
                                 ": the table of page checksums fails its own");
      }
      table_ok.set(table_page);
    }
    const uint64_t offset = (page + 1) * kPageBytes;
    const auto expected = load<uint32_t>(file, layout.table_offset + page * sizeof(uint32_t));
    if (crc32c::of(file.subspan(offset, kPageBytes)) != expected) return damaged(offset);
    data_ok.set(page);
    return {};
  }

  /// The section whose bytes are at `offset`, a page of the data.
  const SectionEntry& section_at(uint64_t offset) const {
    const auto after =
        std::upper_bound(layout.entries.begin(), layout.entries.end(), offset,
                         [](uint64_t at, const SectionEntry& entry) { return at < entry.offset; });
    return *std::prev(after);
  }

  Status damaged(uint64_t offset) const {
    return corrupt(path, name_of(section_at(offset)) + ": the page at offset " +
                             std::to_string(offset) + " fails its checksum");
  }

  const std::shared_ptr<const MappedFile> mapped;
  const std::string path;
  const Layout layout;
  PageBits data_ok;
  PageBits table_ok;
};

Status Section::verify(uint64_t offset, uint64_t length) const {
  OMEN_CHECK(offset <= size() && length <= size() - offset);
  if (length == 0) return {};
  const auto start =
      static_cast<uint64_t>(bytes_.data() - pages_->mapped->bytes().data()) - kPageBytes + offset;
  const uint64_t last = (start + length - 1) / kPageBytes;
  for (uint64_t page = start / kPageBytes; page <= last; ++page) {
    if (!pages_->data_ok.test(page)) OMEN_RETURN_IF_ERROR(pages_->verify_page(page));
  }
  return {};
}

Result<std::span<const std::byte>> Section::bytes() const {
  OMEN_RETURN_IF_ERROR(verify_all());
  return bytes_;
}

namespace {

class OpenSectionFile final : public SectionFile {
 public:
  explicit OpenSectionFile(std::shared_ptr<Section::Pages> pages) : pages_(std::move(pages)) {}

  bool has(SectionKey key) const override { return find(key) != nullptr; }

  Result<Section> section(SectionKey key) const override {
    const SectionEntry* entry = find(key);
    if (entry == nullptr) {
      return corrupt(path(), "has no " + name_of({key.kind, key.index, 0, 0}));
    }
    return Section(pages_->mapped->bytes().subspan(entry->offset, entry->length), pages_);
  }

  uint64_t file_bytes() const override { return pages_->mapped->bytes().size(); }
  const std::string& path() const override { return pages_->path; }
  uint32_t checksum() const override { return pages_->layout.directory_crc; }

  void advise_random(SectionKey key) const override {
    const SectionEntry* entry = find(key);
    if (entry == nullptr) return;
    pages_->mapped->advise(entry->offset, entry->length, MappedFile::Advice::kRandom);
  }

  std::vector<Status> find_damage() const override {
    std::vector<Status> findings;
    const SectionEntry* section = nullptr;  // of the last damaged page
    uint64_t next = 0;                      // the page after it
    for (uint64_t page = 0; page < pages_->layout.data_pages; ++page) {
      Status verified = pages_->verify_page(page);
      if (verified.ok()) continue;
      const SectionEntry* here = &pages_->section_at((page + 1) * kPageBytes);
      if (here != section || page != next) findings.push_back(std::move(verified));
      section = here;
      next = page + 1;
    }
    if (Status still = check(); !still.ok()) findings.push_back(std::move(still));
    return findings;
  }

  Status check() const override {
    // Wherever a file is cut, its last bytes are gone: they read as zeros, or as a lost page.
    const auto file = pages_->mapped->bytes();
    const auto* magic = reinterpret_cast<const volatile char*>(file.data() + file.size() -
                                                               sizeof(SectionFileFooter));
    bool footer_there = true;
    for (size_t i = 0; i < kSectionMagic.size(); ++i) footer_there &= magic[i] == kSectionMagic[i];
    OMEN_RETURN_IF_ERROR(pages_->mapped->check());
    if (footer_there) return {};
    return corrupt(path(), "the footer is gone: the file was cut or overwritten while it was open");
  }

 private:
  const SectionEntry* find(SectionKey key) const {
    for (const SectionEntry& entry : pages_->layout.entries) {
      if (entry.kind == key.kind && entry.index == key.index) return &entry;
    }
    return nullptr;
  }

  const std::shared_ptr<Section::Pages> pages_;
};

}  // namespace

Result<std::shared_ptr<const SectionFile>> SectionFile::open(std::shared_ptr<Env> env,
                                                             const std::string& path,
                                                             uint32_t file_kind) {
  OMEN_ASSIGN_OR_RETURN(auto mapped, env->map_file(path));
  const auto bytes = mapped->bytes();
  if (bytes.size() < kPageBytes + sizeof(SectionFileFooter)) {
    return corrupt(path, "is " + std::to_string(bytes.size()) +
                             " bytes, too few for a section file; it is cut");
  }
  OMEN_RETURN_IF_ERROR(check_header(path, bytes, file_kind));
  OMEN_ASSIGN_OR_RETURN(auto layout, read_layout(path, bytes));
  auto pages = std::make_shared<Section::Pages>(std::move(mapped), path, std::move(layout));
  return std::shared_ptr<const SectionFile>(std::make_shared<OpenSectionFile>(std::move(pages)));
}

}  // namespace omendb::storage
