#include "segment/memtable.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <numeric>
#include <thread>

#include "segment/center.h"
#include "segment/segment_test_util.h"

namespace omendb::segment {
namespace {

using codec::rabitq::Encoder;
using codec::rabitq::kBlockRows;
using testing::random_vectors;
using testing::rows_view;

std::shared_ptr<const Encoder> some_encoder(const VectorSpec& spec) {
  std::vector<float> center(spec.dim);
  for (size_t i = 0; i < spec.dim; ++i) center[i] = static_cast<float>(i % 5) - 2;
  return make_encoder(spec, center);
}

/// "" if every complete block below the view's watermark holds the codes of its rows.
std::string wrong_codes(const RowSource& view, const VectorSpec& spec,
                        const std::vector<std::byte>& vectors) {
  const index::Codes* codes = testing::codes_of(view.index(0));
  if (codes == nullptr) return view.rows() < kBlockRows ? "" : "no codes";
  if (codes->rows() != view.rows() / kBlockRows * kBlockRows) return "coded rows";
  const Encoder& encoder = codes->encoder();
  std::vector<std::byte> block(encoder.block_bytes());
  for (size_t b = 0; b < codes->rows() / kBlockRows; ++b) {
    encoder.encode_block(vectors.data() + b * kBlockRows * spec.row_bytes(), spec.row_bytes(),
                         kBlockRows, block.data());
    for (uint32_t v = 0; v < kBlockRows; ++v) {
      const auto row = static_cast<uint32_t>(b * kBlockRows + v);
      if (!*view.field(0).has(row)) encoder.clear_lane(block.data(), v);
    }
    if (std::memcmp(block.data(), *codes->blocks() + b * block.size(), block.size()) != 0) {
      return "block " + std::to_string(b);
    }
  }
  return "";
}

struct Batch {
  uint32_t first;
  uint32_t rows;
  bool encoded = false;
  bool filled = false;
};

/// Cuts [begin, end) into batches of 1..longest rows.
std::vector<Batch> cut_into_batches(uint32_t end, uint32_t longest, std::mt19937& rng) {
  std::vector<Batch> batches;
  for (uint32_t at = 0; at < end;) {
    const auto rows = static_cast<uint32_t>(std::min<uint64_t>(end - at, 1 + rng() % longest));
    batches.push_back({at, rows});
    at += rows;
  }
  return batches;
}

VectorsView part_of(const VectorSpec& spec, const std::vector<std::byte>& vectors,
                    const Batch& batch) {
  VectorsView view = rows_view(spec, vectors);
  view.data = view.row(batch.first);
  view.count = batch.rows;
  return view;
}

RC_GTEST_PROP(Memtable, CodesOfCompleteBlocksAreRightWhateverTheOrderOfFilling, ()) {
  const VectorSpec spec{*rc::gen::inRange<size_t>(1, 70),
                        *rc::gen::element(Metric::kL2, Metric::kCosine, Metric::kInnerProduct),
                        *rc::gen::element(Element::kF32, Element::kF16, Element::kI8)};
  std::mt19937 rng(*rc::gen::arbitrary<uint32_t>());
  const auto rows = *rc::gen::inRange<uint32_t>(1, 400);
  const auto vectors = random_vectors(spec, rows, rng);
  auto batches = cut_into_batches(rows, *rc::gen::inRange<uint32_t>(1, 100), rng);
  auto memtable = std::make_shared<Memtable>(unnamed_field(spec), IdKind::kU64, rows,
                                             Encoders{some_encoder(spec)});
  for (const Batch& batch : batches) {
    RC_ASSERT(memtable->reserve_sequence(batch.first, {}, {}, batch.rows) == batch.first);
  }
  std::vector<size_t> order(batches.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), rng);
  size_t published = 0;
  for (const size_t next : order) {
    batches[next].encoded =
        memtable->fill(batches[next].first, 0, part_of(spec, vectors, batches[next]));
    batches[next].filled = true;
    for (; published < batches.size() && batches[published].filled; ++published) {
      const Batch& batch = batches[published];
      memtable->publish(batch.first, batch.rows, batch.encoded);
      const auto view = memtable->view(batch.first + batch.rows);
      RC_ASSERT(wrong_codes(*view, spec, vectors) == "");
      RC_ASSERT(std::memcmp(view->field(0).vectors(0, view->rows())->rows, vectors.data(),
                            view->rows() * spec.row_bytes()) == 0);
    }
  }
}

/// "" if the view says of each row what `present` does; rows that it leaves out have a vector.
std::string wrong_presence(const RowSource& view, const std::vector<bool>& present) {
  Bitmap mask(view.rows(), true);
  if (!view.field(0).clear_absent(mask.words()).ok()) return "clear_absent";
  for (uint32_t row = 0; row < view.rows(); ++row) {
    if (*view.field(0).has(row) != present[row]) return "has " + std::to_string(row);
    if (mask.test(row) != present[row]) return "mask " + std::to_string(row);
  }
  return "";
}

RC_GTEST_PROP(Memtable, RowsWithoutAVectorAreZerosWithoutCodesWhateverTheOrderOfFilling, ()) {
  const VectorSpec spec{*rc::gen::inRange<size_t>(1, 70), Metric::kCosine, Element::kF32};
  std::mt19937 rng(*rc::gen::arbitrary<uint32_t>());
  const auto rows = *rc::gen::inRange<uint32_t>(1, 400);
  auto vectors = random_vectors(spec, rows, rng);
  auto batches = cut_into_batches(rows, *rc::gen::inRange<uint32_t>(1, 100), rng);
  auto memtable = std::make_shared<Memtable>(unnamed_field(spec), IdKind::kU64, rows,
                                             Encoders{some_encoder(spec)});
  const auto given = vectors;
  std::vector<bool> present(rows, true);
  std::vector<bool> none(batches.size());
  for (size_t b = 0; b < batches.size(); ++b) {
    const auto [first, count, encoded, filled] = batches[b];
    memtable->reserve_sequence(first, {}, {}, count);
    const auto bits = testing::random_presence(count, rng);
    const auto kind = b == 0 ? 0 : rng() % 3;  // a batch of all, of some, of none
    none[b] = kind == 2;
    if (none[b]) memtable->reserve_no_vectors(first, 0);
    if (!none[b]) memtable->reserve_vectors(first, count, 0, kind == 0 ? nullptr : bits.get());
    for (uint32_t i = 0; i < count; ++i) {
      present[first + i] = kind == 0 || (kind == 1 && bits->test(i));
      if (present[first + i]) continue;
      std::fill_n(vectors.begin() + static_cast<ptrdiff_t>((first + i) * spec.row_bytes()),
                  spec.row_bytes(), std::byte{0});
    }
  }
  for (size_t b = batches.size(); b-- > 0;) {
    batches[b].encoded =
        none[b] ? memtable->fill_none(batches[b].first, batches[b].rows, 0)
                : memtable->fill(batches[b].first, 0, part_of(spec, given, batches[b]));
  }
  for (const Batch& batch : batches) {
    memtable->publish(batch.first, batch.rows, batch.encoded);
    const auto view = memtable->view(batch.first + batch.rows);
    RC_ASSERT(wrong_presence(*view, present) == "");
    RC_ASSERT(wrong_codes(*view, spec, vectors) == "");
    RC_ASSERT(std::memcmp(view->field(0).vectors(0, view->rows())->rows, vectors.data(),
                          view->rows() * spec.row_bytes()) == 0);
  }
}

TEST(Memtable, AdoptsAnEncoderOnceThereAreRowsEnoughAndCodesWhatCameBefore) {
  const VectorSpec spec{6, Metric::kL2, Element::kF32};
  for (const uint32_t seed : {1U, 2U, 3U}) {
    std::mt19937 rng(seed);
    constexpr uint32_t kRows = Memtable::kRowsBeforeCoding + 700;
    const auto vectors = random_vectors(spec, kRows, rng);
    auto batches = cut_into_batches(kRows, 150, rng);
    auto memtable =
        std::make_shared<Memtable>(unnamed_field(spec), IdKind::kU64, kRows, Encoders{});
    for (const Batch& batch : batches) memtable->reserve_sequence(batch.first, {}, {}, batch.rows);
    // A few batches are in flight at once, so some are filled without the encoder and published
    // after it was adopted.
    std::shared_ptr<const RowSource> early;
    for (size_t begin = 0; begin < batches.size(); begin += 8) {
      const size_t end = std::min(batches.size(), begin + 8);
      for (size_t b = end; b-- > begin;) {
        batches[b].encoded =
            memtable->fill(batches[b].first, 0, part_of(spec, vectors, batches[b]));
      }
      for (size_t b = begin; b < end; ++b) {
        const Batch& batch = batches[b];
        memtable->publish(batch.first, batch.rows, batch.encoded);
        const auto view = memtable->view(batch.first + batch.rows);
        if (view->rows() < Memtable::kRowsBeforeCoding) {
          ASSERT_EQ(view->index(0), nullptr);
          early = view;
        } else {
          ASSERT_EQ(wrong_codes(*view, spec, vectors), "") << "seed " << seed << " batch " << b;
        }
      }
    }
    EXPECT_EQ(early->index(0), nullptr) << "an older view changed";
  }
}

TEST(Memtable, BinaryVectorsGetNoCodes) {
  const VectorSpec spec{19, Metric::kHamming, Element::kBinary};
  std::mt19937 rng(4);
  constexpr uint32_t kRows = Memtable::kRowsBeforeCoding + 10;
  const auto vectors = random_vectors(spec, kRows, rng);
  const auto ids = testing::distinct_ids(IdKind::kU64, kRows, 0, rng);
  const auto view =
      testing::filled_memtable(unnamed_field(spec), IdKind::kU64, ids, {vectors})->view(kRows);
  EXPECT_EQ(view->index(0), nullptr);
  EXPECT_EQ(std::memcmp(view->field(0).vectors(0, kRows)->rows, vectors.data(), vectors.size()), 0);
}

TEST(Memtable, RowsWithGapsBetweenThemAreCopiedWithoutTheGaps) {
  const VectorSpec spec{3, Metric::kL2, Element::kF32};
  const std::vector<float> gapped = {1, 2, 3, -1, 4, 5, 6, -1, 7, 8, 9, -1};
  auto memtable = std::make_shared<Memtable>(unnamed_field(spec), IdKind::kU64, 3, Encoders{});
  memtable->reserve_sequence(0, {}, {}, 3);
  memtable->publish(0, 3, memtable->fill(0, 0, {gapped.data(), 3, 3, Element::kF32, 16}));
  const auto view = memtable->view(3);
  const std::vector<float> expected = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(std::memcmp(view->field(0).vectors(0, 3)->rows, expected.data(), 36), 0);
}

TEST(Memtable, AViewShowsTheRowsBelowItsWatermarkAndNoneAbove) {
  const VectorSpec spec{2, Metric::kL2, Element::kF32};
  const std::vector<float> one(2, 1.0F);
  auto memtable = std::make_shared<Memtable>(unnamed_field(spec), IdKind::kString, 100, Encoders{});
  const column::Schema schema = {{"year", ColumnType::kI64, ColumnId{3}}};
  std::vector<std::shared_ptr<const RowSource>> views;
  for (uint32_t i = 0; i < 100; ++i) {
    const std::string id = "id" + std::to_string(i % 10);  // each replaces the one ten before it
    const std::string_view view = id;
    Column year{.name = "year", .type = ColumnType::kI64, .ints = {i}};
    memtable->reserve(std::span(&view, 1), std::span(&year, 1), schema, 1);
    memtable->publish(i, 1, memtable->fill(i, 0, {one.data(), 1, 2, Element::kF32, 0}));
    views.push_back(memtable->view(i + 1));
  }
  memtable.reset();  // the views keep it
  for (uint32_t i = 0; i < 100; ++i) {
    const RowSource& view = *views[i];
    ASSERT_EQ(view.rows(), i + 1);
    for (uint32_t n = 0; n < 10; ++n) {
      const std::string id = "id" + std::to_string(n);
      const auto found = *view.find(IdView(std::string_view(id)));
      ASSERT_EQ(found.has_value(), n <= i) << i << " " << n;
      ASSERT_TRUE(!found || *found == (i - n) / 10 * 10 + n) << i << " " << n;
    }
    ASSERT_EQ(*view.id(i), IdView(std::string_view("id" + std::to_string(i % 10))));
    Column years{.name = "year", .type = ColumnType::kI64};
    ASSERT_TRUE(view.columns().find(ColumnId{3})->gather(std::span(&i, 1), years).ok());
    ASSERT_EQ(years.ints, std::vector<int64_t>{i});
    ASSERT_EQ(view.columns().find(ColumnId{0}), nullptr);
  }
  EXPECT_TRUE(views[99]->field(0).before(10, 9));  // id0 before id9, though a later row
  EXPECT_FALSE(views[99]->field(0).before(9, 10));
}

/// Batches filled by many threads at once, published in order by whoever is done, and read.
TEST(Memtable, ThreadsFillBatchesSideBySideWhileOthersRead) {
  const VectorSpec spec{8, Metric::kL2, Element::kF32};
  std::mt19937 rng(6);
  constexpr uint32_t kRows = Memtable::kRowsBeforeCoding + 4'000;
  const auto vectors = random_vectors(spec, kRows, rng);
  auto batches = cut_into_batches(kRows, 90, rng);
  auto memtable = std::make_shared<Memtable>(unnamed_field(spec), IdKind::kU64, kRows, Encoders{});

  Mutex mutex;  // what write_mutex_ and publish_mutex_ are to a collection
  size_t taken = 0;
  size_t published = 0;
  std::shared_ptr<const RowSource> current;
  const auto fill_batches = [&] {
    while (true) {
      size_t mine = 0;
      {
        MutexLock lock(mutex);
        if (taken == batches.size()) return;
        mine = taken++;
        memtable->reserve_sequence(batches[mine].first, {}, {}, batches[mine].rows);
      }
      const bool encoded =
          memtable->fill(batches[mine].first, 0, part_of(spec, vectors, batches[mine]));
      MutexLock lock(mutex);
      batches[mine].encoded = encoded;
      batches[mine].filled = true;
      for (; published < batches.size() && batches[published].filled; ++published) {
        const Batch& batch = batches[published];
        memtable->publish(batch.first, batch.rows, batch.encoded);
        current = memtable->view(batch.first + batch.rows);
      }
    }
  };
  std::string wrong;
  const auto read = [&] {
    for (uint32_t rows = 0; rows < kRows;) {
      std::shared_ptr<const RowSource> view;
      {
        MutexLock lock(mutex);
        view = current;
      }
      if (view == nullptr || view->rows() == rows) {
        std::this_thread::yield();
        continue;
      }
      rows = view->rows();
      if (view->index(0) != nullptr) wrong += wrong_codes(*view, spec, vectors);
      if (*view->find(IdView(uint64_t{rows - 1})) != rows - 1) wrong += "find";
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) threads.emplace_back(fill_batches);
  threads.emplace_back(read);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, "");
  EXPECT_EQ(wrong_codes(*current, spec, vectors), "");
}

}  // namespace
}  // namespace omendb::segment
