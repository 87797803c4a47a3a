#include "index/graph/build.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>

#include "base/status_macros.h"
#include "index/exact_scan.h"
#include "index/graph/prune.h"
#include "index/graph/trace.h"
#include "index/graph/walk.h"

namespace omendb::index::graph {

namespace partition = index::partition;
namespace rabitq = codec::rabitq;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Rows that are compared with each other at once: more make the work grow faster than what it
/// finds.
constexpr size_t kLeafRows = 1'024;
/// Rows of a leaf that a row may be linked with.
constexpr size_t kLeafNeighbors = 24;
/// A row is linked with what a search for it visits: at most so many nodes, and none that are
/// farther than the slack from the nearest ten.
constexpr size_t kLinkVisits = 150;
constexpr size_t kLinkNearest = 10;
constexpr float kLinkSlack = 0.1F;
/// Searches begin at the nearest of so many nodes. These have edges to each other, by which walks
/// get from one cluster of rows to the next.
constexpr size_t kMostEntries = 1'024;
constexpr size_t kEdgesToEntries = 8;
constexpr size_t kRowsPerStep = 256;
constexpr size_t kHeldOut = 256;  // rows that calibration searches for

/// Up to kDegree rows near each node, in no order.
class Lists {
 public:
  explicit Lists(size_t nodes) : near_(nodes * kDegree), sizes_(nodes, 0) {}

  std::span<const Near> of(size_t node) const { return {at(node), sizes_[node]}; }
  void set(size_t node, std::span<const Near> near) {
    std::ranges::copy(near, at(node));
    sizes_[node] = static_cast<uint8_t>(near.size());
  }
  /// Leaves the `n` nearest.
  void shorten(size_t node, size_t n) {
    if (sizes_[node] <= n) return;
    Near* const list = at(node);
    std::nth_element(list, list + n, list + sizes_[node]);
    sizes_[node] = static_cast<uint8_t>(n);
  }
  /// Adds what is not there; drops the farthest if there is no room.
  void add(size_t node, const Near& near) {
    Near* const list = at(node);
    uint8_t& size = sizes_[node];
    for (size_t i = 0; i < size; ++i) {
      if (list[i].node == near.node) return;
    }
    if (size < kDegree) {
      list[size++] = near;
      return;
    }
    Near* const farthest = std::max_element(list, list + kDegree);
    if (near < *farthest) *farthest = near;
  }

 private:
  const Near* at(size_t node) const { return near_.data() + node * kDegree; }
  Near* at(size_t node) { return near_.data() + node * kDegree; }

  std::vector<Near> near_;
  std::vector<uint8_t> sizes_;
};

/// The rows of one build, by node.
class Builder {
 public:
  Builder(const Rows& rows, const partition::Cells& cells, const BuildOptions& options,
          JobControl& control)
      : rows_(rows),
        cells_(cells),
        options_(options),
        control_(control),
        space_(cells.frame().space()),
        random_(options.seed) {}

  Result<std::unique_ptr<BuiltNodes>> run();

 private:
  Status number_nodes();
  Status place_rows();
  Status link_leaves(Lists& near);
  void link_leaf(std::span<const uint32_t> nodes, Lists& near);
  Status choose(const Lists& near, Lists& chosen);
  Status choose_by_search(const BuiltNodes& graph, Lists& edges);
  Status lead_back(const Lists& chosen, const Lists& spare, Lists& edges);
  std::vector<uint32_t> choose_entries() const;
  void connect_entries(Lists& edges) const;
  std::unique_ptr<BuiltNodes::Arrays> begin_arrays() const;
  Status encode_rows(const Frame& frame, BuiltNodes::Arrays& arrays) const;
  Status encode_edges(const Lists& edges, const Frame& frame, BuiltNodes::Arrays& arrays) const;
  Result<std::unique_ptr<BuiltNodes>> calibrated(std::unique_ptr<BuiltNodes> graph);
  std::unique_ptr<BuiltNodes> graph_of(std::unique_ptr<BuiltNodes::Arrays> arrays,
                                       const Calibration& calibration = {},
                                       const TypicalSquares& typical = {}) const;

  size_t count() const { return slots_.size(); }
  Result<const std::byte*> row_of(uint32_t node) const {
    const std::byte* row = nullptr;
    OMEN_RETURN_IF_ERROR(rows_.locate(std::span(&slots_[node], 1), &row));
    return row;
  }
  /// Checked every so often.
  Status step(size_t node, uint64_t progress) {
    if ((node + 1) % kRowsPerStep != 0) return {};
    return control_.proceed(progress * kRowsPerStep);
  }

