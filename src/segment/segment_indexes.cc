#include "segment/segment_indexes.h"

#include <algorithm>

namespace omendb::segment {

std::vector<const index::PartIndex*> SegmentIndexes::searchers(size_t place) const {
  std::vector<const index::PartIndex*> usable;
  for (const NamedIndex& index : all_) {
    if (index.opened == nullptr || index.place != place) continue;
    const index::PartIndex& searcher = index.opened->searcher();
    if (searcher.sound()) usable.push_back(&searcher);
  }
  return usable;
}

const NamedIndex* SegmentIndexes::usable(FieldId field, IndexKind kind) const {
  const auto found = std::ranges::find_if(all_, [&](const NamedIndex& index) {
    return index.meta.field == field && index.meta.kind == static_cast<uint8_t>(kind) &&
           index.usable();
  });
  return found == all_.end() ? nullptr : &*found;
}

uint64_t SegmentIndexes::file_bytes() const {
  uint64_t bytes = 0;
  for (const NamedIndex& index : all_) bytes += index.meta.bytes;
  return bytes;
}

void SegmentIndexes::add_encoders(Encoders& encoders, size_t fields) const {
  encoders.resize(fields);
  for (const NamedIndex& index : all_) {
    if (index.opened == nullptr) continue;
    if (auto encoder = index.opened->encoder()) encoders[index.place] = std::move(encoder);
  }
}

}  // namespace omendb::segment
