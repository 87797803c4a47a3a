// Indexes of segments that are there: built, replaced and dropped, beside all else that is done.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "collection/tend/tend_test_util.h"

namespace omendb::collection {
namespace {

using segment::IndexKind;

CoreOptions coded_from(uint64_t vectors) {
  CoreOptions options;
  options.least_coded_vectors = vectors;
  return options;
}

class IndexTest : public TendTest {
 protected:
  explicit IndexTest(uint64_t least = 100) : TendTest(coded_from(least)) {}

  std::string segment_name(size_t i = 0) const { return host_.state().segments[i].name; }
  std::vector<storage::IndexMeta> named(size_t i = 0) const {
    return host_.state().segments[i].indexes;
  }
  IndexOf index_of(const std::string& segment) const {
    return {segment, kUnnamedField, IndexKind::kCoded};
  }
  /// Of the parts that readers see, those that are searched by an index.
  size_t indexed_parts() const {
    size_t indexed = 0;
    for (const Part& part : (*core_->snapshot())->parts) indexed += !part.indexes_of(0).empty();
    return indexed;
  }
};

class UnindexedTest : public IndexTest {
 protected:
  UnindexedTest() : IndexTest(UINT64_MAX) {}
};

TEST_F(IndexTest, SealsAndMergesWriteTheIndexesThatTheirSegmentsShouldHave) {
  add_segment(99);
  EXPECT_TRUE(named().empty());
  add_segment(100);
  ASSERT_EQ(named(1).size(), 1U);
  EXPECT_GT(named(1)[0].bytes, 0U);
  EXPECT_EQ(indexed_parts(), 1U);
  ASSERT_TRUE(core_->compact().ok());
  ASSERT_EQ(segment_rows(), (std::vector<uint64_t>{199}));
  EXPECT_EQ(named().size(), 1U);
  EXPECT_EQ(indexed_parts(), 1U);
  EXPECT_TRUE(host_.orphans().empty()) << "of the segments that were merged";
  EXPECT_FALSE(core_->index_next().value()) << "none is lacking";
}

TEST_F(UnindexedTest, AnIndexIsBuiltReplacedAndDroppedWhileItsSegmentStaysAsItIs) {
  add_segment(300);
  const SegmentState before = host_.state().segments[0];
  const auto segment = (*core_->snapshot())->parts[0].segment;
  EXPECT_TRUE(before.indexes.empty());
  EXPECT_EQ(core_->drop_index(index_of(before.name)).code(), StatusCode::kNotFound);

  ASSERT_TRUE(core_->build_index(index_of(before.name)).ok());
  const auto built = named();
  ASSERT_EQ(built.size(), 1U);
  EXPECT_EQ(indexed_parts(), 1U);
  ASSERT_TRUE(core_->build_index(index_of(before.name)).ok());
  ASSERT_EQ(named().size(), 1U);
  EXPECT_NE(named()[0].name, built[0].name);
  EXPECT_TRUE(host_.orphans().empty()) << "the index that was replaced";
  ASSERT_TRUE(core_->drop_index(index_of(before.name)).ok());
  EXPECT_TRUE(named().empty());
  EXPECT_EQ(indexed_parts(), 0U);
  EXPECT_TRUE(host_.orphans().empty()) << "the index that was dropped";

  EXPECT_EQ(host_.state().segments[0].name, before.name);
  EXPECT_EQ((*core_->snapshot())->parts[0].segment, segment) << "not even opened anew";
  EXPECT_EQ(on_disk(), visible());
  EXPECT_EQ(core_->build_index(index_of("no such segment")).code(), StatusCode::kNotFound);
  EXPECT_EQ(core_->build_index({before.name, FieldId{7}, IndexKind::kCoded}).code(),
            StatusCode::kInvalidArgument);
}

TEST_F(IndexTest, AnIndexThatIsLackingIsBuiltInTheBackgroundAndOptimizeWaitsForIt) {
  add_segment(300);
  ASSERT_TRUE(core_->drop_index(index_of(segment_name())).ok());
  const auto soon = std::chrono::steady_clock::now();
  EXPECT_EQ(core_->optimize(soon).code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(core_->index_next().value());
  EXPECT_EQ(named().size(), 1U);
  EXPECT_FALSE(core_->index_next().value());
  EXPECT_TRUE(core_->optimize(soon).ok());
}

TEST_F(IndexTest, OptimizeSleepsWhileNothingChanges) {
  add_segment(300);
  ASSERT_TRUE(core_->drop_index(index_of(segment_name())).ok());
  int wakes = 0;
  host_.on_wake([&](Work work) {
    ++wakes;
    if (work == Work::kSeal) {
      EXPECT_FALSE(core_->seal_next().value());
    }
  });
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  EXPECT_EQ(core_->optimize(soon).code(), StatusCode::kDeadlineExceeded);
  EXPECT_LE(wakes, 3) << "each lane once";
}

class PartitionedTest : public TendTest {
 protected:
  static CoreOptions partitioned_from(uint64_t vectors) {
    CoreOptions options;
    options.least_coded_vectors = 100;
    options.least_partitioned_vectors = vectors;
    return options;
  }
  explicit PartitionedTest(const CoreOptions& options = partitioned_from(200))
      : TendTest(options) {}

  std::vector<uint8_t> kinds(size_t i = 0) const {
    std::vector<uint8_t> out;
    for (const auto& index : host_.state().segments[i].indexes) out.push_back(index.kind);
    return out;
  }
};

TEST_F(PartitionedTest, SegmentsGetPartitionsInTheBackgroundAndGoWithTheSegment) {
  add_segment(199);
  EXPECT_FALSE(core_->index_next().value()) << "too few rows";
  add_segment(300);
  EXPECT_EQ(kinds(1), (std::vector<uint8_t>{1})) << "a seal does not wait for partitions";
  EXPECT_TRUE(core_->index_next().value());
  EXPECT_EQ(kinds(1), (std::vector<uint8_t>{1, 2}));
  EXPECT_EQ((*core_->snapshot())->parts[1].indexes_of(0).size(), 2U);
  EXPECT_FALSE(core_->index_next().value()) << "all is there";
  ASSERT_TRUE(core_->compact().ok());
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1}));
  EXPECT_TRUE(host_.orphans().empty()) << "of the segments that were merged";
  EXPECT_TRUE(core_->index_next().value());
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2}));
  EXPECT_EQ(on_disk(), visible());
}

