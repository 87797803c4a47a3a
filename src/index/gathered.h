// The hits and candidates of one query, from all parts that are searched for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "index/candidate_queue.h"
#include "index/top_k.h"

namespace omendb::index {

/// A row and its exact distance.
struct Hit {
  float distance = 0;
  uint32_t source = 0;  ///< the caller's number for a segment or memtable
  uint32_t slot = 0;

  friend bool operator==(const Hit&, const Hit&) = default;
};

/// A set of rows. Grows; open addressing.
class RowSet {
 public:
  /// Whether the row is new to the set.
  bool insert(uint32_t source, uint32_t slot);

 private:
  bool place(uint64_t key);
  void grow();

  std::vector<uint64_t> keys_;  ///< 0: free; as many as a power of two
  size_t size_ = 0;
};

/// How much a query may gather from indexes that estimate.
struct Budget {
  size_t candidates = 0;                                 ///< kept at most
  float below = std::numeric_limits<float>::infinity();  ///< no estimates at or above it
  /// The share of the nearest rows that are looked at; an index may pass over rows that are
  /// unlikely to be among them.
  double reach = 1;
  /// An index that passes over rows may drop candidates whose estimates are so many standard errors
  /// beyond the k-th least.
  float margin = std::numeric_limits<float>::infinity();
};

/// Hits, and candidates that are yet to be measured, of one query. A row may come from several
/// indexes, or from one index several times: it becomes one hit, and is measured once. One thread
/// at a time.
class Gathered {
 public:
  /// @param limit  hits beyond this distance do not count.
  Gathered(size_t k, float limit) : k_(k), limit_(limit) {}

  /// Adds a measured row, unless it was added before.
  void add(const Hit& hit) {
    if (seen_.insert(hit.source, hit.slot)) add_new(hit);
  }
  /// Claims a row for measuring. @return false if it was added or claimed before. The caller of a
  /// successful claim measures the row and calls add_new().
  bool claim(uint32_t source, uint32_t slot) { return seen_.insert(source, slot); }
  void add_new(const Hit& hit);

  /// Only a row at this distance or nearer can still be among the k nearest.
  float reach() const { return nearest_.size() < k_ ? limit_ : nearest_.front(); }
  /// The least distances so far, at most k, in no order.
  std::span<const float> nearest() const { return nearest_; }
  size_t k() const { return k_; }

  /// Empties the candidates and sets how many are wanted next.
  void open(const Budget& budget);
  /// Where indexes that estimate put their candidates. @pre open()
  CandidateQueue& candidates() { return *candidates_; }
  /// How often an index that passes over rows may offer one of them.
  static constexpr size_t kCopies = 2;
  /// The least estimates that such indexes offered: once it is full, it has k rows at least.
  /// @pre open()
  TopK& least_estimates() { return *least_estimates_; }
  double wanted_reach() const { return wanted_reach_; }
  float margin() const { return margin_; }

  /// The hits that can be among the k nearest, nearest first. Includes all that tie for the k-th
  /// place; the caller chooses among those by their ids.
  std::vector<Hit> take();

 private:
  size_t k_;
  float limit_;
  std::vector<Hit> hits_;
  std::vector<float> nearest_;  ///< a heap of the k least distances, the farthest on top
  RowSet seen_;
  std::optional<CandidateQueue> candidates_;
  std::optional<TopK> least_estimates_;
  double wanted_reach_ = 1;
  float margin_ = std::numeric_limits<float>::infinity();
};

}  // namespace omendb::index
