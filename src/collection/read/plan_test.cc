// The plan that takes less time, where it was measured which does.
#include "collection/read/plan.h"

#include <gtest/gtest.h>

#include <string>

#include "collection/read/cost.h"
#include "segment/segment_test_util.h"

namespace omendb::collection {
namespace {

struct Measured {
  uint64_t rows;
  size_t dim;
  size_t queries;
  bool codes_are_faster;  // by half and more, at recall .95 and 450 measured candidates
};

TEST(SearchCostTest, TellsTheFasterPlanWhereOneIsFasterByHalf) {
  for (const Measured& one :
       {Measured{20'000, 64, 200, false}, Measured{20'000, 16, 1, false},
        Measured{60'000, 64, 200, false}, Measured{60'000, 256, 1, true},
        Measured{60'000, 768, 200, true}, Measured{200'000, 64, 1, true},
        Measured{1'000'000, 128, 1, true}, Measured{1'000'000, 128, 200, true}}) {
    const SearchCost cost(Element::kF32, one.dim, one.queries);
    const PartWork work{one.rows, one.rows, true};
    const double coded =
        cost.preparing() + cost.estimating(static_cast<double>(one.rows)) + cost.candidates(450);
    EXPECT_EQ(coded < cost.measuring(work), one.codes_are_faster)
        << one.rows << " x " << one.dim << ", queries " << one.queries;
  }
}

TEST(SearchCostTest, AFilterThatLeavesFewMakesMeasuringCheap) {
  const SearchCost cost(Element::kF32, 128, 1);
  const PartWork few{100'000, 1'000, true};
  EXPECT_LT(cost.measuring(few), cost.preparing() + cost.estimating(32'000) + cost.candidates(450));
}

Snapshot snapshot_of(uint32_t rows, size_t dim) {
  const segment::VectorSpec spec{dim, Metric::kL2, Element::kF32};
  std::mt19937 rng(3);
  const auto ids = segment::testing::distinct_ids(IdKind::kU64, rows, 1, rng);
  const auto bytes = segment::testing::random_vectors(spec, rows, rng);
  Snapshot snapshot;
  snapshot.fields = std::make_shared<segment::Fields>(segment::unnamed_field(spec));
  snapshot.columns = std::make_shared<column::Schema>();
  Part part;
  part.rows =
      segment::testing::filled_memtable(*snapshot.fields, IdKind::kU64, ids, {bytes})->view(rows);
  part.watermark = rows;
  snapshot.parts.push_back(std::move(part));
  return snapshot;
}

bool estimates(const Snapshot& snapshot, const SearchOptions& options, size_t queries) {
  const auto filter = RowFilter::bind(Filter(), snapshot);
  EXPECT_TRUE(filter.ok());
  const auto plan = make_plan(snapshot, 0, options, queries, *filter, Stop());
  EXPECT_TRUE(plan.ok());
  return plan->estimates();
}

TEST(MakePlanTest, BatchesOverTwentyThousandVectorsOf64DimensionsAreMeasured) {
  const Snapshot snapshot = snapshot_of(20'000, 64);
  EXPECT_FALSE(estimates(snapshot, {}, 200));
  EXPECT_FALSE(estimates(snapshot, {.exact = true}, 1));
  EXPECT_TRUE(estimates(snapshot, {.effort = 200}, 1));  // was asked for
}

TEST(MakePlanTest, VectorsOfLessThanEightDimensionsAreAlwaysMeasured) {
  EXPECT_FALSE(estimates(snapshot_of(20'000, 7), {.effort = 50}, 1));
  EXPECT_TRUE(estimates(snapshot_of(20'000, 8), {.effort = 50}, 1));
}

}  // namespace
}  // namespace omendb::collection
