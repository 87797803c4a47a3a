#include "storage/section_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "storage/section_format.h"

namespace omendb::storage {
namespace {

constexpr const char* kPath = "file.seg";
constexpr uint32_t kKind = 3;

std::vector<std::byte> random_bytes(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(n);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

class SectionFileTest : public testing::Test {
 protected:
  void write(const std::vector<std::pair<SectionKey, std::vector<std::byte>>>& sections) {
    auto writer = SectionFileWriter::create(env_, kPath, kKind);
    ASSERT_TRUE(writer.ok());
    for (const auto& [key, bytes] : sections) {
      ASSERT_TRUE((*writer)->begin(key).ok());
      // In uneven pieces.
      for (size_t at = 0, step = 1; at < bytes.size(); step = step * 3 + 1) {
        const size_t take = std::min(step, bytes.size() - at);
        ASSERT_TRUE((*writer)->append(std::span(bytes).subspan(at, take)).ok());
        at += take;
      }
      ASSERT_TRUE((*writer)->end().ok());
    }
    const auto size = (*writer)->finish();
    ASSERT_TRUE(size.ok());
    EXPECT_EQ(*size, *env_->file_size(kPath));
  }
  void replace(std::span<const std::byte> bytes) {
    auto file = env_->create_file(kPath);
    ASSERT_TRUE((*file)->append(bytes).ok());
  }
  Result<std::shared_ptr<const SectionFile>> open(uint32_t kind = kKind) {
    return SectionFile::open(env_, kPath, kind);
  }

  std::shared_ptr<Env> env_ = Env::in_memory();
};

TEST_F(SectionFileTest, SectionsComeBackAsTheyWereWritten) {
  const auto large = random_bytes((5 << 20) + 123, 1);  // more pages than one table page covers
  const auto small = random_bytes(10, 2);
  write({{{1, 0}, large}, {{2, 0}, {}}, {{2, 7}, small}});
  const auto file = open();
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_TRUE((*file)->has({2, 7}));
  EXPECT_FALSE((*file)->has({2, 1}));
  EXPECT_EQ(*(*(*file)->section({1, 0})).bytes()->begin(), large.front());
  EXPECT_TRUE(std::ranges::equal(*(*file)->section({1, 0})->bytes(), large));
  EXPECT_TRUE(std::ranges::equal(*(*file)->section({2, 7})->bytes(), small));
  EXPECT_EQ((*file)->section({2, 0})->size(), 0u);
  EXPECT_TRUE((*file)->section({2, 0})->verify_all().ok());
  EXPECT_EQ((*file)->section({9, 9}).status().code(), StatusCode::kCorruption);
  EXPECT_EQ(open(kKind + 1).status().code(), StatusCode::kCorruption);
}

TEST_F(SectionFileTest, AFileWithoutSectionsIsFine) {
  write({});
  EXPECT_TRUE(open().ok());
}

TEST_F(SectionFileTest, ASectionOutlivesItsFileAndTheUnlink) {
  write({{{1, 0}, random_bytes(9'000, 3)}});
  auto file = *open();
  const Section section = *file->section({1, 0});
  file.reset();
  ASSERT_TRUE(env_->remove_file(kPath).ok());
  EXPECT_TRUE(std::ranges::equal(*section.bytes(), random_bytes(9'000, 3)));
}

TEST_F(SectionFileTest, AnUnfinishedFileIsRemoved) {
  {
    auto writer = SectionFileWriter::create(env_, kPath, kKind);
    ASSERT_TRUE((*writer)->begin({1, 0}).ok());
  }
  EXPECT_FALSE(*env_->exists(kPath));
}

TEST_F(SectionFileTest, DamageIsFoundInItsPageAndNowhereElse) {
  write({{{1, 0}, random_bytes(5 * kPageBytes, 4)}, {{2, 3}, random_bytes(5 * kPageBytes, 5)}});
  auto bytes = *env_->read_file(kPath);
  const uint64_t damaged_offset = kPageBytes + 7 * kPageBytes;  // page 2 of the second section
  bytes[damaged_offset + 99] ^= std::byte{4};
  replace(bytes);
  const auto file = open();
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->section({1, 0})->verify_all().ok());
  const Section section = *(*file)->section({2, 3});
  EXPECT_TRUE(section.verify(0, 2 * kPageBytes).ok());
  EXPECT_TRUE(section.verify(3 * kPageBytes, 2 * kPageBytes).ok());
  for (int again = 0; again < 2; ++again) {
    const Status status = section.verify(2 * kPageBytes - 1, 2);
    EXPECT_EQ(status.code(), StatusCode::kCorruption);
    EXPECT_NE(status.message().find(kPath), std::string::npos);
    EXPECT_NE(status.message().find("section 2.3"), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(std::to_string(damaged_offset)), std::string::npos);
  }
}

TEST_F(SectionFileTest, EveryFlippedBitIsReportedOrLiesInUnusedZeros) {
  const auto first = random_bytes(100, 6);
  const auto second = random_bytes(kPageBytes + 10, 7);
  write({{{1, 0}, first}, {{2, 0}, second}});
  const auto whole = *env_->read_file(kPath);
  for (uint64_t at = 0; at < whole.size(); ++at) {
    auto damaged = whole;
    damaged[at] ^= std::byte{static_cast<uint8_t>(1 << (at % 8))};
    replace(damaged);
    const auto file = open();
    Status status = file.status();
    if (status.ok()) status = (*file)->section({1, 0})->verify_all();
    if (status.ok()) status = (*file)->section({2, 0})->verify_all();
    if (!status.ok()) {
      ASSERT_NE(status.message().find(kPath), std::string::npos) << status.to_string();
    } else {
      ASSERT_TRUE(at >= sizeof(SectionFileHeader) && at < kPageBytes) << "byte " << at;
    }
  }
}

TEST_F(SectionFileTest, AFileCutAnywhereIsRefused) {
  write({{{1, 0}, random_bytes(100, 8)}});
  const auto whole = *env_->read_file(kPath);
  for (uint64_t size = 0; size < whole.size(); ++size) {
    replace(std::span(whole).first(size));
    ASSERT_EQ(open().status().code(), StatusCode::kCorruption) << "cut at " << size;
  }
}

TEST_F(SectionFileTest, ANewerFormatIsRefusedWithBothVersions) {
  write({});
  auto bytes = *env_->read_file(kPath);
  bytes[offsetof(SectionFileHeader, version)] = std::byte{9};
  replace(bytes);
  const Status status = open().status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupportedVersion);
  EXPECT_NE(status.message().find("version 9"), std::string::npos);
  EXPECT_NE(status.message().find("up to 1"), std::string::npos);
}

TEST_F(SectionFileTest, ThreadsMayVerifyTheSamePages) {
  write({{{1, 0}, random_bytes(200 * kPageBytes, 9)}});
  const auto file = *open();
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Section section = *file->section({1, 0});
      std::mt19937_64 random(static_cast<uint64_t>(t));
      for (int i = 0; i < 500; ++i) {
        if (!section.verify(random() % (199 * kPageBytes), 600).ok()) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace omendb::storage
