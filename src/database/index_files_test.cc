// Index files of a whole database: lost, damaged, foreign, of a kind to come; made and dropped
// beside searches and readers; and through crashes.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "database/database_impl.h"
#include "omendb/check.h"
#include "storage/manifest.h"
#include "storage/testing/fault_env.h"

namespace omendb::internal {
namespace {

using collection::CollectionCore;
using collection::IndexOf;

constexpr size_t kDim = 16;
constexpr size_t kRows = 20'000;  // more than are always measured
constexpr uint32_t kSeed = 5;

std::vector<float> random_vectors(size_t rows) {
  std::mt19937 rng(kSeed);
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * kDim);
  for (float& x : values) x = normal(rng);
  return values;
}

/// A database that closes when this goes.
struct Opened {
  explicit Opened(std::shared_ptr<DatabaseImpl> opened) : impl(std::move(opened)), database(impl) {}
  DatabaseImpl* operator->() const { return impl.get(); }
  Collection points() { return *database.default_collection(); }
  std::shared_ptr<CollectionCore> core() const {
    return *impl->collection("default", std::nullopt);
  }

  std::shared_ptr<DatabaseImpl> impl;
  Database database;
};

using Answer = std::pair<std::vector<float>, std::vector<uint64_t>>;

class IndexFileTest : public testing::Test {
 protected:
  IndexFileTest() : vectors_(random_vectors(kRows)) {
    auto impl = open();
    Collection points = impl.points();
    EXPECT_TRUE(points.add({.vectors = {vectors_.data(), kRows, kDim}}).ok());
    EXPECT_TRUE(points.compact().ok());
    truth_ = answer(impl, {.k = 10, .exact = true});
    EXPECT_TRUE(impl->close().ok());
    good_ = *env_->read_file(index_path());
  }

  Opened open(Tending tending = Tending::kBackground) { return open("db", {}, tending); }
  Opened open(const std::string& path, const OpenOptions& options, Tending tending) {
    auto impl = DatabaseImpl::open(path, options, env_, tending);
    EXPECT_TRUE(impl.ok()) << impl.status().to_string();
    return Opened(*std::move(impl));
  }
  /// Of some queries, one by one. A tenth of the rows are candidates, which is ample for codes to
  /// find what measuring finds, and few enough for the plan to choose codes.
  Answer answer(Opened& impl,
                const SearchOptions& options = {.k = 10, .effort = kRows / 10}) const {
    Answer result;
    for (size_t q = 0; q < 12; ++q) {
      const VectorsView query{vectors_.data() + q * 31 * kDim, 1, kDim};
      const auto found = impl.points().search(query, options);
      EXPECT_TRUE(found.ok()) << found.status().to_string();
      if (!found.ok()) return {};
      const auto& ids = std::get<std::vector<uint64_t>>(found->points.ids);
      result.first.insert(result.first.end(), found->distances.begin(), found->distances.end());
      result.second.insert(result.second.end(), ids.begin(), ids.end());
    }
    return result;
  }
  static std::shared_ptr<CollectionCore> core(const Opened& impl) { return impl.core(); }
  static std::vector<storage::IndexMeta> named(const Opened& impl) {
    return core(impl)->durable_state().segments.at(0).indexes;
  }
  static IndexOf coded(const Opened& impl) {
    return {core(impl)->durable_state().segments.at(0).name, kUnnamedField,
            segment::IndexKind::kCoded};
  }
  static bool indexed(Opened& impl) {
    const bool any = (*core(impl)->snapshot())->parts.at(0).indexes_of(0).size() > 0;
    EXPECT_EQ(impl.points().info()->indexed_points, any ? kRows : 0);
    return any;
  }

