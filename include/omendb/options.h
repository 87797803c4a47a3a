// The options and batches that the calls of database.h take: plain structs, filled by name, with
// stated defaults and limits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/executor.h"
#include "omendb/filter.h"
#include "omendb/types.h"

namespace omendb {

/// What a returned write survives. No mode ever corrupts the database.
enum class Durability : uint8_t {
  kSync = 1,      ///< a crash of the process, of the system, and a power cut
  kInterval = 2,  ///< a process crash; a power cut loses at most the last interval_ms, a suffix
  kNone = 3,      ///< nothing is promised until flush() or close()
};

/// Whether a database is opened for writing.
enum class OpenMode : uint8_t {
  kReadWrite = 1,  ///< one process at a time
  /// Any number of processes, with or without a process that writes. A reader creates and writes
  /// nothing, not even a lock, so a read-only folder is enough. Each call sees every write that was
  /// acknowledged before the call began.
  kRead = 2,
};

struct OpenOptions {
  OpenMode mode = OpenMode::kReadWrite;
  Durability durability = Durability::kSync;
  uint64_t interval_ms = 100;  ///< 1..60,000; used by Durability::kInterval
  bool create_if_missing = true;
  /// How long to wait for the lock while another process holds it; then open() fails with kLocked.
  uint64_t lock_timeout_ms = 0;  ///< 0..86,400,000 (a day)
  /// Bytes of vectors that a collection gathers in memory before it seals them into a segment.
  size_t memtable_bytes = size_t{64} << 20;  ///< 64 KiB..4 GiB
  /// Full memtables that a collection may hold before writers wait for the disk.
  size_t max_sealing_memtables = 4;  ///< 1..64
  /// Memory that one merge of segments, or the build of one index, may use, without the files that
  /// it maps. A merge takes fewer segments if they do not fit. A segment whose partitions or graph
  /// would not fit is searched without: of 128 dimensions, partitions take about 100 bytes a vector
  /// and a graph 2,500. Two merges and one build may run in the background, and one merge in each
  /// compact().
  size_t max_build_bytes = 0;  ///< 1 MiB..1 TiB; 0: a quarter of the machine's memory
  /// Asynchronous writes, of all collections together, whose callback has not been called yet. One
  /// more is refused with kLimitExceeded.
  size_t max_writes_in_flight = 1'024;  ///< 1..1,048,576
  /// Threads for callbacks and for the parallel parts of searches and adds; the database holds it
  /// until it is closed and freed. Null: the database starts one thread fewer than this machine has
  /// processors.
  std::shared_ptr<Executor> executor = nullptr;
};

/// The progress of Database::snapshot().
struct SnapshotProgress {
  uint64_t files_done = 0;
  uint64_t files = 0;
  uint64_t bytes_done = 0;  ///< linked or copied
  uint64_t bytes = 0;
};

struct SnapshotOptions {
  /// Called on the calling thread at the start, after each file, and during long copies. If it
  /// returns false, snapshot() stops with kCancelled.
  std::function<bool(const SnapshotProgress&)> progress = {};
};

struct CollectionOptions {
  size_t dim = 0;  ///< 1..kMaxDimension; 0 = taken from the first add
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  /// Declares several vectors a point, each in a named field, at most kMaxVectorFields. Each field
  /// then has its own dim, metric and element, and the three above must keep their defaults. Empty:
  /// one vector a point, without a name.
  std::vector<VectorField> fields = {};
  bool operator==(const CollectionOptions&) const = default;
};

/// The vectors of a batch of points in one field.
struct FieldVectors {
  std::string_view field;
  VectorsView vectors;  ///< one row a point
  /// One byte a point: 0 = the point has no vector in this field, and its row above is ignored.
  /// Empty: every point has one.
  std::span<const uint8_t> present = {};
};

/// One batch of points. Everything is borrowed for the call.
struct WriteBatch {
  VectorsView vectors = {};               ///< for a collection without named fields
  IdsView ids = {};                       ///< one a point; std::monostate = generated ids
  std::span<const Column> metadata = {};  ///< columns of one row a point
  /// For a collection with named fields: each field at most once, in any order. If a field is left
  /// out, no point of the batch has a vector in it. Each point needs a vector in at least one.
  std::span<const FieldVectors> fields = {};
  uint64_t first_row = 0;  ///< the number of the first row in errors, for part of a longer batch
};

/// A change of existing points. Everything is borrowed for the call.
struct PointUpdate {
  /// Columns with one row a point, or with one row for all points. A value replaces the old one,
  /// kExplicitNull removes the key, and kAbsent leaves the key as it is.
  std::span<const Column> metadata = {};
  /// For a collection without named fields: one vector a point. None: the vectors do not change.
  VectorsView vectors = {};
  /// For a collection with named fields: the fields that change, each once, one vector a point.
  std::span<const FieldVectors> fields = {};
  /// With ids. True: an id that does not exist fails the update (kNotFound). False: it is skipped.
  bool all_must_exist = true;
};

struct SearchOptions {
  size_t k = 10;  ///< 1..kMaxK; if fewer points match, all of them are hits
  Filter where = {};
  std::vector<Filter> where_each = {};  ///< one a query, instead of `where`
  bool exact = false;                   ///< equal to brute force, ties by id
  double recall = 0.95;                 ///< 0 < recall <= 1: wanted share of the true neighbours
  size_t effort = 0;                  ///< candidates to rerank for a query; 0 = chosen from recall
  std::optional<double> radius = {};  ///< only hits with distance <= radius
  /// The call fails with kDeadlineExceeded after this many milliseconds. 0 = no limit.
  uint64_t timeout_ms = 0;
  /// Borrowed. When another thread sets it to true, the call fails with kCancelled. Null = the call
  /// cannot be cancelled.
  const std::atomic<bool>* cancel = nullptr;
  /// The vector field to search. Required if there are several. Points without a vector in it are
  /// not hits.
  std::string field = {};
  bool with_vectors = false;
  std::vector<std::string> vector_fields = {};  ///< fields that with_vectors returns; empty = all
  /// Columns to return with hits; none by default, {"*"} for all.
  std::vector<std::string> columns = {};
};

/// Whose neighbours Collection::measure_recall() looks for.
struct RecallOptions {
  /// How many stored points to search for, drawn at random from those with a vector in the field,
  /// each at most once. More than there are: all of them.
  uint64_t sample = 200;  ///< 1..kMaxBatchRows
  uint64_t seed = 0;      ///< of the draw; the same points come again while nothing is written
  /// The caller's own queries instead, as search() takes them. Borrowed.
  std::optional<VectorsView> queries = {};
};

struct GetOptions {
  bool with_vectors = true;
  std::vector<std::string> vector_fields = {};  ///< fields that with_vectors returns; empty = all
  std::vector<std::string> columns = {"*"};
};

/// One of the columns that points are sorted by.
struct OrderBy {
  std::string column;  ///< bool, i64, f64, string or timestamp; "id" is the point's id
  bool descending = false;
};

/// Which points to return, and which of their vectors and columns.
struct ScanOptions {
  Filter where = {};
  size_t batch_size = 1'000;  ///< 1..kMaxK; points that one Scan::next() returns
  bool with_vectors = true;
  std::vector<std::string> vector_fields = {};  ///< fields that with_vectors returns; empty = all
  std::vector<std::string> columns = {"*"};
  std::optional<uint64_t> limit = {};  ///< at most this many points, in all batches together
  uint64_t offset = 0;                 ///< how many points to skip first
  /// Sorts by the first column, then by the next; ties by id. A missing value or NaN comes last,
  /// also in descending order; strings compare by their bytes. Empty: points come as they are
  /// stored. Later writes and merges may change that, so stable pages need an order.
  std::vector<OrderBy> order_by = {};
};

}  // namespace omendb
