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

/// Walks one snapshot in batches. It does not see writes made after scan(). One thread at a time.
class Scan {
 public:
  /// @return the next batch; at the end, a batch without ids. After an error the next call tries
  ///         the same batch again, so no point is skipped.
  /// @error kCorruption if stored bytes that it needs fail their checksum.
  Result<Points> next();

  explicit Scan(std::unique_ptr<internal::ScanCursor> cursor);
  Scan(Scan&&) noexcept;
  Scan& operator=(Scan&&) noexcept;
  ~Scan();

 private:
  std::unique_ptr<internal::ScanCursor> cursor_;
};

/// A named set of points with one schema. The object is a cheap handle: copies share the
/// collection. It goes by the name: while there is no collection of that name, because it was
/// dropped, calls fail with kNotFound, and once one is created again, also with another schema,
/// they act on the new one. It works until the database is closed; then every call fails with
/// kClosed. Thread-safe: writers take turns; searches and writers never wait for each other. Each
/// call is atomic, and each read sees one snapshot.
class Collection {
 public:
  /// Adds new points: all of them or none. When it returns, every later search sees the write, and
  /// the write is as durable as OpenOptions::durability says. An empty batch writes nothing.
  /// @return the points' ids, in order.
  /// @error kAlreadyExists if an id exists; kInvalidArgument for NaN, Inf, ids given twice, a zero
  ///        vector under cosine or a point without a vector; kNotFound for a field that the
  ///        collection lacks; kDimensionMismatch, kTypeMismatch, kLimitExceeded, kReadOnly,
  ///        kNoSpace, kIoError, kClosed.
  Result<Ids> add(const WriteBatch& batch);

  /// Like add(), but a point whose id exists is replaced whole.
  Result<Ids> upsert(const WriteBatch& batch);

  /// Deletes by id. Skips ids that do not exist, and ids that are given again.
  /// @return how many points were deleted.
  /// @error kTypeMismatch for ids of the other kind, kInvalidArgument and kLimitExceeded for ids
  ///        that no point can have, kReadOnly, kNoSpace, kIoError, kClosed.
  Result<uint64_t> delete_ids(const IdsView& ids);

  /// Deletes every point that the filter matches. An empty filter deletes everything. While it
  /// runs, other writers of the collection wait.
  /// @return how many points were deleted.
  /// @error kInvalidFilter, kCorruption, kReadOnly, kNoSpace, kIoError, kClosed; kLimitExceeded if
  ///        the ids of the points take more than 2 GiB, as 268 million u64 ids do.
  Result<uint64_t> delete_where(const Filter& where);

  /// Changes metadata, vectors or both of existing points, and leaves the rest of each point as it
  /// is. All of the points change or none. Durable and visible like an add().
  /// @return how many points were updated.
  /// @error kNotFound for an id that does not exist, unless PointUpdate::all_must_exist is false,
  ///        and for a field that the collection lacks; kInvalidArgument for an update that changes
  ///        nothing, a wrong number of rows, an id given twice; kLimitExceeded if the updated
  ///        points, vectors and metadata together, take more than kMaxBatchBytes; the errors of
  ///        add().
  Result<uint64_t> update_ids(const IdsView& ids, const PointUpdate& update);

  /// Changes the metadata of every point that the filter matches. The metadata has one row, which
  /// applies to all of them; only update_ids() updates vectors. An empty filter matches all points.
  /// While it runs, other writers of the collection wait.
  /// @error kInvalidFilter, kCorruption, and the errors of update_ids().
  Result<uint64_t> update_where(const Filter& where, const PointUpdate& update);

  /// Renames a metadata column in every point. Durable and visible like an add(). Rewrites no
  /// point, so it takes the same time for any number of them.
  /// @error kNotFound if there is no such column; kAlreadyExists if a column has the new name;
  ///        kInvalidArgument and kLimitExceeded for a name that is not allowed; kReadOnly,
  ///        kNoSpace, kIoError, kClosed.
  Status rename_column(std::string_view column, std::string_view name);

  /// Removes a metadata column from every point, without rewriting them. Its values never come
  /// back, even if a column gets that name later; merges and compact() free their space.
  /// @error kNotFound, kReadOnly, kNoSpace, kIoError, kClosed.
  Status drop_column(std::string_view column);

  /// The database calls it once, with what add() and its siblings return, in a task of
  /// OpenOptions::executor; never on the thread that began the write before that call has returned,
  /// unless the executor itself uses that thread. It may call the database. It must not throw, must
  /// not take longer than milliseconds, and must not close the database: close() waits for it.
  template <class T>
  using Callback = std::function<void(Result<T>)>;

