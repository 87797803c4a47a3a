// Columns that get another type, another name, or go: docs/adr/0021-columns-by-number.md.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "database/database_impl.h"
#include "omendb/check.h"
#include "storage/testing/fault_env.h"

namespace omendb {
namespace {

using storage::Fault;
using storage::FaultEnv;
using storage::Survival;

constexpr int64_t kNoFloat = (int64_t{1} << 60) + 1;

Column ints(const std::string& name, std::vector<int64_t> values, std::vector<uint8_t> valid = {}) {
  Column column;
  column.name = name;
  column.type = ColumnType::kI64;
  column.ints = std::move(values);
  column.valid = std::move(valid);
  return column;
}

Column floats(const std::string& name, std::vector<double> values) {
  Column column;
  column.name = name;
  column.type = ColumnType::kF64;
  column.doubles = std::move(values);
  return column;
}

Column texts(const std::string& name, const std::vector<std::string>& values,
             ColumnType type = ColumnType::kString) {
  Column column{.name = name, .type = type, .string_offsets = {0}};
  for (const std::string& value : values) {
    column.bytes += value;
    column.string_offsets.push_back(column.bytes.size());
  }
  return column;
}

std::string text_of(const Column& column, size_t row) {
  const auto one = [&](size_t i) -> std::string {
    char digits[40];
    switch (element_type(column.type)) {
      case ColumnType::kI64: return std::to_string(column.ints[i]);
      case ColumnType::kF64:
        std::snprintf(digits, sizeof digits, "%.1f", column.doubles[i]);
        return digits;
      default: return "'" + std::string(column.string_at(i)) + "'";
    }
  };
  if (!is_array(column.type)) return one(row);
  std::string out = "[";
  for (uint64_t i = column.list_offsets[row]; i < column.list_offsets[row + 1]; ++i) {
    out += one(i) + ",";
  }
  return out + "]";
}

/// Every point: its id, and its metadata as text; ints without a point, floats with one.
std::string everything(const Collection& collection) {
  auto scan = collection.scan();
  if (!scan.ok()) return scan.status().to_string();
  std::map<uint64_t, std::string> points;
  while (true) {
    const auto batch = scan->next();
    if (!batch.ok()) return batch.status().to_string();
    const auto* ids = std::get_if<std::vector<uint64_t>>(&batch->ids);
    if (ids == nullptr || ids->empty()) break;
    for (size_t i = 0; i < ids->size(); ++i) {
      std::string& text = points[(*ids)[i]];
      for (const Column& column : batch->metadata) {
        if (column.state(i) == kExplicitNull) text += " " + column.name + "=null";
        if (column.is_valid(i)) text += " " + column.name + "=" + text_of(column, i);
      }
    }
  }
  std::string out;
  for (const auto& [id, text] : points) out += std::to_string(id) + ":" + text + "; ";
  return out;
}

Status put(Collection& collection, const std::vector<uint64_t>& ids,
           const std::vector<Column>& metadata, bool upsert = false) {
  const std::vector<float> rows(ids.size(), 1.0F);
  const WriteBatch batch{.vectors = {rows.data(), ids.size(), 1},
                         .ids = std::span<const uint64_t>(ids),
                         .metadata = metadata};
  return (upsert ? collection.upsert(batch) : collection.add(batch)).status();
}

class AlterTest : public testing::Test {
 protected:
  AlterTest() { open(); }

