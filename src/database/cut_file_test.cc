// A segment file that somebody cuts while the database has it mapped.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "omendb/database.h"

namespace omendb {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDim = 24;
constexpr size_t kRows = 20'000;  // more than are always searched exactly, so that codes are read

class CutFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "omendb-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::mt19937 rng(11);
    std::normal_distribution<float> normal;
    vectors_.resize(kRows * kDim);
    for (float& x : vectors_) x = normal(rng);
  }
  void TearDown() override { fs::remove_all(root_); }

  /// A database whose points are in one segment, every page of which was read and verified.
  Database open_warm(const std::string& name) {
    auto database = Database::open((root_ / name).string());
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    auto points = database->default_collection();
    Column year;
    year.name = "year";
    for (size_t i = 0; i < kRows; ++i) year.ints.push_back(static_cast<int64_t>(i % 50));
    const WriteBatch batch{.vectors = {vectors_.data(), kRows, kDim},
                           .metadata = std::span(&year, 1)};
    EXPECT_TRUE(points->add(batch).ok());
    EXPECT_TRUE(points->compact().ok());
    for (const Answer& answer : answers(*points)) {
      EXPECT_TRUE(answer.status.ok()) << answer.call << ": " << answer.status.to_string();
    }
    return *std::move(database);
  }

  struct Answer {
    std::string call;
    Status status;
  };
  /// Every kind of read, by everything that a segment holds.
  std::vector<Answer> answers(Collection& points) const {
    const VectorsView query{vectors_.data(), 1, kDim};
    const VectorsView queries{vectors_.data(), 40, kDim};
    const Filter late = *Filter::parse("year > 20");
    const std::vector<uint64_t> ids = {1, kRows / 2, kRows - 1};
    std::vector<Answer> result;
    result.push_back({"search", points.search(query, {.k = 5}).status()});
    result.push_back({"exact", points.search(query, {.k = 5, .exact = true}).status()});
    result.push_back({"batch", points.search(queries, {.k = 5, .exact = true}).status()});
    result.push_back({"filtered", points.search(query, {.k = 5, .where = late}).status()});
    result.push_back({"get", points.get(std::span<const uint64_t>(ids)).status()});
    result.push_back({"count", points.count(late).status()});
    auto scan = points.scan({.batch_size = kMaxK});
    result.push_back({"scan", scan.ok() ? scan->next().status() : scan.status()});
    return result;
  }

  fs::path segment_of(const std::string& name) const { return file_of(name, ".seg"); }
  fs::path file_of(const std::string& name, const char* extension) const {
    for (const auto& entry : fs::directory_iterator(root_ / name / "segments")) {
      if (entry.path().extension() == extension) return entry.path();
    }
    return {};
  }

  static void expect_named(const Status& status, const fs::path& file) {
    EXPECT_TRUE(status.code() == StatusCode::kIoError || status.code() == StatusCode::kCorruption)
        << status.to_string();
    EXPECT_NE(status.message().find(file.filename().string()), std::string::npos)
        << status.to_string();
  }

  fs::path root_;
  std::vector<float> vectors_;
};

TEST_F(CutFileTest, EveryReadOfAFileThatWasCutWhileMappedFailsAndNamesTheFile) {
  const Database sizing = open_warm("size");
  const auto bytes = fs::file_size(segment_of("size"));
  const std::vector<uintmax_t> places = {
      0, 1, 4'096, 4'097, bytes / 3, bytes / 2, bytes - 5'000, bytes - 100, bytes - 64};
  for (const uintmax_t place : places) {
    SCOPED_TRACE("cut to " + std::to_string(place) + " of " + std::to_string(bytes) + " bytes");
    const std::string name = "cut-" + std::to_string(place);
    Database database = open_warm(name);
    Collection points = *database.default_collection();
    const fs::path file = segment_of(name);
    fs::resize_file(file, place);
    for (const Answer& answer : answers(points)) {
      SCOPED_TRACE(answer.call);
      expect_named(answer.status, file);
    }
    expect_named(points.delete_where(*Filter::parse("year = 3")).status(), file);
    const std::vector<uint64_t> known = {7};
    expect_named(points
                     .upsert({.vectors = {vectors_.data(), 1, kDim},
                              .ids = std::span<const uint64_t>(known)})
                     .status(),
                 file);
  }
}

TEST_F(CutFileTest, AnIndexThatWasCutWhileMappedCostsNoAnswerAndIsRebuilt) {
  const Database sizing = open_warm("size");
  const auto bytes = fs::file_size(file_of("size", ".idx"));
  for (const uintmax_t place :
       {uintmax_t{0}, uintmax_t{4'096}, bytes / 2, bytes - 100, bytes - 64}) {
    SCOPED_TRACE("cut to " + std::to_string(place) + " of " + std::to_string(bytes) + " bytes");
    const std::string name = "index-" + std::to_string(place);
    Database database = open_warm(name);
    Collection points = *database.default_collection();
    const fs::path file = file_of(name, ".idx");
    fs::resize_file(file, place);
    for (size_t row = 0; row < kRows; row += 3'000) {
      const auto found = points.search({vectors_.data() + row * kDim, 1, kDim}, {.k = 1});
      ASSERT_TRUE(found.ok()) << found.status().to_string();
      EXPECT_EQ(found->distances, std::vector<float>{0}) << row;
    }
    for (const Answer& answer : answers(points)) {
      EXPECT_TRUE(answer.status.ok()) << answer.call << ": " << answer.status.to_string();
    }
    ASSERT_TRUE(points.optimize().ok());
    EXPECT_NE(file_of(name, ".idx"), file);
    EXPECT_EQ(fs::file_size(file_of(name, ".idx")), bytes);
  }
}

TEST_F(CutFileTest, AMergeOfAFileThatWasCutFailsAndLeavesTheOldFilesInForce) {
  Database database = open_warm("merge");
  Collection points = *database.default_collection();
  ASSERT_TRUE(points.delete_where(*Filter::parse("year = 3")).ok());
  const fs::path file = segment_of("merge");
  const auto bytes = fs::file_size(file);
  fs::copy_file(file, root_ / "whole");
  fs::resize_file(file, bytes / 2);
  expect_named(points.compact(), file);
  database.close().ignore();
  // With the bytes back, nothing is lost.
  fs::copy_file(root_ / "whole", file, fs::copy_options::overwrite_existing);
  auto again = Database::open((root_ / "merge").string());
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(again->default_collection()->count().value(), kRows - kRows / 50);
}

TEST_F(CutFileTest, OtherCollectionsOfTheDatabaseAnswerAsBefore) {
  Database database = open_warm("two");
  const fs::path file = segment_of("two");
  auto other = database.collection("other");
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->add({.vectors = {vectors_.data(), 100, kDim}}).ok());
  fs::resize_file(file, 0);
  expect_named(database.default_collection()->search({vectors_.data(), 1, kDim}).status(), file);
  EXPECT_TRUE(other->search({vectors_.data(), 1, kDim}).ok());
  EXPECT_TRUE(other->add({.vectors = {vectors_.data(), 100, kDim}}).ok());
}

}  // namespace
}  // namespace omendb
