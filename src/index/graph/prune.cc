#include "index/graph/prune.h"

#include <algorithm>

namespace omendb::index::graph {

const std::vector<Near>& Pruner::choose(uint32_t node, std::vector<Near>& candidates, Room room) {
  std::erase_if(candidates, [node](const Near& near) { return near.node == node; });
  std::sort(candidates.begin(), candidates.end());
  // The same node has the same distance, so its copies lie side by side.
  const auto same = [](const Near& a, const Near& b) { return a.node == b.node; };
  candidates.erase(std::unique(candidates.begin(), candidates.end(), same), candidates.end());
  chosen_.clear();
  chosen_nodes_.clear();
  others_.clear();
  for (const Near& near : candidates) {
    if (chosen_.size() == kDegree) break;
    if (covered(near)) {
      others_.push_back(near);
      continue;
    }
    chosen_.push_back(near);
    chosen_nodes_.push_back(near.node);
  }
  for (size_t i = 0; room == Room::kFill && i < others_.size() && chosen_.size() < kDegree; ++i) {
    chosen_.push_back(others_[i]);
  }
  return chosen_;
}

bool Pruner::covered(const Near& candidate) {
  constexpr size_t kStep = 8;  // most that are covered are so by one of the first
  float squares[kStep];
  for (size_t i = 0; i < chosen_nodes_.size(); i += kStep) {
    const size_t n = std::min(kStep, chosen_nodes_.size() - i);
    kernels_.gather(points_.at(candidate.node), points_.values.data(), points_.dim * sizeof(float),
                    chosen_nodes_.data() + i, n, points_.dim, squares);
    if (std::any_of(squares, squares + n, [&](float x) { return x < candidate.squared; })) {
      return true;
    }
  }
  return false;
}

}  // namespace omendb::index::graph
