#include "index/candidate_queue.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace omendb::index {
namespace {

constexpr size_t kLanes = 32;

/// Candidates looked at to guess a threshold, and how far beyond the guess it is set: three
/// standard deviations of a rank in the middle of such a sample.
constexpr size_t kSample = 256;
constexpr size_t kSampleMargin = 24;

/// Room beyond the capacity. Pruning costs a pass over the buffer, so it should be rare; but until
/// the next pruning the threshold is stale and lets too many in.
constexpr size_t slack(size_t capacity) {
  return std::max<size_t>(capacity, 512) + kLanes;
}

}  // namespace

CandidateQueue::CandidateQueue(size_t capacity, float below) {
  reset(capacity, below);
}

void CandidateQueue::reset(size_t capacity, float below) {
  OMEN_CHECK(capacity > 0);
  capacity_ = capacity;
  size_ = 0;
  threshold_ = below;
  const size_t room = capacity + slack(capacity);
  if (buffer_.size() < room) {
    buffer_.resize(room);
    scratch_.resize(room);
  }
}

template <class MakeCandidate>
void CandidateQueue::offer_each(uint32_t lanes, const float* estimates, MakeCandidate make) {
  if (size_ + kLanes > capacity_ + slack(capacity_)) thin_out();
  const float threshold = threshold_;
  const bool open = threshold == std::numeric_limits<float>::infinity();
  Candidate* out = buffer_.data() + size_;
  for (; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(lanes));
    *out = make(lane);
    out += open || estimates[lane] < threshold ? 1 : 0;
  }
  size_ = static_cast<size_t>(out - buffer_.data());
}

void CandidateQueue::offer(uint32_t lanes, const float* estimates, uint32_t source,
                           uint32_t first_slot) {
  offer_each(lanes, estimates, [&](uint32_t lane) {
    return Candidate{estimates[lane], source, first_slot + lane};
  });
}

void CandidateQueue::offer(uint32_t lanes, const float* estimates, uint32_t source,
                           const uint32_t* slots, uint32_t first_place) {
  offer_each(lanes, estimates, [&](uint32_t lane) {
    return Candidate{estimates[lane], source, slots[lane], first_place + lane};
  });
}

void CandidateQueue::offer(uint32_t lanes, const float* estimates, uint32_t source,
                           const uint32_t* slots, const uint32_t* places) {
  offer_each(lanes, estimates, [&](uint32_t lane) {
    return Candidate{estimates[lane], source, slots[lane], places[lane]};
  });
}

void CandidateQueue::thin_out() {
  // A sample tells about where the capacity-th estimate lies; aiming a little beyond it, nearly
  // always enough lies below. Nothing is dropped before that is counted.
  const size_t stride = size_ / kSample;
  for (size_t i = 0; i < kSample; ++i) scratch_[i] = buffer_[i * stride].estimate;
  const size_t rank = std::min(capacity_ * kSample / size_ + kSampleMargin, kSample - 1);
  const auto aim = scratch_.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(scratch_.begin(), aim, scratch_.begin() + kSample);
  const float limit = *aim;
  size_t below = 0;
  for (size_t i = 0; i < size_; ++i) below += buffer_[i].estimate < limit ? 1 : 0;
  if (below < capacity_ || below + kLanes > capacity_ + slack(capacity_) / 2) return prune();
  threshold_ = limit;
  size_t kept = 0;
  for (size_t i = 0; i < size_; ++i) {
    const Candidate candidate = buffer_[i];
    buffer_[kept] = candidate;
    kept += candidate.estimate < limit ? 1 : 0;
  }
  size_ = kept;
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

std::span<Candidate> CandidateQueue::kept() {
  prune();
  return {buffer_.data(), size_};
}

std::span<const Candidate> CandidateQueue::sorted() {
  const std::span<Candidate> candidates = kept();
  std::sort(candidates.begin(), candidates.end());
  return candidates;
}

}  // namespace omendb::index
