// A collection: orders its writers, gives snapshots to its readers, seals, merges and indexes.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <string>

#include "base/sync.h"
#include "collection/host.h"
#include "collection/tend/jobs.h"
#include "collection/tend/journal.h"
#include "collection/write/operation.h"
#include "collection/write/publication.h"
#include "collection/write/update.h"
#include "omendb/options.h"
#include "omendb/results.h"

namespace omendb::collection {

struct CoreOptions {
  size_t memtable_bytes = size_t{64} << 20;
  size_t max_sealing_memtables = 4;
  uint64_t max_segment_rows = segment::kMaxSegmentRows;  ///< of what compact() merges
  size_t max_build_bytes = size_t{1}
                           << 30;  ///< memory that one merge, or the build of an index, may hold
  /// A segment with so many vectors in a field gets an index of 1-bit codes. Below this an exact
  /// scan is as fast, and a center drawn from fewer is a poor one for vectors that follow.
  uint64_t least_coded_vectors = segment::Memtable::kRowsBeforeCoding;
  /// A segment with so many vectors in a field gets partitions, in the background. Of fewer, all
  /// codes are scanned about as fast.
  uint64_t least_partitioned_vectors = 50'000;
  /// A segment with so many vectors in a field may get a graph; see graphs_pay(). One that is not
  /// so many times faster than the partitions is not kept.
  uint64_t least_graph_vectors = 50'000;
  double least_graph_speedup = 1.5;
};

/// Merges that take long have a lane of their own, so that short ones need not wait for them.
enum class MergeLane : uint8_t { kShort, kLong, kEither };
struct Replacement;
class NewFiles;

/// An index that a segment has, or is to have.
struct IndexOf {
  std::string segment;
  FieldId field = kUnnamedField;
  segment::IndexKind kind = segment::IndexKind::kCoded;
};

/// kNotFound, for a call on a collection that was dropped.
Status dropped(const std::string& name);

/// Thread-safe. A write goes through three steps:
///   stage    under write_mutex_: checked against the latest state, logged, given its slots;
///   fill     no lock: vectors copied and encoded, if large while the log's flush is in flight;
///   publish  in log order, once durable: readers see it (Publication).
/// Readers take the current snapshot and never wait for any of this. Sealing and merging replace
/// parts of the snapshots by segments that hold the same points. Seals follow each other
/// (seal_mutex_); merges run beside them and beside each other, each of segments of its own (Jobs).
/// Indexes of segments are built in the same way. All write their files without a lock and wait for
/// each other only to commit (commit_mutex_).
/// Locks are taken in the order compact_mutex_, seal_mutex_, commit_mutex_, write_mutex_,
/// Publication's, Jobs'.
class CollectionCore : public std::enable_shared_from_this<CollectionCore> {
 public:
  /// Opens the segments that `state` names.
  static Result<std::unique_ptr<CollectionCore>> open(Host& host, const CoreOptions& options,
                                                      CollectionState state);

  const std::string& name() const { return name_; }
  uint32_t id() const { return id_; }

  enum class PutMode { kAdd, kUpsert };
  Result<Ids> put(const WriteBatch& batch, PutMode mode);
  Result<uint64_t> delete_ids(const IdsView& ids);
  Result<uint64_t> delete_where(const Filter& where);
  /// The points of a partial update: those of some ids, or those that a filter matches.
  struct UpdateTarget {
    IdsView ids = {};
    const Filter* where = nullptr;
  };
  Result<uint64_t> update(const UpdateTarget& target, const PointUpdate& update);
  /// Renames or drops a column.
  Status alter(const column::Alteration& change);

  /// The same, without waiting for the log: once the operation is visible and durable, or it is
  /// known that it never will be, `done` is called from Host::post(). Arguments are borrowed for
  /// the call.
  /// @error what is known at once, kLimitExceeded where the others would wait for room among it:
  ///        `done` is not called then.
  template <class T>
  using Done = std::function<void(Result<T>)>;
  Status put_later(const WriteBatch& batch, PutMode mode, Done<Ids> done);
  Status delete_ids_later(const IdsView& ids, Done<uint64_t> done);
  Status delete_where_later(const Filter& where, Done<uint64_t> done);
  Status update_later(const UpdateTarget& target, const PointUpdate& update, Done<uint64_t> done);
  /// The log is durable up to `lsn`, or never will be: for Host::when_durable().
  void logged(Lsn lsn, const Status& status) { publication_.logged(lsn, status); }

