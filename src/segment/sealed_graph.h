// The kind of index that searches along the edges of a graph, as a file: docs/format.md, "Graph".
#pragma once

#include <memory>

#include "segment/sealed_index.h"

namespace omendb::segment {

inline constexpr uint16_t kSealedGraphVersion = 1;

/// Section kGraph: this, and then the calibration, by k and by share missed, two f32 each.
struct GraphHeader {
  uint32_t nodes;
  uint32_t entries;
  float longest;
  float typical_squares[3];
};
static_assert(sizeof(GraphHeader) == 24);

/// @param file  whose header was checked.
Result<std::shared_ptr<const SealedIndex>> open_graph(
    std::shared_ptr<const storage::SectionFile> file, const IndexedRows& of);
/// Writes the sections of the kind. Holds the whole index in memory until it is written:
/// index::graph::build_bytes().
Status write_graph(storage::SectionFileWriter& out, const IndexedRows& of, JobControl& control);

}  // namespace omendb::segment
