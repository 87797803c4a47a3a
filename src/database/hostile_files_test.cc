// Folders whose checksums fit and whose contents do not: each manifest and each log record here was
// written by nobody's database. Opening, reading and writing such a folder gives an error or an
// answer, and never ends the process, which is all that these tests can tell.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "collection/write/operation.h"
#include "database/database_impl.h"
#include "storage/log/format.h"
#include "storage/manifest.h"

namespace omendb {
namespace {

using storage::Env;
using storage::join;
using storage::LogFileHeader;
using storage::LogFrame;
using storage::Manifest;
using Bytes = std::vector<std::byte>;

constexpr size_t kDim = 6;
constexpr int kRounds = 400;  // of each test
constexpr char kPath[] = "/db";

Result<Database> open(const std::shared_ptr<Env>& env, OpenMode mode = OpenMode::kReadWrite) {
  OpenOptions options;
  options.mode = mode;
  options.memtable_bytes = 64 << 10;
  auto impl = internal::DatabaseImpl::open(kPath, options, env);
  if (!impl.ok()) return impl.status();
  return Database(*impl);
}

Status add(Collection& collection, const IdsView& ids, size_t count, size_t dim, int columns = 1) {
  std::vector<float> rows(count * dim);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i % 7) + 1;
  std::vector<Column> metadata;
  for (int c = 0; c < columns; ++c) {
    Column& year = metadata.emplace_back();
    year.name = "year" + std::to_string(c);
    year.type = ColumnType::kI64;
    year.ints.assign(count, c);
    Column& tag = metadata.emplace_back();
    tag.name = "tag" + std::to_string(c);
    tag.type = ColumnType::kString;
    tag.string_offsets.assign(count + 1, 0);
  }
  WriteBatch batch{.vectors = {rows.data(), count, dim}, .ids = ids, .metadata = metadata};
  return collection.upsert(batch).status();
}

/// Everything that a user may do with what was opened. Errors are fine.
void use(Database& database) {
  const auto names = database.collection_names();
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    auto collection = database.collection(name);
    if (!collection.ok()) continue;
    const auto info = collection->info();
    if (!info.ok()) continue;
    const size_t dim = info->dim == 0 ? kDim : info->dim;
    const std::vector<float> query(dim, 1.0F);
    for (const bool exact : {false, true}) {
      collection->search({query.data(), 1, dim}, {.k = 5, .exact = exact}).status().ignore();
    }
    collection
        ->search({query.data(), 1, dim},
                 {.k = 5,
                  .where = Filter::compare("year0", Filter::Compare::kEq, int64_t{0}),
                  .columns = {"*"}})
        .status()
        .ignore();
    const std::vector<uint64_t> numbers = {1, 3, 900};
    const std::vector<std::string_view> strings = {"p1", "p3", "z"};
    for (const IdsView ids : {IdsView(std::span<const uint64_t>(numbers)),
                              IdsView(std::span<const std::string_view>(strings))}) {
      collection->get(ids, {.with_vectors = true, .columns = {"*"}}).status().ignore();
      collection->delete_ids(ids).status().ignore();
      add(*collection, ids, 3, dim).ignore();
    }
    add(*collection, {}, 4, dim).ignore();
    collection->compact().ignore();
    collection->count().status().ignore();
  }
  database.drop_collection("strings").ignore();
  database.collection("new").status().ignore();
  database.close().ignore();
}

