#include "index/graph/walk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace omendb::index::graph {

namespace rabitq = codec::rabitq;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Entries that a walk begins at: one may lie in a corner that leads nowhere.
constexpr size_t kBeginnings = 4;

constexpr size_t kFirstSlots = 1'024;

}  // namespace

GraphQuery::GraphQuery(const Frame& frame, const void* query)
    : point(frame.space().dim()), metric(frame.space().metric()) {
  const partition::Space& space = frame.space();
  const float scale = space.place_query(query, point.data());
  if (space.metric() == Metric::kInnerProduct) unit = scale;
  const float shift = 2 * space.longest() * space.longest();
  to_edges = frame.edge_encoder().prepare(point.data(), {scale, shift});
  to_rows = frame.row_encoder().prepare(point.data());
  // Under inner products entries have one more coordinate than the rows.
  to_entries = space.metric() == Metric::kInnerProduct ? frame.entry_encoder().prepare(point.data())
                                                       : to_edges.prepared();
  double squares = 0;
  for (const float x : point) squares += static_cast<double>(x) * static_cast<double>(x);
  length = static_cast<float>(std::sqrt(squares));
}

namespace {

/// How a search goes on for a query from elsewhere: with the slack times `times`, and `more`.
struct Stretch {
  float times = 1;
  float more = 0;
};
Stretch stretch(float square, float typical) {
  constexpr float kMostRatio = 1.5F;
  constexpr float kMore = 0.02F;
  const float ratio = typical > 0 ? std::min(square / typical, kMostRatio) : 1;
  if (!(ratio > 1)) return {};
  return {ratio * ratio, kMore * (ratio * ratio - 1)};
}

}  // namespace

float GraphQuery::slack(float estimate, float kth, float typical) const {
  const float radius = to_edges.squared(kth);
  if (!(kth < kInfinity) || !(radius > 0)) return 0;
  // Not below 0: of a query far from all rows, the distances are nearly equal.
  const Stretch by = stretch(radius, typical);
  return std::max(to_edges.squared(estimate) / radius - 1 - by.more, 0.0F) / by.times;
}

float GraphQuery::limit(float kth, float slack, float typical) const {
  if (!(kth < kInfinity)) return kInfinity;
  const float radius = std::max(to_edges.squared(kth), 0.0F);
  const Stretch by = stretch(radius, typical);
  return to_edges.estimate((1 + slack * by.times + by.more) * radius);
}

float GraphQuery::standard_error(const NodeView& node, float distance) const {
  codec::sq8::Factors factors;
  std::memcpy(&factors, node.row(), sizeof factors);
  // Coding moved the row by factors.error, in no particular direction.
  const float miss = factors.error / std::sqrt(static_cast<float>(point.size()));
  switch (metric) {
    case Metric::kL2: return 2 * miss * std::sqrt(std::max(distance, 0.0F));
    case Metric::kCosine: return miss * std::sqrt(2 * std::max(distance, 0.0F));
    default: return miss * length * unit;
  }
}

void EstimateHeap::push(const Entry& entry) {
  entries_.push_back(entry);
  size_t at = entries_.size() - 1;
  while (at > 0) {
    const size_t parent = (at - 1) / 4;
    if (!(entry.estimate < entries_[parent].estimate)) break;
    entries_[at] = entries_[parent];
    at = parent;
  }
  entries_[at] = entry;
}

EstimateHeap::Entry EstimateHeap::pop() {
  const Entry top = entries_.front();
  const Entry last = entries_.back();
  entries_.pop_back();
  const size_t size = entries_.size();
  if (size == 0) return top;
  const auto less = [this](size_t a, size_t b) {
    return entries_[b].estimate < entries_[a].estimate ? b : a;
  };
  size_t at = 0;
  for (;;) {
    const size_t child = 4 * at + 1;
    if (child >= size) break;
    size_t least = child;
    if (child + 4 <= size) {
      least = less(less(child, child + 1), less(child + 2, child + 3));
    } else {
      for (size_t other = child + 1; other < size; ++other) least = less(least, other);
    }
    if (!(entries_[least].estimate < last.estimate)) break;
    entries_[at] = entries_[least];
    at = least;
  }
  entries_[at] = last;
  return top;
}

