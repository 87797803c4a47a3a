// The results of the calls of database.h: plain structs that own their data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "omendb/types.h"

namespace omendb {

/// The kinds of background work.
enum class JobKind : uint8_t {
  kSeal = 1,   ///< moves points from memory to a segment
  kMerge = 2,  ///< merges segments into one, without deleted points
  kIndex = 3,  ///< builds an index of a segment
};

struct JobInfo {
  JobKind kind = JobKind::kSeal;
  uint64_t rows_done = 0;
  uint64_t rows_total = 0;
};

/// The state of a collection in one consistent snapshot.
struct CollectionInfo {
  std::string name;
  size_t dim = 0;  ///< 0 until the first add, and if the vector fields have names
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  std::vector<VectorField> fields;  ///< the named vector fields
  std::optional<IdKind> id_kind;    ///< none until the first add
  std::vector<std::pair<std::string, ColumnType>> columns;
  uint64_t points = 0;         ///< live points
  uint64_t memory_points = 0;  ///< rows in memtables, dead ones included
  uint64_t segments = 0;
  uint64_t segment_points = 0;  ///< rows in segments, dead ones included
  uint64_t indexed_points = 0;  ///< of those, rows with an index of at least one vector field
  uint64_t segment_bytes = 0;   ///< on disk, indexes included
  uint64_t waiting_seals = 0;   ///< full memtables that are not segments yet
  std::vector<JobInfo> jobs;    ///< that run in the background or in a compact()
};

/// The vectors of points in one field.
struct PointVectors {
  std::string field;
  size_t dim = 0;
  Element element = Element::kF32;
  std::vector<std::byte> vectors;  ///< row-major; zeros for points that have none
  /// One byte a point: 0 = the point has no vector in this field. Empty: every point has one.
  std::vector<uint8_t> present;

  bool has(size_t point) const { return present.empty() || present[point] != 0; }
};

/// Points, column by column. Vectors are in the element type of the collection, or of the field.
struct Points {
  Ids ids;
  std::vector<std::byte> vectors;    ///< row-major; empty unless asked for
  size_t dim = 0;                    ///< of these vectors; 0 until the first add
  Element element = Element::kF32;   ///< of these vectors
  std::vector<PointVectors> fields;  ///< used instead if the vector fields have names
  std::vector<Column> metadata;
};

/// Hits of a batch of queries: query q owns hits [offsets[q], offsets[q + 1]), nearest first.
struct SearchResult {
  std::vector<uint64_t> offsets;
  std::vector<float> distances;
  Points points;                ///< one row a hit
  Metric metric = Metric::kL2;  ///< of the distances; score() takes it and `dim`
  size_t dim = 0;               ///< of the vectors that were searched
};

/// How much of the truth searches find: Collection::measure_recall().
struct RecallReport {
  /// The mean share of a query's true neighbours that its search found; 1 if no query has any.
  double recall = 1;
  /// The range in which the mean of many such queries lies, with a probability of 95 %.
  double low = 0;
  double high = 1;
  uint64_t queries = 0;           ///< that have a true neighbour, and so are in the mean
  size_t k = 0;                   ///< neighbours asked for
  double microseconds = 0;        ///< median time of one search
  double exact_microseconds = 0;  ///< mean time of one exact answer in a batch of many
};

/// A filter names a column that no point has. That is allowed, but may be a typing mistake.
struct FilterWarning {
  std::string column;   ///< as the filter names it
  std::string message;  ///< a sentence; suggests the most similar name of a column
};

struct GetResult {
  std::vector<uint8_t> found;  ///< one a requested id
  Points points;               ///< one row a found id, in the order of the request
};

}  // namespace omendb
