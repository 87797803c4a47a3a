#include "segment/segment_store.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace omendb::segment {

Result<WrittenSegment> SegmentStore::write(const std::string& name, const Fields& fields,
                                           IdKind id_kind, const column::Schema& schema,
                                           std::span<const WriteSource> sources,
                                           const WriteOptions& options) {
  return write_segment(env_, path(segment_file(name)), fields, id_kind, schema, sources, options);
}

Result<std::shared_ptr<const Segment>> SegmentStore::open(const std::string& name,
                                                          const Fields& fields, IdKind id_kind) {
  return Segment::open(env_, path(segment_file(name)), fields, id_kind);
}

std::shared_ptr<const SegmentIndexes> SegmentStore::open_indexes(
    std::span<const storage::IndexMeta> named, const Segment& segment, const Fields& fields,
    const SegmentIndexes* before) {
  std::vector<NamedIndex> all;
  for (const storage::IndexMeta& meta : named) {
    if (before != nullptr) {
      const auto same = std::ranges::find(before->all(), meta, &NamedIndex::meta);
      if (same != before->all().end()) {
        all.push_back(*same);
        continue;
      }
    }
    NamedIndex& index = all.emplace_back();
    index.meta = meta;
    const auto field = std::ranges::find(fields, meta.field, &Field::id);
    if (field == fields.end()) {
      index.problem = {StatusCode::kCorruption,
                       "\"" + path(index_file(meta.name)) + "\": the manifest says that it is of " +
                           "vector field " + std::to_string(to_int(meta.field)) +
                           ", which its collection lacks"};
      continue;
    }
    index.place = static_cast<size_t>(field - fields.begin());
    auto opened =
        SealedIndex::open(env_, path(index_file(meta.name)), meta, {segment, *field, index.place});
    index.problem = opened.status();
    if (opened.ok()) index.opened = *std::move(opened);
  }
  return std::make_shared<SegmentIndexes>(std::move(all));
}

Result<NamedIndex> SegmentStore::write_index(const std::string& name, IndexKind kind,
                                             const IndexedRows& of, JobControl& control) {
  NamedIndex index;
  const std::string file = path(index_file(name));
  OMEN_ASSIGN_OR_RETURN(index.meta, segment::write_index(env_, file, kind, of, control));
  index.meta.name = name;
  OMEN_ASSIGN_OR_RETURN(index.opened, SealedIndex::open(env_, file, index.meta, of));
  index.place = of.place;
  return index;
}

Status SegmentStore::write_tombstones(const std::string& name, const Tombstones& dead) {
  return segment::write_tombstones(env_, path(tombstone_file(name)), dead);
}

Result<std::shared_ptr<const Tombstones>> SegmentStore::read_tombstones(const std::string& name,
                                                                        uint32_t rows) {
  return segment::read_tombstones(env_, path(tombstone_file(name)), rows);
}

void SegmentStore::remove_segment(const std::string& name) {
  env_->remove_file(path(segment_file(name))).ignore();
}

void SegmentStore::remove_index(const std::string& name) {
  env_->remove_file(path(index_file(name))).ignore();
}

void SegmentStore::remove_tombstones(const std::string& name) {
  env_->remove_file(path(tombstone_file(name))).ignore();
}

}  // namespace omendb::segment
