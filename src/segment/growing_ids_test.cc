#include "segment/growing_ids.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "segment/segment_test_util.h"

namespace omendb::segment {
namespace {

using testing::IdBatch;

/// Every slot that ever held an id, oldest first.
using Model = std::map<IdView, std::vector<uint32_t>>;

std::optional<uint32_t> expected(const Model& model, const IdView& id, uint32_t watermark) {
  const auto found = model.find(id);
  if (found == model.end()) return std::nullopt;
  const auto& slots = found->second;
  const auto after = std::lower_bound(slots.begin(), slots.end(), watermark);
  if (after == slots.begin()) return std::nullopt;
  return *std::prev(after);
}

/// Ids that rise, often past all before them: now one by one, now with gaps.
IdBatch rising_ids(size_t count) {
  IdBatch batch;
  uint64_t id = *rc::gen::inRange<uint64_t>(0, 500);
  const auto longest_gap = *rc::gen::inRange<uint64_t>(1, 4);
  for (size_t i = 0; i < count; ++i) {
    batch.numbers.push_back(id);
    id += 1 + i * i % longest_gap;
  }
  return batch;
}

/// A few ids that come back again and again.
IdBatch drawn_ids(IdKind kind, size_t count) {
  IdBatch batch;
  for (size_t i = 0; i < count; ++i) {
    const auto n = *rc::gen::inRange<uint64_t>(0, 60);
    if (kind == IdKind::kU64) {
      batch.numbers.push_back(n < 5 ? UINT64_MAX - 1 - n : n << (n % 50));
    } else {
      batch.strings.push_back(std::string(n * n % 1'024, 'x') + std::to_string(n));
    }
  }
  return batch;
}

RC_GTEST_PROP(GrowingIds, FindTheNewestRowBelowAnyWatermarkAsAMapOfSlotsDoes, ()) {
  const IdKind kind = *rc::gen::element(IdKind::kU64, IdKind::kString);
  constexpr uint32_t kCapacity = 400;
  GrowingIds ids(kind, kCapacity);
  std::vector<IdBatch> batches;  // the model's views point into these
  batches.reserve(kCapacity);
  Model model;
  while (ids.size() < kCapacity && *rc::gen::inRange(0, 12) != 0) {
    const auto rows = *rc::gen::inRange<uint32_t>(1, std::min(kCapacity - ids.size(), 40U) + 1);
    const uint32_t first = ids.size();
    const bool rising = kind == IdKind::kU64 && *rc::gen::arbitrary<bool>();
    batches.push_back(rising ? rising_ids(rows) : drawn_ids(kind, rows));
    ids.append(batches.back().view());
    RC_ASSERT(ids.size() == first + rows);
    for (uint32_t i = 0; i < rows; ++i) model[batches.back().at(i)].push_back(first + i);
  }
  for (const auto& [id, slots] : model) {
    for (const uint32_t slot : slots) RC_ASSERT(ids.at(slot) == id);
    for (uint32_t watermark = 0; watermark <= ids.size(); ++watermark) {
      RC_ASSERT(ids.find(id, watermark) == expected(model, id, watermark));
    }
  }
  for (uint64_t id = 0; kind == IdKind::kU64 && id < 600; ++id) {
    RC_ASSERT(ids.find(IdView(id), ids.size()) == expected(model, IdView(id), ids.size()));
  }
  RC_ASSERT(!ids.find(IdView(std::string_view("absent")), ids.size()));
}

TEST(GrowingIds, TheTableGrowsWithoutLosingAnId) {
  constexpr uint32_t kCount = 20'000;
  GrowingIds ids(IdKind::kU64, kCount);
  EXPECT_EQ(ids.find(IdView(uint64_t{1}), 0), std::nullopt);
  for (uint64_t n = 0; n < kCount;) {
    const uint64_t end = std::min<uint64_t>(kCount, n + 1 + n % 777);
    std::vector<uint64_t> batch;
    for (; n < end; ++n) batch.push_back(n << 40);  // only high bits differ
    ids.append(std::span<const uint64_t>(batch));
  }
  for (uint64_t n = 0; n < kCount; ++n) {
    ASSERT_EQ(ids.find(IdView(n << 40), kCount), static_cast<uint32_t>(n)) << n;
    ASSERT_EQ(ids.find(IdView(n << 40), static_cast<uint32_t>(n)), std::nullopt) << n;
    ASSERT_EQ(ids.find(IdView((n << 40) + 1), kCount), std::nullopt) << n;
  }
}

TEST(GrowingIds, StringsStayWhereTheyAreWhileTheArenaGrows) {
  constexpr uint32_t kCount = 2'000;
  GrowingIds ids(IdKind::kString, kCount);
  std::vector<std::string> texts;
  std::vector<std::string_view> seen;
  for (uint32_t i = 0; i < kCount; ++i) {
    // Lengths up to the largest id, one as large as a whole block, and bytes of every value.
    std::string text = std::to_string(i);
    text.append(i == 1'000 ? 70'000 : i * 37 % 1'020, static_cast<char>(i));
    const std::string_view view = text;
    ids.append(std::span(&view, 1));
    texts.push_back(std::move(text));
    seen.push_back(std::get<std::string_view>(ids.at(i)));
  }
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(seen[i], texts[i]) << i;
    ASSERT_EQ(std::get<std::string_view>(ids.at(i)).data(), seen[i].data()) << i;
    ASSERT_EQ(ids.find(IdView(std::string_view(texts[i])), kCount), i);
  }
}

TEST(GrowingIds, ASequenceIsFoundUpToTheLargestId) {
  GrowingIds ids(IdKind::kU64, 10);
  ids.append_sequence(UINT64_MAX - 10, 10);
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(ids.find(IdView(UINT64_MAX - 10 + i), 10), i);
  }
  EXPECT_EQ(ids.find(IdView(UINT64_MAX), 10), std::nullopt);
  EXPECT_EQ(ids.find(IdView(uint64_t{0}), 10), std::nullopt);
}

TEST(GrowingIds, ReadersFindWhatIsBelowTheirWatermarkWhileAWriterAppends) {
  constexpr uint32_t kCount = 20'000;
  GrowingIds ids(IdKind::kU64, kCount);
  std::atomic<uint32_t> published{0};
  std::vector<std::thread> readers;
  std::atomic<uint32_t> wrong{0};
  for (uint32_t t = 0; t < 2; ++t) {
    readers.emplace_back([&, t] {
      uint32_t draw = t;
      for (uint32_t watermark = 0; watermark < kCount;) {
        watermark = published.load(std::memory_order_acquire);
        if (watermark == 0) continue;
        draw = draw * 1'664'525 + 1'013'904'223;
        const uint32_t slot = draw % watermark;
        if (ids.find(IdView(uint64_t{slot} * 7), watermark) != slot ||
            ids.at(slot) != IdView(uint64_t{slot} * 7)) {
          ++wrong;
        }
      }
    });
  }
  for (uint32_t first = 0; first < kCount; first += 50) {
    std::vector<uint64_t> batch;
    for (uint32_t i = 0; i < 50; ++i) batch.push_back(uint64_t{first + i} * 7);
    ids.append(std::span<const uint64_t>(batch));
    published.store(first + 50, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace omendb::segment
