// check() and repair(): a database that was damaged, seen without opening it.
#include "omendb/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "omendb/database.h"
#include "storage/env.h"

namespace omendb {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDim = 16;

class CheckTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "omendb-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    make_database();
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string path(const std::string& name) const { return (root_ / name).string(); }

  static Column numbers(const std::string& name, size_t rows, int64_t first) {
    Column column;
    column.name = name;
    for (size_t i = 0; i < rows; ++i) column.ints.push_back(first + static_cast<int64_t>(i));
    return column;
  }

  static void put(Collection points, uint64_t first, size_t rows) {
    std::vector<uint64_t> ids(rows);
    std::vector<float> vectors(rows * kDim);
    for (size_t i = 0; i < rows; ++i) {
      ids[i] = first + i;
      for (size_t d = 0; d < kDim; ++d) vectors[i * kDim + d] = static_cast<float>(first + i);
    }
    const Column n = numbers("n", rows, static_cast<int64_t>(first));
    const auto added = points.upsert({.vectors = {vectors.data(), rows, kDim},
                                      .ids = std::span<const uint64_t>(ids),
                                      .metadata = std::span(&n, 1)});
    ASSERT_TRUE(added.ok()) << added.status().to_string();
  }

  /// Two segments with dead rows, a second collection, and operations that are in the log alone.
  void make_database() {
    auto database = Database::open(path("live"));
    ASSERT_TRUE(database.ok()) << database.status().to_string();
    auto points = *database->default_collection();
    put(points, 0, 3'000);
    ASSERT_TRUE(points.compact().ok());
    ASSERT_TRUE(points.delete_where(*Filter::parse("n < 10")).ok());
    put(points, 2'990, 500);
    ASSERT_TRUE(database->snapshot(path("sealed")).ok());
    auto docs = *database->collection("docs");
    put(docs, 7, 3);
    put(points, 5'000, 40);
    const std::vector<uint64_t> gone = {20, 5'001};
    ASSERT_TRUE(points.delete_ids(std::span<const uint64_t>(gone)).ok());
    // As a crash would leave it: with a log.
    fs::copy(path("live"), path("db"), fs::copy_options::recursive);
  }

  std::vector<fs::path> files(const std::string& database, const std::string& extension) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / database)) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }

  static void flip(const fs::path& file, uintmax_t offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ 0x10));
  }

  /// Name, size and time of every file.
  std::map<std::string, std::pair<uintmax_t, fs::file_time_type>> listing(
      const std::string& database) const {
    std::map<std::string, std::pair<uintmax_t, fs::file_time_type>> result;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / database)) {
      const bool file = entry.is_regular_file();
      result[entry.path().string()] = {file ? entry.file_size() : 0,
                                       file ? entry.last_write_time() : fs::file_time_type()};
    }
    return result;
  }

  CheckReport report(const std::string& database) const {
    const auto before = listing(database);
    auto checked = check(path(database));
    EXPECT_TRUE(checked.ok()) << checked.status().to_string();
    EXPECT_EQ(listing(database), before) << "check() changed the folder";
    return checked.ok() ? *std::move(checked) : CheckReport();
  }

  static std::string text(const std::vector<std::string>& lines) {
    std::string result;
    for (const std::string& line : lines) result += line + "\n";
    return result;
  }

  fs::path root_;
};