  void open() {
    auto impl = internal::DatabaseImpl::open("db", {}, env_);
    ASSERT_TRUE(impl.ok()) << impl.status().to_string();
    database_ = std::make_unique<Database>(*impl);
    docs_ = std::make_unique<Collection>(*database_->default_collection());
  }
  /// The power goes while the database is open.
  void power_cut() {
    env_->arm({.at_operation = env_->operations(), .fault = Fault::kCrash});
    database_->close().ignore();
    env_->restart(Survival::kNothing);
    open();
  }
  Status put(const std::vector<uint64_t>& ids, const std::vector<Column>& metadata) {
    return omendb::put(*docs_, ids, metadata);
  }
  uint64_t count(const std::string& where) const {
    const auto filter = Filter::parse(where);
    EXPECT_TRUE(filter.ok()) << where;
    const auto counted = docs_->count(*filter);
    EXPECT_TRUE(counted.ok()) << counted.status().to_string();
    return counted.ok() ? *counted : 999;
  }
  /// The same now, out of the log, out of a segment, and merged with others.
  void expect_for_good(const std::string& expected) {
    EXPECT_EQ(everything(*docs_), expected);
    power_cut();
    EXPECT_EQ(everything(*docs_), expected) << "replayed";
    ASSERT_TRUE(database_->close().ok());
    open();
    EXPECT_EQ(everything(*docs_), expected) << "sealed";
    ASSERT_TRUE(docs_->compact().ok());
    EXPECT_EQ(everything(*docs_), expected) << "merged";
    power_cut();
    EXPECT_EQ(everything(*docs_), expected) << "merged and opened again";
  }

