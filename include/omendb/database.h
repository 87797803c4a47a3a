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
#include <string>
#include <string_view>
#include <vector>

#include "omendb/filter.h"
#include "omendb/options.h"
#include "omendb/results.h"
#include "omendb/runtime.h"
#include "omendb/status.h"
#include "omendb/types.h"

namespace omendb {

namespace internal {
class DatabaseImpl;
class CollectionHandle;
class ScanCursor;
}  // namespace internal

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
  /// A batch of nothing is written nowhere.
  /// @return the points' ids, in order.
  /// @error kAlreadyExists if an id exists, kInvalidArgument for NaN, Inf, ids given twice, a zero
  ///        vector under cosine or a vector field that is missing, kNotFound for a field that the
  ///        collection lacks, kDimensionMismatch, kTypeMismatch,
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

  /// Changes metadata, vectors or both of points that are there, and leaves the rest of each point
  /// as it is. All of the points change or none. Durable and visible as an add() is.
  /// @return how many points were updated.
  /// @error kNotFound for an id that does not exist, unless the update passes over it, and for a
  ///        field that the collection lacks; kInvalidArgument for an update of nothing, a wrong
  ///        number of rows, an id given twice; kLimitExceeded if the updated points, vectors and
  ///        metadata together, take more than kMaxBatchBytes; and as for add().
  Result<uint64_t> update_ids(const IdsView& ids, const PointUpdate& update);

  /// The same for every point that the filter matches. The metadata has one row, for all of them;
  /// vectors are updated by id alone. An empty filter matches all points. Other writers of the
  /// collection wait meanwhile.
  /// @error kInvalidFilter, kCorruption, and as for update_ids().
  Result<uint64_t> update_where(const Filter& where, const PointUpdate& update);

  /// Gives a metadata column another name, in every point. Durable and visible as an add() is;
  /// nothing is written anew, however many points there are.
  /// @error kNotFound if there is no such column; kAlreadyExists if there is one of the new name;
  ///        kInvalidArgument and kLimitExceeded for a name that no column may have; kReadOnly,
  ///        kNoSpace, kIoError, kClosed.
  Status rename_column(std::string_view column, std::string_view name);

  /// Takes a metadata column from every point, as rename_column() does it. Its values never come
  /// back, also if there is a column of that name later; merges and compact() free their room.
  /// @error kNotFound, kReadOnly, kNoSpace, kIoError, kClosed.
  Status drop_column(std::string_view column);

  /// Called once with what add() and the like return, from a thread of OpenOptions::executor. It
  /// throws nothing, takes milliseconds, and does not close the database, which waits for it.
  template <class T>
  using Callback = std::function<void(Result<T>)>;

  /// The same writes, for callers that wait for no disk: they check, log and copy the batch, which
  /// is free again when they return, and call `done` once the write is visible and durable, or has
  /// failed. No thread is kept for a write; those in flight share flushes. Writes of one thread
  /// keep their order. close() waits for callbacks.
  /// @return OK: taken, and `done` will be called. Otherwise nothing was written and `done` is not
  ///         called: what add() and the like say of their arguments, and kLimitExceeded if
  ///         OpenOptions::max_writes_in_flight are in flight, or max_sealing_memtables are on their
  ///         way to the disk; try again when a callback has come.
  Status add_async(const WriteBatch& batch, Callback<Ids> done);
  Status upsert_async(const WriteBatch& batch, Callback<Ids> done);
  Status delete_ids_async(const IdsView& ids, Callback<uint64_t> done);
  Status delete_where_async(const Filter& where, Callback<uint64_t> done);
  Status update_ids_async(const IdsView& ids, const PointUpdate& update, Callback<uint64_t> done);
  Status update_where_async(const Filter& where, const PointUpdate& update,
                            Callback<uint64_t> done);

  /// Looks points up by id; an id may be given several times.
  /// @error kTypeMismatch for ids of the other kind, kInvalidArgument and kLimitExceeded for ids
  ///        that can belong to no point, kNotFound for a column or a field that the collection
  ///        lacks, kCorruption, kClosed.
  Result<GetResult> get(const IdsView& ids, const GetOptions& options = {}) const;

  /// Points that a filter matches, in one piece: see ScanOptions, whose batch_size is not used.
  /// @error as scan(), and kCorruption.
  Result<Points> get_where(const ScanOptions& options) const;

  /// Points that the filter matches; an empty filter matches all.
  /// @error kInvalidFilter, kCorruption, kClosed.
  Result<uint64_t> count(const Filter& where = {}) const;

  /// What is doubtful about the filter: names of columns that no point has, which a call takes for
  /// NULL in all of them. It evaluates nothing; ask before a call whose filter somebody typed. None
  /// in a collection that never had a point.
  /// @error kInvalidFilter, kClosed.
  Result<std::vector<FilterWarning>> filter_warnings(const Filter& where) const;

  /// Begins to walk the snapshot of now, which stays as it is until the Scan is gone; that may be
  /// after the database was closed.
  /// With an order, all matching rows are put in order first; that takes 8 bytes a row, the values
  /// of the order's columns and the ids, and for the rest of the walk 8 bytes a row.
  /// @error kInvalidArgument for the batch size and a column given twice in order_by,
  ///        kInvalidFilter, kNotFound for a column or a field that the collection lacks,
  ///        kTypeMismatch for an order by a column without one, kClosed.
  Result<Scan> scan(const ScanOptions& options = {}) const;

