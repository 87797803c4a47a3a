// The folder that holds a database's segment, tombstone and index files.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "segment/segment_indexes.h"
#include "segment/segment_writer.h"

namespace omendb::segment {

/// Thread-safe. Names are those of files without their extension.
class SegmentStore {
 public:
  SegmentStore(std::shared_ptr<storage::Env> env, std::string directory)
      : env_(std::move(env)), directory_(std::move(directory)) {}

  Result<WrittenSegment> write(const std::string& name, const Fields& fields, IdKind id_kind,
                               const column::Schema& schema, std::span<const WriteSource> sources,
                               const WriteOptions& options);
  Result<std::shared_ptr<const Segment>> open(const std::string& name, const Fields& fields,
                                              IdKind id_kind);
  /// Opens the indexes that a manifest names. An index that cannot be opened is no error: the
  /// result says why.
  /// @param before  of the same segment; those of its indexes that are still named are taken from
  ///                it. May be null.
  std::shared_ptr<const SegmentIndexes> open_indexes(std::span<const storage::IndexMeta> named,
                                                     const Segment& segment, const Fields& fields,
                                                     const SegmentIndexes* before = nullptr);
  /// Writes an index and opens it.
  Result<NamedIndex> write_index(const std::string& name, IndexKind kind, const IndexedRows& of,
                                 JobControl& control);
  Status write_tombstones(const std::string& name, const Tombstones& dead);
  Result<std::shared_ptr<const Tombstones>> read_tombstones(const std::string& name, uint32_t rows);
  /// Makes the names of written files durable.
  Status sync_names() { return env_->sync_directory(directory_); }

  /// Removes files that nothing durable names any more. A failure leaves garbage that the next
  /// open() of the database removes, so it is not an error.
  void remove_segment(const std::string& name);
  void remove_tombstones(const std::string& name);
  void remove_index(const std::string& name);

  static std::string segment_file(std::string_view name) { return std::string(name) + ".seg"; }
  static std::string tombstone_file(std::string_view name) { return std::string(name) + ".del"; }
  static std::string index_file(std::string_view name) { return std::string(name) + ".idx"; }

 private:
  std::string path(const std::string& file) const { return storage::join(directory_, file); }

  const std::shared_ptr<storage::Env> env_;
  const std::string directory_;
};

}  // namespace omendb::segment