  const std::shared_ptr<FaultEnv> env_ = std::make_shared<FaultEnv>(1);
  std::unique_ptr<Database> database_;
  std::unique_ptr<Collection> docs_;
};

TEST_F(AlterTest, AColumnOfIntsThatMeetsAFloatIsOneOfFloatsInMemoryAndInSegments) {
  ASSERT_TRUE(put({1}, {ints("year", {2019}), ints("n", {1})}).ok());
  ASSERT_TRUE(docs_->compact().ok());
  ASSERT_TRUE(put({2, 3}, {ints("year", {2020, 0}, {kPresent, kExplicitNull})}).ok());
  ASSERT_TRUE(put({4, 5}, {floats("year", {2020.5, 2021})}).ok());
  EXPECT_EQ(docs_->info()->columns[0].second, ColumnType::kF64);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(count("year = 2020"), 1U);
    EXPECT_EQ(count("year > 2019"), 3U);
    EXPECT_EQ(count("year >= 2019 and year < 2020.5"), 2U);
    EXPECT_EQ(count("year in (2019, 2020.5)"), 2U);
    EXPECT_EQ(count("year is null"), 1U);
    auto ordered = docs_->get_where({.order_by = {{.column = "year", .descending = true}}});
    ASSERT_TRUE(ordered.ok()) << ordered.status().to_string();
    EXPECT_EQ(std::get<std::vector<uint64_t>>(ordered->ids),
              (std::vector<uint64_t>{5, 4, 2, 1, 3}));
    expect_for_good(
        "1: year=2019.0 n=1; 2: year=2020.0; 3: year=null; 4: year=2020.5; "
        "5: year=2021.0; ");
  }
  ASSERT_TRUE(put({6}, {ints("year", {2022})}).ok());
  EXPECT_EQ(count("year = 2022"), 1U);
  EXPECT_EQ(docs_->info()->columns[0].second, ColumnType::kF64);
}

TEST_F(AlterTest, ListsOfIntsBecomeListsOfFloatsAndEmptyOnesStayEmpty) {
  Column years = ints("years", {1, 2});
  years.type = ColumnType::kI64Array;
  years.list_offsets = {0, 2, 2};
  ASSERT_TRUE(put({1, 2}, {years}).ok());
  Column halves = floats("years", {0.5});
  halves.type = ColumnType::kF64Array;
  halves.list_offsets = {0, 1};
  ASSERT_TRUE(put({3}, {halves}).ok());
  EXPECT_EQ(count("years = 2"), 1U);
  expect_for_good("1: years=[1.0,2.0,]; 2: years=[]; 3: years=[0.5,]; ");
}

TEST_F(AlterTest, AnIntThatNoFloatEqualsKeepsItsColumnIntAndTheErrorNamesIt) {
  ASSERT_TRUE(put({1, 7}, {ints("year", {2019, kNoFloat})}).ok());
  for (const bool sealed : {false, true}) {
    if (sealed) {
      ASSERT_TRUE(docs_->compact().ok());
    }
    const Status refused = put({2}, {floats("year", {2020.5})});
    EXPECT_EQ(refused.code(), StatusCode::kTypeMismatch);
    EXPECT_EQ(refused.message(),
              "column \"year\" is i64, which cannot hold 2020.5 of row 0 exactly, and it cannot "
              "become f64: point 7 has 1152921504606846977; store the values under another name, "
              "or as strings");
    EXPECT_EQ(everything(*docs_), "1: year=2019; 7: year=1152921504606846977; ");
    EXPECT_EQ(count("year = 1152921504606846977"), 1U);
    EXPECT_EQ(count("year = 1152921504606846976"), 0U);
  }
  // In place of that point, there is nothing to be lost.
  ASSERT_TRUE(omendb::put(*docs_, {7}, {floats("year", {2020.5})}, /*upsert=*/true).ok());
  EXPECT_EQ(count("year = 1152921504606846977"), 0U);
  const Status rounded = put({8}, {ints("year", {kNoFloat})});
  EXPECT_NE(rounded.message().find("f64, which cannot hold 1152921504606846977 of row 0 exactly"),
            std::string::npos)
      << rounded.message();
  expect_for_good("1: year=2019.0; 7: year=2020.5; ");
}

TEST_F(AlterTest, AnUpdateGivesAColumnAnotherTypeToo) {
  ASSERT_TRUE(put({1, 2}, {ints("year", {2019, 2020})}).ok());
  ASSERT_TRUE(docs_->compact().ok());
  const std::vector<uint64_t> one = {1};
  const Column half = floats("year", {2019.5});
  EXPECT_EQ(
      docs_->update_ids(std::span<const uint64_t>(one), {.metadata = std::span(&half, 1)}).value(),
      1U);
  expect_for_good("1: year=2019.5; 2: year=2020.0; ");
}

TEST_F(AlterTest, AColumnWhosePointsAreAllGoneTakesAnyType) {
  ASSERT_TRUE(put({1}, {ints("x", {kNoFloat})}).ok());
  const Status refused = put({2}, {texts("x", {"a"})});
  EXPECT_EQ(refused.message(),
            "column \"x\" is i64; this batch has string, and it cannot become string: point 1 has "
            "a value; store the values under another name, or as strings");
  ASSERT_TRUE(docs_->compact().ok());
  ASSERT_TRUE(docs_->delete_where(*Filter::parse("x is not null")).ok());
  ASSERT_TRUE(put({2}, {texts("x", {"a"})}).ok());
  EXPECT_EQ(count("x = 'a'"), 1U);
  power_cut();
  ASSERT_TRUE(omendb::put(*docs_, {2}, {floats("x", {0.5})}, /*upsert=*/true).ok());
  ASSERT_TRUE(put({3}, {floats("y", {1})}).ok());
  expect_for_good("2: x=0.5; 3: y=1.0; ");
}

TEST_F(AlterTest, AColumnThatBeganWithNullsOrEmptyListsGetsTheTypeOfItsFirstValues) {
  Column nothing = texts("x", {""}, ColumnType::kJson);
  nothing.valid = {kExplicitNull};
  ASSERT_TRUE(put({1}, {nothing, texts("tags", {"[]"}, ColumnType::kJson)}).ok());
  ASSERT_TRUE(docs_->compact().ok());
  Column tags = texts("tags", {"a"});
  tags.type = ColumnType::kStringArray;
  tags.list_offsets = {0, 1};
  ASSERT_TRUE(put({2}, {ints("x", {2020}), tags}).ok());
  EXPECT_EQ(docs_->info()->columns[0].second, ColumnType::kI64);
  EXPECT_EQ(docs_->info()->columns[1].second, ColumnType::kStringArray);
  expect_for_good("1: x=null tags=[]; 2: x=2020 tags=['a',]; ");
  // A JSON column that holds a value stays one, which holds everything.
  ASSERT_TRUE(put({3}, {texts("doc", {"{\"a\":1}"}, ColumnType::kJson)}).ok());
  ASSERT_TRUE(put({4}, {ints("doc", {5})}).ok());
  expect_for_good("1: x=null tags=[]; 2: x=2020 tags=['a',]; 3: doc='{\"a\":1}'; 4: doc='5'; ");
}

TEST_F(AlterTest, ARenamedColumnHasItsNewNameInEveryPointAndAnswersToNoOther) {
  ASSERT_TRUE(put({1}, {ints("year", {2019}), ints("n", {1})}).ok());
  ASSERT_TRUE(docs_->compact().ok());
  ASSERT_TRUE(put({2}, {ints("year", {2020})}).ok());
  ASSERT_TRUE(docs_->rename_column("year", "published").ok());
  EXPECT_EQ(count("published >= 2019"), 2U);
  EXPECT_EQ(count("year is null"), 2U);
  EXPECT_EQ(docs_->get_where({.columns = {"year"}}).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(put({3}, {ints("published", {2021}), texts("year", {"old"})}).ok());
  expect_for_good("1: published=2019 n=1; 2: published=2020; 3: published=2021 year='old'; ");
  ASSERT_TRUE(docs_->rename_column("n", "n").ok());
  expect_for_good("1: published=2019 n=1; 2: published=2020; 3: published=2021 year='old'; ");
}

TEST_F(AlterTest, WhatWasDroppedNeverComesBackThoughItsNameDoesWithAnotherType) {
  ASSERT_TRUE(put({1}, {ints("x", {1}), ints("y", {7})}).ok());
  ASSERT_TRUE(docs_->compact().ok());
  ASSERT_TRUE(put({2}, {ints("x", {2})}).ok());
  ASSERT_TRUE(docs_->drop_column("x").ok());
  EXPECT_EQ(count("x is not null"), 0U);
  expect_for_good("1: y=7; 2:; ");
  ASSERT_TRUE(put({3}, {ints("x", {3})}).ok());
  ASSERT_TRUE(docs_->drop_column("x").ok());
  ASSERT_TRUE(put({4}, {texts("x", {"new"})}).ok());
  EXPECT_EQ(count("x = 'new'"), 1U);
  expect_for_good("1: y=7; 2:; 3:; 4: x='new'; ");
  ASSERT_TRUE(docs_->rename_column("y", "z").ok());
  ASSERT_TRUE(docs_->drop_column("z").ok());
  ASSERT_TRUE(docs_->rename_column("x", "y").ok());
  expect_for_good("1:; 2:; 3:; 4: y='new'; ");
  EXPECT_EQ(docs_->info()->columns.size(), 1U);
}

TEST_F(AlterTest, WhatCannotBeAlteredIsSaidAndNothingChanges) {
  ASSERT_TRUE(put({1}, {ints("a", {1}), ints("b", {2})}).ok());
  const auto expect = [&](const Status& status, StatusCode code, const std::string& message) {
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_EQ(status.message(), message);
  };
  expect(docs_->rename_column("c", "d"), StatusCode::kNotFound,
         "unknown column \"c\"; columns: a, b");
  expect(docs_->drop_column("c"), StatusCode::kNotFound, "unknown column \"c\"; columns: a, b");
  expect(docs_->rename_column("a", "b"), StatusCode::kAlreadyExists,
         "there is a column \"b\" already; drop it first, or choose another name for \"a\"");
  expect(docs_->rename_column("a", ""), StatusCode::kInvalidArgument, "a column has an empty name");
  EXPECT_EQ(docs_->rename_column("a", std::string(257, 'x')).code(), StatusCode::kLimitExceeded);
  EXPECT_EQ(docs_->rename_column("a", "\xFF").code(), StatusCode::kInvalidArgument);
  expect_for_good("1: a=1 b=2; ");
  ASSERT_TRUE(database_->close().ok());
  EXPECT_EQ(docs_->drop_column("a").code(), StatusCode::kClosed);
}

TEST_F(AlterTest, MoreColumnsThanMayBeAtOnceMayComeAndGo) {
  for (int64_t i = 0; i < 3 * static_cast<int64_t>(kMaxColumns); ++i) {
    ASSERT_TRUE(omendb::put(*docs_, {1}, {ints("x", {i})}, /*upsert=*/true).ok()) << i;
    if (i % 512 == 0) continue;
    ASSERT_TRUE(docs_->drop_column("x").ok());
  }
  ASSERT_TRUE(omendb::put(*docs_, {1}, {ints("x", {5})}, /*upsert=*/true).ok());
  expect_for_good("1: x=5; ");
}

// --- faults --------------------------------------------------------------------------------------

struct Step {
  std::function<Status(Collection&)> run;
  const char* after;  // everything(), if it took effect
};

const std::vector<Step>& steps() {
  static const std::vector<Step> all = {
      {[](Collection& c) {
         return put(c, {1, 2}, {ints("year", {2000, 2001}), ints("rank", {1, 2})});
       },
       "1: year=2000 rank=1; 2: year=2001 rank=2; "},
      {[](Collection& c) { return put(c, {3}, {floats("year", {2002.5})}); },
       "1: year=2000.0 rank=1; 2: year=2001.0 rank=2; 3: year=2002.5; "},
      {[](Collection& c) { return c.rename_column("year", "published"); },
       "1: published=2000.0 rank=1; 2: published=2001.0 rank=2; 3: published=2002.5; "},
      {[](Collection& c) { return c.compact(); },
       "1: published=2000.0 rank=1; 2: published=2001.0 rank=2; 3: published=2002.5; "},
      {[](Collection& c) { return c.drop_column("rank"); },
       "1: published=2000.0; 2: published=2001.0; 3: published=2002.5; "},
      {[](Collection& c) { return put(c, {4}, {texts("rank", {"best"})}); },
       "1: published=2000.0; 2: published=2001.0; 3: published=2002.5; 4: rank='best'; "},
      {[](Collection& c) { return c.compact(); },
       "1: published=2000.0; 2: published=2001.0; 3: published=2002.5; 4: rank='best'; "},
      {[](Collection& c) { return c.rename_column("rank", "year"); },
       "1: published=2000.0; 2: published=2001.0; 3: published=2002.5; 4: year='best'; "},
  };
  return all;
}

struct Tried {
  uint64_t operations = 0;
  bool fired = false;
  std::string why;  // what is wrong; empty
};

Tried try_fault(uint64_t at, Fault fault, Survival survival) {
  const auto env = std::make_shared<FaultEnv>(at);
  env->arm({.at_operation = at, .fault = fault});
  size_t returned = 0;
  {
    auto impl = internal::DatabaseImpl::open("db", {}, env);
    if (impl.ok()) {
      Database database(*impl);
      auto docs = database.default_collection();
      while (docs.ok() && returned < steps().size() && steps()[returned].run(*docs).ok()) {
        ++returned;
      }
      env->arm({.at_operation = env->crashed() ? UINT64_MAX : env->operations()});  // no close
    }
  }
  Tried tried{env->operations(), env->fired(), {}};
  env->restart(survival);
  for (const char* when : {"", "again: "}) {
    auto impl = internal::DatabaseImpl::open("db", {}, env);
    if (!impl.ok()) return {tried.operations, tried.fired, when + impl.status().to_string()};
    Database database(*impl);
    auto docs = database.default_collection();
    const std::string found = docs.ok() ? everything(*docs) : docs.status().to_string();
    const std::string before = returned == 0 ? "" : steps()[returned - 1].after;
    const bool whole =
        found == before || (returned < steps().size() && found == steps()[returned].after);
    if (!whole) {
      tried.why = when + std::to_string(returned) + " steps returned, and there is: " + found;
      return tried;
    }
    if (!database.close().ok()) tried.why = when + std::string("it cannot be closed");
  }
  return tried;
}

TEST(AlterFaultsTest, AtEveryOperationAlterationsAreWholeAndThoseThatReturnedStay) {
  for (const Fault fault : {Fault::kCrash, Fault::kShortWrite, Fault::kIoError, Fault::kNoSpace,
                            Fault::kSyncFails, Fault::kRenameFails}) {
    for (const Survival survival :
         {Survival::kNothing, Survival::kEverything, Survival::kPrefix, Survival::kTorn}) {
      uint64_t fired = 0;
      const uint64_t operations = try_fault(UINT64_MAX, Fault::kCrash, survival).operations;
      ASSERT_GT(operations, 20U);
      for (uint64_t at = 0; at < operations; ++at) {
        const Tried tried = try_fault(at, fault, survival);
        ASSERT_EQ(tried.why, "") << "operation " << at << ", fault " << static_cast<int>(fault)
                                 << ", survival " << static_cast<int>(survival);
        if (tried.fired) ++fired;
      }
      EXPECT_GT(fired, 0U);
    }
  }
}

// --- readers -------------------------------------------------------------------------------------

TEST(AlterReaderTest, AReaderSeesEachAlterationAtItsNextCall) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("omendb_alter_" + std::to_string(std::random_device()()));
  {
    auto writer = Database::open(folder.string());
    ASSERT_TRUE(writer.ok());
    auto written = writer->default_collection();
    ASSERT_TRUE(steps()[0].run(*written).ok());
    auto reader = Database::open(folder.string(), {.mode = OpenMode::kRead});
    ASSERT_TRUE(reader.ok()) << reader.status().to_string();
    auto seen = reader->default_collection();
    EXPECT_EQ(everything(*seen), steps()[0].after);
    EXPECT_EQ(seen->rename_column("year", "x").code(), StatusCode::kReadOnly);
    EXPECT_EQ(seen->drop_column("year").code(), StatusCode::kReadOnly);
    for (size_t i = 1; i < steps().size(); ++i) {
      ASSERT_TRUE(steps()[i].run(*written).ok()) << i;
      EXPECT_EQ(everything(*seen), steps()[i].after) << i;
      auto late = Database::open(folder.string(), {.mode = OpenMode::kRead});
      ASSERT_TRUE(late.ok()) << late.status().to_string();
      EXPECT_EQ(everything(*late->default_collection()), steps()[i].after) << i;
    }
    // A reader that looks after many at once, merges among them.
    ASSERT_TRUE(written->drop_column("published").ok());
    ASSERT_TRUE(put(*written, {5}, {ints("published", {5})}).ok());
    ASSERT_TRUE(written->compact().ok());
    ASSERT_TRUE(put(*written, {6}, {floats("published", {6.5})}).ok());
    EXPECT_EQ(everything(*seen),
              "1:; 2:; 3:; 4: year='best'; 5: published=5.0; 6: published=6.5; ");
  }
  std::filesystem::remove_all(folder);
}

TEST(AlterCopyTest, ASnapshotAndARepairedCopyHaveTheColumnsOfTheirMoment) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("omendb_alter_" + std::to_string(std::random_device()()));
  const std::string path = folder.string();
  {
    auto writer = Database::open(path);
    ASSERT_TRUE(writer.ok());
    auto docs = writer->default_collection();
    for (const Step& step : steps()) ASSERT_TRUE(step.run(*docs).ok());
    // Some of it is in segments, the rest in the log.
    std::filesystem::copy(path, path + ".log", std::filesystem::copy_options::recursive);
    ASSERT_TRUE(writer->snapshot(path + ".copy").ok());
    ASSERT_TRUE(docs->drop_column("year").ok());
  }
  const auto repaired = repair(path + ".log", path + ".repaired");
  ASSERT_TRUE(repaired.ok()) << repaired.status().to_string();
  EXPECT_EQ(repaired->lost, std::vector<std::string>());
  auto again = Database::open(path + ".repaired");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(everything(*again->default_collection()), steps().back().after);
  ASSERT_TRUE(again->close().ok());
  auto copy = Database::open(path + ".copy");
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(everything(*copy->default_collection()), steps().back().after);
  ASSERT_TRUE(copy->default_collection()->rename_column("published", "p").ok());
  ASSERT_TRUE(copy->close().ok());
  for (const char* end : {"", ".copy", ".log", ".repaired"})
    std::filesystem::remove_all(path + end);
}

}  // namespace
}  // namespace omendb