  /// Finds the k nearest live points to each query. A batch of queries is shared between the
  /// process's processors.
  /// @param queries  n x dim, row-major, of the dimension of the field that is searched; f32
  /// against
  ///                 f32, f16 and i8 vectors, or the field's own element type.
  /// @return n rows of at most k hits, nearest first; ties by id.
  /// @error kInvalidArgument, kDimensionMismatch, kTypeMismatch, kInvalidFilter, kLimitExceeded,
  ///        kDeadlineExceeded and kCancelled as the options say, within a few milliseconds,
  ///        kCorruption if stored bytes that the answer needs fail their checksum, kClosed.
  Result<SearchResult> search(const VectorsView& queries, const SearchOptions& options = {}) const;

  /// Finds the k nearest other points to each of these points; its own hit is left out.
  /// @param options  k is below kMaxK here.
  /// The vector field that SearchOptions::field names is the one that is searched, too.
  /// @error as search(), kNotFound for an id that no point has, and kInvalidArgument for a point
  /// that
  ///        has no vector in the field.
  Result<SearchResult> search_ids(const IdsView& ids, const SearchOptions& options = {}) const;

  /// @error kClosed, and kNotFound once the collection was dropped: as of every call here.
  Result<CollectionInfo> info() const;

  /// Waits until the background has nothing left to do for this collection: no full memtable is to
  /// be sealed, no merge would pay. Points in a memtable that is not full stay there.
  /// CollectionInfo tells what is being done; the work goes on whether anybody waits or not.
  /// @param timeout_ms  none: as long as it takes, which may be for ever beside writers.
  /// @error kDeadlineExceeded; kNoSpace, kIoError, kCorruption, … that the work failed with
  ///        meanwhile (it is tried again later); kReadOnly, kClosed.
  Status optimize(std::optional<uint64_t> timeout_ms = {});

  /// Seals what is in memory and merges all segments into one, without the dead; into several
  /// where there are more than 2,147,483,647 points or than OpenOptions::max_build_bytes allows.
  /// Waits. close() and drop_collection() end it early.
  /// @error kLimitExceeded if a segment is too large to be rid of its dead within max_build_bytes;
  ///        kCorruption, kReadOnly, kNoSpace, kIoError, kClosed; nothing is lost.
  Status compact();

  explicit Collection(std::shared_ptr<internal::CollectionHandle> handle);

 private:
  std::shared_ptr<internal::CollectionHandle> handle_;
};

/// An open database folder. One process at a time may hold it for writing, any number for reading
/// (OpenMode); threads share it freely. What would write fails with kReadOnly in a reader.
class Database {
 public:
  /// @param path  a folder, made if missing; or ":memory:" for one that lives with the process.
  /// @error kLocked (the message names the holder; a reader is never refused so), kNotADatabase,
  /// kNotFound (create_if_missing is
  ///        false), kUnsupportedVersion, kCorruption, kIoError, kInvalidArgument.
  static Result<Database> open(std::string_view path, const OpenOptions& options = {});

  /// Gets the collection, or creates it.
  /// @error kAlreadyExists if it exists with another dimension, metric or element type, or with
  ///        other vector fields; kInvalidArgument, kLimitExceeded for options that make no sense.
  Result<Collection> collection(std::string_view name,
                                const std::optional<CollectionOptions>& options = {});
  /// Gets the collection if it exists, and never creates one.
  /// @error kNotFound, and those of collection().
  Result<Collection> find_collection(std::string_view name,
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

  /// Collection::compact() for one collection after the other. Those dropped meanwhile are passed
  /// over; an error ends it.
  Status compact();

  /// Makes a complete copy of the database, a folder that opens like any other, while reads and
  /// writes go on. It holds every write that had returned before the call, of each collection
  /// perhaps some that came after. Segment files, which never change, are linked where the file
  /// system can, and copied otherwise. The folder gets its name when all of it is on the disk: what
  /// a crash leaves behind is called `<path>.partial-…` and may be removed.
  /// @param path  a new folder, not inside this database; its parent exists. A database in memory
  ///              is copied to the disk.
  /// @error kAlreadyExists if there is something at `path`, kInvalidArgument, kCancelled if
  ///        SnapshotOptions::progress said so, kCorruption if a file was damaged while it was
  ///        copied, kReadOnly, kNotFound, kNoSpace, kIoError, kClosed. Nothing is left at `path`.
  Status snapshot(std::string_view path, const SnapshotOptions& options = {});

  /// Seals what is in memory, so that the next open is quick, and releases the folder. Further
  /// calls on this database and its collections fail with kClosed; a second close() is fine.
  Status close();

  /// What recovery had to say when the database was opened: a torn tail that was dropped, and so
  /// on. Empty after a clean start.
  const std::vector<std::string>& recovery_notes() const;
  const std::string& path() const;
  OpenMode mode() const;  ///< it was opened with

  explicit Database(std::shared_ptr<internal::DatabaseImpl> impl);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();  ///< closes; errors of close() are lost here, so call it when they matter

 private:
  std::shared_ptr<internal::DatabaseImpl> impl_;
};

}  // namespace omendb