class HostileFilesTest : public testing::Test {
 protected:
  /// A folder with segments, tombstones, a log of several collections, and one that was dropped.
  void SetUp() override {
    std::printf("seed %u\n", kSeed);
    const auto env = Env::in_memory();
    {
      auto database = open(env);
      ASSERT_TRUE(database.ok()) << database.status().to_string();
      auto numbers = database->collection("numbers");
      for (uint64_t first : {0, 100}) {
        std::vector<uint64_t> ids(60);
        for (size_t i = 0; i < ids.size(); ++i) ids[i] = first + i;
        ASSERT_TRUE(add(*numbers, std::span<const uint64_t>(ids), ids.size(), kDim).ok());
        ASSERT_TRUE(database->collection("gone").ok());
        ASSERT_TRUE(numbers->compact().ok());
      }
      const std::vector<uint64_t> dead = {5, 7, 110};
      ASSERT_TRUE(numbers->delete_ids(std::span<const uint64_t>(dead)).ok());
      auto strings = database->collection("strings", CollectionOptions{.metric = Metric::kCosine});
      const std::vector<std::string_view> ids = {"p1", "p2", "p3"};
      ASSERT_TRUE(add(*strings, std::span<const std::string_view>(ids), 3, kDim + 2, 2).ok());
      ASSERT_TRUE(database->close().ok());
    }
    auto database = open(env);
    ASSERT_TRUE(database.ok()) << database.status().to_string();
    ASSERT_TRUE(database->drop_collection("gone").ok());
    auto numbers = database->collection("numbers");
    ASSERT_TRUE(add(*numbers, {}, 5, kDim, 3).ok());
    const std::vector<uint64_t> dead = {2, 9};
    ASSERT_TRUE(numbers->delete_ids(std::span<const uint64_t>(dead)).ok());
    auto late = database->collection(
        "late", CollectionOptions{.metric = Metric::kHamming, .element = Element::kBinary});
    ASSERT_TRUE(late.ok());
    auto strings = database->collection("strings");
    const std::vector<std::string_view> ids = {"p3", "p4"};
    ASSERT_TRUE(add(*strings, std::span<const std::string_view>(ids), 2, kDim + 2).ok());
    for (const char* folder : {"", "segments", "wal"}) {
      const std::string path = *folder == 0 ? std::string(kPath) : join(kPath, folder);
      const auto names = env->list(path);
      ASSERT_TRUE(names.ok());
      for (const std::string& name : *names) {
        if (env->is_directory(join(path, name)).value()) continue;
        const auto file = env->map_file(join(path, name));
        ASSERT_TRUE(file.ok());
        files_[join(path, name)] = {(*file)->bytes().begin(), (*file)->bytes().end()};
      }
    }
    for (const auto& [path, bytes] : files_) {
      if (path.find("MANIFEST-") != std::string::npos) manifest_path_ = path;
      if (path.ends_with(".wal")) log_path_ = path;
    }
    ASSERT_TRUE(files_.contains(manifest_path_) && files_.contains(log_path_));
  }

  static std::shared_ptr<Env> disk_with(const std::map<std::string, Bytes>& files) {
    auto env = Env::in_memory();
    EXPECT_TRUE(env->make_directory(kPath).ok());
    EXPECT_TRUE(env->make_directory(join(kPath, "segments")).ok());
    EXPECT_TRUE(env->make_directory(join(kPath, "wal")).ok());
    for (const auto& [path, bytes] : files) {
      const auto file = env->create_file(path);
      EXPECT_TRUE(file.ok() && (*file)->append(bytes).ok() && (*file)->sync().ok());
    }
    return env;
  }

  /// @return whether the folder could be opened.
  static bool try_files(const std::map<std::string, Bytes>& files) {
    if (auto reader = open(disk_with(files), OpenMode::kRead); reader.ok()) use(*reader);
    const auto env = disk_with(files);
    auto database = open(env);
    if (!database.ok()) return false;
    use(*database);
    if (auto again = open(env); again.ok()) use(*again);
    return true;
  }

  uint64_t odd_number() {
    const uint64_t odd[] = {0,          1,          rng_() % 20,    rng_() % 200,     1U << 31,
                            UINT32_MAX, UINT64_MAX, UINT64_MAX - 1, uint64_t{1} << 63};
    return odd[rng_() % std::size(odd)];
  }
  template <class T>
  T& any(std::vector<T>& all) {
    return all[rng_() % all.size()];
  }