  /// Makes this a reader's copy, which another process writes: it takes every change from replay()
  /// and adopt(), and no write. Before any other call.
  void follow();

  /// Applies a logged operation again. One caller at a time, in the order of the log; before any
  /// write, and beside reads.
  Status replay(Lsn lsn, std::span<const std::byte> record);

  /// Takes over the state that a manifest of the writer describes. Its segments replace the
  /// segments that they were merged from, and the rows in memory that they hold. No point changes.
  /// After an error nothing has changed. One caller at a time with replay(), beside reads.
  /// @param check  called when the files are open and before anything shows; its error is the
  /// call's.
  /// @pre follow(); every operation that the segments hold, or miss a row by, was replayed.
  Status adopt(const CollectionState& state, const std::function<Status()>& check);

  /// The state that every acknowledged write is part of.
  Result<std::shared_ptr<const Snapshot>> snapshot() const;
  CollectionState durable_state() const;
  std::vector<JobInfo> jobs() const { return jobs_.info(); }
  size_t waiting_seals() const;

  /// Seals the oldest memtable that is full. @return whether there was one.
  Result<bool> seal_next();
  /// Does one merge that pays, if there is one for the lane. @return whether there was one.
  Result<bool> merge_next(MergeLane lane);
  /// Builds one index that a segment should have and lacks, or has and cannot be used. @return
  /// whether there was one.
  Result<bool> index_next();
  /// Builds an index of a segment, in place of the one of that field and kind if there is one.
  /// Meanwhile searches use the index that is there, if any; the segment's file stays as it is.
  /// @error kNotFound if there is no such segment (any more), kCancelled, kClosed, or why it cannot
  ///        be built; nothing has changed then.
  Status build_index(const IndexOf& wanted);
  /// Takes an index away. The background builds it again if it is one that the segment should have.
  /// @error kNotFound if there is none.
  Status drop_index(const IndexOf& unwanted);
  /// An index was found damaged by a search: has the background build it anew.
  void note_failed_index() const { host_.wake(Work::kIndex, name_); }
  /// Counts the queries of a search: graphs pay only where much is searched. Any thread.
  void note_queries(uint64_t queries) const;
  /// Why indexes that the manifest names cannot be used; one a file.
  std::vector<Status> index_problems() const;
  /// Waits until no seal is left to do, no merge would pay and no index is lacking. Graphs are
  /// built although they may not have paid yet.
  /// @error kDeadlineExceeded, kClosed; what a seal or a merge failed with meanwhile.
  Status optimize(const Jobs::Deadline& deadline);
  /// Seals everything that was written before the call.
  Status seal();
  /// Seals everything and merges all segments into one, or into as few as
  /// CoreOptions::max_segment_rows allows.
  Status compact();
  /// Cancels merges, also those of compact(), and lets none begin any more. Returns at once.
  void stop_merging();
  /// Cancels merges and seals everything; later calls fail with kClosed.
  Status close();
  /// Makes the growing memtable ready for sealing, so that the log can be trimmed.
  void freeze();
  /// Logs the drop, after which nothing is logged for this collection: later calls fail with
  /// kNotFound. Files are the caller's to remove. @return the record's position.
  Result<Lsn> drop();
  bool dropped() const { return dropped_; }
  /// Logs a new declaration of a collection that never had a point, and applies it: all handles to
  /// the collection see the last declaration. @return the record's position; none if there was a
  /// put.
  Result<std::optional<Lsn>> redeclare(const segment::Fields& fields);
  /// The fields as the last write that was taken left them.
  segment::Fields staged_fields() const;
  /// The same from the log. @return false if there was a put.
  bool replay_declaration(const segment::Fields& fields);
  /// Waits for the jobs of a dropped collection, which are cancelled, and removes the files that no
  /// manifest names. The caller holds no lock that publishing takes.
  void remove_new_files();

