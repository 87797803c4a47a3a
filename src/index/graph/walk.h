// How a query goes through a graph: always on to the nearest node that it has not visited.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/cell_codes.h"
#include "codec/rabitq.h"
#include "codec/sq8.h"
#include "index/graph/nodes.h"

namespace omendb::index::graph {

/// A query in the space of an index. Distances and estimates are those of the metric.
struct GraphQuery {
  std::vector<float> point;
  codec::CellQuery to_edges;
  codec::rabitq::PreparedQuery to_entries;
  codec::sq8::PreparedQuery to_rows;
  float unit = 1;  ///< a distance of `to_rows` times this is one of the metric

  float length = 0;  ///< of the point
  Metric metric;

  GraphQuery(const Frame& frame, const void* query);

  /// The slack with which a search gets to a node with this estimate; see Calibration. A query
  /// whose neighbours are farther than those of rows is from elsewhere, and edges lead to its
  /// neighbours less directly: its searches go on in proportion.
  /// @param kth      infinity if there are fewer than k rows yet
  /// @param typical  Frame::typical_square() of k
  float slack(float estimate, float kth, float typical) const;
  /// The estimate up to which a search goes on.
  float limit(float kth, float slack, float typical) const;
  /// One standard deviation of the error of a distance that was measured by the row in 8 bits.
  float standard_error(const NodeView& node, float distance) const;
};

/// Nodes and their estimates; hands out the one with the least estimate. A heap with four children
/// a node, which takes half the time of one with two.
class EstimateHeap {
 public:
  struct Entry {
    float estimate;
    uint32_t node;
  };
  void clear() { entries_.clear(); }
  bool empty() const { return entries_.empty(); }
  const Entry& least() const { return entries_.front(); }
  void push(const Entry& entry);
  Entry pop();

 private:
  std::vector<Entry> entries_;
};

/// A set of nodes. Open addressing.
class NodeSet {
 public:
  NodeSet() { clear(); }
  void clear();
  bool contains(uint32_t node) const { return slots_[find(node)] == node; }
  void insert(uint32_t node);

 private:
  size_t find(uint32_t node) const {
    const size_t last = slots_.size() - 1;
    size_t at = (node * uint64_t{0x9e3779b97f4a7c15}) >> 32;
    while (slots_[at & last] != kNoNode && slots_[at & last] != node) ++at;
    return at & last;
  }
  void grow();

  std::vector<uint32_t> slots_;  ///< as many as a power of two
  size_t size_ = 0;
};

/// Visits nodes for one query after the other. One thread at a time; reuse one to keep its memory.
///
///   walk.start(query);
///   while (walk.visit(limit)) {      // the nearest of those known, if it is not beyond the limit
///     ... walk.visited().distance ...
///     walk.expand(limit);            // makes its neighbours known
///   }
///   // The walk is at its end, or walk.damaged().
class Walk {
 public:
  /// @param nodes  borrowed
  explicit Walk(const Nodes& nodes);

  struct Visit {
    float estimate = 0;
    float distance = 0;  ///< by the row in 8 bits
    uint32_t node = 0;
    uint32_t slot = 0;
  };

  /// Begins at the entries that are nearest by their codes. @param query  borrowed
  void start(GraphQuery& query);
  /// Begins at one node.
  void start(GraphQuery& query, uint32_t node);
  /// Leaves a node out of the walk.
  void pass_over(uint32_t node) { seen_.insert(node); }

  /// @return false if every node known has an estimate beyond the limit, or if damaged().
  bool visit(float limit);
  const Visit& visited() const { return visited_; }
  void expand(float limit);
  bool damaged() const { return damaged_; }

 private:
  void clear(GraphQuery& query);
  void prefetch(uint32_t node) const;

  const Nodes& nodes_;
  const Frame& frame_;
  const codec::rabitq::BlockScan scan_;
  const codec::sq8::Kernels& rows_;
  GraphQuery* query_ = nullptr;
  EstimateHeap heap_;
  NodeSet seen_;
  Visit visited_;
  const std::byte* at_ = nullptr;  ///< the record of the node that was visited
  bool damaged_ = false;
  std::vector<float> estimates_;  ///< of entries
  std::vector<uint32_t> hits_;
};

}  // namespace omendb::index::graph
