// Exact search over every row: one query, or many at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/sq8.h"
#include "distance/kernels.h"
#include "distance/tile.h"
#include "index/top_k.h"
#include "omendb/types.h"

namespace omendb::index {

/// Rows somewhere in memory: a memtable's, or a mapped segment's. Everything is borrowed.
struct RowBlock {
  const std::byte* rows;           ///< aligned for the element
  size_t stride;                   ///< bytes from row to row
  size_t count;                    ///< below 2^32
  uint32_t first_slot;             ///< row i is offered as slot first_slot + i
  const uint64_t* mask = nullptr;  ///< bit i % 64 of word i / 64: row i takes part; nullptr = all
  /// f32 only: the rows' squared norms, -kernels(kInnerProduct, kF32).pair(row, row); saves the
  /// batch form one pass. nullptr = computed when needed.
  const float* squared_norms = nullptr;
  /// 8-bit codes of the rows. A scan of a single query reads only rows that their codes do not rule
  /// out.
  codec::sq8::Codes coarse = {};
};

/// Offers every row that takes part, with its distance to the query.
void exact_scan(const distance::Kernels& kernels, const void* query, size_t dim,
                const RowBlock& block, TopK& top);

/// Whether so many f32 queries are scanned together faster than one by one.
bool tile_pays(size_t queries, size_t dim);

/// How much work a batch was.
struct BatchStats {
  uint64_t pairs = 0;     ///< (query, row) pairs looked at
  uint64_t measured = 0;  ///< of them, those whose distance was computed one by one
};

/// Many queries, prepared once for any number of blocks. scan() gives each query exactly the hits,
/// and the bits of the distances, that exact_scan() gives it. For f32 it computes a register-tiled
/// product with a proven bound on its rounding error, and measures only pairs that may be among the
/// k nearest. It scans other elements row block by row block.
/// Immutable: threads may share one.
class BatchScan {
 public:
  /// @param queries  borrowed, of the element type of the rows; outlives this
  BatchScan(Metric metric, const VectorsView& queries);

  size_t size() const { return queries_.count; }
  /// Whether scan() goes query by query, and so makes use of RowBlock::coarse.
  bool goes_by_query() const { return panels_.empty(); }

  /// @param tops  one a query
  void scan(const RowBlock& block, std::span<TopK> tops, BatchStats* stats = nullptr) const;

 private:
  class TiledScan;
  struct Panel {
    size_t first;  ///< query of lane 0
    size_t count;  ///< queries; the other lanes are zero
    size_t width;
    size_t coordinates;  ///< offset into packed_
  };

  void pack(const Panel& panel);
  void scan_in_blocks(const RowBlock& block, std::span<TopK> tops) const;

  Metric metric_;
  VectorsView queries_;
  const distance::Kernels& kernels_;
  const distance::TileKernel& tile_;
  std::vector<Panel> panels_;  ///< none if the tile does not pay
  std::vector<float> packed_;
  std::vector<float> squared_norms_;
};

}  // namespace omendb::index