  /// The first operation past `flushed` that is in the log alone; none if all are in segments.
  std::optional<Lsn> oldest_unsealed(Lsn flushed) const;

 private:
  /// A full memtable on its way into a segment.
  struct Frozen {
    std::shared_ptr<segment::Memtable> memtable;  // null: only deletes to make durable
    Lsn first_lsn{};
    std::shared_ptr<const Snapshot> at_freeze;  // staged state that includes all of it, no more
  };
  using DeadByPart = std::vector<std::vector<uint32_t>>;

  CollectionCore(Host& host, const CoreOptions& options, const CollectionState& state,
                 std::shared_ptr<const Snapshot> snapshot);

  // Writing: collection_core.cc.
  Status check_open() const;
  Status check_writable() OMEN_REQUIRES(write_mutex_);
  enum class Wait : uint8_t { kYes, kNo };
  bool fits_growing(uint32_t rows, std::span<const PutField> fields) const
      OMEN_REQUIRES(write_mutex_);
  Status make_room(uint32_t rows, std::span<const PutField> fields, Wait wait)
      OMEN_REQUIRES(write_mutex_);
  Status freeze_or_wait(Wait wait) OMEN_REQUIRES(write_mutex_);
  void start_memtable(const Snapshot& base, uint32_t rows) OMEN_REQUIRES(write_mutex_);
  void freeze_locked() OMEN_REQUIRES(write_mutex_);
  /// Rows of the staged state that hold the ids, by part.
  Result<DeadByPart> find_rows(const IdsView& ids, PutMode mode) OMEN_REQUIRES(write_mutex_);
  std::shared_ptr<Snapshot> next_snapshot(Lsn lsn, const DeadByPart& dead)
      OMEN_REQUIRES(write_mutex_);
  std::shared_ptr<Pending> stage_put(Lsn lsn, const PutOperation& put, const DeadByPart& dead)
      OMEN_REQUIRES(write_mutex_);
  std::shared_ptr<Pending> stage_delete(Lsn lsn, const DeadByPart& dead)
      OMEN_REQUIRES(write_mutex_);
  Result<std::shared_ptr<Pending>> log_and_stage_put(const PutOperation& put, PutMode mode,
                                                     Wait wait) OMEN_REQUIRES(write_mutex_);
  Status log_delete(const IdsView& ids, const DeadByPart& dead, std::shared_ptr<Pending>& pending)
      OMEN_REQUIRES(write_mutex_);
  void become(std::shared_ptr<const Snapshot> declared) OMEN_REQUIRES(write_mutex_);
  Status choose_ids(PutOperation& put, Ids& ids) OMEN_REQUIRES(write_mutex_);
  Status check_dimensions(const PutOperation& put) OMEN_REQUIRES(write_mutex_);
  std::shared_ptr<Pending> enqueue(Pending pending) OMEN_REQUIRES(write_mutex_);
  /// What a write is once it is in memory: its place in the log, and what to return.
  template <class T>
  struct Staged {
    std::shared_ptr<Pending> pending;  ///< null if there was nothing to do
    T value{};
  };
  Result<Staged<Ids>> stage_batch(const WriteBatch& batch, PutMode mode, Wait wait);
  Result<Staged<uint64_t>> stage_delete_ids(const IdsView& ids);
  Result<Staged<uint64_t>> stage_delete_where(const Filter& where);
  /// Copies and encodes what was staged; no lock is held.
  void fill(Pending& pending, const PutOperation& put, Wait wait);
  // Partial updates: write/update.cc.
  Result<Staged<uint64_t>> stage_update(const UpdateTarget& target, const PointUpdate& update,
                                        Wait wait);
  Result<UpdateRows> rows_to_update(const Snapshot& at, const UpdateTarget& target,
                                    bool all_must_exist) const;
  Result<UpdatedPoints> points_to_update(const UpdateTarget& target, const PointUpdate& update,
                                         std::span<const FreshVectors> vectors, Wait wait)
      OMEN_REQUIRES(write_mutex_);
  // Columns that change: write/alter.cc.
  Status may_become(const column::ColumnSchema& column, ColumnType type, const DeadByPart& dead)
      OMEN_REQUIRES(write_mutex_);
  Status check_column_count(const PutOperation& put) const OMEN_REQUIRES(write_mutex_);
  bool types_fit_growing(std::span<const Column> columns) const OMEN_REQUIRES(write_mutex_);
  bool is_in_growing(const column::Alteration& change) const OMEN_REQUIRES(write_mutex_);
  Result<std::shared_ptr<Pending>> log_and_stage_alter(const column::Alteration& change)
      OMEN_REQUIRES(write_mutex_);
  std::shared_ptr<Pending> stage_alter(Lsn lsn, const column::Schema& after)
      OMEN_REQUIRES(write_mutex_);
  std::shared_ptr<Pending> replay_alter(Lsn lsn, const AlterOperation& alter)
      OMEN_REQUIRES(write_mutex_);
  template <class T>
  Result<T> finish(Result<Staged<T>> staged);
  Status finish(const std::shared_ptr<Pending>& pending);
  template <class T>
  Status finish_later(Result<Staged<T>> staged, Done<T> done);
  /// Runs a step that follows the logging of an operation, or its naming in a manifest. If memory
  /// runs out there, memory and disk differ, and no write may follow.
  /// (A step says itself what locks it needs; the analysis cannot see that the caller holds them.)
  template <class Step>
  auto or_fail(Step step) OMEN_TSA(no_thread_safety_analysis) {
    try {
      return step();
    } catch (const std::bad_alloc&) {
      publication_.fail(Status(StatusCode::kOutOfMemory, "out of memory"));
      throw;
    }
  }