TEST_F(CheckTest, ASoundDatabaseHasNoProblemsAndItsPointsAreCounted) {
  const CheckReport found = report("db");
  EXPECT_TRUE(found.sound()) << text(found.problems);
  EXPECT_EQ(found.collections, 2u);
  EXPECT_EQ(found.points, 3'490u - 10 + 40 - 2 + 3);
  EXPECT_GE(found.files, 3u);
  const CheckReport sealed = report("sealed");
  EXPECT_TRUE(sealed.sound()) << text(sealed.problems);
  EXPECT_TRUE(sealed.notes.empty()) << text(sealed.notes);
}

TEST_F(CheckTest, AFlippedByteAnywhereInAFileThatCountsIsFoundAndTheFileNamed) {
  std::mt19937 rng(17);
  std::vector<fs::path> all = files("db", ".seg");
  EXPECT_FALSE(files("db", ".idx").empty());
  for (const char* extension : {".idx", ".del", ""}) {
    for (const fs::path& file : files("db", extension)) all.push_back(file);
  }
  for (const fs::path& file : all) {
    const std::string name = file.filename().string();
    if (!fs::is_regular_file(file) || name == "LOCK") continue;
    const uintmax_t size = fs::file_size(file);
    // No checksum covers the rest of a section file's first page.
    const uintmax_t covered = file.extension().empty() ? 12 : 4'096;
    std::vector<uintmax_t> places = {0, size - 1, size - std::min<uintmax_t>(size, 40)};
    for (int i = 0; i < 6; ++i) places.push_back(covered + rng() % (size - covered));
    for (const uintmax_t place : places) {
      flip(file, place);
      const CheckReport found = report("db");
      EXPECT_FALSE(found.sound()) << name << " at " << place;
      EXPECT_NE(text(found.problems).find(name), std::string::npos) << text(found.problems);
      flip(file, place);
    }
  }
  EXPECT_TRUE(report("db").sound());
}

TEST_F(CheckTest, AFolderThatAWriterHasOpenIsNeitherCheckedNorRepaired) {
  {
    auto writer = Database::open(path("db"));
    ASSERT_TRUE(writer.ok()) << writer.status().to_string();
    for (const Status& refused :
         {check(path("db")).status(), repair(path("db"), path("saved")).status()}) {
      EXPECT_EQ(refused.code(), StatusCode::kLocked) << refused.to_string();
      EXPECT_NE(refused.message().find("is held by pid"), std::string::npos);
    }
    EXPECT_FALSE(fs::exists(root_ / "saved"));
  }
  EXPECT_TRUE(report("db").sound());
}

TEST_F(CheckTest, AnIndexThatIsLostIsReportedAndCostsARepairNothing) {
  const fs::path index = files("db", ".idx").front();
  fs::remove(index);
  const CheckReport found = report("db");
  ASSERT_EQ(found.problems.size(), 1u) << text(found.problems);
  EXPECT_NE(found.problems[0].find(index.filename().string()), std::string::npos);
  const auto repaired = repair(path("db"), path("saved"));
  ASSERT_TRUE(repaired.ok()) << repaired.status().to_string();
  EXPECT_TRUE(repaired->lost.empty()) << text(repaired->lost);
  EXPECT_EQ(repaired->points, found.points);
  EXPECT_TRUE(report("saved").sound());
  EXPECT_FALSE(files("saved", ".idx").empty());
}

TEST_F(CheckTest, EveryDamagedPageIsReportedOnceAndRunsOfPagesTogether) {
  const fs::path file = files("db", ".seg").front();
  for (const uintmax_t page : {10, 11, 12, 20}) flip(file, page * 4'096 + 5);
  const CheckReport found = report("db");
  EXPECT_EQ(found.problems.size(), 2u) << text(found.problems);
}

TEST_F(CheckTest, AMissingFileIsAProblemAndAFileThatNothingNamesIsANote) {
  const fs::path segment = files("db", ".seg").front();
  fs::copy_file(segment, segment.parent_path() / "99999999.seg");
  CheckReport found = report("db");
  EXPECT_TRUE(found.sound()) << text(found.problems);
  EXPECT_NE(text(found.notes).find("99999999.seg"), std::string::npos) << text(found.notes);
  for (const fs::path& file : {segment, files("db", ".del").front()}) {
    fs::rename(file, root_ / "aside");
    found = report("db");
    EXPECT_NE(text(found.problems).find(file.filename().string()), std::string::npos)
        << text(found.problems);
    fs::rename(root_ / "aside", file);
  }
}

TEST_F(CheckTest, DamageInTheLogBeforeItsDurableMarkIsAProblem) {
  const fs::path log = files("db", ".wal").front();
  flip(log, 4'096 + 100);
  const CheckReport found = report("db");
  EXPECT_NE(text(found.problems).find(log.filename().string()), std::string::npos)
      << text(found.problems) << text(found.notes);
}

TEST_F(CheckTest, WhatIsNoDatabaseIsAnError) {
  fs::create_directory(root_ / "empty");
  std::ofstream(root_ / "file") << "text";
  EXPECT_EQ(check(path("none")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(check(path("empty")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(check(path("file")).status().code(), StatusCode::kNotADatabase);
  EXPECT_EQ(check("").status().code(), StatusCode::kInvalidArgument);
}

class RepairTest : public CheckTest {
 protected:
  /// Repairs "db" and reads everything that the copy holds, whose points must all be right.
  struct Saved {
    RepairReport report;
    std::set<uint64_t> points;  ///< of "default"
    std::set<uint64_t> docs;
    std::set<uint64_t> without_n;
  };
  Saved repaired(const std::string& into) {
    Saved saved;
    const auto before = listing("db");
    auto done = repair(path("db"), path(into));
    EXPECT_TRUE(done.ok()) << done.status().to_string();
    EXPECT_EQ(listing("db"), before) << "repair() changed the damaged folder";
    if (!done.ok()) return saved;
    saved.report = *std::move(done);
    const CheckReport sound = report(into);
    EXPECT_TRUE(sound.sound()) << text(sound.problems);
    EXPECT_EQ(sound.points, saved.report.points);
    auto database = Database::open(path(into), {.create_if_missing = false});
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    read(*database->default_collection(), saved.points, saved.without_n);
    read(*database->collection("docs"), saved.docs, saved.without_n);
    return saved;
  }

  static void read(Collection points, std::set<uint64_t>& ids, std::set<uint64_t>& without_n) {
    auto scan = points.scan({.batch_size = kMaxK});
    ASSERT_TRUE(scan.ok()) << scan.status().to_string();
    const auto batch = scan->next();
    ASSERT_TRUE(batch.ok()) << batch.status().to_string();
    const auto& found = std::get<std::vector<uint64_t>>(batch->ids);
    for (size_t i = 0; i < found.size(); ++i) {
      ids.insert(found[i]);
      float value = 0;
      std::memcpy(&value, batch->vectors.data() + 4 * kDim * i, 4);
      EXPECT_EQ(value, static_cast<float>(found[i]));
      const bool known = !batch->metadata.empty() && batch->metadata[0].is_valid(i);
      if (!known) without_n.insert(found[i]);
      const auto id = static_cast<int64_t>(found[i]);
      EXPECT_EQ(known ? batch->metadata[0].ints[i] : id, id);
    }
  }

  static std::set<uint64_t> all_points() {
    std::set<uint64_t> ids;
    for (uint64_t id = 10; id < 3'490; ++id) ids.insert(id);
    for (uint64_t id = 5'000; id < 5'040; ++id) ids.insert(id);
    for (const uint64_t gone : {20, 5'001}) ids.erase(gone);
    return ids;
  }
  const std::set<uint64_t> all_docs_ = {7, 8, 9};
};

TEST_F(RepairTest, OfASoundDatabaseNothingIsLost) {
  const Saved saved = repaired("copy");
  EXPECT_TRUE(saved.report.complete()) << text(saved.report.lost);
  EXPECT_EQ(saved.points, all_points());
  EXPECT_EQ(saved.docs, all_docs_);
  EXPECT_TRUE(saved.without_n.empty());
  EXPECT_EQ(saved.report.collections, 2u);
}

TEST_F(RepairTest, ADamagedPageCostsThePointsOnItAndNamesThem) {
  const fs::path file = files("db", ".seg").front();
  const uintmax_t pages = fs::file_size(file) / 4'096;
  const std::set<uint64_t> all = all_points();
  uint64_t points_lost = 0;
  uint64_t values_lost = 0;
  for (uintmax_t page = 1; page < pages; page += 6) {
    SCOPED_TRACE("page " + std::to_string(page));
    flip(file, page * 4'096 + 77);
    const Saved saved = repaired("page-" + std::to_string(page));
    flip(file, page * 4'096 + 77);
    EXPECT_TRUE(std::ranges::includes(all, saved.points));
    EXPECT_EQ(saved.docs, all_docs_);
    const size_t lost = all.size() - saved.points.size();
    // Ids are the smallest that a point has. Without its header, its center or the directory of its
    // columns a file cannot be opened, and costs all its rows.
    EXPECT_TRUE(lost <= 4'096 / 8 || lost == 2'990 - 11) << lost;
    if (lost > 0 || !saved.without_n.empty()) {
      EXPECT_NE(text(saved.report.lost).find(file.filename().string()), std::string::npos);
    }
    points_lost += lost;
    values_lost += saved.without_n.size();
  }
  EXPECT_GT(points_lost, 0u);
  EXPECT_GT(values_lost, 0u);
}

TEST_F(RepairTest, AFileThatCannotBeOpenedCostsItsRowsAndNoOthers) {
  const fs::path file = files("db", ".seg").front();  // rows of ids 0 to 2,999
  fs::resize_file(file, 20'000);
  const Saved saved = repaired("copy");
  EXPECT_NE(text(saved.report.lost).find(file.filename().string()), std::string::npos);
  std::set<uint64_t> expected = all_points();
  std::erase_if(expected, [](uint64_t id) { return id < 2'990; });
  EXPECT_EQ(saved.points, expected);
  EXPECT_EQ(saved.docs, all_docs_);
}

TEST_F(RepairTest, WithoutAListOfTheDeadTheyAreBackAndTheReportSaysSo) {
  fs::remove(files("db", ".del").front());
  const Saved saved = repaired("copy");
  EXPECT_NE(text(saved.report.lost).find("those rows are back"), std::string::npos)
      << text(saved.report.lost);
  std::set<uint64_t> expected = all_points();
  for (uint64_t id = 0; id < 10; ++id) expected.insert(id);
  EXPECT_EQ(saved.points, expected);
}

TEST_F(RepairTest, ADamagedRecordOfTheLogCostsItAndNotThoseAfterIt) {
  const fs::path log = files("db", ".wal").back();
  flip(log, 4'096 + 100);  // the first record after the seal
  EXPECT_FALSE(Database::open(path("db")).ok());
  const Saved saved = repaired("copy");
  EXPECT_FALSE(saved.report.complete());
  EXPECT_NE(text(saved.report.lost).find(log.filename().string()), std::string::npos)
      << text(saved.report.lost);
  EXPECT_FALSE(saved.points.contains(20)) << "the delete is the last record, and whole";
  EXPECT_GE(saved.points.size(), all_points().size() - 40);
}

TEST_F(RepairTest, WithoutCurrentTheNewestManifestThatCanBeReadIsTaken) {
  for (const char* const what : {"removed", "damaged"}) {
    SCOPED_TRACE(what);
    const fs::path current = root_ / "db" / "CURRENT";
    const auto good = *storage::Env::posix()->read_file(current.string());
    if (what == std::string("removed")) {
      fs::remove(current);
    } else {
      flip(current, 3);
    }
    // An older one that names files which are gone, and a newer one that was cut.
    std::ofstream(root_ / "db" / "MANIFEST-0000000001") << "not a manifest";
    std::ofstream(root_ / "db" / "MANIFEST-0000000999") << "cut";
    const Saved saved = repaired(std::string("copy-") + what);
    EXPECT_EQ(saved.report.lost.size(), 1U) << text(saved.report.lost);
    EXPECT_NE(text(saved.report.lost).find("CURRENT"), std::string::npos);
    EXPECT_EQ(saved.points, all_points());
    EXPECT_EQ(saved.docs, all_docs_);
    std::ofstream(current, std::ios::binary)
        .write(reinterpret_cast<const char*>(good.data()),
               static_cast<std::streamsize>(good.size()));
  }
}

TEST_F(RepairTest, WithoutAnyManifestTheErrorSaysWhatToDo) {
  for (const auto& entry : fs::directory_iterator(root_ / "db")) {
    if (entry.path().filename().string().starts_with("MANIFEST-")) flip(entry.path(), 40);
  }
  const Status failed = repair(path("db"), path("copy")).status();
  EXPECT_EQ(failed.code(), StatusCode::kCorruption);
  EXPECT_NE(failed.message().find("restore a snapshot"), std::string::npos) << failed.message();
  EXPECT_FALSE(fs::exists(root_ / "copy"));
}

TEST_F(RepairTest, ACopyDoesNotGoIntoTheDatabaseThatItIsOf) {
  fs::create_directory_symlink(root_ / "db", root_ / "link");
  const auto before = listing("db");
  for (const char* const into : {"db/copy", "db/segments/copy", "db/../db/copy", "link/copy"}) {
    const Status refused = repair(path("db"), path(into)).status();
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument) << into;
    EXPECT_NE(refused.message().find("outside"), std::string::npos) << refused.message();
  }
  EXPECT_EQ(listing("db"), before);
}

TEST_F(RepairTest, WhatIsThereIsNotWrittenOver) {
  EXPECT_EQ(repair(path("db"), path("live")).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(repair(path("none"), path("copy")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(repair(path("db"), path("no/parent")).status().code(), StatusCode::kNotFound);
  for (const auto& entry : fs::directory_iterator(root_)) {
    EXPECT_EQ(entry.path().string().find("partial"), std::string::npos) << entry.path();
  }
}

}  // namespace
}  // namespace omendb
