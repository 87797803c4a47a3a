#include "index/partition/trace.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "base/status_macros.h"
#include "index/gathered.h"
#include "index/top_k.h"

namespace omendb::index::partition {

namespace rabitq = codec::rabitq;

namespace {

/// Offers the estimates of a cell's rows to each. @return rows looked at
class Look {
 public:
  Look(const Cells& cells, PlacedQuery& query, uint32_t self)
      : cells_(cells), query_(query), self_(self) {
    for (const uint32_t k : Calibration::kNearest) {
      least_.emplace_back(Gathered::kCopies * k);
    }
  }

  float kth(size_t i) const { return least_[i].threshold(); }
  uint32_t rows() const { return rows_; }

  Status at(const RankedCell& ranked) {
    OMEN_ASSIGN_OR_RETURN(const CellRows rows, cells_.cell(ranked.cell));
    query_.coded.aim(cells_.frame().aim(query_.unit, ranked.cell, ranked.squared));
    estimates_.resize(rows.blocks * rabitq::kBlockRows);
    hits_.resize(rows.blocks);
    rabitq::block_scan()(query_.coded.prepared(), rows.codes, rows.blocks,
                         least_.back().threshold(), estimates_.data(), hits_.data());
    rows_ += static_cast<uint32_t>(estimates_.size());
    for (uint32_t b = 0; b < rows.blocks; ++b) {
      for (uint32_t left = hits_[b]; left != 0; left &= left - 1) {
        const size_t i = b * rabitq::kBlockRows + static_cast<size_t>(std::countr_zero(left));
        if (rows.slots[i] == self_) continue;
        for (TopK& top : least_) top.offer(estimates_[i], rows.slots[i]);
      }
    }
    return {};
  }

 private:
  const Cells& cells_;
  PlacedQuery& query_;
  uint32_t self_;
  std::vector<TopK> least_;
  std::vector<float> estimates_;
  std::vector<uint32_t> hits_;
  uint32_t rows_ = 0;
};

}  // namespace

Result<Traces> trace(const Cells& cells, const Homes& homes, PlacedQuery& query, uint32_t self,
                     std::span<const uint32_t> nearest) {
  const Frame& frame = cells.frame();
  Ranking ranking(frame);
  ranking.start(query, frame.cells());
  const std::span<const RankedCell> order = ranking.next();
  std::vector<uint32_t> visit_of(frame.cells());
  for (uint32_t i = 0; i < order.size(); ++i) visit_of[order[i].cell] = i;
  std::vector<uint32_t> found;
  for (const uint32_t slot : nearest) {
    found.push_back(visit_of[homes.first[slot]]);
    if (homes.second.empty()) continue;
    found.back() = std::min(found.back(), visit_of[homes.second[slot]]);
  }
  const uint32_t last = found.empty() ? 0 : *std::ranges::max_element(found);

  Traces traces;
  for (size_t i = 0; i < traces.size(); ++i) {
    const size_t n = std::min<size_t>(Calibration::kNearest[i], found.size());
    traces[i].found.assign(found.begin(), found.begin() + static_cast<ptrdiff_t>(n));
  }
  Look look(cells, query, self);
  for (const RankedCell& ranked : order.first(last + 1)) {
    for (size_t i = 0; i < traces.size(); ++i) {
      const float slack = query.slack(ranked.squared, order.front().squared, look.kth(i));
      std::vector<float>& before = traces[i].slack_at;
      before.push_back(before.empty() ? slack : std::max(slack, before.back()));
    }
    OMEN_RETURN_IF_ERROR(look.at(ranked));
    for (Trace& one : traces) one.rows_after.push_back(static_cast<float>(look.rows()));
  }
  return traces;
}

}  // namespace omendb::index::partition