  // Replaying: collection_core.cc.
  Status does_not_fit(Lsn lsn) const;
  void leave_growing() OMEN_REQUIRES(write_mutex_);

  // Following a writer: adopt.cc.
  static Result<Part> open_part(segment::SegmentStore& files, const CollectionState& state,
                                const SegmentState& named);
  static Status open_tombstones(segment::SegmentStore& files, const SegmentState& named,
                                Part& part);
  Status note_deaths(Lsn lsn, const DeadByPart& dead) OMEN_REQUIRES(write_mutex_);
  Status open_parts(const CollectionState& state, const Snapshot& now, std::vector<Part>& parts)
      OMEN_REQUIRES(write_mutex_);

  /// An open segment of the manifest, its indexes, and its rows that are dead in the state that the
  /// manifest describes.
  struct DurablePart {
    std::shared_ptr<const segment::Segment> segment;
    std::shared_ptr<const segment::Tombstones> dead;
    std::shared_ptr<const segment::SegmentIndexes> indexes;
  };
  using DurableParts = std::map<std::string, DurablePart>;

  // Sealing: tend/seal.cc.
  Status settle(Lsn lsn);
  std::optional<Frozen> oldest_frozen() const;
  Result<bool> seal_oldest(Jobs::By by) OMEN_REQUIRES(seal_mutex_);
  Status seal_all() OMEN_REQUIRES(seal_mutex_);
  Status commit_seal(const Replacement& replacement, NewFiles& files) OMEN_REQUIRES(seal_mutex_);
  Status persist_tombstones(const Snapshot& at, CollectionState& state, DurableParts& parts,
                            std::vector<std::string>& replaced, NewFiles& files);

  // Merging: tend/merge.cc.
  uint64_t max_merged_rows(const column::Schema& columns) const;
  std::vector<std::string> choose_merge(MergeLane lane) const OMEN_REQUIRES(commit_mutex_);
  std::unique_ptr<Jobs::Running> begin_merge(MergeLane lane);
  Status merge(Jobs::Running& job);
  Status commit_merge(const Jobs::Running& job, const Replacement& replacement, NewFiles& files);
  Status merge_all() OMEN_REQUIRES(compact_mutex_);
  bool work_is_due() const;

