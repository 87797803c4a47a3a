// What becomes of an open database whose folder, or whose program, goes elsewhere.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "omendb/database.h"

namespace omendb {
namespace {

namespace fs = std::filesystem;

class MovedFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "omendb-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    before_ = fs::current_path();
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(root_);
  }
  static Status add(Database& database, float value) {
    return database.default_collection()->add({.vectors = {&value, 1, 1}}).status();
  }
  static Database open(const std::string& path) {
    auto database = Database::open(path);
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    return *std::move(database);
  }

  fs::path root_;
  fs::path before_;
};

TEST_F(MovedFolderTest, ARelativePathMeansWhatItMeantWhenTheDatabaseWasOpened) {
  fs::create_directory(root_ / "elsewhere");
  fs::current_path(root_);
  Database database = open("./db");
  ASSERT_TRUE(add(database, 1).ok());
  fs::current_path(root_ / "elsewhere");
  ASSERT_TRUE(add(database, 2).ok());
  const Status compacted = database.default_collection()->compact();
  EXPECT_TRUE(compacted.ok()) << compacted.to_string();
  ASSERT_TRUE(database.close().ok());
  EXPECT_TRUE(fs::is_empty(root_ / "elsewhere"));
  Database again = open((root_ / "db").string());
  EXPECT_EQ(again.default_collection()->count().value(), 2u);
}

TEST_F(MovedFolderTest, ADatabaseWhoseFolderWasRemovedWritesNothingIntoTheNextOneOfThatName) {
  const std::string path = (root_ / "db").string();
  Database lost = open(path);
  ASSERT_TRUE(add(lost, 1).ok());
  fs::remove_all(path);
  Database fresh = open(path);
  ASSERT_TRUE(add(fresh, 7).ok());

  const Status refused = add(lost, 2);
  EXPECT_EQ(refused.code(), StatusCode::kIoError);
  EXPECT_NE(refused.message().find("removed or moved"), std::string::npos) << refused.message();
  EXPECT_FALSE(lost.default_collection()->compact().ok());
  EXPECT_FALSE(lost.collection("another").ok());
  EXPECT_EQ(lost.default_collection()->count().value(), 1u) << "what it has in memory can be read";
  EXPECT_FALSE(lost.close().ok());

  ASSERT_TRUE(add(fresh, 8).ok());
  ASSERT_TRUE(fresh.close().ok());
  Database again = open(path);
  EXPECT_EQ(again.default_collection()->count().value(), 2u);
  EXPECT_EQ(again.collection_names().value().size(), 1u);
}

}  // namespace
}  // namespace omendb
