#include "index/graph/graph_index.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status_macros.h"
#include "index/graph/walk.h"

namespace omendb::index::graph {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
/// Where fewer rows than this share may be returned, a walk visits too many others.
constexpr double kLeastShare = 0.4;
/// Visits between two looks at the stop: about a millisecond.
constexpr size_t kVisitsAStep = 2'048;

Status damaged() {
  return {StatusCode::kCorruption, "a node of the graph is damaged"};
}

/// Candidates on their way to the queue, which takes 32 at once.
class Offers {
 public:
  Offers(const Scope& scope, CandidateQueue& out) : scope_(scope), out_(out) {}

  void add(const Walk::Visit& visit) {
    estimates_[size_] = visit.distance;
    slots_[size_] = visit.slot;
    nodes_[size_] = visit.node;
    if (++size_ == kDegree) flush();
  }
  void flush() {
    const uint32_t lanes = size_ == kDegree ? UINT32_MAX : (uint32_t{1} << size_) - 1;
    out_.offer(lanes, estimates_, scope_.source, slots_, nodes_);
    size_ = 0;
  }

 private:
  const Scope& scope_;
  CandidateQueue& out_;
  float estimates_[kDegree] = {};
  uint32_t slots_[kDegree] = {};
  uint32_t nodes_[kDegree] = {};
  size_t size_ = 0;
};

bool allowed(const Scope& scope, uint32_t slot) {
  return scope.mask == nullptr || (scope.mask[slot / 64] >> (slot % 64) & 1) != 0;
}

/// Of the rows that have a vector.
double share_of(const Scope& scope, const Nodes& nodes) {
  return static_cast<double>(scope.matches) / static_cast<double>(nodes.count());
}

/// Rows of a scan of codes that take as long as a visit: of 1 M x 128, .71 us and 3.7 ns; of 100 K
/// x 384, .78 us and 9.7 ns.
double rows_a_visit(const Nodes& nodes) {
  return 60 + 17'000 / std::max(static_cast<double>(nodes.frame().space().row_dim()), 32.0);
}

/// A search takes about as long as a scan of all codes at most, or some times as long as is usual.
/// It would go through all rows that are equal, for one.
size_t most_visits(const Nodes& nodes, const Calibration::Entry& usual) {
  constexpr double kLeast = 1'000;
  constexpr double kTimes = 4;
  const double scan = nodes.count() / rows_a_visit(nodes);
  return static_cast<size_t>(std::max(
      {kLeast, scan, std::min(kTimes * double{usual.rows}, static_cast<double>(nodes.count()))}));
}

}  // namespace

double GraphIndex::rows_looked_at(const Scope& scope, size_t k, double reach) const {
  const double share = share_of(scope, nodes_);
  const double passed = static_cast<double>(k) / std::max(share, 1e-9);
  const double never = Calibration::kNever;
  if (share < kLeastShare || passed > Calibration::kNearest.back()) return never;
  const double visits = nodes_.frame().calibration().around(passed, reach).rows;
  return visits * rows_a_visit(nodes_) + static_cast<double>(nodes_.frame().entries().size());
}

Status GraphIndex::search(PreparedQueries& queries, const Scope& scope,
                          std::span<Gathered* const> out) const {
  if (scope.matches == 0) return {};
  const std::span<GraphQuery> placed = queries.for_graph(nodes_.frame());
  Walk walk(nodes_);
  for (size_t q = 0; q < out.size(); ++q) {
    OMEN_RETURN_IF_ERROR(search_one(placed[q], scope, queries.stop(), walk, *out[q]));
  }
  return {};
}

Status GraphIndex::search_one(GraphQuery& query, const Scope& scope, const Stop& stop, Walk& walk,
                              Gathered& out) const {
  const Frame& frame = nodes_.frame();
  const double passed = static_cast<double>(out.k()) / share_of(scope, nodes_);
  const float typical = frame.typical_square(passed);
  const bool all = out.wanted_reach() >= 1;
  const Calibration::Entry wanted = frame.calibration().around(passed, out.wanted_reach());
  const float slack = all ? kInfinity : wanted.slack;
  const size_t most = all ? nodes_.count() : most_visits(nodes_, wanted);
  TopK nearest(out.k());
  Offers offers(scope, out.candidates());
  float limit = kInfinity;
  walk.start(query);
  for (size_t visits = 0; visits < most && walk.visit(limit); ++visits) {
    if (visits % kVisitsAStep == 0) OMEN_RETURN_IF_ERROR(stop.check());
    const Walk::Visit& visited = walk.visited();
    // A distance that is not a number comes from a file made to harm.
    if (allowed(scope, visited.slot) && !std::isnan(visited.distance)) {
      offers.add(visited);
      nearest.offer(visited.distance, visited.slot);
      limit = query.limit(nearest.threshold(), slack, typical);
    }
    walk.expand(limit);
  }
  if (walk.damaged()) return damaged();
  offers.flush();
  return {};
}

Status GraphIndex::standard_errors(PreparedQueries& queries, size_t query,
                                   std::span<const Candidate> candidates, float* out) const {
  const GraphQuery& placed = queries.for_graph(nodes_.frame())[query];
  for (const Candidate& c : candidates) {
    const std::byte* const record = nodes_.node(c.place);
    if (record == nullptr) return damaged();
    *out++ = placed.standard_error(NodeView(record, nodes_.frame().layout()), c.estimate);
  }
  return {};
}

}  // namespace omendb::index::graph
