// The best R candidates of a coded scan, by estimate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace omendb::index {

/// A row that may be among the nearest: its estimated distance and where it is.
struct Candidate {
  float estimate;
  uint32_t source;  ///< the caller's number for a segment or memtable
  uint32_t slot;
  uint32_t place = 0;  ///< where the index has the row, if not in the order of slots

  friend bool operator<(const Candidate& a, const Candidate& b) {
    if (a.estimate != b.estimate) return a.estimate < b.estimate;
    if (a.source != b.source) return a.source < b.source;
    return a.slot < b.slot;
  }
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// Keeps the `capacity` smallest candidates of all that are offered, across any number of scans;
/// of equal estimates, those offered first. Offers go to a buffer. When it is full, candidates past
/// about the capacity-th estimate are dropped and the threshold falls. For one thread at a time;
/// reuse one queue for many queries to keep its memory.
class CandidateQueue {
 public:
  /// @param below  candidates at or above this are not wanted, except that infinity still counts
  explicit CandidateQueue(size_t capacity, float below = std::numeric_limits<float>::infinity());

  /// Empties the queue, for the next query.
  void reset(size_t capacity, float below = std::numeric_limits<float>::infinity());

  /// Candidates at or above this cannot matter any more; `below` until more were seen than fit.
  float threshold() const { return threshold_; }
  /// Says that candidates at or above `below` do not matter: the threshold falls to it, or stays.
  void lower_to(float below) { threshold_ = below < threshold_ ? below : threshold_; }

  /// Offers lane v of a block of 32 for each set bit v of `lanes`.
  /// @param estimates  32 floats, those of set lanes not NaN.
  void offer(uint32_t lanes, const float* estimates, uint32_t source, uint32_t first_slot);
  /// The same for rows that lie in no order. @param slots  32, by lane.
  /// @param first_place  Candidate::place of lane 0.
  void offer(uint32_t lanes, const float* estimates, uint32_t source, const uint32_t* slots,
             uint32_t first_place);
  /// The same. @param places  32, by lane: Candidate::place.
  void offer(uint32_t lanes, const float* estimates, uint32_t source, const uint32_t* slots,
             const uint32_t* places);

  /// Everything kept, at most `capacity`, ascending (ties by source, then slot). Valid until the
  /// queue is next changed; the scan may go on afterwards.
  std::span<const Candidate> sorted();
  /// The same in no order, for the caller to arrange as it likes.
  std::span<Candidate> kept();

 private:
  template <class MakeCandidate>
  void offer_each(uint32_t lanes, const float* estimates, MakeCandidate make);
  /// Drops what is past about the capacity-th estimate; cheaper than prune().
  void thin_out();
  /// Drops what is past the capacity-th estimate.
  void prune();

  size_t capacity_ = 0;
  size_t size_ = 0;
  float threshold_ = std::numeric_limits<float>::infinity();
  std::vector<Candidate> buffer_;
  std::vector<float> scratch_;
};

}  // namespace omendb::index