TEST_F(PartitionedTest, PartitionsWaitForTheMergesOfTheirSegments) {
  for (int i = 0; i < 3; ++i) add_segment(300);
  EXPECT_TRUE(core_->index_next().value());
  EXPECT_EQ(kinds(0), (std::vector<uint8_t>{1, 2}));
  add_segment(300);
  EXPECT_FALSE(core_->index_next().value()) << "four segments are about to become one";
  ASSERT_TRUE(core_->merge_next(MergeLane::kEither).value());
  EXPECT_EQ(segment_rows(), (std::vector<uint64_t>{1'200}));
  EXPECT_EQ(kinds(0), (std::vector<uint8_t>{1}));
  EXPECT_TRUE(core_->index_next().value());
  EXPECT_EQ(kinds(0), (std::vector<uint8_t>{1, 2}));
}

/// Where graphs are kept from some speedup on.
class GraphedTest : public PartitionedTest {
 protected:
  explicit GraphedTest(double speedup = 0, size_t max_build_bytes = 1 << 30)
      : PartitionedTest(options(speedup, max_build_bytes)) {}

  static CoreOptions options(double speedup, size_t max_build_bytes) {
    CoreOptions options = partitioned_from(200);
    options.least_graph_vectors = 200;
    options.least_graph_speedup = speedup;
    options.max_build_bytes = max_build_bytes;
    return options;
  }
  void add_random_segment(size_t rows) {
    std::mt19937 rng(83);
    std::normal_distribution<float> normal;
    std::vector<float> vectors(rows * kDim);
    for (float& x : vectors) x = normal(rng);
    const WriteBatch batch{.vectors = {vectors.data(), rows, kDim}};
    ASSERT_TRUE(core_->put(batch, CollectionCore::PutMode::kAdd).ok());
    seal();
  }
  void build_all() {
    while (core_->index_next().value()) continue;
  }
};

TEST_F(GraphedTest, GraphsAreBuiltOnceMuchWasSearched) {
  add_random_segment(300);
  build_all();
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2}));
  core_->note_queries(599);
  build_all();
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2})) << "a graph would not have paid yet";
  core_->note_queries(1);
  build_all();
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ((*core_->snapshot())->parts[0].indexes_of(0).size(), 3U);
  EXPECT_TRUE(host_.orphans().empty());
  add_random_segment(300);
  ASSERT_TRUE(core_->compact().ok());
  build_all();
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2})) << "twice as many rows";
  EXPECT_TRUE(host_.orphans().empty());
}

