#include "index/graph/trace.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <vector>

#include "index/top_k.h"

namespace omendb::index::graph {

Traces trace(Walk& walk, GraphQuery& query, uint32_t self, std::span<const uint32_t> nearest,
             const TypicalSquares& typical) {
  constexpr size_t kMostVisits = 4'096;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Traces traces;
  std::vector<TopK> tops;
  for (size_t i = 0; i < traces.size(); ++i) {
    const size_t k = Calibration::kNearest[i];
    traces[i].found.assign(std::min(k, nearest.size()), Trace::kNotReached);
    tops.emplace_back(k);
  }
  std::unordered_map<uint32_t, size_t> place_of;  // among the nearest
  for (size_t i = 0; i < nearest.size(); ++i) place_of[nearest[i]] = i;
  walk.start(query);
  walk.pass_over(self);
  size_t left = nearest.size();
  for (uint32_t visits = 0; left > 0 && visits < kMostVisits && walk.visit(kInfinity); ++visits) {
    const Walk::Visit& visited = walk.visited();
    const auto found = place_of.find(visited.node);
    if (found != place_of.end()) --left;
    for (size_t i = 0; i < traces.size(); ++i) {
      Trace& one = traces[i];
      const float slack = query.slack(visited.estimate, tops[i].threshold(), typical[i]);
      one.slack_at.push_back(visits == 0 ? slack : std::max(slack, one.slack_at.back()));
      one.rows_after.push_back(static_cast<float>(visits + 1));
      tops[i].offer(visited.distance, visited.node);
      if (found != place_of.end() && found->second < one.found.size()) {
        one.found[found->second] = visits;
      }
    }
    walk.expand(kInfinity);
  }
  return traces;
}

}  // namespace omendb::index::graph