  // Indexing: tend/index.cc.
  bool should_have_codes(const segment::Field& field, uint64_t vectors) const;
  /// Whether a graph saves more time than it takes to build.
  bool graphs_pay(const segment::Field& field, uint64_t vectors) const;
  /// The kinds of index that a segment should have in a field.
  std::vector<segment::IndexKind> wanted_kinds(const segment::Field& field, uint64_t vectors) const;
  segment::WriteOptions write_options(Jobs::Running& job, const segment::Fields& fields,
                                      std::span<const segment::WriteSource> sources) const;
  Result<std::shared_ptr<const segment::SegmentIndexes>> write_indexes(
      const segment::WrittenSegment& written, const segment::Fields& fields, Jobs::Running& job,
      NewFiles& files);
  bool unsettled() const OMEN_REQUIRES(commit_mutex_);
  std::optional<IndexOf> choose_index() const OMEN_REQUIRES(commit_mutex_);
  std::unique_ptr<Jobs::Running> begin_index(std::optional<IndexOf>& wanted);
  /// @param must_pay  whether a graph that is not faster than partitions is thrown away.
  Status build(const IndexOf& wanted, Jobs::Running& job, bool must_pay);
  Status commit_index(const IndexOf& of, const segment::NamedIndex* built, NewFiles& files);

  // The end of all three: tend/commit.cc.
  Status write_tombstones(const std::shared_ptr<const segment::Tombstones>& dead,
                          SegmentState& segment, NewFiles& files);
  static void add_segment(const Replacement& replacement,
                          const std::shared_ptr<const segment::Tombstones>& dead,
                          CollectionState& state, DurableParts& parts);
  Status publish_state(CollectionState state, DurableParts parts, NewFiles& files)
      OMEN_REQUIRES(commit_mutex_);
  void remove_left_behind(std::span<const SegmentState> named) OMEN_REQUIRES(commit_mutex_);
  /// Makes all snapshots from now on show the same points from other parts.
  void change_snapshots(const Publication::Change& change) OMEN_REQUIRES(write_mutex_);
  /// Readers and later seals must see what the manifest in force names, so these two do nothing
  /// that could fail, except that they throw if memory is short; see or_fail().
  void install(const Replacement& replacement, bool sealed) OMEN_REQUIRES(commit_mutex_);
  void install_indexes(const std::string& segment,
                       const std::shared_ptr<const segment::SegmentIndexes>& indexes)
      OMEN_REQUIRES(commit_mutex_);

  Host& host_;
  const CoreOptions options_;
  const std::string name_;
  const uint32_t id_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> dropped_{false};
  mutable std::atomic<uint64_t> queries_{0};  ///< since the opening
  std::atomic<uint32_t> optimizing_{0};       ///< calls of optimize() that wait

  Jobs jobs_;
  Mutex compact_mutex_;
  Mutex seal_mutex_;
  mutable Mutex commit_mutex_;
  DurableParts durable_parts_ OMEN_GUARDED_BY(commit_mutex_);
  /// Segments of manifests whose publication failed. Their files are removed when a manifest that
  /// does not name them is in force.
  std::vector<SegmentState> left_behind_ OMEN_GUARDED_BY(commit_mutex_);
  /// Segments too damaged for an index to be built of them: it is not tried again.
  std::set<std::string> not_indexable_ OMEN_GUARDED_BY(commit_mutex_);
  /// Segments whose graph is no faster than their partitions.
  std::set<std::string> without_graph_ OMEN_GUARDED_BY(commit_mutex_);
  mutable Mutex state_mutex_;  // taken under any of the others, held for a copy
  CollectionState durable_ OMEN_GUARDED_BY(state_mutex_);

  mutable Mutex write_mutex_;
  CondVar room_;  // a frozen memtable became a segment, or failed to
  std::shared_ptr<const Snapshot> staged_ OMEN_GUARDED_BY(write_mutex_);
  std::shared_ptr<segment::Memtable> growing_ OMEN_GUARDED_BY(write_mutex_);
  segment::Encoders encoders_ OMEN_GUARDED_BY(write_mutex_);  // for the next memtable
  Lsn growing_first_lsn_ OMEN_GUARDED_BY(write_mutex_){};     // 0: nothing since the last freeze
  std::deque<Frozen> frozen_ OMEN_GUARDED_BY(write_mutex_);
  Status seal_error_ OMEN_GUARDED_BY(write_mutex_);
  std::optional<Journal> journal_ OMEN_GUARDED_BY(write_mutex_);  // a reader's

  Publication publication_;
};

}  // namespace omendb::collection
