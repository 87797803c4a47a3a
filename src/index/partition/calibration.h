// How far a search of cells goes, from what it took for rows of the index itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace omendb::index::partition {

/// A search visits cells in the order of their centers' distance from the query, and stops at the
/// first cell whose center is so much farther than the nearest that
///
///   |q - c|^2 - |q - c_1|^2  >  slack r^2
///
/// where r is the distance of the 2k-th least estimate that it has seen; rows may come twice. So a
/// query far from the data, or with a filter that few rows near to it pass, goes to more cells by
/// itself: r is larger. On text embeddings a slack that reached .960 of the neighbours of stored
/// rows reached .954 of those of queries from another distribution, where a fixed number of cells
/// reached .901 (ADR 23).
///
/// Calibration says which slack reaches which share, and how many rows are looked at.
class Calibration {
 public:
  /// For these k, and for these shares that are not reached.
  static constexpr std::array<uint32_t, 3> kNearest = {1, 10, 100};
  static constexpr std::array<float, 14> kMisses = {0.5F,  0.3F,   0.2F,   0.14F, 0.1F,
                                                    0.07F, 0.05F,  0.03F,  0.02F, 0.014F,
                                                    0.01F, 0.005F, 0.002F, 0.001F};
  struct Entry {
    float slack = 0;
    float rows = 0;  ///< looked at by a search, in the mean; rows that lie in two cells count twice
  };
  using Table = std::array<std::array<Entry, kMisses.size()>, kNearest.size()>;

  Calibration() = default;
  explicit Calibration(const Table& table) : table_(table) {}

  const Table& table() const { return table_; }
  /// @param k     of the nearest rows that are wanted; interpolated.
  /// @param reach the share of them that is to be reached, 0..1.
  Entry at(double k, double reach) const;

 private:
  Table table_{};
};

/// A query's way through all cells.
struct Trace {
  std::vector<float> slack_at;    ///< by the order of visits: the least slack that gets there
  std::vector<float> rows_after;  ///< rows looked at up to and with it
  std::vector<uint32_t> found;    ///< for each neighbour, nearest first: the visit that reaches it
};

/// @param traces  of one k.
/// @return for each of kMisses, the least slack with which the share missed is at most that by two
///         standard errors.
std::array<Calibration::Entry, Calibration::kMisses.size()> calibrate(
    std::span<const Trace> traces);

}  // namespace omendb::index::partition
