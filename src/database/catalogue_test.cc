// Collections that come and go: in the log like any other write, and in the manifest by and by.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "collection/write/operation.h"
#include "database/database_impl.h"
#include "storage/testing/fault_env.h"
#include "storage/testing/slow_env.h"

namespace omendb {
namespace {

using storage::Fault;
using storage::FaultEnv;
using storage::Survival;

constexpr size_t kDim = 4;

class CatalogueTest : public testing::Test {
 protected:
  Result<Database> try_open() {
    auto impl = internal::DatabaseImpl::open("db", {}, env_);
    if (!impl.ok()) return impl.status();
    impl_ = impl->get();
    return Database(*impl);
  }
  Database open() {
    auto database = try_open();
    EXPECT_TRUE(database.ok()) << database.status().to_string();
    return *std::move(database);
  }
  static Status add(Collection& collection, uint64_t id, size_t dim = kDim) {
    const std::vector<float> row(dim, static_cast<float>(id + 1));
    return collection
        .add({.vectors = {row.data(), 1, dim}, .ids = std::span<const uint64_t>(&id, 1)})
        .status();
  }
  static std::string name_of(int i) { return "c" + std::to_string(i); }

  /// The process dies; what the system has in its cache stays.
  void kill(Database database) {
    env_->arm({.at_operation = env_->operations(), .fault = Fault::kCrash});
    database.close().ignore();
    env_->restart(Survival::kEverything);
  }
  void power_cut(Database database) {
    env_->arm({.at_operation = env_->operations(), .fault = Fault::kCrash});
    database.close().ignore();
    env_->restart(Survival::kNothing);
  }
  /// Names of the manifests that were ever published differ.
  std::string manifest() {
    std::string found;
    const auto names = env_->list("db");
    for (const std::string& name : names.value()) {
      if (name.starts_with("MANIFEST-")) found = name;
    }
    return found;
  }

