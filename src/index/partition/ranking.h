// Which cells a query visits, and in what order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/cell_codes.h"
#include "index/partition/cells.h"

namespace omendb::index::partition {

/// A query in the space of an index.
struct PlacedQuery {
  std::vector<float> point;
  codec::CellQuery coded;
  /// For the codes of the centers.
  codec::rabitq::PreparedQuery to_centers;
  float unit = 1;  ///< see Space::place_query()

  PlacedQuery(const Frame& frame, const void* query);

  /// The least slack with which a search goes on to a cell; see Calibration.
  /// @param squared  of the cell, and `closest` of the first
  /// @param kth      Gathered::least_estimates(): the largest; infinity if there are fewer
  float slack(float squared, float closest, float kth) const;
};

/// A cell and |q - c|^2, c being its center.
struct RankedCell {
  float squared;
  uint32_t cell;
  friend bool operator<(const RankedCell& a, const RankedCell& b) {
    return a.squared != b.squared ? a.squared < b.squared : a.cell < b.cell;
  }
};

/// Hands out cells in rounds: each of a round is measured and they are nearest first; those of the
/// next round are farther by their codes' estimate. All cells come, each once. One thread at a
/// time; reuse one to keep its memory.
class Ranking {
 public:
  /// @param frame  borrowed
  explicit Ranking(const Frame& frame);

  /// @param query  borrowed until the next start()
  /// @param first  cells in the first round.
  void start(const PlacedQuery& query, size_t first);
  /// @return empty if there is no cell left.
  std::span<const RankedCell> next();

 private:
  /// An estimate below which about `n` of those lie that are left, or a few more.
  float cut(size_t n);

  const Frame& frame_;
  const PlacedQuery* query_ = nullptr;
  size_t wanted_ = 0;  ///< cells, of all rounds so far and the next
  size_t given_ = 0;
  std::vector<float> estimates_;  ///< of all centers
  std::vector<uint32_t> hits_;
  std::vector<float> sample_;
  std::vector<uint64_t> handed_out_;  ///< a bit a cell
  std::vector<uint32_t> chosen_;
  std::vector<float> squares_;
  std::vector<RankedCell> round_;
};

}  // namespace omendb::index::partition
