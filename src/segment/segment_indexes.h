// All indexes that a manifest names for one segment, and which of them could be opened.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "segment/sealed_index.h"

namespace omendb::segment {

/// An index as the manifest names it.
struct NamedIndex {
  storage::IndexMeta meta;
  std::shared_ptr<const SealedIndex> opened;  ///< null: `problem` says why
  Status problem;
  size_t place = 0;  ///< of its field, if it was opened

  bool usable() const { return opened != nullptr && opened->searcher().sound(); }
};

/// Immutable and thread-safe; whether an index is sound may change.
class SegmentIndexes {
 public:
  SegmentIndexes() = default;
  explicit SegmentIndexes(std::vector<NamedIndex> all) : all_(std::move(all)) {}

  std::span<const NamedIndex> all() const { return all_; }
  /// @param place  of the field.
  /// @return the usable indexes of the field.
  std::vector<const index::PartIndex*> searchers(size_t place) const;
  /// @return null if there is no usable index of that field and kind.
  const NamedIndex* usable(FieldId field, IndexKind kind) const;
  uint64_t file_bytes() const;
  /// Puts the encoders of the indexes into `encoders`, by the field's place;
  /// SealedIndex::encoder().
  /// @param fields  how many the collection has.
  void add_encoders(Encoders& encoders, size_t fields) const;

 private:
  std::vector<NamedIndex> all_;
};

}  // namespace omendb::segment