TEST_F(GraphedTest, OptimizeWaitsForGraphs) {
  add_random_segment(300);
  std::thread background([this] {
    while (kinds() != std::vector<uint8_t>{1, 2, 3}) {
      ASSERT_TRUE(core_->index_next().ok());
    }
  });
  EXPECT_TRUE(core_->optimize(std::nullopt).ok());
  background.join();
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2, 3}));
  ASSERT_TRUE(
      core_->drop_index({host_.state().segments[0].name, kUnnamedField, IndexKind::kGraph}).ok());
  EXPECT_FALSE(core_->index_next().value()) << "once nobody waits any more";
}

class SlowGraphTest : public GraphedTest {
 protected:
  SlowGraphTest() : GraphedTest(1e9) {}
};

TEST_F(SlowGraphTest, AGraphThatIsNoFasterIsNotKeptAndNotBuiltAgain) {
  add_random_segment(300);
  core_->note_queries(600);
  build_all();
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2}));
  EXPECT_FALSE(core_->index_next().value()) << "it is not tried again";
  EXPECT_TRUE(host_.orphans().empty());
  const std::string segment = host_.state().segments[0].name;
  ASSERT_TRUE(core_->build_index({segment, kUnnamedField, IndexKind::kGraph}).ok());
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2, 3})) << "who insists has it";
}

class GraphInLittleMemoryTest : public GraphedTest {
 protected:
  GraphInLittleMemoryTest()
      : GraphedTest(0, segment::graph_build_bytes({kDim, Metric::kL2}, 1'000)) {}
};

TEST_F(GraphInLittleMemoryTest, SegmentsWhoseGraphWouldTakeMoreHaveNone) {
  core_->note_queries(1'000'000);
  add_random_segment(3'000);
  build_all();
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1, 2}));
  add_random_segment(300);
  build_all();
  EXPECT_EQ(kinds(1), (std::vector<uint8_t>{1, 2, 3}));
}

