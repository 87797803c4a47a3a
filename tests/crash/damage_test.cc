// Flipped bits, cut files and missing files: an error that names the file, or answers as if nothing
// had happened (the bytes are not needed), but never a wrong answer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <span>

#include "database/database_impl.h"
#include "oracle.h"
#include "storage/env.h"
#include "storage/log/format.h"

namespace omendb::crash {
namespace {

constexpr size_t kDim = 8;
constexpr char kPath[] = "/db";
using Bytes = std::vector<std::byte>;
using Folder = std::map<std::string, Bytes>;  // path -> content

Result<Database> open_database(const std::shared_ptr<storage::Env>& env) {
  auto impl = internal::DatabaseImpl::open(kPath, {}, env);
  if (!impl.ok()) return impl.status();
  return Database(*impl);
}

Folder read_folder(storage::Env& env) {
  Folder folder;
  for (const std::string& directory :
       {std::string(kPath), storage::join(kPath, "segments"), storage::join(kPath, "wal")}) {
    const std::vector<std::string> names = env.list(directory).value();
    for (const std::string& name : names) {
      const std::string path = storage::join(directory, name);
      if (name == "LOCK" || env.is_directory(path).value()) continue;
      folder[path] = env.read_file(path).value();
    }
  }
  return folder;
}

std::shared_ptr<storage::Env> write_folder(const Folder& folder) {
  const auto env = storage::Env::in_memory();
  for (const std::string& directory :
       {std::string(kPath), storage::join(kPath, "segments"), storage::join(kPath, "wal")}) {
    EXPECT_TRUE(env->make_directory(directory).ok());
  }
  for (const auto& [path, bytes] : folder) {
    EXPECT_TRUE(env->create_file(path).value()->append(bytes).ok());
  }
  return env;
}

/// A folder with segments, tombstones, and operations that are in the log alone.
class DamageTest : public testing::Test {
 protected:
  DamageTest() {
    const auto env = storage::Env::in_memory();
    State state;
    {
      auto database = open_database(env);
      write(*database, 0, 300, 1, state);
      EXPECT_TRUE(database->close().ok());
    }
    {
      auto database = open_database(env);
      erase(*database, {5, 6, 7, 250}, state);
      write(*database, 260, 90, 5, state);
      EXPECT_TRUE(database->close().ok());  // a second segment, and tombstones for the first
    }
    auto database = open_database(env);
    states_.push_back(state);
    write(*database, 30, 20, 6, state);
    states_.push_back(state);
    erase(*database, {1, 2, 349}, state);
    states_.push_back(state);
    write(*database, 400, 25, 7, state);
    states_.push_back(state);
    folder_ = read_folder(*env);
  }

  static void write(Database& database, uint64_t first, size_t count, uint32_t batch,
                    State& state) {
    std::vector<uint64_t> ids;
    for (size_t i = 0; i < count; ++i) ids.push_back(first + i);
    auto collection = database.default_collection();
    EXPECT_TRUE(write_batch(*collection, ids, batch, kDim, Put::kUpsert).ok());
    for (const uint64_t id : ids) state[id] = batch;
  }
  static void erase(Database& database, const std::vector<uint64_t>& ids, State& state) {
    EXPECT_TRUE(database.default_collection()->delete_ids(std::span<const uint64_t>(ids)).ok());
    for (const uint64_t id : ids) state.erase(id);
  }

  std::string path_with(const std::string& part) const {
    for (const auto& [path, bytes] : folder_) {
      if (path.find(part) != std::string::npos) return path;
    }
    ADD_FAILURE() << "no file like " << part;
    return {};
  }

  /// Opens and reads the whole. @return the error, or OK with the number of the state shown.
  Status open_and_read(const Folder& folder, size_t& shown, bool& noted) {
    auto database = open_database(write_folder(folder));
    if (!database.ok()) return database.status();
    noted = !database->recovery_notes().empty();
    auto collection = database->default_collection();
    if (!collection.ok()) return collection.status();
    const auto state = read_state(*collection, kDim);
    if (!state.ok()) return state.status();
    for (shown = 0; shown < states_.size(); ++shown) {
      if (states_[shown] == *state) return {};
    }
    return {StatusCode::kInternal, "shows " + describe(*state)};
  }