  std::shared_ptr<FaultEnv> env_ = std::make_shared<FaultEnv>(1);
  internal::DatabaseImpl* impl_ = nullptr;
};

TEST_F(CatalogueTest, CollectionsAreCreatedAndDroppedWithoutAManifestEach) {
  Database database = open();
  const std::string before = manifest();
  for (int i = 0; i < 50; ++i) {
    auto collection = database.collection(name_of(i), CollectionOptions{.dim = 8});
    ASSERT_TRUE(collection.ok()) << collection.status().to_string();
    ASSERT_TRUE(add(*collection, 7, 8).ok());
    if (i % 5 == 0) {
      ASSERT_TRUE(database.drop_collection(name_of(i)).ok());
    }
  }
  EXPECT_EQ(manifest(), before);
  power_cut(std::move(database));
  Database again = open();
  EXPECT_EQ(again.collection_names().value().size(), 40u);
  for (int i = 0; i < 50; ++i) {
    if (i % 5 == 0) continue;
    const auto collection = again.collection(name_of(i));
    ASSERT_TRUE(collection.ok());
    EXPECT_EQ(collection->count().value(), 1u);
    EXPECT_EQ(collection->info().value().dim, 8u);
  }
}

TEST_F(CatalogueTest, ClosingManyCollectionsPublishesOneManifest) {
  Database database = open();
  for (int i = 0; i < 30; ++i) {
    auto collection = database.collection(name_of(i));
    ASSERT_TRUE(add(*collection, static_cast<uint64_t>(i)).ok());
  }
  const auto generation = [&] { return std::stoull(manifest().substr(9)); };
  const uint64_t before = generation();
  ASSERT_TRUE(database.close().ok());
  EXPECT_EQ(generation(), before + 1);
  Database again = open();
  for (int i = 0; i < 30; ++i) {
    const auto collection = again.collection(name_of(i));
    EXPECT_EQ(collection->info().value().segment_points, 1u);
  }
}

TEST_F(CatalogueTest, ANameThatWasDroppedAndTakenAgainHoldsTheNewPointsAlone) {
  for (const bool sealed : {false, true}) {
    env_ = std::make_shared<FaultEnv>(1);
    Database database = open();
    auto first = database.collection("docs");
    ASSERT_TRUE(add(*first, 1).ok());
    if (sealed) {
      ASSERT_TRUE(first->compact().ok());
    }
    ASSERT_TRUE(database.drop_collection("docs").ok());
    auto second = database.collection("docs", CollectionOptions{.metric = Metric::kCosine});
    ASSERT_TRUE(second.ok()) << second.status().to_string();
    ASSERT_TRUE(add(*second, 2, 16).ok());
    EXPECT_EQ(add(*first, 3).code(), StatusCode::kDimensionMismatch);
    kill(std::move(database));
    Database again = open();
    const auto docs = again.collection("docs");
    EXPECT_EQ(docs->info().value().dim, 16u);
    EXPECT_EQ(docs->info().value().metric, Metric::kCosine);
    EXPECT_EQ(docs->count().value(), 1u);
  }
}

TEST_F(CatalogueTest, AHandleIsOfNoUseWhileItsNameIsDroppedAndWorksWhenItIsDeclaredAgain) {
  Database database = open();
  const auto handle = database.collection("docs");
  Collection docs = *handle;
  ASSERT_TRUE(add(docs, 1).ok());
  auto scan = docs.scan();
  ASSERT_TRUE(database.drop_collection("docs").ok());
  const std::vector<float> row(kDim, 1.0F);
  const VectorsView one = {row.data(), 1, kDim};
  const uint64_t id = 1;
  const IdsView ids = std::span<const uint64_t>(&id, 1);
  const auto never = [](Result<Ids>) { ADD_FAILURE() << "called"; };
  for (const Status& status :
       {add(docs, 2), docs.upsert({.vectors = one}).status(), docs.delete_ids(ids).status(),
        docs.delete_where({}).status(), docs.drop_column("a"), docs.get(ids).status(),
        docs.count().status(), docs.scan().status(), docs.search(one).status(),
        docs.info().status(), docs.optimize(), docs.compact(),
        docs.add_async({.vectors = one}, never)}) {
    EXPECT_EQ(status.code(), StatusCode::kNotFound) << status.to_string();
    EXPECT_EQ(status.message(),
              "collection \"docs\" was dropped; ask the database for it to have a new one");
  }
  EXPECT_EQ(std::get<std::vector<uint64_t>>(scan->next().value().ids).size(), 1u);  // as begun
  ASSERT_TRUE(database.collection("docs", CollectionOptions{.metric = Metric::kCosine}).ok());
  EXPECT_EQ(docs.info().value().metric, Metric::kCosine);
  EXPECT_EQ(docs.count().value(), 0u);
  ASSERT_TRUE(add(docs, 5).ok());
  EXPECT_EQ(docs.search(one)->distances.size(), 1u);
  std::promise<Status> added;
  ASSERT_TRUE(docs.add_async({.vectors = one},
                             [&](const Result<Ids>& result) { added.set_value(result.status()); })
                  .ok());
  EXPECT_TRUE(added.get_future().get().ok());
  ASSERT_TRUE(docs.compact().ok());
  EXPECT_EQ(database.collection("docs")->count().value(), 2u);
  kill(std::move(database));
  Database again = open();
  EXPECT_EQ(again.collection("docs")->count().value(), 2u);
}

TEST_F(CatalogueTest, HandlesFollowANameThatOtherThreadsDropAndDeclareAgain) {
  Database database = open();
  Collection old = *database.collection("docs", CollectionOptions{.dim = kDim});
  std::atomic<bool> stop{false};
  std::thread redeclaring([&] {
    while (!stop) {
      const Status gone = database.drop_collection("docs");
      EXPECT_TRUE(gone.ok()) << gone.to_string();
      const auto made = database.collection("docs", CollectionOptions{.dim = kDim});
      EXPECT_TRUE(made.ok()) << made.status().to_string();
    }
  });
  std::atomic<int> written{0};
  std::vector<std::thread> users;
  for (uint64_t t = 0; t < 3; ++t) {
    users.emplace_back([&, t] {
      for (uint64_t i = 0; i < 200 || written < 20; ++i) {
        const Status added = add(old, 1 + i * 3 + t);
        EXPECT_TRUE(added.ok() || added.code() == StatusCode::kNotFound) << added.to_string();
        written += added.ok();
        const auto counted = old.count();
        EXPECT_TRUE(counted.ok() || counted.status().code() == StatusCode::kNotFound);
      }
    });
  }
  for (std::thread& user : users) user.join();
  stop = true;
  redeclaring.join();
  const uint64_t before = old.count().value();  // it is declared now
  ASSERT_TRUE(add(old, 1'000'000'000).ok());
  EXPECT_EQ(old.count().value(), before + 1);
  EXPECT_EQ(database.collection("docs")->count().value(), before + 1);
}

TEST_F(CatalogueTest, AHandleGoesByWhatTheNameWasDeclaredAsLast) {
  Database database = open();
  auto first = database.collection("docs");
  ASSERT_TRUE(first.ok());
  auto second = database.collection(
      "docs", CollectionOptions{.dim = 3, .metric = Metric::kCosine, .element = Element::kF16});
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_EQ(first->info().value().dim, 3u);
  EXPECT_EQ(first->info().value().element, Element::kF16);
  ASSERT_TRUE(add(*first, 1, 3).ok());
  EXPECT_EQ(second->count().value(), 1u);
  EXPECT_EQ(database.collection("docs", CollectionOptions{.dim = 4}).status().code(),
            StatusCode::kAlreadyExists);
  kill(std::move(database));
  Database again = open();
  const auto docs = again.collection("docs");
  EXPECT_EQ(docs->info().value().metric, Metric::kCosine);
  EXPECT_EQ(docs->count().value(), 1u);
}

TEST_F(CatalogueTest, ACollectionIsFoundOnlyIfItExists) {
  Database database = open();
  EXPECT_EQ(database.find_collection("docs").status().message(), "there is no collection \"docs\"");
  EXPECT_EQ(database.find_collection("docs", CollectionOptions{.dim = 3}).status().code(),
            StatusCode::kNotFound);
  EXPECT_TRUE(database.collection_names().value().empty());
  ASSERT_TRUE(database.collection("docs", CollectionOptions{.dim = 3}).ok());
  EXPECT_TRUE(database.find_collection("docs").ok());
  EXPECT_TRUE(database.find_collection("docs", CollectionOptions{.dim = 3}).ok());
  EXPECT_EQ(database.find_collection("docs", CollectionOptions{.dim = 4}).status().code(),
            StatusCode::kAlreadyExists);
  ASSERT_TRUE(database.drop_collection("docs").ok());
  EXPECT_EQ(database.find_collection("docs").status().code(), StatusCode::kNotFound);
}

TEST_F(CatalogueTest, ADeclarationThatAFirstAddOnItsWayAgreesWithIsNoConflict) {
  // The add is staged at once, and shows when the log is synced.
  const auto slow =
      std::make_shared<storage::SlowEnv>(storage::Env::in_memory(), std::chrono::milliseconds(100));
  auto impl = internal::DatabaseImpl::open("db", {}, slow);
  ASSERT_TRUE(impl.ok());
  Database database(*impl);
  auto docs = database.collection("docs");
  ASSERT_TRUE(docs.ok());
  const std::vector<float> row(kDim, 1);
  std::promise<Status> added;
  const auto done = [&](Result<Ids> ids) { added.set_value(ids.status()); };
  ASSERT_TRUE(docs->add_async({.vectors = {row.data(), 1, kDim}}, done).ok());
  const auto same = database.collection("docs", CollectionOptions{.dim = kDim});
  EXPECT_TRUE(same.ok()) << same.status().to_string();
  EXPECT_TRUE(database.find_collection("docs", CollectionOptions{.dim = kDim}).ok());
  const Status other = database.collection("docs", CollectionOptions{.dim = 7}).status();
  EXPECT_EQ(other.code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(other.message(),
            "collection \"docs\" exists with dim 4, l2, f32; asked for dim 7, l2, f32");
  EXPECT_TRUE(added.get_future().get().ok());
}

TEST_F(CatalogueTest, GettingACollectionNeverFailsBecauseOthersDropItOrAddItsFirstPoints) {
  Database database = open();
  std::atomic<bool> stop{false};
  std::thread dropper([&] {
    while (!stop) {
      const Status dropped = database.drop_collection("docs");
      EXPECT_TRUE(dropped.ok() || dropped.code() == StatusCode::kNotFound) << dropped.to_string();
    }
  });
  std::vector<std::thread> getters;
  for (int t = 0; t < 3; ++t) {
    getters.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        const auto options =
            (i + t) % 2 == 0 ? std::optional<CollectionOptions>() : CollectionOptions{.dim = 3};
        auto docs = database.collection("docs", options);
        ASSERT_TRUE(docs.ok()) << docs.status().to_string();
        const Status added = add(*docs, static_cast<uint64_t>(1 + i * 3 + t), 3);
        EXPECT_TRUE(added.ok() || added.code() == StatusCode::kNotFound) << added.to_string();
        const auto found = database.find_collection("docs");
        EXPECT_TRUE(found.ok() || found.status().code() == StatusCode::kNotFound);
      }
    });
  }
  for (std::thread& getter : getters) getter.join();
  stop = true;
  dropper.join();
}

TEST_F(CatalogueTest, FilesOfADroppedCollectionGoAndItStaysDroppedWhereverTheProcessDies) {
  for (uint64_t n = 0; n < 25; ++n) {
    env_ = std::make_shared<FaultEnv>(n);
    Database database = open();
    auto docs = database.collection("docs");
    ASSERT_TRUE(add(*docs, 1).ok());
    ASSERT_TRUE(docs->compact().ok());
    env_->arm({.at_operation = env_->operations() + n, .fault = Fault::kCrash});
    const bool dropped = database.drop_collection("docs").ok();
    database.close().ignore();
    env_->restart(n % 2 == 0 ? Survival::kNothing : Survival::kEverything);
    Database again = open();
    const auto names = again.collection_names().value();
    if (dropped) {
      EXPECT_TRUE(names.empty()) << n;
    }
    if (!names.empty()) {
      EXPECT_EQ(again.collection("docs")->count().value(), 1u) << n;
    }
    ASSERT_TRUE(again.close().ok());
    if (names.empty()) {
      EXPECT_TRUE(env_->list("db/segments").value().empty()) << n;
    }
  }
}

TEST_F(CatalogueTest, ACatalogueRecordThatCannotBeIsReportedAndAbortsNothing) {
  using collection::CreateOperation;
  using collection::DropOperation;
  using collection::EncodedOperation;
  const segment::Fields plain = segment::unnamed_field({kDim, Metric::kL2, Element::kF32});
  const segment::Fields impossible =
      segment::unnamed_field({kDim, Metric::kHamming, Element::kF32});
  const segment::Field body{FieldId{2}, "body", {kDim, Metric::kL2, Element::kF32}};
  const segment::Field late{FieldId{1}, "late", body.spec};
  const segment::Field twin{FieldId{3}, "body", body.spec};
  const std::pair<std::string, EncodedOperation> forged[] = {
      {"a number that another has", EncodedOperation(CreateOperation{1, "other", plain})},
      {"a number of a collection with points", EncodedOperation(CreateOperation{1, "docs", plain})},
      {"a name that another has", EncodedOperation(CreateOperation{2, "docs", plain})},
      {"a name that is none", EncodedOperation(CreateOperation{2, "a/b", plain})},
      {"elements that the metric does not have",
       EncodedOperation(CreateOperation{2, "b", impossible})},
      {"no vector field", EncodedOperation(CreateOperation{2, "b", {}})},
      {"ids of fields that do not ascend", EncodedOperation(CreateOperation{2, "b", {body, late}})},
      {"a name of two fields", EncodedOperation(CreateOperation{2, "b", {body, twin}})},
      {"an unnamed field beside another",
       EncodedOperation(CreateOperation{2, "b", {plain[0], body}})},
      {"a drop of nothing", EncodedOperation(DropOperation{9})},
  };
  for (const auto& [what, record] : forged) {
    env_ = std::make_shared<FaultEnv>(1);
    Database database = open();
    auto docs = database.collection("docs");
    ASSERT_TRUE(add(*docs, 1).ok());
    std::vector<std::byte> bytes;
    for (const auto part : record.parts()) bytes.insert(bytes.end(), part.begin(), part.end());
    const std::span<const std::byte> part = bytes;
    const auto lsn = impl_->append(std::span(&part, 1));
    ASSERT_TRUE(lsn.ok() && impl_->wait_durable(*lsn).ok());
    kill(std::move(database));
    EXPECT_EQ(try_open().status().code(), StatusCode::kCorruption) << what;
  }
}

}  // namespace
}  // namespace omendb
