// What the calls of database.h take: plain structs, filled by name, with stated defaults and
// limits.
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

/// What a returned write survives. Never does any mode corrupt the database.
enum class Durability : uint8_t {
  kSync = 1,      ///< a crash of the process, of the system, and a power cut
  kInterval = 2,  ///< a process crash; a power cut loses at most the last interval_ms, a suffix
  kNone = 3,      ///< nothing is promised until flush() or close()
};

/// What an open database may be used for.
enum class OpenMode : uint8_t {
  kReadWrite = 1,  ///< one process at a time
  /// Any number of processes, beside one that writes and without one. Nothing is created or
  /// written, not even a lock: a read-only folder will do. Each call sees every write that was
  /// acknowledged before it began.
  kRead = 2,
};

struct OpenOptions {
  OpenMode mode = OpenMode::kReadWrite;
  Durability durability = Durability::kSync;
  uint64_t interval_ms = 100;  ///< 1..60,000; used by Durability::kInterval
  bool create_if_missing = true;
  /// How long to wait for a database that another holds; then opening fails with kLocked.
  uint64_t lock_timeout_ms = 0;  ///< 0..86,400,000 (a day)
  /// Bytes of vectors that a collection gathers in memory before it seals them into a segment.
  size_t memtable_bytes = size_t{64} << 20;  ///< 64 KiB..4 GiB
  /// Sealed-but-unwritten memtables a collection may hold before writers wait for the disk.
  size_t max_sealing_memtables = 4;  ///< 1..64
  /// Memory that one merge of segments may hold besides the files that it maps. It merges fewer
  /// segments at a time if it must. Two merges may run in the background, and each compact() is
  /// one.
  size_t max_build_bytes = size_t{1} << 30;  ///< 1 MiB..1 TiB
  /// Writes that complete by callback and have not called it yet, of all collections together. One
  /// more is refused with kLimitExceeded.
  size_t max_writes_in_flight = 1'024;  ///< 1..1,048,576
  /// Threads for callbacks and for the parallel parts of searches and adds; held until the database
  /// is closed and freed. Null: threads of its own, one fewer than this machine has processors.
  std::shared_ptr<Executor> executor = nullptr;
};

/// How far Database::snapshot() has come.
struct SnapshotProgress {
  uint64_t files_done = 0;
  uint64_t files = 0;
  uint64_t bytes_done = 0;  ///< linked or copied
  uint64_t bytes = 0;
};

struct SnapshotOptions {
  /// Called on the calling thread at the start, after each file, and within long copies. Once it
  /// returns false, the snapshot is given up.
  std::function<bool(const SnapshotProgress&)> progress = {};
};

struct CollectionOptions {
  size_t dim = 0;  ///< 1..kMaxDimension; 0 = taken from the first add
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  /// Several vectors a point, each in a field with a name, at most kMaxVectorFields; dim, metric
  /// and element are then each field's own. Empty: one vector a point, without a name.
  std::vector<VectorField> fields = {};
  bool operator==(const CollectionOptions&) const = default;
};

/// The vectors of a batch of points in one field.
struct FieldVectors {
  std::string_view field;
  VectorsView vectors;  ///< one row a point
  /// One byte a point: 0 = it has no vector in this field, and its row above is not looked at.
  /// Empty: every point has one.
  std::span<const uint8_t> present = {};
};

/// One batch of points. Everything is borrowed for the call.
struct WriteBatch {
  VectorsView vectors = {};               ///< of a collection without named fields
  IdsView ids = {};                       ///< one a point, or std::monostate
  std::span<const Column> metadata = {};  ///< columns of one row a point; absent values are NULL
  /// Of a collection with named fields: each at most once, in any order. In a field that is left
  /// out no point of the batch has a vector; each point needs one in some field.
  std::span<const FieldVectors> fields = {};
  uint64_t first_row = 0;  ///< what errors call the first vector, if this is part of a longer batch
};

/// What changes of points that are there already. Everything is borrowed for the call.
struct PointUpdate {
  /// Columns of one row a point, or of one row for all points. A value takes the place of the old
  /// one, kExplicitNull removes the key, and kAbsent leaves the key as it is.
  std::span<const Column> metadata = {};
  VectorsView vectors =
      {};  ///< one a point, where there is one field; none leaves them as they are
  /// Of a collection with named fields: those that change, each once, with one vector a point.
  std::span<const FieldVectors> fields = {};
  /// With ids: an id that does not exist fails the update (kNotFound). Otherwise it is passed over.
  bool all_must_exist = true;
};

struct SearchOptions {
  size_t k = 10;  ///< 1..kMaxK; more than there are points returns them all
  Filter where = {};
  std::vector<Filter> where_each = {};  ///< one a query, instead of `where`
  bool exact = false;                   ///< equal to brute force, ties by id
  double recall = 0.95;                 ///< 0 < recall <= 1: wanted share of the true neighbours
  size_t effort = 0;                  ///< candidates to rerank for a query; 0 = chosen from recall
  std::optional<double> radius = {};  ///< only hits with distance <= radius
  /// Milliseconds from the call on; if they pass first, it fails with kDeadlineExceeded. 0 = no
  /// limit.
  uint64_t timeout_ms = 0;
  /// Borrowed. Once another thread sets it to true, the call fails with kCancelled. Null = nobody
  /// does.
  const std::atomic<bool>* cancel = nullptr;
  /// The vector field to search. May be left out where there is one. Points that have no vector in
  /// it are no hits.
  std::string field = {};
  bool with_vectors = false;
  std::vector<std::string> vector_fields = {};  ///< those that with_vectors returns; empty = all
  /// Columns to return with hits; none by default, {"*"} for all.
  std::vector<std::string> columns = {};
};

struct GetOptions {
  bool with_vectors = true;
  std::vector<std::string> vector_fields = {};  ///< those that with_vectors returns; empty = all
  std::vector<std::string> columns = {"*"};
};

/// One of the columns by which points are put in order.
struct OrderBy {
  std::string column;  ///< bool, i64, f64, string or timestamp; "id" is the point's id
  bool descending = false;
};

/// Which points, and what of them.
struct ScanOptions {
  Filter where = {};
  size_t batch_size = 1'000;  ///< 1..kMaxK; points a Scan::next()
  bool with_vectors = true;
  std::vector<std::string> vector_fields = {};  ///< those that with_vectors returns; empty = all
  std::vector<std::string> columns = {"*"};
  std::optional<uint64_t> limit = {};  ///< at most so many points, in all batches together
  uint64_t offset = 0;                 ///< how many points to leave out first
  /// The first column decides, then the next; ties by id. A missing value or NaN comes last, in
  /// descending order too; strings compare by their bytes. Empty: points come as they are stored,
  /// which later writes and merges may change; pages that stay the same want an order.
  std::vector<OrderBy> order_by = {};
};

}  // namespace omendb
