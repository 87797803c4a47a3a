// The one container format of OmenDB's immutable files: a header, sections, a directory of them,
// a footer. Every 4 KiB page of a section has its CRC32C; pages are verified when they are first
// touched, so opening reads little and no answer uses damaged bytes. Format: docs/format.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "omendb/status.h"
#include "storage/env.h"

namespace omendb::storage {

/// Names a section inside a file: its kind, and which of several it is (a column's number).
struct SectionKey {
  uint32_t kind = 0;
  uint32_t index = 0;
  auto operator<=>(const SectionKey&) const = default;
};

/// Writes a new file front to back. On any error, or destruction before finish(), the file is
/// removed.
class SectionFileWriter {
 public:
  static Result<std::unique_ptr<SectionFileWriter>> create(std::shared_ptr<Env> env,
                                                           std::string path, uint32_t file_kind);
  virtual ~SectionFileWriter() = default;
  /// Starts a section, aligned to 4 KiB in the file. Sections do not nest.
  virtual Status begin(SectionKey key) = 0;
  virtual Status append(std::span<const std::byte> bytes) = 0;
  virtual Status end() = 0;
  /// Writes directory and footer and syncs the file (the caller syncs the folder).
  /// @return the file's size.
  virtual Result<uint64_t> finish() = 0;
};

/// A mapped section. A cheap view; keeps its file alive. Thread-safe.
class Section {
 public:
  Section() = default;
  uint64_t size() const { return bytes_.size(); }
  /// The bytes, unchecked: pass through verify() before their values are used.
  std::span<const std::byte> unchecked() const { return bytes_; }
  /// Checks the pages that hold [offset, offset + length). A page is checked once while the file is
  /// open.
  /// @error kCorruption naming file, section and offset.
  Status verify(uint64_t offset, uint64_t length) const;
  Status verify_all() const { return verify(0, size()); }
  /// The bytes after verify_all().
  Result<std::span<const std::byte>> bytes() const;

  struct Pages;  // which pages were checked
  Section(std::span<const std::byte> bytes, std::shared_ptr<Pages> pages)
      : bytes_(bytes), pages_(std::move(pages)) {}

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<Pages> pages_;
};

/// An open file. Immutable and thread-safe.
class SectionFile {
 public:
  /// @error kCorruption, kUnsupportedVersion, kNotFound, kIoError.
  static Result<std::shared_ptr<const SectionFile>> open(std::shared_ptr<Env> env,
                                                         const std::string& path,
                                                         uint32_t file_kind);
  virtual ~SectionFile() = default;
  virtual bool has(SectionKey key) const = 0;
  /// @error kCorruption if there is none.
  virtual Result<Section> section(SectionKey key) const = 0;
  virtual uint64_t file_bytes() const = 0;
  virtual const std::string& path() const = 0;
  /// CRC of the directory, and so of the checksums of all pages: it identifies the file's contents.
  virtual uint32_t checksum() const = 0;
  virtual void advise_random(SectionKey key) const = 0;
  /// Says whether the file is still as it was when it was opened. Call it after the last read and
  /// before the answer is used: verified pages are not verified again, and a file that was cut
  /// since reads as zeros. Takes one memory access.
  /// @error kIoError, kCorruption; each names the file.
  virtual Status check() const = 0;
  /// Reads and verifies every page, also pages that were verified before. Adjacent damaged pages of
  /// a section make one finding.
  /// @return a kCorruption or kIoError for each finding, in the order of the file; empty if the
  /// file
  ///         is sound.
  virtual std::vector<Status> find_damage() const = 0;
};

}  // namespace omendb::storage
