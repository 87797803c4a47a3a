// 1-bit codes of rows that lie in cells, each around a center of its own. A query is prepared once
// for all cells.
//
// A row x in the cell with the center c is coded as o = x - c, see rabitq.h. For a query q
//
//   |q - x|^2 = |q - c|^2 + |o|^2 - 2 <o, q - c>,   <o, q - c> ~ f (S(q) - S(c))
//
// where f = |o|^2 / |r|_1, and S(v) is the sum of v's rotated coordinates, each with the sign of
// the code's. S(c) does not depend on the query: f_add of the block holds |o|^2 + 2 f S(c), and
// f_rescale -2 f. The query's tables give S(q); |q - c|^2 is added to all estimates of the cell.
//
// Example in one dimension, where codes lose nothing: c = 10, x = 13, q = 4. o = 3, f = 3,
// S(c) = 10, f_add = 9 + 60, f_rescale = -6; the estimate is 36 + 69 - 6 * 4 = 81 = (4 - 13)^2.
//
// Half the square serves cosine distance, of vectors of unit length. Inner products are negated,
// and f_add holds -<o, c> + f S(c), f_rescale -f; -<q, c> is added.
// All v are taken relative to an origin near the middle of the data, which rounds less.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "codec/rabitq.h"
#include "codec/rotation.h"
#include "codec/table.h"
#include "omendb/types.h"

namespace omendb::codec {

/// A query as the scans of cells want it. For one thread at a time.
class CellQuery {
 public:
  /// What there is to know of a cell before it is scanned.
  struct Aim {
    float add = 0;      ///< the distance of the query itself to the center
    float squared = 0;  ///< |q - c|^2
  };
  void aim(const Aim& at);
  /// What rabitq::block_scan() takes for the cell that was aimed at.
  const rabitq::PreparedQuery& prepared() const { return prepared_; }

  /// The square of the distance that an estimate stands for.
  float squared(float estimate) const { return estimate * squares_ + shift_; }
  /// The way back; the least there is if all estimates stand for the same distance.
  float estimate(float squared) const {
    return squares_ > 0 ? (squared - shift_) / squares_ : -std::numeric_limits<float>::infinity();
  }
  /// One standard deviation of the error of an estimate, for the cell that was aimed at.
  float standard_error(const std::byte* block, size_t lane, float estimate) const;

 private:
  friend class CellEncoder;

  rabitq::PreparedQuery prepared_;
  float code_variance_ = 0;   ///< of S(q - c) for |q - c| = 1
  float table_variance_ = 0;  ///< of S(q)
  float length_of_f_ = 0;     ///< |o| is about this times f
  float times_ = 1;           ///< |f_rescale| is this times f
  float unit_ = 1;            ///< Scale::unit
  float squares_ = 1;         ///< |q - x|^2 is this times an estimate, and
  float shift_ = 0;           ///< this more
  float squared_ = 0;         ///< Aim::squared
};

/// Immutable: share it between threads. Codes are the same bits on every machine.
class CellEncoder {
 public:
  struct Options {
    Metric metric =
        Metric::kL2;  ///< not kHamming; under kCosine, rows and queries have unit length
    size_t dim = 0;   ///< 1..kMaxDimension
    uint64_t seed = 0;
  };
  /// Rows, queries and centers are at most this long.
  static constexpr float kMostLength = 0x1p40F;

  /// @param origin  options.dim floats.
  CellEncoder(const Options& options, const float* origin);

  size_t block_bytes() const { return rabitq::block_bytes(options_.dim); }

  /// A cell's center, made ready. Reuse one for many cells to keep its memory.
  class Cell {
   public:
    Cell() = default;

   private:
    friend class CellEncoder;
    std::vector<internal::FloatLine> lines_;  ///< the center; after it, its rotated coordinates
  };
  /// @param center  options.dim floats.
  void enter(const float* center, Cell& cell) const;

  /// Encodes n rows of the cell, 1..32, into one block of block_bytes() bytes. Lanes past n are
  /// marked empty.
  /// @param rows  n x options.dim floats, `stride` floats apart.
  void encode_block(const Cell& cell, const float* rows, size_t stride, size_t n,
                    std::byte* out) const;

  /// Whether a lane is marked empty, and so never a hit.
  bool empty_lane(const std::byte* block, size_t lane) const;

  /// How an inner product of a prepared query compares with that of the query itself.
  struct Scale {
    float unit = 1;   ///< what a product of 1 stands for
    float shift = 0;  ///< the square of a row's distance to the prepared query is this much more
                      ///< than twice the negated product
  };
  /// @param query  options.dim floats.
  /// @param scale  for inner products. Their order does not depend on the query's length, so it is
  ///               prepared at the length of the rows, where distances tell about products.
  CellQuery prepare(const float* query, const Scale& scale) const;
  CellQuery prepare(const float* query) const { return prepare(query, Scale{}); }

 private:
  Options options_;
  Rotation rotation_;
  rabitq::Encoder tables_;
  std::vector<float> origin_;
};

}  // namespace omendb::codec
