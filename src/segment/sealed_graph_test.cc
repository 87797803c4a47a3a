// A graph in a file: it answers as the one that was built, and a file that is damaged, or made to
// harm, is refused or set aside.
#include "segment/sealed_graph.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "index/graph/build.h"
#include "index/graph/graph_index.h"
#include "index/partition/build.h"
#include "segment/center.h"
#include "segment/index_file_test_util.h"

namespace omendb::segment {
namespace {

constexpr SectionKind kSections[] = {SectionKind::kIndexHeader,     SectionKind::kGraph,
                                     SectionKind::kGraphOrigin,     SectionKind::kGraphEntries,
                                     SectionKind::kGraphEntryCodes, SectionKind::kGraphNodes};

class SealedGraphTest : public testing::IndexFileTest {
 protected:
  SealedGraphTest() : IndexFileTest(IndexKind::kGraph, kSections) {}
};

TEST_F(SealedGraphTest, AnswersAsTheGraphThatWasBuiltFromTheSamePartitions) {
  JobControl control;
  const auto cells = index::partition::build(
      segment_->field(0), {.metric = Metric::kL2, .dim = kDim, .seed = kRotationSeed}, control);
  ASSERT_TRUE(cells.ok());
  const auto built =
      index::graph::build(segment_->field(0), **cells,
                          {.metric = Metric::kL2, .dim = kDim, .seed = kRotationSeed}, control);
  ASSERT_TRUE(built.ok());
  const index::graph::GraphIndex in_memory(**built);
  const auto partitions = write_index(env_, "cells.idx", IndexKind::kPartition, of(), control);
  ASSERT_TRUE(partitions.ok());
  const auto of_cells = SealedIndex::open(env_, "cells.idx", *partitions, of());
  ASSERT_TRUE(of_cells.ok());
  IndexedRows with_cells = of();
  with_cells.cells = (*of_cells)->cells();
  ASSERT_NE(with_cells.cells, nullptr);
  ASSERT_TRUE(write_index(env_, "from_cells.idx", IndexKind::kGraph, with_cells, control).ok());
  EXPECT_EQ(env_->read_file("from_cells.idx").value(), env_->read_file("good.idx").value());
  const auto opened = open("good.idx");
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  EXPECT_EQ(meta_.kind, 3);
  EXPECT_EQ(meta_.version, 1);
  for (const double reach : {0.5, 0.95, 1.0}) {
    const auto [status, found] = search((*opened)->searcher(), reach);
    EXPECT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(found, search(in_memory, reach).second) << reach;
    EXPECT_GT(found.size(), 10U);
  }
}

TEST_F(SealedGraphTest, AFlippedBitAnywhereIsReportedAndTheIndexSetAside) {
  flip_bits();
}

TEST_F(SealedGraphTest, SectionsOfAnotherSizeAreRefused) {
  resize_sections();
}

TEST_F(SealedGraphTest, HeadersThatMakeNoSenseAreRefused) {
  const auto code = [&](SectionKind kind, size_t offset, auto value) {
    return with_value(kind, offset, value).status().code();
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(code(SectionKind::kGraph, 0, uint32_t{0}), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 0, UINT32_MAX), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 0, kRows + 1), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 4, uint32_t{0}), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 4, UINT32_MAX), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 8, nan), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 12, -1.0F), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 20, nan), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 24, -0.5F), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraph, 28, -1.0F), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraphOrigin, 4, nan), StatusCode::kCorruption);
  EXPECT_EQ(code(SectionKind::kGraphEntries, 0, kRows), StatusCode::kCorruption);
}

TEST_F(SealedGraphTest, ARowThatIsNotThereIsReportedBeforeItIsUsed) {
  const index::graph::RecordLayout layout(kDim);
  auto nodes = section(SectionKind::kGraphNodes);
  for (size_t node = 0; node < kRows; node += 5) {
    const uint32_t slot = node % 2 == 0 ? kRows : UINT32_MAX;
    std::memcpy(nodes.data() + node * layout.bytes + layout.slot, &slot, sizeof slot);
  }
  const auto opened = open_with(SectionKind::kGraphNodes, nodes);
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  const index::PartIndex& searcher = (*opened)->searcher();
  EXPECT_TRUE(searcher.sound());
  EXPECT_EQ(search(searcher, 1).first.code(), StatusCode::kCorruption);
  EXPECT_FALSE(searcher.sound());
}

TEST_F(SealedGraphTest, EdgesCodesAndRowsOfAnyValueLeadNowhereElse) {
  const index::graph::RecordLayout layout(kDim);
  std::mt19937 rng(74);
  for (int round = 0; round < 20; ++round) {
    auto nodes = section(SectionKind::kGraphNodes);
    for (size_t node = 0; node < kRows; ++node) {
      std::byte* const record = nodes.data() + node * layout.bytes;
      for (size_t i = 0; i < layout.bytes; ++i) {
        const bool of_slot = i >= layout.slot && i < layout.slot + sizeof(uint32_t);
        if (!of_slot && (round % 2 == 0 || rng() % 4 == 0)) {
          record[i] = static_cast<std::byte>(rng());
        }
      }
    }
    const auto opened = open_with(SectionKind::kGraphNodes, nodes);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    const auto [status, found] = search((*opened)->searcher(), round % 3 == 0 ? 1 : 0.9);
    EXPECT_TRUE(status.ok()) << status.to_string();
    for (const index::Candidate& candidate : found) {
      EXPECT_LT(candidate.slot, kRows);
      EXPECT_EQ(candidate.estimate, candidate.estimate) << "not a number";
    }
  }
  auto codes = section(SectionKind::kGraphEntryCodes);
  for (std::byte& byte : codes) byte = static_cast<std::byte>(0xff);
  const auto opened = open_with(SectionKind::kGraphEntryCodes, codes);
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(search((*opened)->searcher(), 0.9).first.ok());
}

}  // namespace
}  // namespace omendb::segment
