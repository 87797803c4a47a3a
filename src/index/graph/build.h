// Builds a graph index in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/job_control.h"
#include "index/graph/nodes.h"
#include "index/partition/cells.h"
#include "index/rows.h"
#include "omendb/types.h"

namespace omendb::index::graph {

/// A new index and what it is made of. Immutable once built.
class BuiltNodes final : public Nodes {
 public:
  struct Arrays {
    std::vector<float> origin;
    std::vector<uint32_t> entries;
    std::vector<std::byte> entry_codes;
    /// On cache lines.
    struct alignas(64) Line {
      std::byte bytes[64];
    };
    std::vector<Line> records;
  };

  struct Size {
    uint32_t rows = 0;  ///< of the part
    uint32_t nodes = 0;
  };
  BuiltNodes(const Size& size, std::unique_ptr<Arrays> arrays, const partition::Space& space,
             uint64_t seed, const Calibration& calibration, const TypicalSquares& typical);

  const Arrays& arrays() const { return *arrays_; }
  /// What it was made of. Leaves nothing here.
  std::unique_ptr<Arrays> take() && { return std::move(arrays_); }

  uint32_t rows() const override { return size_.rows; }
  uint32_t count() const override { return size_.nodes; }
  const Frame& frame() const override { return frame_; }
  const std::byte* node(uint32_t number) const override { return place(number); }
  const std::byte* place(uint32_t number) const override {
    return arrays_->records.front().bytes + number * frame_.layout().bytes;
  }
  bool sound() const override { return true; }

 private:
  Size size_;
  std::unique_ptr<Arrays> arrays_;
  Frame frame_;
};

struct BuildOptions {
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  size_t dim = 0;
  uint64_t seed = 0;  ///< of all random choices
};

/// Memory that build() takes at most, beside the rows and the cells.
uint64_t build_bytes(const BuildOptions& options, uint64_t rows);

/// Links the rows of each cell by all distances between them, then every row by a search for it in
/// the graph that is there, and calibrates. (Partitions, and a direct merge: PiPNN. The order of
/// the rest is that of SymphonyQG, arXiv 2411.12229.)
/// @param cells    of the same rows; rows that lie in two cells connect them.
/// @param control  gets the rows that were searched for as progress; may stop the work every few
///                 milliseconds.
/// @error kCorruption, kCancelled.
Result<std::unique_ptr<BuiltNodes>> build(const Rows& rows, const partition::Cells& cells,
                                          const BuildOptions& options, JobControl& control);

}  // namespace omendb::index::graph