  std::vector<std::string> index_files() const {
    auto files = *env_->list("db/segments");
    std::erase_if(files, [](const std::string& name) { return !name.ends_with(".idx"); });
    return files;
  }
  std::string index_path() const {
    const auto files = index_files();
    EXPECT_EQ(files.size(), 1U);
    return "db/segments/" + files.at(0);
  }
  void store(const std::string& path, std::span<const std::byte> bytes) {
    ASSERT_TRUE(env_->remove_file(path).ok());
    auto file = env_->create_file(path);
    ASSERT_TRUE((*file)->append(bytes).ok());
  }
  void change_manifest(const std::function<void(std::vector<storage::IndexMeta>&)>& change) {
    storage::ManifestStore manifests(env_, "db");
    auto manifest = *manifests.load();
    manifest->next_file_number += 10;
    change(manifest->collections.at(0).segments.at(0).indexes);
    ASSERT_TRUE(manifests.publish(*manifest).ok());
  }
  /// Opens: it answers as ever, says what is wrong, and has the index built anew.
  void expect_rebuilt(const std::string& note) {
    const std::vector<std::string> before = index_files();
    {
      auto untended = open(Tending::kNone);
      const auto& notes = untended->recovery_notes();
      ASSERT_EQ(notes.size(), 1U);
      EXPECT_NE(notes[0].find(note), std::string::npos) << notes[0];
      EXPECT_EQ(answer(untended), truth_);
      EXPECT_FALSE(indexed(untended));
    }
    auto impl = open();
    ASSERT_TRUE(core(impl)->optimize(std::nullopt).ok());
    EXPECT_TRUE(indexed(impl));
    EXPECT_EQ(answer(impl), truth_);
    EXPECT_TRUE(impl->close().ok());
    EXPECT_EQ(index_files().size(), 1U);
    EXPECT_NE(index_files(), before);
    EXPECT_EQ(*env_->read_file(index_path()), good_);
    EXPECT_TRUE(open(Tending::kNone)->recovery_notes().empty());
  }

