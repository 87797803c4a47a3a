#include "index/partition/partition_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "base/status_macros.h"
#include "distance/kernels.h"
#include "index/partition/ranking.h"

namespace omendb::index::partition {

namespace rabitq = codec::rabitq;

namespace {

/// Blocks that one call of the kernel covers: its estimates take a quarter of a first-level cache.
constexpr uint32_t kRunBlocks = 64;

/// The first round of a ranking has this many times the cells that a search visits in the mean, and
/// a few more: a second round reads the codes of all centers again.
constexpr double kFirstRound = 1.5;
constexpr size_t kLeastRound = 16;

/// Visits cells for one query after the other.
class Visitor {
 public:
  Visitor(const Cells& cells, const Scope& scope)
      : cells_(cells), scope_(scope), ranking_(cells.frame()), scan_(rabitq::block_scan()) {}

  Status visit(PlacedQuery& query, const Stop& stop, Gathered& out);

 private:
  Status scan(const RankedCell& ranked, PlacedQuery& query, Gathered& out);
  void offer(const CellRows& rows, uint32_t first, uint32_t blocks, const PlacedQuery& query,
             Gathered& out);
  uint32_t allowed(uint32_t lanes, const uint32_t* slots) const;

  const Cells& cells_;
  const Scope& scope_;
  Ranking ranking_;
  const rabitq::BlockScan scan_;
  alignas(64) float estimates_[kRunBlocks * rabitq::kBlockRows];
  uint32_t hits_[kRunBlocks];
  float error_ = 0;  ///< one standard deviation of the least estimates, about
};

Status Visitor::visit(PlacedQuery& query, const Stop& stop, Gathered& out) {
  const Frame& frame = cells_.frame();
  const double share = static_cast<double>(scope_.matches) / static_cast<double>(cells_.rows());
  const Calibration::Entry wanted =
      frame.calibration().at(static_cast<double>(out.k()) / share, out.wanted_reach());
  const float slack =
      out.wanted_reach() < 1 ? wanted.slack : std::numeric_limits<float>::infinity();
  const double rows_a_cell =
      static_cast<double>(cells_.rows()) / static_cast<double>(frame.cells());
  ranking_.start(query,
                 static_cast<size_t>(kFirstRound * static_cast<double>(wanted.rows) / rows_a_cell) +
                     kLeastRound);
  error_ = 0;
  float nearest = std::numeric_limits<float>::infinity();
  for (auto round = ranking_.next(); !round.empty(); round = ranking_.next()) {
    OMEN_RETURN_IF_ERROR(stop.check());
    nearest = std::min(nearest, round.front().squared);
    for (size_t i = 0; i < round.size(); ++i) {
      const float kth = out.least_estimates().threshold();
      if (query.slack(round[i].squared, nearest, kth) > slack) return {};
      if (i + 1 < round.size()) cells_.prefetch(round[i + 1].cell);
      OMEN_RETURN_IF_ERROR(scan(round[i], query, out));
    }
  }
  return {};
}

Status Visitor::scan(const RankedCell& ranked, PlacedQuery& query, Gathered& out) {
  OMEN_ASSIGN_OR_RETURN(const CellRows rows, cells_.cell(ranked.cell));
  query.coded.aim(cells_.frame().aim(query.unit, ranked.cell, ranked.squared));
  const size_t block_bytes = cells_.frame().encoder().block_bytes();
  for (uint32_t first = 0; first < rows.blocks; first += kRunBlocks) {
    const uint32_t blocks = std::min(kRunBlocks, rows.blocks - first);
    scan_(query.coded.prepared(), rows.codes + first * block_bytes, blocks,
          out.candidates().threshold(), estimates_, hits_);
    offer(rows, first, blocks, query, out);
  }
  out.candidates().lower_to(out.least_estimates().threshold() + out.margin() * error_);
  return {};
}

/// The lanes whose rows may be returned.
uint32_t Visitor::allowed(uint32_t lanes, const uint32_t* slots) const {
  if (scope_.mask == nullptr) return lanes;
  uint32_t out = 0;
  for (uint32_t left = lanes; left != 0; left &= left - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(left));
    const uint64_t bit = scope_.mask[slots[lane] / 64] >> (slots[lane] % 64) & 1;
    out |= static_cast<uint32_t>(bit) << lane;
  }
  return out;
}

void Visitor::offer(const CellRows& rows, uint32_t first, uint32_t blocks, const PlacedQuery& query,
                    Gathered& out) {
  constexpr float kNewest = 1.0F / 16;  // weight in the running mean
  const size_t block_bytes = cells_.frame().encoder().block_bytes();
  TopK& least = out.least_estimates();
  for (uint32_t b = 0; b < blocks; ++b) {
    if (hits_[b] == 0) continue;
    const uint32_t block = first + b;
    const uint32_t* const slots = rows.slots + block * rabitq::kBlockRows;
    const uint32_t lanes = allowed(hits_[b], slots);
    if (lanes == 0) continue;
    const float* const estimates = estimates_ + b * rabitq::kBlockRows;
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
      const auto lane = static_cast<uint32_t>(std::countr_zero(left));
      if (!(estimates[lane] <= least.threshold())) continue;
      least.offer(estimates[lane], slots[lane]);
      const float error =
          query.coded.standard_error(rows.codes + block * block_bytes, lane, estimates[lane]);
      error_ += error_ == 0 ? error : kNewest * (error - error_);
    }
    const auto place = static_cast<uint32_t>((rows.first_block + block) * rabitq::kBlockRows);
    out.candidates().offer(lanes, estimates, scope_.source, slots, place);
  }
}

}  // namespace

