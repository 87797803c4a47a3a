// A database that is read while another opening of it writes: what OpenMode::kRead promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "database/database_impl.h"
#include "omendb/database.h"

namespace omendb {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDim = 64;
const OpenOptions kReader = {.mode = OpenMode::kRead};
const OpenOptions kSmall = {.durability = Durability::kNone, .memtable_bytes = 64 << 10};

/// The operating system's files, where nothing may be changed.
class ReadOnlyEnv final : public storage::Env {
 public:
  int changes() const { return changes_; }  ///< that were tried

  Result<std::string> absolute(const std::string& path) override { return env_->absolute(path); }
  Result<std::unique_ptr<storage::WritableFile>> create_file(const std::string&) override {
    return refuse();
  }
  Result<std::unique_ptr<storage::WritableFile>> reopen_file(const std::string&) override {
    return refuse();
  }
  Result<std::unique_ptr<storage::ReadableFile>> open_file(const std::string& path) override {
    return env_->open_file(path);
  }
  Result<std::vector<std::byte>> read_file(const std::string& path) override {
    return env_->read_file(path);
  }
  Result<std::shared_ptr<const storage::MappedFile>> map_file(const std::string& path) override {
    return env_->map_file(path);
  }
  Result<uint64_t> file_size(const std::string& path) override { return env_->file_size(path); }
  Result<bool> exists(const std::string& path) override { return env_->exists(path); }
  Result<bool> is_directory(const std::string& path) override { return env_->is_directory(path); }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return env_->list(path);
  }
  Status make_directory(const std::string&) override { return refuse(); }
  Status remove_file(const std::string&) override { return refuse(); }
  Status remove_directory(const std::string&) override { return refuse(); }
  Status rename(const std::string&, const std::string&) override { return refuse(); }
  Status link_file(const std::string&, const std::string&) override { return refuse(); }
  Status sync_directory(const std::string&) override { return refuse(); }
  Result<std::unique_ptr<storage::FileLock>> lock(const std::string&, std::string_view) override {
    return refuse();
  }
  uint64_t now_micros() const override { return env_->now_micros(); }

 private:
  Status refuse() {
    ++changes_;
    return {StatusCode::kIoError, "a reader tried to change something"};
  }

  const std::shared_ptr<storage::Env> env_ = storage::Env::posix();
  int changes_ = 0;
};

class ReaderTest : public testing::Test {
 protected:
  ReaderTest()
      : seed_(std::random_device()()),
        folder_(fs::temp_directory_path() / ("omendb_reader_" + std::to_string(seed_))),
        random_(seed_) {}
  ~ReaderTest() override { fs::remove_all(folder_); }

  Database open(const OpenOptions& options = {}) {
    auto database = Database::open(folder_.string(), options);
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    return std::move(database).value();
  }

  std::vector<float> vectors(size_t count) {
    std::vector<float> values(count * kDim);
    for (float& v : values) v = static_cast<float>(static_cast<int>(random_() % 21) - 10);
    return values;
  }

  Status add(Collection& collection, size_t count) {
    const auto values = vectors(count);
    return collection.add({.vectors = {values.data(), count, kDim}}).status();
  }

  Status upsert(Collection& collection, const std::vector<uint64_t>& ids) {
    const auto values = vectors(ids.size());
    Column column;
    column.name = "n";
    column.type = ColumnType::kI64;
    for (size_t i = 0; i < ids.size(); ++i) column.ints.push_back(static_cast<int64_t>(random_()));
    return collection
        .upsert({.vectors = {values.data(), ids.size(), kDim},
                 .ids = std::span<const uint64_t>(ids),
                 .metadata = std::span(&column, 1)})
        .status();
  }

  const uint64_t seed_;
  const fs::path folder_;
  std::mt19937_64 random_;
};