  const std::shared_ptr<storage::Env> env_ = storage::Env::in_memory();
  const std::vector<float> vectors_;
  Answer truth_;
  std::vector<std::byte> good_;
};

TEST_F(IndexFileTest, IsSearchedAndFindsWhatMeasuringFinds) {
  auto impl = open();
  EXPECT_TRUE(indexed(impl));
  EXPECT_EQ(answer(impl), truth_);
}

TEST_F(IndexFileTest, ThatIsLostCostsNoAnswerAndIsRebuilt) {
  const std::string path = index_path();
  ASSERT_TRUE(env_->remove_file(path).ok());
  expect_rebuilt(path);
}

TEST_F(IndexFileTest, WithADamagedHeaderCostsNoAnswerAndIsRebuilt) {
  for (const size_t at : {size_t{0}, size_t{9}, size_t{4'100}, size_t{8'200}, good_.size() - 1}) {
    auto bytes = good_;
    bytes[at] ^= std::byte{0x40};
    store(index_path(), bytes);
    expect_rebuilt(index_path());
  }
}

TEST_F(IndexFileTest, ThatIsCutCostsNoAnswerAndIsRebuilt) {
  for (const size_t size : {size_t{0}, size_t{4'096}, good_.size() / 2, good_.size() - 1}) {
    store(index_path(), std::span(good_).first(size));
    expect_rebuilt(index_path());
  }
}

TEST_F(IndexFileTest, OfPartitionsComesByItselfAfterTheLastSealAndKeepsTheRecall) {
  constexpr size_t kMany = 50'000;
  const std::vector<float> vectors = random_vectors(kMany);
  auto impl =
      open("many", {.memtable_bytes = kMany * kDim * sizeof(float) / 2}, Tending::kBackground);
  Collection points = impl.points();
  for (int half = 0; half < 2; ++half) {
    const float* const rows = vectors.data() + half * kMany / 2 * kDim;
    ASSERT_TRUE(points.add({.vectors = {rows, kMany / 2, kDim}}).ok());
  }
  ASSERT_TRUE(points.compact().ok());
  const auto kinds = [&] {
    std::vector<uint8_t> found;
    const auto state = core(impl)->durable_state();
    for (const auto& segment : state.segments) {
      for (const auto& index : segment.indexes) found.push_back(index.kind);
    }
    return found;
  };
  while (kinds() != std::vector<uint8_t>{1, 2}) {  // else the test's time runs out
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  size_t right = 0;
  for (size_t q = 0; q < 50; ++q) {
    const VectorsView query{vectors.data() + q * 31 * kDim, 1, kDim};
    const auto near = points.search(query, {.k = 10, .recall = 0.9});
    const auto nearest = points.search(query, {.k = 10, .exact = true});
    ASSERT_TRUE(near.ok() && nearest.ok());
    ASSERT_EQ(near->distances.size(), 10U);
    for (const float distance : near->distances) {
      right += distance <= nearest->distances.back() ? 1 : 0;
    }
  }
  EXPECT_GE(right, 430U) << "of 500; .9 is asked for, and two standard errors are .04";
}

/// Opening does not read the codes.
TEST_F(IndexFileTest, WithCodesThatASearchFindsDamagedCostsNoAnswerAndIsRebuilt) {
  auto bytes = good_;
  bytes[bytes.size() / 2] ^= std::byte{1};
  store(index_path(), bytes);
  auto impl = open();
  EXPECT_TRUE(impl->recovery_notes().empty());
  EXPECT_EQ(answer(impl), truth_);
  ASSERT_TRUE(core(impl)->optimize(std::nullopt).ok());
  EXPECT_TRUE(indexed(impl));
  EXPECT_EQ(answer(impl), truth_);
  EXPECT_EQ(*env_->read_file(index_path()), good_);
}

TEST_F(IndexFileTest, OfAnotherDatabaseIsNotTakenForOurs) {
  const auto other = storage::Env::in_memory();
  std::vector<float> vectors = vectors_;
  vectors[0] += 1;
  {
    Opened impl(*DatabaseImpl::open("db", {}, other));
    Collection points = impl.points();
    ASSERT_TRUE(points.add({.vectors = {vectors.data(), kRows, kDim}}).ok());
    ASSERT_TRUE(points.compact().ok());
  }
  std::string file;
  const auto names = *other->list("db/segments");
  for (const std::string& name : names) {
    if (name.ends_with(".idx")) file = name;
  }
  store(index_path(), *other->read_file("db/segments/" + file));
  expect_rebuilt("another segment");
}

TEST_F(IndexFileTest, OfAKindOrVersionToComeIsKeptAndSearchedWithout) {
  storage::IndexMeta newer;
  change_manifest([&](auto& indexes) {
    newer = indexes.at(0);
    newer.name = "00000009";
    newer.version = 2;
    newer.calibration = {std::byte{1}, std::byte{2}};
    indexes.insert(indexes.begin(), newer);
  });
  auto file = env_->create_file("db/segments/00000009.idx");
  ASSERT_TRUE((*file)->append(good_).ok());
  file->reset();
  for (int i = 0; i < 2; ++i) {
    auto impl = open();
    ASSERT_EQ(impl->recovery_notes().size(), 1U);
    EXPECT_NE(impl->recovery_notes()[0].find("kind 1, version 2"), std::string::npos);
    ASSERT_TRUE(core(impl)->build_index(coded(impl)).ok());  // its own, beside the other
    EXPECT_EQ(named(impl).size(), 2U);
    EXPECT_EQ(named(impl)[0], newer);
    EXPECT_TRUE(indexed(impl));
    EXPECT_EQ(answer(impl), truth_);
    EXPECT_TRUE(impl->close().ok());
    EXPECT_EQ(index_files().size(), 2U);
  }
  auto impl = open();
  const std::vector<uint64_t> one = {1};
  ASSERT_TRUE(core(impl)->delete_ids(std::span(one)).ok());
  ASSERT_TRUE(core(impl)->compact().ok());
  EXPECT_EQ(index_files().size(), 1U) << "with its segment an index goes, whatever its kind";
}

TEST_F(IndexFileTest, IsBuiltReplacedAndDroppedWhileSearchesRun) {
  auto impl = open(Tending::kNone);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> searchers;
  for (int t = 0; t < 2; ++t) {
    searchers.emplace_back([&] {
      while (!done) wrong += answer(impl) == truth_ ? 0 : 1;
    });
  }
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(core(impl)->drop_index(coded(impl)).ok());
    EXPECT_TRUE(core(impl)->build_index(coded(impl)).ok());
    EXPECT_TRUE(core(impl)->build_index(coded(impl)).ok());
  }
  done = true;
  for (std::thread& thread : searchers) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(index_files().size(), 1U);
}

TEST_F(IndexFileTest, AReaderFollowsWhatTheWriterBuildsReplacesAndDrops) {
  auto writer = open(Tending::kNone);
  auto reader = open("db", {.mode = OpenMode::kRead}, Tending::kNone);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(answer(reader), truth_);
    EXPECT_TRUE(indexed(reader));
    ASSERT_TRUE(core(writer)->drop_index(coded(writer)).ok());
    EXPECT_EQ(answer(reader), truth_);
    EXPECT_FALSE(indexed(reader));
    ASSERT_TRUE(core(writer)->build_index(coded(writer)).ok());
    EXPECT_EQ(answer(reader), truth_);
    EXPECT_EQ(named(reader), named(writer));
    ASSERT_TRUE(core(writer)->build_index(coded(writer)).ok());
  }
}

TEST_F(IndexFileTest, ASnapshotHoldsTheIndexesThatAreThere) {
  {
    auto impl = open(Tending::kNone);
    ASSERT_TRUE(impl->snapshot("copy", {}).ok());
    ASSERT_TRUE(env_->remove_file(index_path()).ok());
    ASSERT_TRUE(impl->snapshot("without", {}).ok());
  }
  for (const auto& [name, files] : {std::pair{"copy", 1}, {"without", 0}}) {
    auto copy = open(name, {}, Tending::kNone);
    EXPECT_TRUE(copy->recovery_notes().empty());
    EXPECT_EQ(named(copy).size(), static_cast<size_t>(files));
    EXPECT_EQ(answer(copy), truth_);
  }
}

/// Builds, replaces and drops; the file system fails or stops at one operation. Afterwards every
/// point is there, found, and no file is left that nothing names.
TEST(IndexCrash, AtAnyOperationLosesNoPointAndLeavesNoOrphan) {
  constexpr size_t kFew = 2'500;
  const std::vector<float> vectors = random_vectors(kFew);
  for (const storage::Fault fault :
       {storage::Fault::kCrash, storage::Fault::kIoError, storage::Fault::kNoSpace}) {
    bool fired = true;
    for (uint64_t operation = 0; fired; ++operation) {
      SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + " at operation " +
                   std::to_string(operation));
      const auto env = std::make_shared<storage::FaultEnv>(operation);
      {
        Opened impl(*DatabaseImpl::open("db", {}, env, Tending::kNone));
        const auto core = impl.core();
        Collection points = impl.points();
        ASSERT_TRUE(points.add({.vectors = {vectors.data(), kFew, kDim}}).ok());
        ASSERT_TRUE(points.compact().ok());
        const IndexOf index{core->durable_state().segments.at(0).name, kUnnamedField,
                            segment::IndexKind::kCoded};
        env->arm({.at_operation = env->operations() + operation, .fault = fault});
        core->build_index(index).ignore();
        core->drop_index(index).ignore();
        core->build_index(index).ignore();
        fired = env->fired();
        env->arm({});
        const auto found = points.search({vectors.data(), 1, kDim}, {.k = 1});
        EXPECT_TRUE(found.ok() && found->distances == std::vector<float>{0});
        if (fault == storage::Fault::kCrash) env->restart(storage::Survival::kPrefix);
      }
      auto opened = DatabaseImpl::open("db", {}, env);
      ASSERT_TRUE(opened.ok()) << opened.status().to_string();
      Opened again(*std::move(opened));
      EXPECT_TRUE(again->recovery_notes().empty());
      const auto core = again.core();
      EXPECT_EQ((*core->snapshot())->live, kFew);
      ASSERT_TRUE(core->optimize(std::nullopt).ok());
      EXPECT_EQ(core->durable_state().segments.at(0).indexes.size(), 1U);
      EXPECT_EQ(env->list("db/segments")->size(), 2U);
      const auto found = again.points().search({vectors.data(), 1, kDim}, {.k = 1});
      EXPECT_TRUE(found.ok() && found->distances == std::vector<float>{0});
    }
  }
}

}  // namespace
}  // namespace omendb::internal
