// The public C++ API: open a database, add vectors, search them.
//
//   auto db = omendb::Database::open("./vectors.db");
//   auto ids = db->default_collection()->add({.vectors = {data, n, 128}});
//   auto found = db->default_collection()->search({query, 1, 128}, {.k = 10});
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/filter.h"
#include "omendb/runtime.h"
#include "omendb/status.h"
#include "omendb/types.h"

namespace omendb {

namespace internal {
class DatabaseImpl;
class CollectionHandle;
class ScanCursor;
}  // namespace internal

/// What a returned write survives. Never does any mode corrupt the database.
enum class Durability : uint8_t {
  kSync = 1,      ///< a crash of the process, of the system, and a power cut
  kInterval = 2,  ///< a process crash; a power cut loses at most the last interval_ms, a suffix
  kNone = 3,      ///< nothing is promised until flush() or close()
};

struct OpenOptions {
  Durability durability = Durability::kSync;
  uint64_t interval_ms = 100;  ///< 1..60,000; used by Durability::kInterval
  bool create_if_missing = true;
  /// Bytes of vectors that a collection gathers in memory before it seals them into a segment.
  size_t memtable_bytes = size_t{64} << 20;  ///< 64 KiB..4 GiB
  /// Sealed-but-unwritten memtables a collection may hold before writers wait for the disk.
  size_t max_sealing_memtables = 4;  ///< 1..64
};

struct CollectionOptions {
  size_t dim = 0;  ///< 1..kMaxDimension; 0 = taken from the first add
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
};

/// What a collection holds, as one consistent snapshot saw it.
struct CollectionInfo {
  std::string name;
  size_t dim = 0;  ///< 0 until the first add
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  std::optional<IdKind> id_kind;  ///< none until the first add
  std::vector<std::pair<std::string, ColumnType>> columns;
  uint64_t points = 0;         ///< live points
  uint64_t memory_points = 0;  ///< rows in memtables, dead ones included
  uint64_t segments = 0;
  uint64_t segment_points = 0;  ///< rows in segments, dead ones included
  uint64_t segment_bytes = 0;   ///< on disk
};

/// One batch of points. Everything is borrowed for the call.
struct WriteBatch {
  VectorsView vectors = {};
  IdsView ids = {};                       ///< as many as vectors, or std::monostate
  std::span<const Column> metadata = {};  ///< columns of vectors.count rows; absent fields are NULL
  uint64_t first_row = 0;  ///< what errors call the first vector, if this is part of a longer batch
};

struct SearchOptions {
  size_t k = 10;  ///< 1..kMaxK; more than there are points returns them all
  Filter where = {};
  bool exact = false;                 ///< equal to brute force, ties by id
  double recall = 0.95;               ///< 0 < recall <= 1: wanted share of the true neighbours
  size_t effort = 0;                  ///< candidates to rerank for a query; 0 = chosen from recall
  std::optional<double> radius = {};  ///< only hits with distance <= radius
  bool with_vectors = false;
  /// Columns to return with hits; none by default, {"*"} for all.
  std::vector<std::string> columns = {};
};

/// Points, column by column. Vectors are in the collection's element type.
struct Points {
  Ids ids;
  std::vector<std::byte> vectors;  ///< row-major; empty unless asked for
  std::vector<Column> metadata;
};

/// Hits of a batch of queries: query q owns hits [offsets[q], offsets[q + 1]), nearest first.
struct SearchResult {
  std::vector<uint64_t> offsets;
  std::vector<float> distances;
  Points points;  ///< one row a hit
};

struct GetOptions {
  bool with_vectors = true;
  std::vector<std::string> columns = {"*"};
};

struct GetResult {
  std::vector<uint8_t> found;  ///< one a requested id
  Points points;               ///< one row a found id, in the order of the request
};

struct ScanOptions {
  Filter where = {};
  size_t batch_size = 1'000;  ///< 1..kMaxK
  bool with_vectors = true;
  std::vector<std::string> columns = {"*"};
};

/// Walks one snapshot in batches; writes made after scan() do not show. One thread at a time.
class Scan {
 public:
  /// The next batch; an empty one (no ids) at the end. After an error the same batch is asked for
  /// again, so that no point is passed over.
  /// @error kCorruption if stored bytes that it needs fail their checksum.
  Result<Points> next();

  explicit Scan(std::unique_ptr<internal::ScanCursor> cursor);
  Scan(Scan&&) noexcept;
  Scan& operator=(Scan&&) noexcept;
  ~Scan();

 private:
  std::unique_ptr<internal::ScanCursor> cursor_;
};

/// A named set of points with one schema. A cheap handle: copies share the collection, and it
/// keeps working until the database is closed (then every call fails with kClosed).
/// Thread-safe: writers are ordered among themselves, searches wait for no writer and no writer
/// waits for a search. Each call is atomic, and each read sees one snapshot.
class Collection {
 public:
  /// Adds new points; all of them or none. When it returns, the write is visible to every later
  /// search and as durable as OpenOptions::durability says.
  /// @return the points' ids, in order.
  /// @error kAlreadyExists if an id exists, kInvalidArgument for NaN, Inf, an empty batch, ids
  ///        given twice or a zero vector under cosine, kDimensionMismatch, kTypeMismatch,
  ///        kLimitExceeded, kReadOnly, kNoSpace, kIoError, kClosed.
  Result<Ids> add(const WriteBatch& batch);