  void spoil(Manifest& manifest);
  void spoil(storage::CollectionMeta& meta, Manifest& manifest);
  void spoil(std::vector<storage::SegmentMeta>& segments, Manifest& manifest);
  void spoil(Bytes& payload);

  static constexpr uint32_t kSeed = 20'260'801;
  std::mt19937 rng_{kSeed};
  std::map<std::string, Bytes> files_;
  std::string manifest_path_;
  std::string log_path_;
};

void HostileFilesTest::spoil(Manifest& manifest) {
  switch (rng_() % 10) {
    case 0: manifest.log.trimmed = Lsn{odd_number()}; return;
    case 1: manifest.log.durable = Lsn{odd_number()}; return;
    case 2: manifest.log.sequence = odd_number(); return;
    case 3: manifest.log.epoch = Epoch{static_cast<uint32_t>(odd_number())}; return;
    case 4: manifest.catalogue = Lsn{odd_number()}; return;
    case 5: manifest.next_collection_id = static_cast<uint32_t>(odd_number()); return;
    case 6: manifest.next_file_number = odd_number(); return;
    default: spoil(any(manifest.collections), manifest);
  }
}

void HostileFilesTest::spoil(storage::CollectionMeta& meta, Manifest& manifest) {
  switch (rng_() % 15) {
    case 14: meta.fields.push_back({FieldId{static_cast<uint16_t>(rng_() % 3)}, "x", 4}); return;
    case 0: meta.id = static_cast<uint32_t>(odd_number()); return;
    case 1: meta.name = rng_() % 2 == 0 ? "late" : std::string(rng_() % 300, '\x01'); return;
    case 2: any(meta.fields).dim = odd_number() % (kMaxDimension + 1); return;
    case 3: any(meta.fields).metric = static_cast<Metric>(1 + rng_() % 4); return;
    case 4: any(meta.fields).element = static_cast<Element>(1 + rng_() % 4); return;
    case 5: meta.id_kind = static_cast<uint8_t>(rng_() % 3); return;
    case 6: meta.next_auto_id = odd_number(); return;
    case 7: meta.flushed = Lsn{odd_number()}; return;
    case 8: meta.columns.clear(); return;
    case 9:
      if (!meta.columns.empty()) meta.columns.push_back(any(meta.columns));
      return;
    case 10:
      if (!meta.columns.empty()) any(meta.columns).type = static_cast<ColumnType>(1 + rng_() % 6);
      return;
    case 11:
      for (size_t i = 0; i < kMaxColumns; ++i) {
        if (meta.columns.size() < kMaxColumns)
          meta.columns.push_back({"x" + std::to_string(i), ColumnType::kI64});
      }
      return;
    default: spoil(meta.segments, manifest);
  }
}

void HostileFilesTest::spoil(std::vector<storage::SegmentMeta>& segments, Manifest& manifest) {
  std::vector<storage::SegmentMeta> all;
  for (const auto& meta : manifest.collections) {
    all.insert(all.end(), meta.segments.begin(), meta.segments.end());
  }
  if (all.empty()) return;
  if (segments.empty() || rng_() % 3 == 0) return segments.push_back(any(all));
  storage::SegmentMeta& one = any(segments);
  switch (rng_() % 6) {
    case 0: one.rows = odd_number(); return;
    case 1: one.bytes = odd_number(); return;
    case 2: one.dead_rows = odd_number() % (one.rows + 1); return;
    case 3: one.tombstones = any(all).tombstones; return;
    case 4: one.name = any(all).name; return;
    default: one.tombstones = one.name;
  }
}

void HostileFilesTest::spoil(Bytes& payload) {
  const size_t at = payload.empty() ? 0 : rng_() % payload.size();
  const uint64_t number = odd_number();
  switch (rng_() % 5) {
    case 0: payload.resize(at); return;
    case 1: payload.insert(payload.begin() + static_cast<ptrdiff_t>(at), std::byte(rng_())); return;
    case 2: {  // a number of the record's head, where most depends on it
      const size_t field = std::min(payload.size(), size_t{rng_() % 24});
      std::memcpy(payload.data() + field, &number, std::min<size_t>(4, payload.size() - field));
      return;
    }
    default:
      if (!payload.empty()) payload[at] = std::byte(rng_() % 3 == 0 ? rng_() : rng_() % 8);
  }
}

