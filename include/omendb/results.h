// What the calls of database.h return: plain structs that own what they hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "omendb/types.h"

namespace omendb {

/// What a collection has done in the background.
enum class JobKind : uint8_t {
  kSeal = 1,   ///< vectors move from memory to a segment
  kMerge = 2,  ///< segments become one, without the dead
  kIndex = 3,  ///< an index of a segment is built
};

struct JobInfo {
  JobKind kind = JobKind::kSeal;
  uint64_t rows_done = 0;
  uint64_t rows_total = 0;
};

/// What a collection holds, as one consistent snapshot saw it.
struct CollectionInfo {
  std::string name;
  size_t dim = 0;  ///< 0 until the first add, and where the vector fields have names
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  std::vector<VectorField> fields;  ///< the vector fields that have names
  std::optional<IdKind> id_kind;    ///< none until the first add
  std::vector<std::pair<std::string, ColumnType>> columns;
  uint64_t points = 0;         ///< live points
  uint64_t memory_points = 0;  ///< rows in memtables, dead ones included
  uint64_t segments = 0;
  uint64_t segment_points = 0;  ///< rows in segments, dead ones included
  uint64_t indexed_points = 0;  ///< of those, rows with an index of at least one vector field
  uint64_t segment_bytes = 0;   ///< on disk, indexes included
  uint64_t waiting_seals = 0;   ///< full memtables that are to become segments, or are becoming one
  std::vector<JobInfo> jobs;    ///< running in the background, or in a call of compact()
};

/// The vectors of points in one field.
struct PointVectors {
  std::string field;
  size_t dim = 0;
  Element element = Element::kF32;
  std::vector<std::byte> vectors;  ///< row-major; zeros for points that have none
  /// One byte a point: 0 = it has no vector in this field. Empty: every point has one.
  std::vector<uint8_t> present;

  bool has(size_t point) const { return present.empty() || present[point] != 0; }
};

/// Points, column by column. Vectors are in the element type of the collection, or of the field.
struct Points {
  Ids ids;
  std::vector<std::byte> vectors;    ///< row-major; empty unless asked for
  size_t dim = 0;                    ///< of these vectors; 0 until the first add
  Element element = Element::kF32;   ///< of these vectors
  std::vector<PointVectors> fields;  ///< instead, where the vector fields have names
  std::vector<Column> metadata;
};

/// Hits of a batch of queries: query q owns hits [offsets[q], offsets[q + 1]), nearest first.
struct SearchResult {
  std::vector<uint64_t> offsets;
  std::vector<float> distances;
  Points points;                ///< one row a hit
  Metric metric = Metric::kL2;  ///< of the distances; with `dim`, what score() takes
  size_t dim = 0;               ///< of the vectors that were searched
};

/// What is doubtful about a filter, though it is no error: a column that no point has.
struct FilterWarning {
  std::string column;   ///< as the filter names it
  std::string message;  ///< a sentence, with the nearest name that there is
};

struct GetResult {
  std::vector<uint8_t> found;  ///< one a requested id
  Points points;               ///< one row a found id, in the order of the request
};

}  // namespace omendb
