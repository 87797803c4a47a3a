#include "storage/manifest.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.h"
#include "storage/testing/fault_env.h"

namespace omendb::storage {
namespace {

constexpr const char* kFolder = "db";

Manifest example() {
  Manifest manifest;
  manifest.opening_uuid = {1, 2, 3};
  manifest.next_collection_id = 9;
  manifest.next_file_number = 17;
  manifest.log = {.trimmed = Lsn{5}, .durable = Lsn{7}, .sequence = 2, .epoch = Epoch{3}};
  manifest.catalogue = Lsn{6};
  manifest.collections.push_back(
      {4,
       "docs",
       {{FieldId{1}, "title", 384, Metric::kCosine, Element::kF16},
        {FieldId{3}, "body", 0, Metric::kHamming, Element::kBinary}},
       2,
       0,
       Lsn{12},
       {{"year", ColumnType::kF64, ColumnId{1}, {ColumnType::kI64}},
        {"tags", ColumnType::kStringArray, ColumnId{0}, {}}},
       5,
       {{"00000016",
         1'000,
         123'456,
         7,
         "00000016.1.del",
         {{FieldId{1}, 1, 1, "00000014", 4'000, {}},
          {FieldId{3}, 9, 700, "00000013", 0, {std::byte{1}, std::byte{0}}}}},
        {"00000015", 5, 99, 0, "", {}}}});
  manifest.collections.push_back({5, "default", {FieldMeta{}}, 0, 1, Lsn{0}, {}, 0, {}});
  return manifest;
}

void write(Env& env, const std::string& path, std::span<const std::byte> bytes) {
  auto file = env.create_file(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->append(bytes).ok());
}

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(env_->make_directory(kFolder).ok()); }
  std::shared_ptr<Env> env_ = Env::in_memory();
  ManifestStore store_{env_, kFolder};
};

TEST_F(ManifestTest, WhatIsPublishedIsLoadedAndOlderOnesGo) {
  EXPECT_FALSE(store_.load()->has_value());
  Manifest manifest = example();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store_.publish(manifest).ok());
  EXPECT_EQ(manifest.generation, 3u);
  const auto loaded = store_.load();
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  EXPECT_EQ(**loaded, manifest);
  auto names = *env_->list(kFolder);
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"CURRENT", "MANIFEST-0000000003"}));
}

TEST_F(ManifestTest, AFolderOfOthersIsNotADatabase) {
  write(*env_, "db/holiday.jpg", {});
  const Status status = store_.load().status();
  EXPECT_EQ(status.code(), StatusCode::kNotADatabase);
  EXPECT_NE(status.message().find("holiday.jpg"), std::string::npos);
  write(*env_, "plain", {});
  EXPECT_EQ(ManifestStore(env_, "plain").load().status().code(), StatusCode::kNotADatabase);
  EXPECT_FALSE(ManifestStore(env_, "missing").load()->has_value());
}

TEST_F(ManifestTest, ADatabaseThatLostItsCurrentIsNotTakenForAnEmptyFolder) {
  Manifest manifest = example();
  ASSERT_TRUE(store_.publish(manifest).ok());
  ASSERT_TRUE(env_->make_directory("db/wal").ok());
  ASSERT_TRUE(env_->remove_file("db/CURRENT").ok());
  EXPECT_FALSE(store_.load()->has_value());  // as if the creation had been cut short
  write(*env_, "db/wal/0000000001.wal", {});
  EXPECT_EQ(store_.load().status().code(), StatusCode::kCorruption);
}

TEST_F(ManifestTest, EveryFlippedBitAndEveryCutIsReportedWithTheFile) {
  Manifest manifest = example();
  ASSERT_TRUE(store_.publish(manifest).ok());
  for (const std::string name : {"CURRENT", "MANIFEST-0000000001"}) {
    const std::string path = join(kFolder, name);
    const auto whole = *env_->read_file(path);
    for (size_t at = 0; at < whole.size() * 8; ++at) {
      auto damaged = whole;
      damaged[at / 8] ^= std::byte{static_cast<uint8_t>(1 << (at % 8))};
      write(*env_, path, damaged);
      const Status status = store_.load().status();
      ASSERT_FALSE(status.ok()) << name << ", bit " << at;
      ASSERT_NE(status.message().find(name), std::string::npos) << status.to_string();
    }
    for (size_t size = 0; size < whole.size(); ++size) {
      write(*env_, path, std::span(whole).first(size));
      const Status status = store_.load().status();
      ASSERT_EQ(status.code(), StatusCode::kCorruption) << name << " cut at " << size;
      ASSERT_NE(status.message().find(name), std::string::npos) << status.to_string();
    }
    write(*env_, path, whole);
  }
  EXPECT_TRUE(store_.load().ok());
}