  /// What must hold when the file at `path` is not what it was.
  void expect_honest(const Folder& folder, const std::string& path, const std::string& what,
                     bool must_fail) {
    size_t shown = 0;
    bool noted = false;
    const Status status = open_and_read(folder, shown, noted);
    const std::string name = path.substr(path.rfind('/') + 1);
    if (!status.ok()) {
      EXPECT_TRUE(status.code() == StatusCode::kCorruption ||
                  status.code() == StatusCode::kUnsupportedVersion)
          << what << " of " << name << ": " << status.to_string();
      EXPECT_NE(status.message().find(name), std::string::npos)
          << what << " of " << name << ": " << status.to_string();
      return;
    }
    EXPECT_FALSE(must_fail) << what << " of " << name << " went unnoticed";
    if (shown + 1 == states_.size()) return;
    // Only the log's end may be lost, and not in silence.
    EXPECT_TRUE(name.ends_with(".wal") && noted)
        << what << " of " << name << " shows state " << shown << (noted ? ", noted" : "");
  }

  void expect_flip_honest(const std::string& path, size_t at, bool must_fail) {
    Folder damaged = folder_;
    damaged[path][at] ^= std::byte{static_cast<uint8_t>(1U << (at % 8))};
    expect_honest(damaged, path, "a flip at offset " + std::to_string(at), must_fail);
  }

  Folder folder_;
  std::vector<State> states_;  // after 0, 1, … of the operations in the log; the last is the truth
};

/// Two collections: what is in the log alone of the one lies before what the other has in segments.
class TwoCollectionsTest : public ::testing::Test {
 protected:
  TwoCollectionsTest() {
    const auto env = storage::Env::in_memory();
    auto database = open_database(env);
    EXPECT_TRUE(database.ok());
    add(*database, "b", 0, 1);
    for (uint64_t i = 0; i < 20; ++i) add(*database, "a", i * 10, 10);
    EXPECT_TRUE(database->collection("a")->compact().ok());
    folder_ = read_folder(*env);
  }

  static void add(Database& database, const char* name, uint64_t first, size_t count) {
    std::vector<uint64_t> ids;
    for (size_t i = 0; i < count; ++i) ids.push_back(first + i);
    auto collection = database.collection(name);
    ASSERT_TRUE(write_batch(*collection, ids, 1, kDim, Put::kAdd).ok());
  }

  std::string log_file() const {
    std::string found;
    for (const auto& [path, bytes] : folder_) {
      if (path.ends_with(".wal")) found = path;
    }
    return found;
  }

  static void expect_reported(const Folder& folder, const std::string& what) {
    const auto database = open_database(write_folder(folder));
    ASSERT_FALSE(database.ok()) << what << " went unnoticed";
    EXPECT_EQ(database.status().code(), StatusCode::kCorruption) << database.status().to_string();
    EXPECT_NE(database.status().message().find(".wal"), std::string::npos)
        << database.status().to_string();
  }