  const Rows& rows_;
  const partition::Cells& cells_;
  const BuildOptions& options_;
  JobControl& control_;
  const partition::Space& space_;
  std::mt19937_64 random_;
  std::vector<uint32_t> slots_;                 // by node
  std::vector<std::vector<uint32_t>> members_;  // nodes, by cell
  partition::Points points_;                    // by node
  std::vector<uint32_t> entries_;               // nodes
};

/// In the order in which the cells have their rows: near rows are near each other.
Status Builder::number_nodes() {
  std::vector<uint32_t> node_of(rows_.rows(), kNoNode);
  members_.resize(cells_.frame().cells());
  for (uint32_t c = 0; c < members_.size(); ++c) {
    OMEN_ASSIGN_OR_RETURN(const partition::CellRows rows, cells_.cell(c));
    for (size_t i = 0; i < rows.blocks * rabitq::kBlockRows; ++i) {
      const uint32_t slot = rows.slots[i];
      if (slot == partition::kNoSlot) continue;
      uint32_t& node = node_of[slot];
      if (node == kNoNode) {
        node = static_cast<uint32_t>(slots_.size());
        slots_.push_back(slot);
      }
      members_[c].push_back(node);
    }
  }
  return control_.proceed(0);
}

Status Builder::place_rows() {
  points_ = {space_.dim(), std::vector<float>(count() * space_.dim())};
  for (uint32_t node = 0; node < count(); ++node) {
    OMEN_ASSIGN_OR_RETURN(const std::byte* const row, row_of(node));
    space_.place_row(row, points_.at(node));
    OMEN_RETURN_IF_ERROR(step(node, 0));
  }
  return {};
}

// --- edges ---------------------------------------------------------------------------------------

/// Notes, for each row, the nearest of those that share a cell with it.
Status Builder::link_leaves(Lists& near) {
  for (const std::vector<uint32_t>& members : members_) {
    const std::span<const uint32_t> all(members);
    for (size_t i = 0; i < all.size(); i += kLeafRows) {
      link_leaf(all.subspan(i, std::min(kLeafRows, all.size() - i)), near);
      OMEN_RETURN_IF_ERROR(control_.proceed(0));
    }
  }
  return {};
}

void Builder::link_leaf(std::span<const uint32_t> nodes, Lists& near) {
  const size_t dim = points_.dim;
  std::vector<float> points(nodes.size() * dim);
  for (size_t i = 0; i < nodes.size(); ++i) {
    std::copy_n(points_.at(nodes[i]), dim, points.data() + i * dim);
  }
  const BatchScan scan(Metric::kL2, {points.data(), nodes.size(), dim, Element::kF32, 0});
  std::vector<TopK> nearest(nodes.size(), TopK(kLeafNeighbors + 1));  // the row itself is one
  scan.scan({std::as_bytes(std::span(points)).data(), dim * sizeof(float), nodes.size(), 0},
            nearest);
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const Neighbor& one : std::move(nearest[i]).sorted()) {
      if (one.slot != i) near.add(nodes[i], {one.distance, nodes[one.slot]});
    }
  }
}

Status Builder::choose(const Lists& near, Lists& chosen) {
  Pruner pruner(points_);
  std::vector<Near> candidates;
  for (uint32_t node = 0; node < count(); ++node) {
    const std::span<const Near> all = near.of(node);
    candidates.assign(all.begin(), all.end());
    chosen.set(node, pruner.choose(node, candidates, Pruner::Room::kLeave));
    OMEN_RETURN_IF_ERROR(step(node, 0));
  }
  return {};
}