void NodeSet::clear() {
  slots_.assign(std::max(slots_.size(), kFirstSlots), kNoNode);
  size_ = 0;
}

void NodeSet::insert(uint32_t node) {
  if (2 * (size_ + 1) > slots_.size()) grow();
  uint32_t& slot = slots_[find(node)];
  size_ += slot == node ? 0 : 1;
  slot = node;
}

void NodeSet::grow() {
  const std::vector<uint32_t> old =
      std::exchange(slots_, std::vector<uint32_t>(2 * slots_.size(), kNoNode));
  for (const uint32_t node : old) {
    if (node != kNoNode) slots_[find(node)] = node;
  }
}

Walk::Walk(const Nodes& nodes)
    : nodes_(nodes),
      frame_(nodes.frame()),
      scan_(rabitq::block_scan()),
      rows_(codec::sq8::kernels()) {}

void Walk::clear(GraphQuery& query) {
  query_ = &query;
  heap_.clear();
  seen_.clear();
  damaged_ = false;
}

void Walk::start(GraphQuery& query, uint32_t node) {
  clear(query);
  heap_.push({-kInfinity, node});
}

void Walk::start(GraphQuery& query) {
  clear(query);
  const std::span<const uint32_t> entries = frame_.entries();
  const size_t blocks = (entries.size() + rabitq::kBlockRows - 1) / rabitq::kBlockRows;
  estimates_.resize(blocks * rabitq::kBlockRows);
  hits_.resize(blocks);
  scan_(query.to_entries, frame_.entry_codes(), blocks, kInfinity, estimates_.data(), hits_.data());
  // They are visited whatever their estimates are: those of entries far away are rough.
  std::array<EstimateHeap::Entry, kBeginnings> nearest;
  nearest.fill({kInfinity, kNoNode});
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!(estimates_[i] < nearest.back().estimate)) continue;
    size_t at = kBeginnings - 1;
    for (; at > 0 && estimates_[i] < nearest[at - 1].estimate; --at) nearest[at] = nearest[at - 1];
    nearest[at] = {estimates_[i], entries[i]};
  }
  for (const EstimateHeap::Entry& entry : nearest) {
    if (entry.node == kNoNode) continue;
    prefetch(entry.node);
    heap_.push({-kInfinity, entry.node});
  }
  // Estimates that are not numbers, of codes made to harm, or of a query without a direction.
  if (heap_.empty()) heap_.push({-kInfinity, entries.front()});
}

void Walk::prefetch(uint32_t node) const {
  const std::byte* const record = nodes_.place(node);
  for (size_t i = 0; i < frame_.layout().bytes; i += 64) __builtin_prefetch(record + i, 0, 2);
}

bool Walk::visit(float limit) {
  while (!heap_.empty() && heap_.least().estimate <= limit) {
    const EstimateHeap::Entry nearest = heap_.pop();
    if (seen_.contains(nearest.node)) continue;
    seen_.insert(nearest.node);
    at_ = nodes_.node(nearest.node);
    if (at_ == nullptr) {
      damaged_ = true;
      return false;
    }
    if (!heap_.empty()) prefetch(heap_.least().node);
    const NodeView node(at_, frame_.layout());
    float distance = 0;
    rows_.scan(query_->to_rows, node.row(), frame_.layout().bytes, 1, &distance);
    visited_ = {nearest.estimate, distance * query_->unit, nearest.node, node.slot()};
    return true;
  }
  return false;
}

void Walk::expand(float limit) {
  const NodeView node(at_, frame_.layout());
  // Only the distances from the visited node count here, not how far estimates may be off.
  query_->to_edges.aim({visited_.distance, 0});
  alignas(64) float estimates[kDegree];
  uint32_t hits = 0;
  scan_(query_->to_edges.prepared(), node.codes(), 1, limit, estimates, &hits);
  const uint32_t* const edges = node.edges();
  for (; hits != 0; hits &= hits - 1) {
    const auto lane = static_cast<size_t>(std::countr_zero(hits));
    const uint32_t other = edges[lane];
    // A number beyond the end is of a file made to harm.
    if (other >= nodes_.count() || seen_.contains(other)) continue;
    heap_.push({estimates[lane], other});
  }
}

}  // namespace omendb::index::graph