double PartitionIndex::rows_looked_at(const Scope& scope, size_t k, double reach) const {
  // The center of a cell is looked at twice, and a cell that is visited costs as much as a block.
  // A candidate that is measured costs as much as some sixty rows; it is a row far away.
  constexpr double kRowsACell = 32;
  constexpr double kRowsACandidate = 60;
  const double candidates = 100 + 5 * static_cast<double>(k);
  const Frame& frame = cells_.frame();
  const double share = static_cast<double>(scope.matches) / static_cast<double>(cells_.rows());
  const double passed = static_cast<double>(k) / std::max(share, 1e-9);
  const double most = Calibration::kNearest.back();
  const double beyond = std::max(1.0, passed / most);  // what calibration knows of
  const double all = static_cast<double>(cells_.lanes());
  const double rows = std::min(frame.calibration().at(passed, reach).rows * beyond, all);
  const double visits = rows / all * static_cast<double>(frame.cells());
  return rows + 2 * static_cast<double>(frame.cells()) + visits * kRowsACell +
         candidates * kRowsACandidate;
}

Status PartitionIndex::search(PreparedQueries& queries, const Scope& scope,
                              std::span<Gathered* const> out) const {
  if (scope.matches == 0) return {};
  const std::span<PlacedQuery> placed = queries.for_cells(cells_.frame());
  Visitor visitor(cells_, scope);
  for (size_t q = 0; q < out.size(); ++q) {
    OMEN_RETURN_IF_ERROR(visitor.visit(placed[q], queries.stop(), *out[q]));
  }
  return {};
}

Status PartitionIndex::standard_errors(PreparedQueries& queries, size_t query,
                                       std::span<const Candidate> candidates, float* out) const {
  const Frame& frame = cells_.frame();
  PlacedQuery& placed = queries.for_cells(frame)[query];
  const auto& kernels = distance::kernels(Metric::kL2, Element::kF32);
  for (const Candidate& c : candidates) {
    const uint32_t block = c.place / rabitq::kBlockRows;
    const uint32_t cell = cells_.cell_of(block);
    const float squared =
        kernels.pair(placed.point.data(), frame.centers().at(cell), frame.centers().dim);
    placed.coded.aim(frame.aim(placed.unit, cell, squared));
    *out++ =
        placed.coded.standard_error(cells_.block(block), c.place % rabitq::kBlockRows, c.estimate);
  }
  return {};
}

}  // namespace omendb::index::partition
