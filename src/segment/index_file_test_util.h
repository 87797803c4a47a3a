// Test support: an index file, copies of it that are damaged, and copies with good checksums whose
// contents were made to harm.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "segment/segment_format.h"
#include "segment/segment_store.h"
#include "segment/segment_test_util.h"

namespace omendb::segment::testing {

/// A segment, and an index of it in "good.idx".
class IndexFileTest : public ::testing::Test {
 protected:
  /// @param sections  all that the file has, in order; borrowed.
  IndexFileTest(IndexKind kind, std::span<const SectionKind> sections) : sections_(sections) {
    std::mt19937 rng(71);
    const auto ids = distinct_ids(IdKind::kU64, kRows, 5, rng);
    const auto vectors = random_rows(fields_, kRows, rng);
    const WriteSource source{filled_memtable(fields_, IdKind::kU64, ids, vectors)->view(kRows),
                             nullptr};
    const auto written = write_segment(env_, "a.seg", fields_, IdKind::kU64, column::Schema(),
                                       std::span(&source, 1));
    EXPECT_TRUE(written.ok()) << written.status().to_string();
    segment_ = written->segment;
    JobControl control;
    const auto meta = write_index(env_, "good.idx", kind, of(), control);
    EXPECT_TRUE(meta.ok()) << meta.status().to_string();
    meta_ = *meta;
  }

  IndexedRows of() const { return {*segment_, fields_[0], 0}; }
  Result<std::shared_ptr<const SealedIndex>> open(const std::string& path) const {
    return SealedIndex::open(env_, path, meta_, of());
  }
  std::vector<std::byte> section(SectionKind kind) const {
    const auto good = storage::SectionFile::open(env_, "good.idx", kIndexFileKind);
    const auto bytes = (*good)->section(key(kind))->bytes();
    return {bytes->begin(), bytes->end()};
  }
  /// A copy of the good file in which one section holds other bytes, with good checksums.
  Result<std::shared_ptr<const SealedIndex>> open_with(SectionKind kind,
                                                       std::span<const std::byte> bytes) {
    auto writer = storage::SectionFileWriter::create(env_, "bad.idx", kIndexFileKind);
    for (const SectionKind each : sections_) {
      EXPECT_TRUE((*writer)->begin(key(each)).ok());
      EXPECT_TRUE((*writer)->append(each == kind ? bytes : section(each)).ok());
      EXPECT_TRUE((*writer)->end().ok());
    }
    EXPECT_TRUE((*writer)->finish().ok());
    return open("bad.idx");
  }
  template <class T>
  Result<std::shared_ptr<const SealedIndex>> with_value(SectionKind kind, size_t offset, T value) {
    auto bytes = section(kind);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return open_with(kind, bytes);
  }
  /// Every row, through the index. @return what the search says, and the candidates.
  static std::pair<Status, std::vector<index::Candidate>> search(const index::PartIndex& index,
                                                                 double reach) {
    const std::vector<float> query(kDim, 20.0F);
    const Stop never;
    index::PreparedQueries prepared(Metric::kL2, {query.data(), 1, kDim}, never);
    index::Gathered gathered(10, std::numeric_limits<float>::infinity());
    gathered.open({.candidates = 2 * kRows, .reach = reach});
    index::Gathered* const out[] = {&gathered};
    Status status = index.search(prepared, {0, 0, kRows, nullptr, kRows}, out);
    const auto kept = gathered.candidates().sorted();
    return {std::move(status), {kept.begin(), kept.end()}};
  }

  /// Flips bits of the file. No damage that a search meets stays unknown.
  void flip_bits() {
    const auto bytes = env_->read_file("good.idx");
    ASSERT_TRUE(bytes.ok());
    std::mt19937 rng(72);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::byte> damaged = *bytes;
      const size_t at = rng() % damaged.size();
      damaged[at] ^= static_cast<std::byte>(1U << (rng() % 8));
      const auto file = env_->create_file("damaged.idx");
      ASSERT_TRUE((*file)->append(damaged).ok());
      ASSERT_TRUE((*file)->sync().ok());
      const auto opened = open("damaged.idx");
      if (!opened.ok()) continue;
      const auto [status, found] = search((*opened)->searcher(), 1);
      EXPECT_EQ((*opened)->searcher().sound(), status.ok()) << "byte " << at;
      if (status.ok()) {  // a byte that is not of any section
        EXPECT_EQ(found, search(open("good.idx").value()->searcher(), 1).second) << "byte " << at;
      }
    }
  }
  void resize_sections() {
    for (const SectionKind kind : sections_) {
      auto shorter = section(kind);
      auto longer = shorter;
      shorter.pop_back();
      longer.insert(longer.end(), 128, std::byte{0});
      EXPECT_EQ(open_with(kind, shorter).status().code(), StatusCode::kCorruption);
      EXPECT_EQ(open_with(kind, longer).status().code(), StatusCode::kCorruption);
    }
  }

  static constexpr uint32_t kRows = 2'000;
  static constexpr size_t kDim = 24;
  const std::shared_ptr<storage::Env> env_ = storage::Env::in_memory();
  const Fields fields_{{FieldId{3}, "body", {kDim, Metric::kL2, Element::kF32}}};
  std::shared_ptr<const Segment> segment_;
  storage::IndexMeta meta_;

 private:
  const std::span<const SectionKind> sections_;
};

}  // namespace omendb::segment::testing