  /// The same writes for callers that must not wait for the disk. These calls check, log and copy
  /// the batch, which the caller may reuse when they return. They call `done` once the write is
  /// visible and durable, or has failed. A write in flight occupies no thread; writes in flight
  /// share flushes. Writes of one thread keep their order. close() waits for callbacks.
  /// @return OK if the write was accepted; then `done` will be called. Otherwise nothing was
  ///         written and `done` is not called: the errors of add() and its siblings for bad
  ///         arguments; kLimitExceeded if OpenOptions::max_writes_in_flight writes are in flight or
  ///         max_sealing_memtables memtables wait for the disk. Try again after the next callback.
  Status add_async(const WriteBatch& batch, Callback<Ids> done);
  Status upsert_async(const WriteBatch& batch, Callback<Ids> done);
  Status delete_ids_async(const IdsView& ids, Callback<uint64_t> done);
  Status delete_where_async(const Filter& where, Callback<uint64_t> done);
  Status update_ids_async(const IdsView& ids, const PointUpdate& update, Callback<uint64_t> done);
  Status update_where_async(const Filter& where, const PointUpdate& update,
                            Callback<uint64_t> done);

  /// Looks up points by id. An id may be given several times.
  /// @error kTypeMismatch for ids of the other kind, kInvalidArgument and kLimitExceeded for ids
  ///        that no point can have, kNotFound for a column or a field that the collection lacks,
  ///        kCorruption, kClosed.
  Result<GetResult> get(const IdsView& ids, const GetOptions& options = {}) const;

  /// @return the points that ScanOptions::where matches, all at once. Ignores batch_size.
  /// @error the errors of scan(), and kCorruption.
  Result<Points> get_where(const ScanOptions& options) const;

  /// @return how many points the filter matches; an empty filter matches all.
  /// @error kInvalidFilter, kCorruption, kClosed.
  Result<uint64_t> count(const Filter& where = {}) const;

  /// Finds columns in the filter that no point has, and which are therefore NULL in all points.
  /// Does not evaluate the filter; useful before a call whose filter a person typed.
  /// @return one warning for each such column; none if the collection never had a point.
  /// @error kInvalidFilter, kClosed.
  Result<std::vector<FilterWarning>> filter_warnings(const Filter& where) const;

  /// Begins to walk the current snapshot. The Scan keeps it unchanged, and works even after the
  /// database was closed.
  /// With an order, this call sorts all matching rows. For that it holds the ids, the values of the
  /// order's columns and 8 bytes a row in memory; the Scan then keeps 8 bytes a row.
  /// @error kInvalidArgument for the batch size and a column given twice in order_by,
  ///        kInvalidFilter, kNotFound for a column or a field that the collection lacks,
  ///        kTypeMismatch for an order by a column whose type has none, kClosed.
  Result<Scan> scan(const ScanOptions& options = {}) const;

  /// Finds the k nearest live points to each query. A batch of queries runs on all processors.
  /// @param queries  n x dim, row-major; dim is that of the searched field. f32 for f32, f16 and i8
  ///                 vectors, or the field's own element type.
  /// @return n rows of at most k hits, nearest first; ties by id.
  /// @error kInvalidArgument, kDimensionMismatch, kTypeMismatch, kInvalidFilter, kLimitExceeded;
  ///        kDeadlineExceeded and kCancelled as the options say, within a few milliseconds;
  ///        kCorruption if stored bytes that the answer needs fail their checksum; kClosed.
  Result<SearchResult> search(const VectorsView& queries, const SearchOptions& options = {}) const;

  /// Finds the k nearest other points to each of these points; a point is not its own hit.
  /// @param options  k is below kMaxK here. `field` names the vector field that the points' vectors
  ///                 come from and that is searched.
  /// @error the errors of search(), kNotFound for an id that no point has, kInvalidArgument for a
  ///        point that has no vector in the field.
  Result<SearchResult> search_ids(const IdsView& ids, const SearchOptions& options = {}) const;

  /// Measures how much of the truth searches find, on the points as they are now: searches for
  /// stored points, or for the caller's queries, as the options say, and compares the hits with
  /// those of an exact search. All see one snapshot. A stored point is not its own neighbour. The
  /// searches run one after the other; the exact answers, which take most of the time, run in
  /// batches on all processors.
  /// @param search  the searches to judge. With a sample, k is below kMaxK. The timeout and the
  ///                flag hold for the whole call. where_each must be empty.
  /// @error the errors of search(), kInvalidArgument and kLimitExceeded for the sample.
  Result<RecallReport> measure_recall(const SearchOptions& search = {},
                                      const RecallOptions& options = {}) const;