class PartitionedInLittleMemoryTest : public TendTest {
 protected:
  static CoreOptions options() {
    CoreOptions options;
    options.least_coded_vectors = 100;
    options.least_partitioned_vectors = 200;
    // Between what 300 rows take and what 3,000 take.
    options.max_build_bytes = segment::partition_build_bytes({kDim, Metric::kL2}, 1'000);
    return options;
  }
  PartitionedInLittleMemoryTest() : TendTest(options()) {}
};

TEST_F(PartitionedInLittleMemoryTest, SegmentsWhosePartitionsWouldTakeMoreHaveNone) {
  add_segment(3'000);
  EXPECT_FALSE(core_->index_next().value());
  add_segment(300);
  EXPECT_TRUE(core_->index_next().value());
  EXPECT_EQ(host_.state().segments[0].indexes.size(), 1U);
  EXPECT_EQ(host_.state().segments[1].indexes.size(), 2U);
}

TEST_F(PartitionedTest, RowsThatCannotBePartitionedDoWithoutAndThatIsNoFailure) {
  std::vector<float> vectors(300 * kDim, 1.0F);
  vectors[7] = 1e15F;
  const WriteBatch batch{.vectors = {vectors.data(), 300, kDim}};
  ASSERT_TRUE(core_->put(batch, CollectionCore::PutMode::kAdd).ok());
  seal();
  const auto tried = core_->index_next();
  ASSERT_TRUE(tried.ok()) << tried.status().to_string();
  EXPECT_EQ(kinds(), (std::vector<uint8_t>{1}));
  EXPECT_FALSE(core_->index_next().value()) << "it is not tried again";
  const auto asked =
      core_->build_index({host_.state().segments[0].name, kUnnamedField, IndexKind::kPartition});
  EXPECT_EQ(asked.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(asked.message().find("long"), std::string::npos) << asked.message();
  EXPECT_TRUE(host_.orphans().empty());
}

TEST_F(IndexTest, WritesDeletesAndSealsWhileAnIndexIsBuiltAreKept) {
  add_segment(300);
  ASSERT_TRUE(core_->drop_index(index_of(segment_name())).ok());
  host_.meanwhile([this] {
    erase(10, 5);
    add_segment(40);
    add(7);
  });
  ASSERT_TRUE(core_->index_next().value());
  EXPECT_EQ(visible(), ids_without(347, 10, 5));
  EXPECT_EQ(on_disk(), ids_without(340, 10, 5));
  EXPECT_EQ(named().size(), 1U);
  EXPECT_EQ(indexed_parts(), 1U);
}

TEST_F(IndexTest, ASegmentThatIsMergedWhileItsIndexIsBuiltTakesTheIndexWithIt) {
  add_segment(300);
  add_segment(40);
  const std::string doomed = segment_name();
  host_.meanwhile([this] { EXPECT_TRUE(core_->compact().ok()); });
  EXPECT_EQ(core_->build_index(index_of(doomed)).code(), StatusCode::kNotFound);
  EXPECT_TRUE(host_.orphans().empty());
  EXPECT_EQ(visible().size(), 340U);
  EXPECT_EQ(named().size(), 1U);
}

TEST_F(IndexTest, ABuildThatCannotBePublishedKeepsTheOldIndexAndLeavesNoFileInTheEnd) {
  add_segment(300);
  const auto before = named();
  host_.fail_to_publish({StatusCode::kIoError, "the disk is away"});
  EXPECT_EQ(core_->build_index(index_of(segment_name())).code(), StatusCode::kIoError);
  EXPECT_EQ(core_->drop_index(index_of(segment_name())).code(), StatusCode::kIoError);
  EXPECT_EQ(named(), before);
  EXPECT_EQ(indexed_parts(), 1U);
  host_.fail_to_publish({});
  add_segment(10);
  EXPECT_EQ(named(), before);
  EXPECT_TRUE(host_.orphans().empty()) << "the index of the manifest that was not published";
}

TEST_F(IndexTest, ClosingStopsABuildBetweenTwoChunks) {
  add_segment(300);
  ASSERT_TRUE(core_->drop_index(index_of(segment_name())).ok());
  host_.meanwhile([this] {
    const std::vector<JobInfo> jobs = core_->jobs();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].kind, JobKind::kIndex);
    EXPECT_EQ(jobs[0].rows_total, 300U);
    core_->stop_merging();
  });
  EXPECT_FALSE(core_->index_next().value());
  EXPECT_TRUE(named().empty());
  EXPECT_TRUE(host_.orphans().empty());
  EXPECT_TRUE(core_->close().ok());
  EXPECT_EQ(on_disk().size(), 300U);
}

}  // namespace
}  // namespace omendb::collection
