// A sealed segment: an immutable, mapped file of rows in the order of their ids.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "segment/growing_vectors.h"
#include "segment/sealed_vectors.h"
#include "segment/segment_format.h"
#include "segment/tombstones.h"

namespace omendb::segment {

/// Opening maps the file and reads its header; all else is read, and checked, when it is touched.
/// Indexes of its rows are not part of it: sealed_index.h. Thread-safe.
class Segment final : public RowSource {
 public:
  /// @error kCorruption if the file is damaged or is not a segment of such fields and ids.
  static Result<std::shared_ptr<const Segment>> open(std::shared_ptr<storage::Env> env,
                                                     const std::string& path, const Fields& fields,
                                                     IdKind id_kind);

  const std::string& path() const { return file_->path(); }
  uint64_t file_bytes() const { return file_->file_bytes(); }
  /// Tells the file from others: SectionFile::checksum().
  uint32_t checksum() const { return file_->checksum(); }

  uint32_t rows() const override { return rows_; }
  const index::Rows& field(size_t field) const override { return fields_[field]; }
  const index::PartIndex* index(size_t /*field*/) const override { return nullptr; }
  Result<IdView> id(uint32_t slot) const override;
  bool in_id_order() const override { return true; }
  Status read_ids(uint32_t first, std::span<uint64_t> out) const override;
  Status read_ids(uint32_t first, std::span<std::string_view> out) const override;
  Result<std::optional<uint32_t>> find(const IdView& id) const override;
  const column::SealedColumns& columns() const override { return *columns_; }
  Status check() const override { return file_->check(); }

 private:
  Segment() = default;
  Status load_ids(uint64_t min_id, uint64_t max_id);

  std::shared_ptr<const storage::SectionFile> file_;
  IdKind id_kind_ = IdKind::kU64;
  uint32_t rows_ = 0;
  uint64_t min_id_ = 0;
  uint64_t max_id_ = 0;
  storage::Section ids_;  // u64 ids, or the offsets of string ids
  storage::Section id_bytes_;
  std::vector<SealedVectors> fields_;
  std::unique_ptr<column::SealedColumns> columns_;
};

/// Tombstones are kept in a file of their own, replaced whole: docs/format.md, "Tombstone files".
Status write_tombstones(std::shared_ptr<storage::Env> env, const std::string& path,
                        const Tombstones& dead);
Result<std::shared_ptr<const Tombstones>> read_tombstones(std::shared_ptr<storage::Env> env,
                                                          const std::string& path, uint32_t rows);

}  // namespace omendb::segment
