// How far a search of an index that passes over rows goes, from what it took for rows of the index
// itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace omendb::index {

/// A search visits cells, or nodes of a graph, nearest first, and stops at the first that is too
/// far. How far that is, a number says: the slack. It is relative to the distances of the rows
/// found, so a query far from the data, or with a filter that few rows near to it pass, goes on by
/// itself. On text embeddings a slack that reached .960 of the neighbours of stored rows reached
/// .954 of those of queries from another distribution, where a fixed number of cells reached .901
/// (ADR 23).
///
///   partition  stops at |q - c|^2 - |q - c_1|^2 > slack r^2. c is the center of a cell, c_1 the
///              nearest. r is the distance of the 2k-th least estimate seen; rows may come twice.
///   graph      stops at |q - x|^2 > (1 + slack) r^2. x is the nearest node that was not visited,
///   by
///              its estimate. r is the distance of the k-th nearest row visited.
///
/// Calibration says which slack reaches which share, and how much work that is.
class Calibration {
 public:
  /// For these k, and for these shares that are not reached.
  static constexpr std::array<uint32_t, 3> kNearest = {1, 10, 100};
  static constexpr std::array<float, 14> kMisses = {0.5F,  0.3F,   0.2F,   0.14F, 0.1F,
                                                    0.07F, 0.05F,  0.03F,  0.02F, 0.014F,
                                                    0.01F, 0.005F, 0.002F, 0.001F};
  struct Entry {
    float slack = 0;
    /// Rows looked at by a search, in the mean; rows that lie in two cells count twice. Of a graph:
    /// nodes visited.
    float rows = 0;
  };
  /// The rows of an entry whose share no slack reaches.
  static constexpr float kNever = 1e30F;
  using Table = std::array<std::array<Entry, kMisses.size()>, kNearest.size()>;

  Calibration() = default;
  explicit Calibration(const Table& table) : table_(table) {}

  const Table& table() const { return table_; }
  /// @param k     of the nearest rows that are wanted; interpolated.
  /// @param reach the share of them that is to be reached, 0..1.
  Entry at(double k, double reach) const;
  /// The larger of those for the two k of the table around this one, for an index whose slack need
  /// not change evenly from one to the other: where a cluster ends between them, it does not.
  Entry around(double k, double reach) const;

 private:
  Table table_{};
};

/// A query's way through cells or nodes, as far as it was followed.
struct Trace {
  std::vector<float> slack_at;    ///< by the order of visits: the least slack that gets there
  std::vector<float> rows_after;  ///< rows looked at up to and with it
  /// For each neighbour, nearest first: the visit that reaches it, or kNotReached.
  std::vector<uint32_t> found;
  static constexpr uint32_t kNotReached = UINT32_MAX;
};

/// @param traces  of one k.
/// @return for each of kMisses, the least slack with which the share missed is at most that by two
///         standard errors. Where none is enough, the largest, with Calibration::kNever rows.
std::array<Calibration::Entry, Calibration::kMisses.size()> calibrate(
    std::span<const Trace> traces);

}  // namespace omendb::index