/// Every point: its vector and metadata.
std::map<uint64_t, std::string> everything(const Collection& collection) {
  std::map<uint64_t, std::string> points;
  auto scan = collection.scan({.batch_size = 64});
  EXPECT_TRUE(scan.ok()) << scan.status().to_string();
  while (scan.ok()) {
    const auto batch = scan->next();
    EXPECT_TRUE(batch.ok()) << batch.status().to_string();
    if (!batch.ok() || std::get<std::vector<uint64_t>>(batch->ids).empty()) break;
    const auto& ids = std::get<std::vector<uint64_t>>(batch->ids);
    for (size_t i = 0; i < ids.size(); ++i) {
      std::string& value = points[ids[i]];
      value.assign(reinterpret_cast<const char*>(batch->vectors.data()) + i * kDim * sizeof(float),
                   kDim * sizeof(float));
      for (const Column& column : batch->metadata) {
        if (column.is_valid(i)) value += column.name + std::to_string(column.ints[i]);
      }
    }
  }
  return points;
}

TEST_F(ReaderTest, AnUpdateIsSeenAtTheNextCallAndAfterCompacting) {
  Database writer = open(kSmall);
  Collection written = *writer.default_collection();
  std::vector<uint64_t> ids(300);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = i;
  ASSERT_TRUE(upsert(written, ids).ok());
  Database reader = open(kReader);
  Collection seen = *reader.default_collection();
  Column m;
  m.name = "m";
  m.ints = {7};
  ASSERT_EQ(written.update_where({}, {.metadata = std::span(&m, 1)}).value(), ids.size());
  const auto values = vectors(2);
  ASSERT_EQ(written
                .update_ids(std::span<const uint64_t>(ids.data(), 2),
                            {.vectors = {values.data(), 2, kDim}})
                .value(),
            2U);
  EXPECT_EQ(everything(seen), everything(written));
  EXPECT_EQ(seen.count(*Filter::parse("m = 7 and n is not null")).value(), ids.size());
  ASSERT_TRUE(written.compact().ok());
  EXPECT_EQ(everything(seen), everything(written));
  EXPECT_EQ(seen.update_where({}, {.metadata = std::span(&m, 1)}).status().code(),
            StatusCode::kReadOnly);
}

TEST_F(ReaderTest, EachCallSeesWhatWasWrittenBeforeIt) {
  Database writer = open();
  Database reader = open(kReader);
  Collection read = *reader.default_collection();  // before the writer has made it
  EXPECT_EQ(*read.count(), 0U);
  EXPECT_TRUE(reader.collection_names()->empty());
  Collection written = *writer.default_collection();
  for (uint64_t n = 1; n <= 20; ++n) {
    ASSERT_TRUE(add(written, 1).ok());
    EXPECT_EQ(*read.count(), n);
  }
  const uint64_t gone[] = {3, 4};
  ASSERT_EQ(*written.delete_ids(std::span<const uint64_t>(gone)), 2U);
  EXPECT_EQ(*read.count(), 18U);
  EXPECT_EQ(read.info()->dim, kDim);
  EXPECT_EQ(*reader.collection_names(), std::vector<std::string>{"default"});
  ASSERT_TRUE(written.compact().ok());
  EXPECT_EQ(read.info()->segments, 1U);
  EXPECT_EQ(read.info()->memory_points, 0U) << "the reader keeps rows that a segment holds";
  EXPECT_EQ(everything(read), everything(written));
}