/// Links every row anew: with what a search for it in the graph visits, and what it is linked with.
Status Builder::choose_by_search(const BuiltNodes& graph, Lists& edges) {
  Lists chosen(count());
  Lists spare(count());
  Pruner pruner(points_);
  Walk walk(graph);
  std::vector<Near> candidates;
  std::vector<uint32_t> visited;
  std::vector<float> squares;
  const auto& kernels = distance::kernels(Metric::kL2, Element::kF32);
  for (uint32_t node = 0; node < count(); ++node) {
    OMEN_ASSIGN_OR_RETURN(const std::byte* const row, row_of(node));
    GraphQuery query(graph.frame(), row);
    TopK nearest(kLinkNearest);
    visited.clear();
    float limit = kInfinity;
    walk.start(query, node);
    while (visited.size() < kLinkVisits && walk.visit(limit)) {
      visited.push_back(walk.visited().node);
      nearest.offer(walk.visited().distance, walk.visited().node);
      limit = query.limit(nearest.threshold(), kLinkSlack, 0);
      walk.expand(limit);
    }
    squares.resize(visited.size());
    kernels.gather(points_.at(node), points_.values.data(), points_.dim * sizeof(float),
                   visited.data(), visited.size(), points_.dim, squares.data());
    const std::span<const Near> before = edges.of(node);
    candidates.assign(before.begin(), before.end());
    for (size_t i = 0; i < visited.size(); ++i) candidates.push_back({squares[i], visited[i]});
    chosen.set(node, pruner.choose(node, candidates, Pruner::Room::kLeave));
    spare.set(node, std::span(candidates).first(std::min(kDegree, candidates.size())));
    OMEN_RETURN_IF_ERROR(step(node, 1));
  }
  return lead_back(chosen, spare, edges);
}

/// Lets edges lead back as well, and fills the room that is left.
/// @param spare  of each node, what room is filled with.
Status Builder::lead_back(const Lists& chosen, const Lists& spare, Lists& edges) {
  Lists back(count());
  for (uint32_t node = 0; node < count(); ++node) {
    for (const Near& near : chosen.of(node)) back.add(near.node, {near.squared, node});
    OMEN_RETURN_IF_ERROR(step(node, 0));
  }
  Pruner pruner(points_);
  std::vector<Near> candidates;
  for (uint32_t node = 0; node < count(); ++node) {
    const std::span<const Near> forth = chosen.of(node);
    candidates.assign(forth.begin(), forth.end());
    for (const Near& near : back.of(node)) {
      if (std::ranges::count(forth, near.node, &Near::node) == 0) candidates.push_back(near);
    }
    if (candidates.size() > kDegree) {
      edges.set(node, pruner.choose(node, candidates, Pruner::Room::kFill));
    } else {
      edges.set(node, candidates);
      candidates.assign(spare.of(node).begin(), spare.of(node).end());
      std::sort(candidates.begin(), candidates.end());
      for (const Near& near : candidates) {
        if (edges.of(node).size() == kDegree) break;
        edges.add(node, near);
      }
    }
    OMEN_RETURN_IF_ERROR(step(node, 0));
  }
  return {};
}

/// The row nearest to its center, of cells all over the data.
std::vector<uint32_t> Builder::choose_entries() const {
  const auto& kernels = distance::kernels(Metric::kL2, Element::kF32);
  const size_t cells = members_.size();
  const size_t wanted = std::min(kMostEntries, cells);
  std::vector<uint32_t> entries;
  for (size_t e = 0; e < wanted; ++e) {
    const size_t c = e * cells / wanted;
    const float* const center = cells_.frame().centers().at(c);
    Near nearest{kInfinity, kNoNode};
    for (const uint32_t node : members_[c]) {
      nearest = std::min(nearest, {kernels.pair(center, points_.at(node), points_.dim), node});
    }
    if (nearest.node != kNoNode) entries.push_back(nearest.node);
  }
  std::ranges::sort(entries);
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return entries;
}

void Builder::connect_entries(Lists& edges) const {
  Pruner pruner(points_);
  const auto& kernels = distance::kernels(Metric::kL2, Element::kF32);
  std::vector<Near> others;
  for (const uint32_t entry : entries_) {
    others.clear();
    for (const uint32_t other : entries_) {
      others.push_back({kernels.pair(points_.at(entry), points_.at(other), points_.dim), other});
    }
    const std::vector<Near>& chosen = pruner.choose(entry, others, Pruner::Room::kLeave);
    const size_t n = std::min(chosen.size(), kEdgesToEntries);
    edges.shorten(entry, kDegree - n);
    for (size_t i = 0; i < n; ++i) edges.add(entry, chosen[i]);
  }
}

// --- records -------------------------------------------------------------------------------------

