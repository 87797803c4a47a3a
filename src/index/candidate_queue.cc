#include "index/candidate_queue.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace omendb::index {
namespace {

constexpr size_t kLanes = 32;

/// Room beside the capacity: pruning costs a pass over the buffer, so it should be rare; but until
/// it happens the threshold is stale and lets too much in.
constexpr size_t slack(size_t capacity) {
  return std::max<size_t>(capacity, 512) + kLanes;
}

}  // namespace

CandidateQueue::CandidateQueue(size_t capacity) {
  reset(capacity);
}

void CandidateQueue::reset(size_t capacity) {
  OMEN_CHECK(capacity > 0);
  capacity_ = capacity;
  size_ = 0;
  threshold_ = std::numeric_limits<float>::infinity();
  const size_t room = capacity + slack(capacity);
  if (buffer_.size() < room) {
    buffer_.resize(room);
    scratch_.resize(room);
  }
}

void CandidateQueue::offer(uint32_t lanes, const float* estimates, uint32_t source,
                           uint32_t first_slot) {
  if (size_ + kLanes > capacity_ + slack(capacity_)) prune();
  const float threshold = threshold_;
  const bool open = threshold == std::numeric_limits<float>::infinity();
  Candidate* out = buffer_.data() + size_;
  for (; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(lanes));
    *out = {estimates[lane], source, first_slot + lane};
    out += open || estimates[lane] < threshold ? 1 : 0;
  }
  size_ = static_cast<size_t>(out - buffer_.data());
}

void CandidateQueue::prune() {
  if (size_ <= capacity_) return;
  for (size_t i = 0; i < size_; ++i) scratch_[i] = buffer_[i].estimate;
  const auto last = scratch_.begin() + static_cast<std::ptrdiff_t>(capacity_ - 1);
  std::nth_element(scratch_.begin(), last, scratch_.begin() + static_cast<std::ptrdiff_t>(size_));
  threshold_ = *last;
  // Everything below the threshold stays, and as many of its equals as fit, the earliest first.
  size_t equals = capacity_;
  for (size_t i = 0; i < size_; ++i) equals -= buffer_[i].estimate < threshold_ ? 1 : 0;
  size_t kept = 0;
  for (size_t i = 0; i < size_; ++i) {
    const Candidate candidate = buffer_[i];
    buffer_[kept] = candidate;
    const bool equal = candidate.estimate == threshold_ && equals > 0;
    equals -= equal ? 1 : 0;
    kept += candidate.estimate < threshold_ || equal ? 1 : 0;
  }
  size_ = kept;
}

std::span<const Candidate> CandidateQueue::sorted() {
  prune();
  std::sort(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size_));
  return {buffer_.data(), size_};
}

}  // namespace omendb::index