  Folder folder_;
};

TEST_F(TwoCollectionsTest, ALogThatIsGoneIsReportedAndNotTakenForATrimmedOne) {
  ASSERT_TRUE(open_database(write_folder(folder_)).ok());
  Folder without = folder_;
  std::erase_if(without, [](const auto& file) { return file.first.ends_with(".wal"); });
  expect_reported(without, "a missing log");
}

TEST_F(TwoCollectionsTest, ALogThatIsCutBeforeASealedSegmentIsReported) {
  const std::string path = log_file();
  const Bytes whole = folder_.at(path);
  uint64_t offset = storage::kLogHeaderBytes;
  while (offset + sizeof(storage::LogFrame) <= whole.size()) {
    storage::LogFrame frame;
    std::memcpy(&frame, whole.data() + offset, sizeof(frame));
    if (frame.lsn == 0) break;
    for (const bool zeros : {false, true}) {
      Folder cut = folder_;
      cut[path].resize(offset);
      if (zeros) cut[path].resize(whole.size());
      expect_reported(cut, "a cut before record " + std::to_string(frame.lsn));
    }
    offset += storage::log_frame_bytes(frame.length);
  }
  EXPECT_GT(offset, storage::kLogHeaderBytes);
}

TEST_F(TwoCollectionsTest, AClosedDatabaseWithoutItsLogFileIsReported) {
  const auto env = write_folder(folder_);
  {
    auto database = open_database(env);
    ASSERT_TRUE(database.ok()) << database.status().to_string();
    ASSERT_TRUE(database->close().ok());
  }
  Folder closed = read_folder(*env);
  std::erase_if(closed, [](const auto& file) { return file.first.ends_with(".wal"); });
  expect_reported(closed, "a missing log");
}

size_t samples() {
  return std::getenv("OMENDB_LONG") != nullptr ? 20'000 : 150;
}

TEST_F(DamageTest, TheFolderHoldsEveryKindOfFileAndIsRead) {
  std::set<std::string> kinds;
  for (const auto& [path, bytes] : folder_) kinds.insert(path.substr(path.find_last_of("./")));
  EXPECT_TRUE(kinds.contains(".seg") && kinds.contains(".del") && kinds.contains(".wal") &&
              kinds.contains("/CURRENT"));
  size_t shown = 0;
  bool noted = false;
  EXPECT_EQ(open_and_read(folder_, shown, noted).to_string(), "ok");
  EXPECT_EQ(shown + 1, states_.size());
}

TEST_F(DamageTest, AnyFlippedByteOfManifestCurrentOrTombstonesIsReported) {
  for (const char* part : {"MANIFEST-", "CURRENT"}) {
    const std::string path = path_with(part);
    for (size_t at = 0; at < folder_[path].size(); ++at) expect_flip_honest(path, at, true);
  }
  const std::string path = path_with(".del");
  const size_t size = folder_[path].size();
  for (size_t at = 0; at < 64; ++at) expect_flip_honest(path, at, true);  // the header
  for (size_t at = 4'096; at < size; at += 1 + size / samples()) {
    expect_flip_honest(path, at, true);
  }
}

TEST_F(DamageTest, AFlippedByteOfASegmentIsReportedOrNotNeeded) {
  std::mt19937_64 random(7);
  for (const auto& [path, bytes] : Folder(folder_)) {
    if (!path.ends_with(".seg")) continue;
    for (size_t at = 0; at < 64; ++at) expect_flip_honest(path, at, true);
    for (size_t i = 1; i <= 64; ++i) expect_flip_honest(path, bytes.size() - i, true);
    for (size_t i = 0; i < samples(); ++i) {
      expect_flip_honest(path, random() % bytes.size(), false);
    }
  }
}

TEST_F(DamageTest, AFlippedByteOfTheLogIsReportedOrDropsAnUnprovenTailWithANote) {
  std::mt19937_64 random(8);
  const std::string path = path_with(".wal");
  for (size_t at = 0; at < 40; ++at) expect_flip_honest(path, at, false);
  for (size_t i = 0; i < samples(); ++i) {
    expect_flip_honest(path, random() % folder_[path].size(), false);
  }
}

TEST_F(DamageTest, ACutFileIsReported) {
  std::mt19937_64 random(9);
  for (const auto& [path, bytes] : Folder(folder_)) {
    const bool log = path.ends_with(".wal");
    for (size_t i = 0; i < samples() / 5 + 2; ++i) {
      size_t size = random() % bytes.size();
      if (i < 2) size = i * (bytes.size() - 1);
      if (log && i >= 2 && i < 5) size = bytes.size() - (i - 1) * 11;  // of the 32 zeros at its end
      Folder damaged = folder_;
      damaged[path].resize(size);
      expect_honest(damaged, path, "a cut at " + std::to_string(size), !log);
    }
  }
}

TEST_F(DamageTest, AMissingFileIsReportedAsDamage) {
  for (const auto& [path, bytes] : Folder(folder_)) {
    if (path.ends_with(".wal")) continue;  // an empty log is one that was taken into segments
    Folder damaged = folder_;
    damaged.erase(path);
    expect_honest(damaged, path, "the loss", true);
  }
}

TEST_F(DamageTest, ANewerFormatIsRefusedAsSuch) {
  for (const char* part : {"MANIFEST-", ".seg", ".del", ".wal"}) {
    Folder newer = folder_;
    newer[path_with(part)][8] = std::byte{2};  // every format keeps its version there
    size_t shown = 0;
    bool noted = false;
    const Status status = open_and_read(newer, shown, noted);
    EXPECT_EQ(status.code(), StatusCode::kUnsupportedVersion) << part << ": " << status.to_string();
  }
}

TEST_F(DamageTest, AWriterIsStoppedByDamageItNeedsAndReadsOfOtherCollectionsGoOn) {
  const std::string path = path_with(".seg");
  Folder damaged = folder_;
  // Pages: header, segment header, ids, and then the vectors, which opening does not read.
  damaged[path][3 * 4'096 + 99] ^= std::byte{1};
  auto database = open_database(write_folder(damaged));
  ASSERT_TRUE(database.ok()) << database.status().to_string();
  auto broken = database->default_collection();
  auto other = database->collection("other");
  ASSERT_TRUE(other.ok());
  const Status compacted = broken->compact();
  EXPECT_EQ(compacted.code(), StatusCode::kCorruption) << compacted.to_string();
  EXPECT_TRUE(write_batch(*other, {1, 2, 3}, 5, kDim, Put::kAdd).ok());
  EXPECT_EQ(read_state(*other, kDim).value().size(), 3u);
}

}  // namespace
}  // namespace omendb::crash