TEST_F(ManifestTest, ANewerFormatIsRefusedWithBothVersions) {
  auto bytes = encode_manifest(example());
  bytes[8] = std::byte{2};
  const Status status = decode_manifest(bytes, "MANIFEST-1").status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupportedVersion);
  EXPECT_NE(status.message().find("version 2; this OmenDB reads up to 1"), std::string::npos);
}

TEST_F(ManifestTest, AFileNameThatLeadsOutOfTheFolderIsRefused) {
  for (const std::string name : {"../evil", "a/b", "..", ""}) {
    Manifest manifest = example();
    manifest.collections[0].segments[0].name = name;
    EXPECT_EQ(decode_manifest(encode_manifest(manifest), "m").status().code(),
              StatusCode::kCorruption);
  }
}

TEST_F(ManifestTest, IndexesOfUnknownKindsAreKeptAndDuplicatesAreRefused) {
  const auto code = [](storage::IndexMeta index) {
    Manifest manifest = example();
    manifest.collections[0].segments[0].indexes.push_back(std::move(index));
    return decode_manifest(encode_manifest(manifest), "m").status().code();
  };
  EXPECT_EQ(code({FieldId{1}, 255, 65'535, "x", UINT64_MAX, {}}), StatusCode::kOk);
  EXPECT_EQ(code({FieldId{1}, 1, 2, "x", 0, {}}), StatusCode::kOk);
  EXPECT_EQ(code({FieldId{1}, 1, 1, "x", 0, {}}), StatusCode::kCorruption) << "twice";
  EXPECT_EQ(code({FieldId{1}, 2, 1, "../x", 0, {}}), StatusCode::kCorruption);
  EXPECT_EQ(code({FieldId{1}, 2, 1, "", 0, {}}), StatusCode::kCorruption);
}

TEST_F(ManifestTest, ColumnsThatMakeNoSenseAreRefused) {
  const auto code = [](std::vector<ColumnMeta> columns, uint32_t next_id = 5) {
    Manifest manifest = example();
    manifest.collections[0].columns = std::move(columns);
    manifest.collections[0].next_column_id = next_id;
    return decode_manifest(encode_manifest(manifest), "m").status().code();
  };
  const ColumnMeta a{"a", ColumnType::kI64, ColumnId{4}, {}};
  const ColumnMeta b{"b", ColumnType::kI64, ColumnId{0}, {ColumnType::kJson, ColumnType::kBool}};
  EXPECT_EQ(code({a, b}), StatusCode::kOk);
  EXPECT_EQ(code({a, b}, 4), StatusCode::kCorruption) << "4 was never given";
  EXPECT_EQ(code({}, kMaxColumnIds), StatusCode::kOk);
  EXPECT_EQ(code({}, kMaxColumnIds + 1), StatusCode::kCorruption);
  EXPECT_EQ(code({a, {"b", ColumnType::kI64, ColumnId{4}, {}}}), StatusCode::kCorruption);
  EXPECT_EQ(code({a, {"a", ColumnType::kI64, ColumnId{3}, {}}}), StatusCode::kCorruption);
  EXPECT_EQ(code({{"a", ColumnType{9}, ColumnId{3}, {}}}), StatusCode::kCorruption);
  EXPECT_EQ(code({{"a", ColumnType::kI64, ColumnId{3}, {ColumnType{9}}}}), StatusCode::kCorruption);
  const std::vector<ColumnType> many(11, ColumnType::kJson);
  EXPECT_EQ(code({{"a", ColumnType::kI64, ColumnId{3}, many}}), StatusCode::kCorruption);
}

TEST_F(ManifestTest, VectorFieldsThatMakeNoSenseAreRefused) {
  const auto code = [](std::vector<FieldMeta> fields) {
    Manifest manifest = example();
    manifest.collections[0].fields = std::move(fields);
    return decode_manifest(encode_manifest(manifest), "m").status().code();
  };
  const FieldMeta unnamed;
  const FieldMeta a{FieldId{1}, "a", 3, Metric::kL2, Element::kF32};
  const FieldMeta b{FieldId{2}, "b", 3, Metric::kL2, Element::kF32};
  EXPECT_EQ(code({unnamed}), StatusCode::kOk);
  EXPECT_EQ(code({a, b}), StatusCode::kOk);
  EXPECT_EQ(code({}), StatusCode::kCorruption);
  EXPECT_EQ(code({b, a}), StatusCode::kCorruption) << "ids do not ascend";
  EXPECT_EQ(code({a, a}), StatusCode::kCorruption);
  EXPECT_EQ(code({unnamed, a}), StatusCode::kCorruption);
  EXPECT_EQ(code({{FieldId{1}, "", 3, Metric::kL2, Element::kF32}}), StatusCode::kCorruption);
  EXPECT_EQ(code({{FieldId{0}, "a", 3, Metric::kL2, Element::kF32}}), StatusCode::kCorruption);
  EXPECT_EQ(code({a, {FieldId{2}, "a", 3, Metric::kL2, Element::kF32}}), StatusCode::kCorruption);
  EXPECT_EQ(code({{FieldId{1}, std::string(65, 'a')}}), StatusCode::kCorruption);
  EXPECT_EQ(code({{FieldId{1}, "a", kMaxDimension + 1}}), StatusCode::kCorruption);
  EXPECT_EQ(code({{FieldId{1}, "a", 3, Metric{9}, Element::kF32}}), StatusCode::kCorruption);
  EXPECT_EQ(code({{FieldId{1}, "a", 3, Metric::kL2, Element{0}}}), StatusCode::kCorruption);
  std::vector<FieldMeta> many;
  for (uint16_t i = 1; i <= kMaxVectorFields + 1; ++i) {
    many.push_back({FieldId{i}, "f" + std::to_string(i), 3, Metric::kL2, Element::kF32});
  }
  EXPECT_EQ(code(many), StatusCode::kCorruption);
  many.pop_back();
  EXPECT_EQ(code(many), StatusCode::kOk);
}

// Publishes three times; each may be hit. What loads afterwards is the last acknowledged or the one
// that was being published, whole.
uint64_t count_failures(Fault fault, Survival survival, bool reboot,
                        void (*sabotage)(FaultEnv&) = nullptr) {
  uint64_t failures = 0;
  for (uint64_t at = 0;; ++at) {
    const auto env = std::make_shared<FaultEnv>(at);
    if (sabotage != nullptr) sabotage(*env);
    EXPECT_TRUE(env->make_directory(kFolder).ok());
    EXPECT_TRUE(env->sync_directory(".").ok());
    env->arm({.at_operation = at + 2, .fault = fault});
    ManifestStore store(env, kFolder);
    Manifest manifest = example();
    uint64_t acknowledged = 0;
    for (int i = 0; i < 4; ++i) {
      if (store.publish(manifest).ok()) acknowledged = manifest.generation;
    }
    if (!env->fired()) return failures;
    if (reboot) env->restart(survival);
    const auto loaded = ManifestStore(env, kFolder).load();
    const uint64_t generation = loaded.ok() && *loaded ? (*loaded)->generation : 0;
    const bool good =
        loaded.ok() && generation >= acknowledged && generation <= manifest.generation;
    if (!good) ++failures;
    if (!good && sabotage == nullptr) {
      ADD_FAILURE() << "fault " << static_cast<int>(fault) << " at operation " << at
                    << ", survival " << static_cast<int>(survival) << ": "
                    << loaded.status().to_string() << " generation " << generation;
    }
  }
}

TEST(ManifestCrashTest, EveryFaultAtEveryOperationLeavesAWholeManifest) {
  for (const Fault fault : {Fault::kCrash, Fault::kShortWrite, Fault::kIoError, Fault::kNoSpace,
                            Fault::kSyncFails, Fault::kRenameFails}) {
    for (const Survival survival :
         {Survival::kNothing, Survival::kEverything, Survival::kPrefix, Survival::kTorn}) {
      EXPECT_EQ(count_failures(fault, survival, true), 0u);
    }
    if (fault == Fault::kCrash) continue;  // the others, with the process living on
    EXPECT_EQ(count_failures(fault, Survival::kNothing, false), 0u);
  }
}

TEST(ManifestCrashTest, NegativeControlsAreFoundOut) {
  EXPECT_GT(count_failures(Fault::kCrash, Survival::kNothing, true,
                           [](FaultEnv& env) { env.ignore_directory_sync(true); }),
            5u);
  EXPECT_GT(count_failures(Fault::kCrash, Survival::kPrefix, true,
                           [](FaultEnv& env) { env.ignore_sync(true); }),
            5u);
}

}  // namespace
}  // namespace omendb::storage
