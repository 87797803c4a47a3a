// An index of a sealed segment, in a file of its own: it is built, replaced and dropped while the
// segment stays as it is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/job_control.h"
#include "codec/rabitq.h"
#include "index/part_index.h"
#include "index/partition/cells.h"
#include "segment/segment.h"
#include "storage/manifest.h"

namespace omendb::segment {

/// The values of `kind` in a manifest and an index file. Frozen.
enum class IndexKind : uint8_t {
  kCoded = 1,      ///< 1-bit codes of every row: index::CodedIndex
  kPartition = 2,  ///< rows by cells: index::partition::PartitionIndex
  kGraph = 3,      ///< rows with edges to near ones: index::graph::GraphIndex
};

/// The rows and the field of a segment that an index is made for.
struct IndexedRows {
  const Segment& segment;
  const Field& field;
  size_t place;  ///< of the field in its collection's list
  /// Partitions of the same rows, which a graph is built from; null: it makes some.
  const index::partition::Cells* cells = nullptr;

  const index::Rows& rows() const { return segment.field(place); }
};

/// Immutable and thread-safe. Opening maps the file and reads its header; all else is checked when
/// it is touched.
class SealedIndex {
 public:
  /// @error kUnsupportedVersion if this build does not know the kind, or that version of it;
  ///        kCorruption if the file is damaged, or is not the index that is `named`, of these rows;
  ///        kNotFound, kIoError.
  static Result<std::shared_ptr<const SealedIndex>> open(std::shared_ptr<storage::Env> env,
                                                         const std::string& path,
                                                         const storage::IndexMeta& named,
                                                         const IndexedRows& of);
  virtual ~SealedIndex() = default;

  const std::string& path() const { return file_->path(); }
  uint64_t file_bytes() const { return file_->file_bytes(); }

  /// Searches the rows.
  virtual const index::PartIndex& searcher() const = 0;
  /// How the rows were encoded, which suits rows to come as well; null if they were not.
  virtual std::shared_ptr<const codec::rabitq::Encoder> encoder() const { return nullptr; }
  /// The cells that the rows lie in; null if they lie in none.
  virtual const index::partition::Cells* cells() const { return nullptr; }

 protected:
  explicit SealedIndex(std::shared_ptr<const storage::SectionFile> file) : file_(std::move(file)) {}

  const std::shared_ptr<const storage::SectionFile> file_;
};

/// Whether this build can open and write indexes of the kind in that version.
bool knows_index(uint8_t kind, uint16_t version);
/// The version that write_index() writes.
uint16_t index_version(IndexKind kind);

/// Rows that have a vector; 0 if that cannot be read.
uint64_t count_vectors(const index::Rows& rows);
/// Whether an index of 1-bit codes could make searches faster.
/// @param vectors  how many the segment has in the field.
/// @param least    codes pay from this number of vectors on.
bool codes_pay(const VectorSpec& spec, uint64_t vectors, uint64_t least);

/// Whether partitions could make searches faster. @param least  they pay from this number on.
bool partitions_pay(const VectorSpec& spec, uint64_t vectors, uint64_t least);
/// Memory that building them, or a graph, takes at most.
uint64_t partition_build_bytes(const VectorSpec& spec, uint64_t vectors);
uint64_t graph_build_bytes(const VectorSpec& spec, uint64_t vectors);

/// Writes and syncs an index file (not its folder). It reads the rows by chunks, and holds no more
/// of them in memory; nor of an index of codes. Partitions and graphs are in memory until they are
/// written.
/// @param control  gets each chunk of rows as progress; may stop the work between two chunks.
/// @return the index's entry for the manifest, without its name.
/// @error kCorruption if the segment is damaged; kCancelled; kInvalidArgument if it has no vector
///        in the field, or none of which there could be such an index; kNoSpace, kIoError. No file
///        is left behind.
Result<storage::IndexMeta> write_index(std::shared_ptr<storage::Env> env, const std::string& path,
                                       IndexKind kind, const IndexedRows& of, JobControl& control);

}  // namespace omendb::segment
