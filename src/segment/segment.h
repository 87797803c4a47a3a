// A sealed segment: an immutable, mapped file of rows in the order of their ids.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "segment/byte_codes.h"
#include "segment/row_source.h"
#include "segment/tombstones.h"
#include "segment/vector_spec.h"
#include "storage/section_file.h"

namespace omendb::segment {

/// Kinds of sections in a segment file; columns have 100 and up (columns.h). Frozen: see
/// docs/format.md, "Segment sections".
enum class SectionKind : uint32_t {
  kHeader = 1,
  kIds = 2,         // u64 ids: rows x u64
  kIdOffsets = 3,   // string ids: rows + 1 x u64
  kIdBytes = 4,     // string ids: UTF-8
  kVectors = 10,    // rows x row_bytes
  kCenter = 11,     // dim x f32; coded segments only
  kCodes = 12,      // ceil(rows / 32) x block_bytes; coded segments only
  kTombstones = 50  // tombstone files: ascending u32 slots
};
constexpr storage::SectionKey key(SectionKind kind) {
  return {static_cast<uint32_t>(kind), 0};
}

inline constexpr uint32_t kSegmentFileKind = 1;
inline constexpr uint32_t kTombstoneFileKind = 2;

/// Section kHeader. docs/format.md, "Segment sections".
struct SegmentHeader {
  uint32_t version;
  uint8_t metric;
  uint8_t element;
  uint8_t id_kind;
  uint8_t coded;
  uint64_t dim;
  uint64_t rows;
  uint64_t rotation_seed;
  uint64_t min_id;  // u64 ids only
  uint64_t max_id;
};
static_assert(sizeof(SegmentHeader) == 48 && offsetof(SegmentHeader, max_id) == 40);
inline constexpr uint32_t kSegmentVersion = 1;
/// Rows of a segment: slots are u32, and loops may count past the last.
inline constexpr uint32_t kMaxSegmentRows = UINT32_MAX / 2;

/// Opening maps the file and reads its header and center; all else is read, and checked, when it
/// is touched. Thread-safe.
class Segment final : public RowSource {
 public:
  /// @error kCorruption if the file is damaged or is not a segment of such vectors and ids.
  static Result<std::shared_ptr<const Segment>> open(std::shared_ptr<storage::Env> env,
                                                     const std::string& path,
                                                     const VectorSpec& spec, IdKind id_kind);

  const std::string& path() const { return file_->path(); }
  uint64_t file_bytes() const { return file_->file_bytes(); }
  std::shared_ptr<const codec::rabitq::Encoder> shared_encoder() const { return encoder_; }

  uint32_t rows() const override { return rows_; }
  Result<RowRun> vectors(uint32_t first, uint32_t count,
                         const uint64_t* mask = nullptr) const override;
  Status locate(std::span<const uint32_t> slots, const std::byte** out) const override;
  const codec::rabitq::Encoder* encoder() const override { return encoder_.get(); }
  uint32_t coded_rows() const override { return encoder_ == nullptr ? 0 : rows_; }
  Result<const std::byte*> codes() const override;
  bool keeps_byte_codes() const override { return byte_codes_->useful(); }
  codec::sq8::Codes byte_codes(const RowRun& vectors) const override;
  Result<IdView> id(uint32_t slot) const override;
  bool in_id_order() const override { return true; }
  Status read_ids(uint32_t first, std::span<uint64_t> out) const override;
  Status read_ids(uint32_t first, std::span<std::string_view> out) const override;
  Result<std::optional<uint32_t>> find(const IdView& id) const override;
  bool before(uint32_t a, uint32_t b) const override { return a < b; }
  const column::SealedColumns& columns() const override { return *columns_; }
  Status check() const override { return file_->check(); }

 private:
  Segment() = default;
  Status load_ids(uint64_t min_id, uint64_t max_id);
  Status load_vectors();
  Status verify_masked(uint32_t first, uint32_t count, const uint64_t* mask) const;

  std::shared_ptr<const storage::SectionFile> file_;
  VectorSpec spec_;
  IdKind id_kind_ = IdKind::kU64;
  uint32_t rows_ = 0;
  uint64_t min_id_ = 0;
  uint64_t max_id_ = 0;
  storage::Section ids_;  // u64 ids, or the offsets of string ids
  storage::Section id_bytes_;
  storage::Section vectors_;
  storage::Section codes_;
  std::shared_ptr<const codec::rabitq::Encoder> encoder_;
  std::unique_ptr<ByteCodes> byte_codes_;
  std::unique_ptr<column::SealedColumns> columns_;
};

/// Tombstones are kept in a file of their own, replaced whole: docs/format.md, "Tombstone files".
Status write_tombstones(std::shared_ptr<storage::Env> env, const std::string& path,
                        const Tombstones& dead);
Result<std::shared_ptr<const Tombstones>> read_tombstones(std::shared_ptr<storage::Env> env,
                                                          const std::string& path, uint32_t rows);

}  // namespace omendb::segment
