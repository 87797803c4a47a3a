// The ids of a memtable, in arrival order, and the index that finds a row by its id.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/id_view.h"
#include "base/sync.h"
#include "omendb/types.h"

namespace omendb::segment {

/// Rows are appended by one writer at a time; any thread may read rows below a watermark that a
/// snapshot gave it, and may call find() at any time.
///
/// Batches of numbers that rise, and lie past every number before them, as generated ids do, are
/// found by bisection and cost nothing to index. All other rows go through a hash table; there a
/// row keeps a link to the older row of the same id, so that a snapshot finds the row that was the
/// newest at its time.
class GrowingIds {
 public:
  /// @param capacity  rows that will ever be appended; memory is touched as rows arrive.
  GrowingIds(IdKind kind, uint32_t capacity);

  IdKind kind() const { return kind_; }
  /// Appends ids of this kind. @pre they fit the capacity.
  void append(const IdsView& ids) OMEN_EXCLUDES(mutex_);
  /// Appends `count` ids that follow one another.
  void append_sequence(uint64_t first, uint32_t count) OMEN_EXCLUDES(mutex_);

  uint32_t size() const { return size_; }  ///< writer only
  IdView at(uint32_t slot) const;
  const uint64_t* u64_ids() const { return u64_.get(); }

  /// The newest row below `watermark` that has the id, dead or alive.
  std::optional<uint32_t> find(const IdView& id, uint32_t watermark) const OMEN_EXCLUDES(mutex_);

 private:
  struct StringRef {
    const char* data;
    uint32_t size;
  };
  /// Rows [first, end) whose numbers rise from row to row, and from run to run.
  struct Run {
    uint32_t first;
    uint32_t end;
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  void store_string(std::string_view id);
  void index_new_rows(uint32_t first) OMEN_REQUIRES(mutex_);
  bool add_to_runs(uint32_t first) OMEN_REQUIRES(mutex_);
  uint32_t find_in_runs(uint64_t id) const OMEN_REQUIRES(mutex_);
  void grow_table(uint32_t rows) OMEN_REQUIRES(mutex_);
  template <class Id>
  void add_to_table(uint32_t first) OMEN_REQUIRES(mutex_);
  /// The place in table_ that holds a row with the id, or the free place where it belongs.
  template <class Id>
  size_t probe(Id id) const OMEN_REQUIRES(mutex_);
  template <class Id>
  Id value(uint32_t slot) const;

  const IdKind kind_;
  const uint32_t capacity_;
  uint32_t size_ = 0;
  std::unique_ptr<uint64_t[]> u64_;
  std::unique_ptr<StringRef[]> strings_;
  std::vector<std::unique_ptr<char[]>> arena_;
  size_t arena_left_ = 0;
  std::unique_ptr<uint32_t[]> older_;  // of a row in table_: the older one of its id, or kNone

  mutable Mutex mutex_;
  std::vector<Run> runs_ OMEN_GUARDED_BY(mutex_);
  uint64_t largest_ OMEN_GUARDED_BY(mutex_) = 0;         // of all numbers so far
  std::vector<uint32_t> table_ OMEN_GUARDED_BY(mutex_);  // open addressing; newest slot, or kNone
  uint32_t table_used_ OMEN_GUARDED_BY(mutex_) = 0;
};

}  // namespace omendb::segment