std::unique_ptr<BuiltNodes::Arrays> Builder::begin_arrays() const {
  auto arrays = std::make_unique<BuiltNodes::Arrays>();
  std::vector<double> sums(space_.dim(), 0.0);
  const partition::PointsView& centers = cells_.frame().centers();
  for (size_t c = 0; c < centers.count(); ++c) {
    for (size_t d = 0; d < sums.size(); ++d) sums[d] += static_cast<double>(centers.at(c)[d]);
  }
  for (const double sum : sums) {
    arrays->origin.push_back(static_cast<float>(sum / static_cast<double>(centers.count())));
  }
  arrays->entries = entries_;
  const Frame frame(space_,
                    {.origin = arrays->origin, .entries = arrays->entries, .seed = options_.seed});
  std::vector<float> points;
  for (const uint32_t entry : arrays->entries) {
    points.insert(points.end(), points_.at(entry), points_.at(entry) + points_.dim);
  }
  arrays->entry_codes = frame.encode_entries(points.data());
  arrays->records.resize(count() * frame.layout().bytes / sizeof(BuiltNodes::Arrays::Line));
  return arrays;
}

Status Builder::encode_rows(const Frame& frame, BuiltNodes::Arrays& arrays) const {
  const RecordLayout& layout = frame.layout();
  std::byte* record = arrays.records.front().bytes;
  for (uint32_t node = 0; node < count(); ++node, record += layout.bytes) {
    OMEN_ASSIGN_OR_RETURN(const std::byte* const row, row_of(node));
    frame.row_encoder().encode(row, vector_bytes(options_.element, options_.dim), 1, record);
    std::memcpy(record + layout.slot, &slots_[node], sizeof slots_[node]);
  }
  return {};
}

Status Builder::encode_edges(const Lists& edges, const Frame& frame,
                             BuiltNodes::Arrays& arrays) const {
  const RecordLayout& layout = frame.layout();
  const codec::CellEncoder& encoder = frame.edge_encoder();
  codec::CellEncoder::Cell cell;
  std::vector<float> points(kDegree * points_.dim);
  std::byte* record = arrays.records.front().bytes;
  for (uint32_t node = 0; node < count(); ++node, record += layout.bytes) {
    std::array<uint32_t, kDegree> to;
    to.fill(kNoNode);
    const std::span<const Near> near = edges.of(node);
    for (size_t i = 0; i < near.size(); ++i) {
      to[i] = near[i].node;
      std::copy_n(points_.at(near[i].node), points_.dim, points.data() + i * points_.dim);
    }
    std::memcpy(record + layout.edges, to.data(), sizeof to);
    if (near.empty()) std::copy_n(points_.at(node), points_.dim, points.data());  // never followed
    encoder.enter(points_.at(node), cell);
    encoder.encode_block(cell, points.data(), points_.dim, std::max<size_t>(1, near.size()),
                         record + layout.codes);
    if ((node + 1) % kRowsPerStep == 0) OMEN_RETURN_IF_ERROR(control_.proceed(0));
  }
  return {};
}

std::unique_ptr<BuiltNodes> Builder::graph_of(std::unique_ptr<BuiltNodes::Arrays> arrays,
                                              const Calibration& calibration,
                                              const TypicalSquares& typical) const {
  const BuiltNodes::Size size{rows_.rows(), static_cast<uint32_t>(count())};
  return std::make_unique<BuiltNodes>(size, std::move(arrays), space_, options_.seed, calibration,
                                      typical);
}