  /// @error kClosed; kNotFound while the collection is dropped, as for every call here.
  Result<CollectionInfo> info() const;

  /// Waits until the background work for this collection is done: no full memtable waits for its
  /// seal, no merge would pay, and no index is missing. Graphs are built as well, which otherwise
  /// come once a segment was searched much. Points in a memtable that is not full stay there.
  /// CollectionInfo::jobs shows the progress. The work also goes on when nobody waits.
  /// @param timeout_ms  none = no limit; while others write, that may be for ever.
  /// @error kDeadlineExceeded; kNoSpace, kIoError, kCorruption and others if the work failed while
  ///        this call waited (the database tries it again later); kReadOnly, kClosed.
  Status optimize(std::optional<uint64_t> timeout_ms = {});

  /// Seals the points in memory and merges all segments into one without deleted points; into
  /// several if there are more than 2,147,483,647 points or more than OpenOptions::max_build_bytes
  /// allows. Returns when that is done. close() and drop_collection() end it early.
  /// @error kLimitExceeded if a segment is too large to be rewritten within max_build_bytes;
  ///        kCorruption, kReadOnly, kNoSpace, kIoError, kClosed. Nothing is lost.
  Status compact();

  explicit Collection(std::shared_ptr<internal::CollectionHandle> handle);

 private:
  std::shared_ptr<internal::CollectionHandle> handle_;
};

/// An open database folder. One process at a time may hold it for writing, any number for reading
/// (OpenMode). Thread-safe. In a reader, calls that would write fail with kReadOnly.
class Database {
 public:
  /// @param path  a folder, made if missing; or ":memory:" for a database without a folder.
  /// @error kLocked if another writer holds it (the message names the holder; readers never get
  ///        this), kNotADatabase, kNotFound if create_if_missing is false, kUnsupportedVersion,
  ///        kCorruption, kIoError, kInvalidArgument.
  static Result<Database> open(std::string_view path, const OpenOptions& options = {});

  /// Gets the collection, or creates it.
  /// @error kAlreadyExists if it exists with another dimension, metric or element type, or with
  ///        other vector fields; kInvalidArgument, kLimitExceeded for bad options.
  Result<Collection> collection(std::string_view name,
                                const std::optional<CollectionOptions>& options = {});
  /// Gets the collection if it exists; never creates one.
  /// @error kNotFound, and the errors of collection().
  Result<Collection> find_collection(std::string_view name,
                                     const std::optional<CollectionOptions>& options = {});
  /// The collection "default", which always exists.
  Result<Collection> default_collection() { return collection("default"); }
  Result<std::vector<std::string>> collection_names() const;
  /// Removes the collection and its points. Calls on it that run meanwhile may fail with kNotFound;
  /// then they have written nothing. Even after an error this object no longer has it; the
  /// next open shows whether it is gone from the disk too.
  /// @error kNotFound, kNoSpace, kIoError, kClosed.
  Status drop_collection(std::string_view name);

  /// Makes every returned write durable, in any durability mode.
  Status flush();

  /// Calls Collection::compact() for one collection after the other. Skips collections that are
  /// dropped while it runs; stops at the first error.
  Status compact();

  /// Makes a complete copy of the database, a folder that opens like any other, while reads and
  /// writes go on. The copy holds every write that had returned before the call, and perhaps later
  /// writes of some collections. Segment files never change; they are linked if the file system can
  /// do so, and copied otherwise. The folder gets its name when all of it is on the disk. A crash
  /// leaves a folder `<path>.partial-…`, which may be removed.
  /// @param path  a new folder, not inside this database; its parent must exist. A database in
  ///              memory is copied to the disk.
  /// @error kAlreadyExists if something exists at `path`; kInvalidArgument; kCancelled if
  ///        SnapshotOptions::progress returned false; kCorruption if a file is damaged; kReadOnly,
  ///        kNotFound, kNoSpace, kIoError, kClosed. After an error nothing is left at `path`.
  Status snapshot(std::string_view path, const SnapshotOptions& options = {});

  /// Seals the points in memory, so that the next open is quick, and releases the folder. Later
  /// calls on this database and its collections fail with kClosed; a second close() does nothing.
  Status close();

  /// @return what recovery found when the database was opened, e.g. a torn tail that it dropped.
  ///         Empty after a clean start.
  const std::vector<std::string>& recovery_notes() const;
  const std::string& path() const;
  OpenMode mode() const;  ///< OpenOptions::mode

  explicit Database(std::shared_ptr<internal::DatabaseImpl> impl);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();  ///< closes and drops the errors; call close() to see them

 private:
  std::shared_ptr<internal::DatabaseImpl> impl_;
};

}  // namespace omendb
