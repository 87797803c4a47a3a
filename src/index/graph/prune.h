// Which of the rows near a row become its edges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "distance/kernels.h"
#include "index/graph/nodes.h"
#include "index/partition/centroids.h"

namespace omendb::index::graph {

/// A row near another one, and the square of their distance.
struct Near {
  float squared;
  uint32_t node;
  friend bool operator<(const Near& a, const Near& b) {
    return a.squared != b.squared ? a.squared < b.squared : a.node < b.node;
  }
};

/// Chooses edges that lead in different directions: of the candidates, nearest first, those that
/// are nearer to the row than to every edge chosen before (the rule of relative neighbourhood
/// graphs, as HNSW has it: arXiv 1603.09320, algorithm 4). One thread at a time.
class Pruner {
 public:
  /// @param points  of the nodes; borrowed.
  explicit Pruner(const partition::PointsView& points)
      : points_(points), kernels_(distance::kernels(Metric::kL2, Element::kF32)) {}

  /// What is done with room that is left.
  enum class Room { kLeave, kFill };  ///< kFill: with the nearest of those that were not chosen
  /// @param candidates  in any order, the same more than once; sorted afterwards, each once,
  ///                    without `node` itself.
  /// @return at most kDegree. Valid until the next call.
  const std::vector<Near>& choose(uint32_t node, std::vector<Near>& candidates, Room room);

 private:
  /// Whether an edge that was chosen leads nearer to the candidate.
  bool covered(const Near& candidate);

  partition::PointsView points_;
  const distance::Kernels& kernels_;
  std::vector<Near> chosen_;
  std::vector<Near> others_;
  std::vector<uint32_t> chosen_nodes_;
};

}  // namespace omendb::index::graph
