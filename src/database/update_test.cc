// Partial updates: what a point keeps, what it loses, and what of it survives a power cut.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "database/database_impl.h"
#include "storage/testing/fault_env.h"

namespace omendb {
namespace {

constexpr size_t kDim = 4;

Column ints(const std::string& name, std::vector<int64_t> values, std::vector<uint8_t> valid = {}) {
  Column column;
  column.name = name;
  column.type = ColumnType::kI64;
  column.ints = std::move(values);
  column.valid = std::move(valid);
  return column;
}

Column text(const std::string& name, const std::string& value) {
  Column column;
  column.name = name;
  column.type = ColumnType::kString;
  column.bytes.assign(value.begin(), value.end());
  column.string_offsets = {0, value.size()};
  return column;
}

std::vector<float> floats_of(const std::vector<std::byte>& bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

class UpdateTest : public testing::Test {
 protected:
  UpdateTest() {
    open();
    const std::vector<Column> metadata = {ints("year", {2000, 2001, 2002}),
                                          ints("rank", {1, 2, 3}, {1, 1, 0})};
    const std::vector<float> rows = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};
    EXPECT_TRUE(docs_
                    ->add({.vectors = {rows.data(), 3, kDim},
                           .ids = std::span<const uint64_t>(kIds),
                           .metadata = metadata})
                    .ok());
  }

  void open() {
    auto impl = internal::DatabaseImpl::open("db", {}, env_);
    ASSERT_TRUE(impl.ok()) << impl.status().to_string();
    database_ = std::make_unique<Database>(*impl);
    docs_ = std::make_unique<Collection>(*database_->default_collection());
  }
  /// The power goes while the database is open.
  void power_cut() {
    env_->arm({.at_operation = env_->operations(), .fault = storage::Fault::kCrash});
    database_->close().ignore();
    env_->restart(storage::Survival::kNothing);
    open();
  }

  /// All of the three points, as text: their vectors' first coordinates and their metadata.
  std::string everything() {
    const auto got = docs_->get(std::span<const uint64_t>(kIds));
    if (!got.ok()) return got.status().to_string();
    const std::vector<float> vectors = floats_of(got->points.vectors);
    std::string out;
    for (size_t i = 0; i < 3; ++i) {
      out += std::to_string(static_cast<int>(vectors[i * kDim])) + ":";
      for (const Column& column : got->points.metadata) {
        if (column.state(i) == kExplicitNull) out += " " + column.name + "=null";
        if (column.is_valid(i)) out += " " + column.name + "=" + std::to_string(column.ints[i]);
      }
      out += "; ";
    }
    return out;
  }

  static inline const std::vector<uint64_t> kIds = {10, 11, 12};
  const std::shared_ptr<storage::FaultEnv> env_ = std::make_shared<storage::FaultEnv>(1);
  std::unique_ptr<Database> database_;
  std::unique_ptr<Collection> docs_;
};

TEST_F(UpdateTest, MergesMetadataAndVectorsAndBothSurviveAPowerCutAndACompaction) {
  const std::vector<Column> change = {ints("year", {1999, 0}, {kPresent, kAbsent}),
                                      ints("rank", {0, 9}, {kExplicitNull, kPresent}),
                                      ints("fresh", {5, 6})};
  const std::vector<uint64_t> two = {12, 10};
  EXPECT_EQ(docs_->update_ids(std::span<const uint64_t>(two), {.metadata = change}).value(), 2U);
  const std::vector<float> row(kDim, 7);
  EXPECT_EQ(
      docs_
          ->update_ids(std::span<const uint64_t>(two.data(), 1), {.vectors = {row.data(), 1, kDim}})
          .value(),
      1U);
  const std::string expected =
      "0: year=2000 rank=9 fresh=6; 1: year=2001 rank=2; 7: year=1999 fresh=5; ";
  EXPECT_EQ(everything(), expected);
  power_cut();
  EXPECT_EQ(everything(), expected);
  ASSERT_TRUE(docs_->compact().ok());
  EXPECT_EQ(everything(), expected);
  power_cut();
  EXPECT_EQ(everything(), expected);
  EXPECT_EQ(docs_->count().value(), 3U);
}

TEST_F(UpdateTest, ByFilterChangesWhatMatchesBeforeItAndNothingElse) {
  const Column later = ints("year", {2001});
  const auto filter = Filter::parse("year >= 2001");
  EXPECT_EQ(docs_->update_where(*filter, {.metadata = std::span(&later, 1)}).value(), 2U);
  EXPECT_EQ(everything(), "0: year=2000 rank=1; 1: year=2001 rank=2; 2: year=2001; ");
  const auto none = Filter::parse("year = 1");
  EXPECT_EQ(docs_->update_where(*none, {.metadata = std::span(&later, 1)}).value(), 0U);
}

TEST_F(UpdateTest, RemovingAKeyThatNoPointHasMakesNoColumn) {
  const Column ghost = ints("ghost", {0}, {kExplicitNull});
  EXPECT_EQ(docs_->update_where({}, {.metadata = std::span(&ghost, 1)}).value(), 3U);
  EXPECT_EQ(docs_->info().value().columns.size(), 2U);
  const Column typed = text("ghost", "of any type");
  EXPECT_TRUE(docs_->update_where({}, {.metadata = std::span(&typed, 1)}).ok());
}

TEST_F(UpdateTest, WhatIsWrongIsSaidAndChangesNoPoint) {
  const std::string before = everything();
  const std::vector<uint64_t> twice = {10, 10};
  const std::vector<uint64_t> missing = {10, 99};
  const Column year = ints("year", {1});
  const Column words = text("year", "x");
  const std::vector<float> nan = {0, 0, std::nanf(""), 0};
  const auto fails = [&](const std::vector<uint64_t>& ids, const PointUpdate& update) {
    const auto updated = docs_->update_ids(std::span<const uint64_t>(ids), update);
    EXPECT_EQ(everything(), before) << updated.status().to_string();
    return updated.status().code();
  };
  const PointUpdate to_one = {.metadata = std::span(&year, 1)};
  EXPECT_EQ(fails({10}, {}), StatusCode::kInvalidArgument);
  EXPECT_EQ(fails(twice, to_one), StatusCode::kInvalidArgument);
  EXPECT_EQ(fails(missing, to_one), StatusCode::kNotFound);
  EXPECT_EQ(fails({10}, {.metadata = std::span(&words, 1)}), StatusCode::kTypeMismatch);
  EXPECT_EQ(fails({10}, {.vectors = {nan.data(), 1, kDim}}), StatusCode::kInvalidArgument);
  EXPECT_EQ(fails({10}, {.vectors = {nan.data(), 1, 2}}), StatusCode::kDimensionMismatch);
  EXPECT_EQ(fails({10}, {.vectors = {nan.data(), 2, 2}}), StatusCode::kInvalidArgument);
  const auto everywhere = docs_->update_where({}, {.vectors = {nan.data(), 1, kDim}});
  EXPECT_EQ(everywhere.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(docs_->update_ids(std::span<const uint64_t>(), {}).value(), 0U);
  EXPECT_EQ(everything(), before);
}

TEST_F(UpdateTest, MorePointsThanABatchMayHoldAreRefusedBeforeTheyAreCopied) {
  const std::vector<float> rows(80 * kDim);
  ASSERT_TRUE(docs_->add({.vectors = {rows.data(), 80, kDim}}).ok());
  const Column long_text = text("text", std::string(kMaxStringBytes, 'x'));
  const auto updated = docs_->update_where({}, {.metadata = std::span(&long_text, 1)});
  EXPECT_EQ(updated.status().code(), StatusCode::kLimitExceeded);
  EXPECT_NE(updated.status().message().find("83 points"), std::string::npos)
      << updated.status().message();
  EXPECT_EQ(docs_->count(*Filter::parse("text is null")).value(), 83U);
}

TEST_F(UpdateTest, ACallbackTellsHowManyPointsWereUpdated) {
  std::promise<uint64_t> by_id;
  std::promise<uint64_t> by_filter;
  const Column year = ints("year", {1});
  const PointUpdate update = {.metadata = std::span(&year, 1)};
  std::vector<uint64_t> two = {10, 11};
  const auto tell = [](std::promise<uint64_t>& to) {
    return [&to](Result<uint64_t> updated) { to.set_value(updated.ok() ? *updated : 999); };
  };
  ASSERT_TRUE(docs_->update_ids_async(std::span<const uint64_t>(two), update, tell(by_id)).ok());
  two = {99, 98};  // the array is the caller's again
  EXPECT_EQ(by_id.get_future().get(), 2U);
  ASSERT_TRUE(docs_->update_where_async({}, update, tell(by_filter)).ok());
  EXPECT_EQ(by_filter.get_future().get(), 3U);
  EXPECT_EQ(everything(), "0: year=1 rank=1; 1: year=1 rank=2; 2: year=1; ");
  const Status missing = docs_->update_ids_async(
      std::span<const uint64_t>(two), update,
      [](const auto&) { ADD_FAILURE() << "an update that was refused called back"; });
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
}

TEST_F(UpdateTest, UpdatesOfManyThreadsToOnePointLoseNoKey) {
  constexpr size_t kThreads = 4;
  constexpr int64_t kRounds = 20;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t round = 1; round <= kRounds; ++round) {
        const Column own = ints("of" + std::to_string(t), {round});
        const uint64_t id = 10;
        const auto updated =
            docs_->update_ids(std::span<const uint64_t>(&id, 1), {.metadata = std::span(&own, 1)});
        EXPECT_TRUE(updated.ok()) << updated.status().to_string();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto all = Filter::parse("of0 = 20 and of1 = 20 and of2 = 20 and of3 = 20 and rank = 1");
  EXPECT_EQ(docs_->count(*all).value(), 1U);
}

TEST_F(UpdateTest, AnUpdateBringsNoPointBackThatAnotherThreadDeletes) {
  const uint64_t id = 77;
  const std::span<const uint64_t> one(&id, 1);
  const std::vector<float> row(kDim, 7);
  const Column year = ints("year", {1});
  for (int round = 0; round < 30; ++round) {
    ASSERT_TRUE(docs_->add({.vectors = {row.data(), 1, kDim}, .ids = one}).ok());
    std::thread updates([&] {
      const PointUpdate update = {.metadata = std::span(&year, 1), .all_must_exist = false};
      while (docs_->update_ids(one, update).value() == 1) continue;
    });
    EXPECT_EQ(docs_->delete_ids(one).value(), 1U);
    updates.join();
    EXPECT_EQ(docs_->get(one).value().found[0], 0);
    EXPECT_EQ(docs_->count().value(), 3U);
  }
}

TEST_F(UpdateTest, OneOfSeveralVectorFieldsChangesAlone) {
  CollectionOptions options;
  options.fields = {{"title", 2}, {"body", 3, Metric::kL2, Element::kI8}};
  Collection both = *database_->collection("both", options);
  const std::vector<float> titles = {1, 2, 3, 4};
  const std::vector<float> bodies = {1, 1, 1, 2, 2, 2};
  const std::vector<FieldVectors> vectors = {{"title", {titles.data(), 2, 2}},
                                             {"body", {bodies.data(), 2, 3}}};
  const std::vector<uint64_t> ids = {1, 2};
  ASSERT_TRUE(both.add({.ids = std::span<const uint64_t>(ids), .fields = vectors}).ok());
  const std::vector<float> fresh = {9, 9, 9};
  const std::vector<FieldVectors> change = {{"body", {fresh.data(), 1, 3}}};
  ASSERT_TRUE(both.update_ids(std::span<const uint64_t>(ids.data(), 1), {.fields = change}).ok());
  const auto got = both.get(std::span<const uint64_t>(ids)).value();
  EXPECT_EQ(floats_of(got.points.fields[0].vectors), titles);
  const std::vector<std::byte>& stored = got.points.fields[1].vectors;
  EXPECT_EQ(static_cast<int>(stored[0]), 9);
  EXPECT_EQ(static_cast<int>(stored[3]), 2);

  const std::span<const uint64_t> one(ids.data(), 1);
  const std::vector<FieldVectors> unknown = {{"text", {fresh.data(), 1, 3}}};
  EXPECT_EQ(both.update_ids(one, {.fields = unknown}).status().code(), StatusCode::kNotFound);
  const std::vector<FieldVectors> twice = {change[0], change[0]};
  EXPECT_EQ(both.update_ids(one, {.fields = twice}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(both.update_ids(one, {.vectors = {fresh.data(), 1, 3}}).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace omendb