  /// Like add(), but a point whose id exists is replaced whole.
  Result<Ids> upsert(const WriteBatch& batch);

  /// Deletes by id; ids that do not exist, or are given again, are passed over.
  /// @return how many points were deleted.
  /// @error kTypeMismatch for ids of the other kind, kInvalidArgument and kLimitExceeded for ids
  ///        that can belong to no point, kReadOnly, kNoSpace, kIoError, kClosed.
  Result<uint64_t> delete_ids(const IdsView& ids);

  /// Deletes every point that the filter matches. An empty filter deletes everything. Other writers
  /// of the collection wait meanwhile.
  /// @return how many points were deleted.
  /// @error kInvalidFilter, kCorruption, kReadOnly, kNoSpace, kIoError, kClosed; kLimitExceeded if
  ///        the ids of the points take more than 2 GiB, as 268 million u64 ids do.
  Result<uint64_t> delete_where(const Filter& where);

  /// Looks points up by id; an id may be given several times.
  /// @error kTypeMismatch for ids of the other kind, kInvalidArgument and kLimitExceeded for ids
  ///        that can belong to no point, kNotFound for a column that the collection lacks,
  ///        kCorruption, kClosed.
  Result<GetResult> get(const IdsView& ids, const GetOptions& options = {}) const;

  /// Points that the filter matches; an empty filter matches all.
  /// @error kInvalidFilter, kCorruption, kClosed.
  Result<uint64_t> count(const Filter& where = {}) const;

  /// Begins to walk the snapshot of now, which stays as it is until the Scan is gone; that may be
  /// after the database was closed.
  /// @error kInvalidArgument for the batch size, kInvalidFilter, kNotFound for a column that the
  ///        collection lacks, kClosed.
  Result<Scan> scan(const ScanOptions& options = {}) const;

  /// Finds the k nearest live points to each query. A batch of queries is shared between the
  /// process's processors.
  /// @param queries  n x dim, row-major; f32 against f32, f16 and i8 collections, or the
  ///                 collection's own element type.
  /// @return n rows of at most k hits, nearest first; ties by id.
  /// @error kInvalidArgument, kDimensionMismatch, kTypeMismatch, kInvalidFilter, kLimitExceeded,
  ///        kCorruption if stored bytes that the answer needs fail their checksum, kClosed.
  Result<SearchResult> search(const VectorsView& queries, const SearchOptions& options = {}) const;

  /// @error kClosed, and kNotFound once the collection was dropped: as of every call here.
  Result<CollectionInfo> info() const;

  /// Seals what is in memory and merges all segments into one, without the dead; into several
  /// where there are more than 2,147,483,647 points. Waits.
  /// @error kCorruption, kReadOnly, kNoSpace, kIoError, kClosed; nothing is lost.
  Status compact();

  explicit Collection(std::shared_ptr<internal::CollectionHandle> handle);

 private:
  std::shared_ptr<internal::CollectionHandle> handle_;
};

/// An open database folder. One process at a time may hold it; threads share it freely.
class Database {
 public:
  /// @param path  a folder, made if missing; or ":memory:" for one that lives with the process.
  /// @error kLocked (the message names the holder), kNotADatabase, kNotFound (create_if_missing is
  ///        false), kUnsupportedVersion, kCorruption, kIoError, kInvalidArgument.
  static Result<Database> open(std::string_view path, const OpenOptions& options = {});

  /// Gets the collection, or creates it.
  /// @error kAlreadyExists if it exists with another dimension, metric or element type.
  Result<Collection> collection(std::string_view name,
                                const std::optional<CollectionOptions>& options = {});
  /// The collection that exists without being asked for.
  Result<Collection> default_collection() { return collection("default"); }
  Result<std::vector<std::string>> collection_names() const;
  /// Removes the collection and its points. After an error it is gone for this object all the
  /// same; whether it is gone for good shows at the next open.
  /// @error kNotFound, kNoSpace, kIoError, kClosed.
  Status drop_collection(std::string_view name);

  /// Makes every returned write durable, whatever the durability mode.
  Status flush();

  /// Seals what is in memory, so that the next open is quick, and releases the folder. Further
  /// calls on this database and its collections fail with kClosed; a second close() is fine.
  Status close();

  /// What recovery had to say when the database was opened: a torn tail that was dropped, and so
  /// on. Empty after a clean start.
  const std::vector<std::string>& recovery_notes() const;
  const std::string& path() const;

  explicit Database(std::shared_ptr<internal::DatabaseImpl> impl);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();  ///< closes; errors of close() are lost here, so call it when they matter

 private:
  std::shared_ptr<internal::DatabaseImpl> impl_;
};

}  // namespace omendb