TEST_F(ReaderTest, CollectionsComeAndGo) {
  Database writer = open();
  Database reader = open(kReader);
  EXPECT_EQ(reader.collection("a").status().code(), StatusCode::kNotFound);
  Collection written = *writer.collection("a");
  ASSERT_TRUE(add(written, 5).ok());
  Collection read = *reader.collection("a");
  EXPECT_EQ(*read.count(), 5U);
  ASSERT_TRUE(writer.drop_collection("a").ok());
  EXPECT_EQ(read.count().status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(reader.collection_names()->empty());
  Collection again = *writer.collection("a");
  ASSERT_TRUE(add(again, 7).ok());
  EXPECT_EQ(*read.count(), 7U);
}

TEST_F(ReaderTest, AReaderSeesWhatTheWriterSeesThroughSealsMergesAndRestarts) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  std::optional<Database> writer = open(kSmall);
  Database reader = open(kReader);
  Database lazy = open(kReader);  // asks seldom, so that the log is trimmed under it
  Collection read = *reader.default_collection();
  Collection read_late = *lazy.default_collection();
  for (int step = 0; step < 300; ++step) {
    Collection written = *writer->default_collection();
    std::vector<uint64_t> ids;
    const uint64_t first = random_() % 900;
    for (uint64_t i = 0; i < 1 + random_() % 60; ++i) ids.push_back(first + i);
    const auto dice = random_() % 16;
    if (dice < 10) {
      ASSERT_TRUE(upsert(written, ids).ok());
    } else if (dice < 14) {
      ASSERT_TRUE(written.delete_ids(std::span<const uint64_t>(ids)).ok());
    } else if (dice == 14) {
      ASSERT_TRUE(written.compact().ok());
    } else {
      writer.reset();
      writer = open(kSmall);
      written = *writer->default_collection();
    }
    const auto expected = everything(written);
    ASSERT_EQ(everything(read), expected) << "step " << step;
    ASSERT_EQ(*read.count(), expected.size());
    if (random_() % 40 == 0) {
      ASSERT_EQ(everything(read_late), expected) << "step " << step;
    }
  }
}

TEST_F(ReaderTest, ALogFileThatIsMissingIsReportedAndNotReadAsAnEmptierDatabase) {
  {
    auto database = Database::open(folder_.string());
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->collection("docs").ok());
  }
  ASSERT_TRUE(Database::open(folder_.string(), kReader).ok());
  for (const auto& file : fs::directory_iterator(folder_ / "wal")) fs::remove(file);
  const auto reader = Database::open(folder_.string(), kReader);
  EXPECT_EQ(reader.status().code(), StatusCode::kCorruption);
  EXPECT_NE(reader.status().message().find("is missing"), std::string::npos)
      << reader.status().to_string();
}

TEST_F(ReaderTest, AReadersSnapshotDoesNotChange) {
  Database writer = open(kSmall);
  Collection written = *writer.default_collection();
  ASSERT_TRUE(add(written, 500).ok());
  Database reader = open(kReader);
  Collection read = *reader.default_collection();
  auto scan = *read.scan({.batch_size = 100});
  size_t seen = 0;
  for (int i = 0; i < 5; ++i) {
    const auto batch = scan.next();
    ASSERT_TRUE(batch.ok()) << batch.status().to_string();
    seen += std::get<std::vector<uint64_t>>(batch->ids).size();
    ASSERT_TRUE(written.delete_where({}).ok());
    ASSERT_TRUE(add(written, 300).ok());
    ASSERT_TRUE(written.compact().ok());
    ASSERT_EQ(*read.count(), 300U);
  }
  EXPECT_EQ(seen, 500U);
}

/// Ways to have another database at a path under an open reader.
class ExchangedFolderTest : public ReaderTest {
 protected:
  ~ExchangedFolderTest() override {
    for (const char* other : {".next", ".old", ".a", ".b"}) fs::remove_all(beside(other));
  }
  fs::path beside(const std::string& suffix) const { return folder_.string() + suffix; }

  static Database open_at(const fs::path& path, const OpenOptions& options = {}) {
    auto database = Database::open(path.string(), options);
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    return std::move(database).value();
  }
  /// A database with rows in a segment and a log, as a crash leaves it.
  void make(const fs::path& path, size_t rows) {
    const fs::path live = beside(".b");
    {
      Database writer = open_at(live);
      Collection points = *writer.default_collection();
      ASSERT_TRUE(add(points, rows).ok());
      ASSERT_TRUE(points.compact().ok());
      ASSERT_TRUE(add(points, rows).ok());
      fs::copy(live, path, fs::copy_options::recursive);
    }
    fs::remove_all(live);
  }
  /// The reader shows what a new opening does, before and after a writer has written there.
  void expect_new(const Collection& read) {
    EXPECT_EQ(everything(read), everything(*open(kReader).default_collection()));
    Database writer = open();
    Collection written = *writer.default_collection();
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(add(written, 1).ok());
      ASSERT_EQ(everything(read), everything(written));
      if (i == 1) {
        ASSERT_TRUE(written.compact().ok());
      }
    }
  }
};