/// Nine in ten of the values are less. @param values  not empty
float ninth_of_ten(std::vector<float> values) {
  const auto at = values.begin() + static_cast<ptrdiff_t>(values.size() * 9 / 10);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Result<std::unique_ptr<BuiltNodes>> Builder::calibrated(std::unique_ptr<BuiltNodes> graph) {
  std::vector<uint32_t> held(count());
  for (uint32_t node = 0; node < count(); ++node) held[node] = node;
  const size_t n = std::min(kHeldOut, held.size());
  for (size_t i = 0; i < n; ++i) std::swap(held[i], held[i + random_() % (held.size() - i)]);
  held.resize(n);
  std::vector<GraphQuery> queries;
  std::vector<float> points;
  for (const uint32_t node : held) {
    OMEN_ASSIGN_OR_RETURN(const std::byte* const row, row_of(node));
    const std::vector<float>& point = queries.emplace_back(graph->frame(), row).point;
    points.insert(points.end(), point.begin(), point.end());
  }
  const BatchScan scan(Metric::kL2, {points.data(), n, points_.dim, Element::kF32, 0});
  std::vector<TopK> tops(n, TopK(Calibration::kNearest.back() + 1));  // the row itself is one
  constexpr size_t kChunk = 8 * kLeafRows;
  for (uint32_t first = 0; first < count(); first += kChunk) {
    const std::byte* const rows = std::as_bytes(std::span(points_.at(first), 1)).data();
    scan.scan({rows, points_.dim * sizeof(float), std::min(kChunk, count() - first), first}, tops);
    OMEN_RETURN_IF_ERROR(control_.proceed(0));
  }
  std::vector<std::vector<uint32_t>> nearest(n);
  std::array<std::vector<float>, Calibration::kNearest.size()> squares;
  for (size_t i = 0; i < n; ++i) {
    for (const Neighbor& one : std::move(tops[i]).sorted()) {
      if (one.slot == held[i]) continue;
      nearest[i].push_back(one.slot);
      for (size_t k = 0; k < squares.size(); ++k) {
        if (nearest[i].size() > Calibration::kNearest[k]) continue;
        squares[k].resize(i + 1);
        squares[k][i] = one.distance;  // of the k-th, or the last there is
      }
    }
  }
  TypicalSquares typical{};
  for (size_t k = 0; k < squares.size(); ++k) {
    if (!squares[k].empty()) typical[k] = ninth_of_ten(squares[k]);
  }
  std::array<std::vector<Trace>, Calibration::kNearest.size()> traces;
  Walk walk(*graph);
  for (size_t i = 0; i < n; ++i) {
    Traces one = trace(walk, queries[i], held[i], nearest[i], typical);
    for (size_t k = 0; k < traces.size(); ++k) traces[k].push_back(std::move(one[k]));
    OMEN_RETURN_IF_ERROR(control_.proceed(0));
  }
  Calibration::Table table;
  for (size_t k = 0; k < traces.size(); ++k) table[k] = calibrate(traces[k]);
  return graph_of(std::move(*graph).take(), Calibration(table), typical);
}

Result<std::unique_ptr<BuiltNodes>> Builder::run() {
  OMEN_RETURN_IF_ERROR(number_nodes());
  OMEN_RETURN_IF_ERROR(place_rows());
  Lists edges(count());
  {
    Lists near(count());
    OMEN_RETURN_IF_ERROR(link_leaves(near));
    Lists chosen(count());
    OMEN_RETURN_IF_ERROR(choose(near, chosen));
    OMEN_RETURN_IF_ERROR(lead_back(chosen, near, edges));
  }
  entries_ = choose_entries();
  connect_entries(edges);
  auto graph = graph_of(begin_arrays());
  auto arrays = std::move(*graph).take();  // the frame refers to them still
  OMEN_RETURN_IF_ERROR(encode_rows(graph->frame(), *arrays));
  OMEN_RETURN_IF_ERROR(encode_edges(edges, graph->frame(), *arrays));
  graph = graph_of(std::move(arrays));
  OMEN_RETURN_IF_ERROR(choose_by_search(*graph, edges));
  connect_entries(edges);
  arrays = std::move(*graph).take();
  OMEN_RETURN_IF_ERROR(encode_edges(edges, graph->frame(), *arrays));
  return calibrated(graph_of(std::move(arrays)));
}

}  // namespace

BuiltNodes::BuiltNodes(const Size& size, std::unique_ptr<Arrays> arrays,
                       const partition::Space& space, uint64_t seed, const Calibration& calibration,
                       const TypicalSquares& typical)
    : size_(size),
      arrays_(std::move(arrays)),
      frame_(space, {.origin = arrays_->origin,
                     .entries = arrays_->entries,
                     .entry_codes = arrays_->entry_codes.data(),
                     .seed = seed,
                     .calibration = calibration,
                     .typical_squares = typical}) {}

uint64_t build_bytes(const BuildOptions& options, uint64_t rows) {
  // By row: its point, its record, four lists of rows near it, its node, and the nodes of two
  // cells.
  const uint64_t point = (options.dim + 1) * sizeof(float);
  const uint64_t list = kDegree * sizeof(Near) + 1;
  return rows * (point + RecordLayout(options.dim).bytes + 4 * list + 5 * sizeof(uint32_t));
}

Result<std::unique_ptr<BuiltNodes>> build(const Rows& rows, const partition::Cells& cells,
                                          const BuildOptions& options, JobControl& control) {
  return Builder(rows, cells, options, control).run();
}

}  // namespace omendb::index::graph