TEST_F(HostileFilesTest, AManifestThatSaysWhatCannotBeEndsNoProcess) {
  const auto sound = storage::decode_manifest(files_[manifest_path_], "MANIFEST");
  ASSERT_TRUE(sound.ok()) << sound.status().to_string();
  ASSERT_TRUE(try_files(files_));
  int opened = 0;
  for (int round = 0; round < kRounds; ++round) {
    auto files = files_;
    Manifest manifest = *sound;
    for (uint32_t i = 0; i <= rng_() % 3; ++i) spoil(manifest);
    files[manifest_path_] = storage::encode_manifest(manifest);
    opened += try_files(files) ? 1 : 0;
  }
  EXPECT_GT(opened, kRounds / 20);
  EXPECT_LT(opened, kRounds);
}

TEST_F(HostileFilesTest, LogRecordsThatSayWhatCannotBeEndNoProcess) {
  const Bytes& sound = files_[log_path_];
  LogFileHeader header;
  std::memcpy(&header, sound.data(), sizeof(header));
  std::vector<Bytes> payloads;
  std::vector<LogFrame> frames;
  for (size_t at = storage::kLogHeaderBytes; at + sizeof(LogFrame) <= sound.size();) {
    LogFrame frame;
    std::memcpy(&frame, sound.data() + at, sizeof(frame));
    if (frame.lsn == 0) break;
    const auto* payload = sound.data() + at + sizeof(frame);
    payloads.emplace_back(payload, payload + frame.length);
    frames.push_back(frame);
    at += storage::log_frame_bytes(frame.length);
  }
  ASSERT_GE(payloads.size(), 5u);
  int opened = 0;
  for (int round = 0; round < kRounds; ++round) {
    auto changed = payloads;
    auto heads = frames;
    if (rng_() % 4 == 0) std::swap(any(changed), any(changed));
    if (rng_() % 4 == 0) any(changed) = any(changed);
    if (rng_() % 2 == 0) spoil(any(changed));
    if (rng_() % 8 == 0) any(heads).lsn = odd_number();
    if (rng_() % 8 == 0) any(heads).durable_lsn = odd_number();
    if (rng_() % 8 == 0) any(heads).epoch = static_cast<uint32_t>(odd_number());
    if (rng_() % 8 == 0) any(heads).kind = static_cast<storage::LogFrameKind>(rng_() % 3);
    auto first = header;
    if (rng_() % 16 == 0) first.first_lsn = odd_number();
    if (rng_() % 16 == 0) first.epoch = static_cast<uint32_t>(odd_number());
    first.crc = storage::log_header_crc(first);
    Bytes log(storage::kLogHeaderBytes);
    std::memcpy(log.data(), &first, sizeof(first));
    for (size_t i = 0; i < changed.size(); ++i) {
      LogFrame frame = heads[i];
      frame.length = static_cast<uint32_t>(changed[i].size());
      frame.payload_crc = crc32c::of(changed[i]);
      frame.header_crc = storage::log_frame_crc(frame, first.crc);
      const auto bytes = std::as_bytes(std::span(&frame, 1));
      log.insert(log.end(), bytes.begin(), bytes.end());
      log.insert(log.end(), changed[i].begin(), changed[i].end());
      log.resize(log.size() + storage::log_padding(frame.length));
    }
    log.resize(log.size() + sizeof(LogFrame));
    auto files = files_;
    files[log_path_] = log;
    opened += try_files(files) ? 1 : 0;
  }
  EXPECT_GT(opened, kRounds / 20);
  EXPECT_LT(opened, kRounds);
}

}  // namespace
}  // namespace omendb