TEST_F(ExchangedFolderTest, AnotherDatabaseInTheFoldersPlaceIsReadInItsStead) {
  make(folder_, 50);
  make(beside(".next"), 20);
  Database reader = open(kReader);
  Collection read = *reader.default_collection();
  ASSERT_EQ(*read.count(), 100U);
  fs::rename(folder_, beside(".old"));
  EXPECT_EQ(read.count().status().code(), StatusCode::kNotFound);
  EXPECT_NE(read.count().status().message().find(folder_.string()), std::string::npos);
  fs::rename(beside(".next"), folder_);
  EXPECT_EQ(*read.count(), 40U);
  expect_new(read);
}

TEST_F(ExchangedFolderTest, AWriterThatComesBetweenTwoCallsOfTheReaderChangesNothing) {
  for (const size_t rows : {5U, 50U, 300U}) {  // the log ends before, at and after the other's
    make(folder_, 50);
    make(beside(".next"), rows);
    Database reader = open(kReader);
    Collection read = *reader.default_collection();
    ASSERT_EQ(*read.count(), 100U);
    fs::remove_all(folder_);
    fs::rename(beside(".next"), folder_);
    Database writer = open();
    Collection written = *writer.default_collection();
    ASSERT_TRUE(add(written, 1).ok());
    EXPECT_EQ(everything(read), everything(written)) << rows;
    ASSERT_TRUE(writer.close().ok());
    fs::remove_all(folder_);
  }
}

TEST_F(ExchangedFolderTest, ASymbolicLinkThatIsSwitchedIsFollowed) {
  make(beside(".a"), 50);
  make(beside(".next"), 50);
  fs::create_directory_symlink(beside(".a"), folder_);
  Database reader = open(kReader);
  Collection read = *reader.default_collection();
  ASSERT_EQ(*read.count(), 100U);
  fs::create_directory_symlink(beside(".next"), beside(".old"));
  fs::rename(beside(".old"), folder_);
  expect_new(read);
}

TEST_F(ExchangedFolderTest, AStateThatIsBroughtBackIsReadThoughItsWriterHasPublishedBeyondIt) {
  for (const bool snapshot : {false, true}) {
    for (const bool in_place : {false, true}) {
      SCOPED_TRACE(std::string(snapshot ? "snapshot" : "copy") + (in_place ? ", in place" : ""));
      {
        Database writer = open();
        Collection written = *writer.default_collection();
        ASSERT_TRUE(add(written, 50).ok());
        ASSERT_TRUE(written.compact().ok());
        ASSERT_TRUE(add(written, 10).ok());
        if (snapshot) {
          ASSERT_TRUE(writer.snapshot(beside(".next").string()).ok());
        } else {
          fs::copy(folder_, beside(".next"), fs::copy_options::recursive);
        }
        ASSERT_TRUE(add(written, 20).ok());
      }
      Database reader = open(kReader);
      Collection read = *reader.default_collection();
      ASSERT_EQ(*read.count(), 80U);
      if (!in_place) fs::remove_all(folder_);
      if (in_place) {
        for (const auto& entry : fs::directory_iterator(folder_)) fs::remove_all(entry);
      }
      fs::copy(beside(".next"), folder_, fs::copy_options::recursive);
      {
        Database writer = open();
        Collection written = *writer.default_collection();
        for (int i = 0; i < 5; ++i) {  // to and beyond the generation that the reader has seen
          ASSERT_TRUE(add(written, 1).ok());
          ASSERT_TRUE(written.compact().ok());
        }
        EXPECT_EQ(everything(read), everything(written));
      }
      expect_new(read);
      fs::remove_all(folder_);
      fs::remove_all(beside(".next"));
    }
  }
}

