#include "segment/segment_store.h"

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

void SegmentStore::remove_tombstones(const std::string& name) {
  env_->remove_file(path(tombstone_file(name))).ignore();
}

}  // namespace omendb::segment