TEST_F(ExchangedFolderTest, ACopyThatIsNotWholeYetIsAnErrorAndLaterReadWhole) {
  make(folder_, 50);
  make(beside(".next"), 20);
  Database reader = open(kReader);
  Collection read = *reader.default_collection();
  ASSERT_EQ(*read.count(), 100U);
  fs::remove_all(folder_);
  fs::create_directory(folder_);
  for (const auto& entry : fs::directory_iterator(beside(".next"))) {
    if (entry.is_regular_file()) fs::copy(entry, folder_ / entry.path().filename());
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(read.count().status().code(), StatusCode::kCorruption);
  fs::copy(beside(".next"), folder_, fs::copy_options::recursive | fs::copy_options::skip_existing);
  expect_new(read);
}

TEST_F(ExchangedFolderTest, ACollectionIsThatOfTheNewDatabase) {
  {
    Database writer = open();
    Collection docs = *writer.collection("docs");
    ASSERT_TRUE(add(docs, 5).ok());
  }
  Database reader = open(kReader);
  Collection read = *reader.collection("docs");
  fs::remove_all(folder_);
  make(folder_, 3);
  EXPECT_EQ(read.count().status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*reader.collection_names(), std::vector<std::string>{"default"});
  EXPECT_EQ(*reader.default_collection()->count(), 6U);
}

TEST_F(ReaderTest, EveryWriteIsRefused) {
  Database writer = open();
  Collection written = *writer.default_collection();
  ASSERT_TRUE(add(written, 3).ok());
  Database reader = open(kReader);
  Collection read = *reader.default_collection();
  const uint64_t id[] = {1};
  const Status statuses[] = {add(read, 1),
                             upsert(read, {1}),
                             read.delete_ids(std::span<const uint64_t>(id)).status(),
                             read.delete_where({}).status(),
                             read.compact(),
                             reader.drop_collection("default"),
                             reader.snapshot((folder_ / "copy").string())};
  for (const Status& status : statuses) {
    EXPECT_EQ(status.code(), StatusCode::kReadOnly) << status.to_string();
    EXPECT_NE(status.message().find("mode \"r\""), std::string::npos) << status.message();
  }
  EXPECT_TRUE(reader.flush().ok());
  EXPECT_EQ(reader.collection("new", CollectionOptions{.dim = 3}).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(*read.count(), 3U);
  ASSERT_TRUE(reader.close().ok());
  EXPECT_EQ(read.count().status().code(), StatusCode::kClosed);
}

TEST_F(ReaderTest, NothingIsMadeOrWritten) {
  EXPECT_EQ(Database::open(folder_.string(), kReader).status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder_));
  fs::create_directory(folder_);
  EXPECT_EQ(Database::open(folder_.string(), kReader).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_EQ(Database::open(":memory:", kReader).status().code(), StatusCode::kInvalidArgument);
  {
    Database writer = open(kSmall);
    Collection written = *writer.default_collection();
    ASSERT_TRUE(add(written, 700).ok());
    const auto env = std::make_shared<ReadOnlyEnv>();
    auto impl = internal::DatabaseImpl::open(folder_.string(), kReader, env);
    ASSERT_TRUE(impl.ok()) << impl.status().to_string();
    Database reader(*impl);
    Collection read = *reader.default_collection();
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(add(written, 100).ok());
      if (i % 5 == 0) {
        ASSERT_TRUE(written.compact().ok());
      }
      EXPECT_EQ(*read.count(), 800U + 100U * i);
    }
    EXPECT_TRUE(reader.close().ok());
    EXPECT_EQ(env->changes(), 0);
  }
  fs::remove(folder_ / "LOCK");  // as in a copy
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::remove);
  }
  fs::permissions(folder_, fs::perms::owner_write, fs::perm_options::remove);
  {
    Database reader = open(kReader);
    EXPECT_EQ(*reader.default_collection()->count(), 2'700U);
  }
  EXPECT_FALSE(fs::exists(folder_ / "LOCK"));
  fs::permissions(folder_, fs::perms::owner_all);
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    fs::permissions(entry.path(), fs::perms::owner_all);
  }
}

}  // namespace
}  // namespace omendb
