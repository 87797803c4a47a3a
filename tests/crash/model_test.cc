// Random operations against a brute-force model, with reopening: whatever order things come in,
// every answer is the model's.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <span>

#include "database/database_impl.h"
#include "distance/convert.h"

namespace omendb::crash {
namespace {

constexpr size_t kDim = 200;  // 81 rows of f32 fill the smallest memtable
/// In one part, so many are searched by their 8-bit codes, dead rows or not; and in one batch, they
/// are filled by the pool's threads.
constexpr size_t kManyRows = 1'200;

struct Kind {
  Metric metric;
  Element element;
  IdKind ids;
};

struct Row {
  std::vector<int> vector;
  std::optional<int64_t> tag;
};

/// One database and what it should hold. Ids are small numbers; as strings, "p" and the number.
class Machine {
 public:
  Machine(const Kind& kind, uint64_t seed)
      : kind_(kind), random_(seed), env_(storage::Env::in_memory()) {
    reopen();
    if (kind_.element == Element::kF32 && pick(8) == 0) {
      std::vector<uint64_t> ids(kManyRows);
      std::iota(ids.begin(), ids.end(), uint64_t{300});
      put(/*upsert=*/false, std::move(ids));
    }
  }

  void step() {
    switch (pick(14)) {
      case 0:
      case 1:
      case 2: return put(/*upsert=*/false);
      case 3:
      case 4: return put(/*upsert=*/true);
      case 5: return erase_ids();
      case 6: return erase_where();
      case 7: return pick(3) == 0 ? reopen() : compact();
      case 8: return check_search(/*filtered=*/true);
      case 9: return check_get();
      case 10: return check_scan_and_count();
      case 11: return update_ids();
      case 12: return update_where();
      default: return check_search(/*filtered=*/false);
    }
  }
  void check_all() {
    check_search(true);
    check_search(false);
    check_get();
    check_scan_and_count();
  }

 private:
  uint64_t pick(uint64_t limit) { return random_() % limit; }

  void reopen() {
    collection_.reset();
    if (database_) RC_ASSERT(database_->close().ok());
    database_.reset();
    auto impl = internal::DatabaseImpl::open("/db", {.memtable_bytes = 64 << 10}, env_);
    RC_ASSERT(impl.ok());
    database_.emplace(*impl);
    auto collection =
        database_->collection("c", CollectionOptions{kDim, kind_.metric, kind_.element});
    RC_ASSERT(collection.ok());
    collection_.emplace(*std::move(collection));
  }
  void compact() { RC_ASSERT(collection_->compact().ok()); }

  // --- points ---

  std::vector<int> random_vector() {
    std::vector<int> v(kDim);
    const bool bits = kind_.element == Element::kBinary;
    for (int& x : v) x = bits ? static_cast<int>(pick(2)) : static_cast<int>(pick(9)) - 4;
    // Few distinct vectors, so that ties are common.
    if (pick(4) == 0) std::fill(v.begin() + 3, v.end(), 1);
    v[0] = 1;  // never zero, for cosine
    return v;
  }
  std::vector<std::byte> encode(const std::vector<std::vector<int>>& rows) const {
    const size_t bytes = vector_bytes(kind_.element, kDim);
    std::vector<std::byte> out(rows.size() * bytes);
    for (size_t r = 0; r < rows.size(); ++r) {
      std::byte* row = out.data() + r * bytes;
      if (kind_.element == Element::kBinary) {
        for (size_t i = 0; i < kDim; ++i) {
          if (rows[r][i] != 0) row[i / 8] |= std::byte{static_cast<uint8_t>(1U << (i % 8))};
        }
      } else {
        const std::vector<float> floats(rows[r].begin(), rows[r].end());
        distance::from_f32(kind_.element, floats.data(), kDim, row);
      }
    }
    return out;
  }
  double distance(const std::vector<int>& a, const std::vector<int>& b) const {
    double sum = 0;
    double aa = 0;
    double bb = 0;
    for (size_t i = 0; i < kDim; ++i) {
      const double d = a[i] - b[i];
      sum += kind_.metric == Metric::kL2 || kind_.metric == Metric::kHamming ? d * d
                                                                             : -1.0 * a[i] * b[i];
      aa += 1.0 * a[i] * a[i];
      bb += 1.0 * b[i] * b[i];
    }
    return kind_.metric == Metric::kCosine ? 1 + sum / std::sqrt(aa * bb) : sum;
  }

  // --- ids ---

  static std::string text_id(uint64_t id) { return "p" + std::to_string(id); }
  /// Runs `call` with the ids as the collection knows them.
  template <class Call>
  auto with_ids(const std::vector<uint64_t>& ids, Call call) const {
    if (kind_.ids == IdKind::kU64) return call(IdsView(std::span<const uint64_t>(ids)));
    std::vector<std::string> texts;
    for (const uint64_t id : ids) texts.push_back(text_id(id));
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    return call(IdsView(std::span<const std::string_view>(views)));
  }
  static std::vector<uint64_t> numbers_of(const Ids& ids) {
    if (const auto* numbers = std::get_if<std::vector<uint64_t>>(&ids)) return *numbers;
    std::vector<uint64_t> numbers;
    for (const auto& text : std::get<std::vector<std::string>>(ids)) {
      numbers.push_back(std::stoull(text.substr(1)));
    }
    return numbers;
  }
  bool id_before(uint64_t a, uint64_t b) const {
    return kind_.ids == IdKind::kU64 ? a < b : text_id(a) < text_id(b);
  }
  std::vector<uint64_t> some_ids() {
    std::vector<uint64_t> ids(1 + pick(40));
    const uint64_t first = pick(400);
    std::iota(ids.begin(), ids.end(), first);
    std::shuffle(ids.begin(), ids.end(), random_);
    return ids;
  }

  // --- operations ---

  void put(bool upsert) { put(upsert, some_ids()); }
  void put(bool upsert, std::vector<uint64_t> ids) {
    const bool generate = kind_.ids == IdKind::kU64 && pick(3) == 0;
    const bool exists =
        !generate && std::ranges::any_of(ids, [&](uint64_t id) { return model_.contains(id); });
    std::vector<std::vector<int>> vectors;
    for (size_t i = 0; i < ids.size(); ++i) vectors.push_back(random_vector());
    std::vector<Column> columns;
    if (pick(3) != 0) {  // the column appears with the first batch that has it
      Column& tags = columns.emplace_back();
      tags.name = "tag";
      for (size_t i = 0; i < ids.size(); ++i) {
        tags.ints.push_back(static_cast<int64_t>(pick(6)));
        tags.valid.push_back(pick(5) != 0);
      }
      if (upsert || !exists) has_tags_ = true;
    }
    const auto bytes = encode(vectors);
    WriteBatch batch{.vectors = {bytes.data(), ids.size(), kDim, kind_.element},
                     .metadata = columns};
    const auto write = [&](const IdsView& view) {
      if (!generate) batch.ids = view;
      return upsert ? collection_->upsert(batch) : collection_->add(batch);
    };
    const Result<Ids> written = with_ids(ids, write);
    if (exists && !upsert) {
      RC_ASSERT(written.status().code() == StatusCode::kAlreadyExists);
      return;
    }
    RC_ASSERT(written.ok());
    if (generate) {
      ids = numbers_of(*written);
      for (const uint64_t id : ids) RC_ASSERT(id > largest_ || largest_ == 0);
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      Row row{vectors[i], std::nullopt};
      if (!columns.empty() && columns[0].valid[i] != 0) row.tag = columns[0].ints[i];
      model_[ids[i]] = std::move(row);
      largest_ = std::max(largest_, ids[i]);
    }
  }

  void erase_ids() {
    const auto ids = some_ids();
    const bool none_yet = largest_ == 0 && model_.empty();
    if (none_yet) return;  // the kind of ids is not settled
    uint64_t expected = 0;
    for (const uint64_t id : ids) expected += model_.erase(id);
    const auto deleted =
        with_ids(ids, [&](const IdsView& v) { return collection_->delete_ids(v); });
    RC_ASSERT(deleted.ok());
    RC_ASSERT(*deleted == expected);
  }

  void erase_where() {
    if (!has_tags_) return;
    const auto tag = static_cast<int64_t>(pick(6));
    const auto deleted =
        collection_->delete_where(Filter::compare("tag", Filter::Compare::kEq, tag));
    RC_ASSERT(deleted.ok());
    RC_ASSERT(*deleted ==
              std::erase_if(model_, [&](const auto& point) { return point.second.tag == tag; }));
  }

  void update_ids() {
    if (largest_ == 0 && model_.empty()) return;  // the kind of ids is not settled
    const auto ids = some_ids();
    const uint64_t what = pick(3);  // metadata, vectors, or both
    std::vector<std::vector<int>> vectors;
    Column tags;
    tags.name = "tag";
    for (size_t i = 0; i < ids.size(); ++i) {
      vectors.push_back(random_vector());
      tags.ints.push_back(static_cast<int64_t>(pick(6)));
      tags.valid.push_back(static_cast<uint8_t>(pick(3)));  // absent, present, to be removed
    }
    const auto bytes = encode(vectors);
    PointUpdate update{.all_must_exist = false};
    if (what != 1) update.metadata = std::span(&tags, 1);
    if (what != 0) update.vectors = {bytes.data(), ids.size(), kDim, kind_.element};
    const auto updated =
        with_ids(ids, [&](const IdsView& v) { return collection_->update_ids(v, update); });
    RC_ASSERT(updated.ok());
    uint64_t expected = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto point = model_.find(ids[i]);
      if (point == model_.end()) continue;
      ++expected;
      if (what != 0) point->second.vector = vectors[i];
      if (what == 1 || tags.valid[i] == kAbsent) continue;
      point->second.tag.reset();
      if (tags.valid[i] == kPresent) point->second.tag = tags.ints[i];
    }
    RC_ASSERT(*updated == expected);
    has_tags_ = !collection_->info().value().columns.empty();
  }

  void update_where() {
    if (!has_tags_) return;
    const auto from = static_cast<int64_t>(pick(6));
    Column tag;
    tag.name = "tag";
    tag.ints.push_back(static_cast<int64_t>(pick(6)));
    const auto updated = collection_->update_where(
        Filter::compare("tag", Filter::Compare::kEq, from), {.metadata = std::span(&tag, 1)});
    RC_ASSERT(updated.ok());
    uint64_t expected = 0;
    for (auto& [id, row] : model_) {
      if (row.tag != from) continue;
      row.tag = tag.ints[0];
      ++expected;
    }
    RC_ASSERT(*updated == expected);
  }

  // --- questions ---

  struct Expected {
    double distance;
    uint64_t id;
  };
  std::vector<Expected> brute_force(const std::vector<int>& query, std::optional<int64_t> below) {
    std::vector<Expected> all;
    for (const auto& [id, row] : model_) {
      if (below && !(row.tag && *row.tag < *below)) continue;
      all.push_back({distance(query, row.vector), id});
    }
    std::sort(all.begin(), all.end(), [this](const Expected& a, const Expected& b) {
      return a.distance != b.distance ? a.distance < b.distance : id_before(a.id, b.id);
    });
    return all;
  }

  void check_search(bool filtered) {
    if (filtered && !has_tags_) return;
    const size_t queries = 1 + pick(3) * 4;  // single and batch take different paths
    const size_t k = 1 + pick(30);
    std::vector<std::vector<int>> vectors;
    for (size_t q = 0; q < queries; ++q) vectors.push_back(random_vector());
    const auto bytes = encode(vectors);
    SearchOptions options{.k = k, .exact = true};
    std::optional<int64_t> below;
    if (filtered) {
      below = static_cast<int64_t>(pick(6));
      options.where = Filter::compare("tag", Filter::Compare::kLt, *below);
    }
    const auto found = collection_->search({bytes.data(), queries, kDim, kind_.element}, options);
    RC_ASSERT(found.ok());
    const auto ids = numbers_of(found->points.ids);
    for (size_t q = 0; q < queries; ++q) {
      const auto expected = brute_force(vectors[q], below);
      const size_t begin = found->offsets[q];
      RC_ASSERT(found->offsets[q + 1] - begin == std::min(k, expected.size()));
      for (size_t i = 0; begin + i < found->offsets[q + 1]; ++i) {
        const double is = found->distances[begin + i];
        if (kind_.metric == Metric::kCosine) {  // rounded: the order of near ties is open
          RC_ASSERT(std::abs(is - expected[i].distance) < 2e-6);
          RC_ASSERT(std::abs(is - distance(vectors[q], model_.at(ids[begin + i]).vector)) < 2e-6);
        } else {
          RC_ASSERT(is == expected[i].distance);
          RC_ASSERT(ids[begin + i] == expected[i].id);
        }
      }
    }
  }

  void check_points(const Points& points, const std::vector<uint64_t>& ids) {
    std::vector<std::vector<int>> vectors;
    for (const uint64_t id : ids) vectors.push_back(model_.at(id).vector);
    RC_ASSERT(points.vectors == encode(vectors));
    if (!has_tags_) return;
    RC_ASSERT(points.metadata.size() == 1u);
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto& tag = model_.at(ids[i]).tag;
      RC_ASSERT(points.metadata[0].is_valid(i) == tag.has_value());
      if (tag) RC_ASSERT(points.metadata[0].ints[i] == *tag);
    }
  }

  void check_get() {
    if (largest_ == 0 && model_.empty()) return;
    const auto ids = some_ids();
    const auto got = with_ids(ids, [&](const IdsView& v) { return collection_->get(v); });
    RC_ASSERT(got.ok());
    std::vector<uint64_t> there;
    for (size_t i = 0; i < ids.size(); ++i) {
      RC_ASSERT((got->found[i] != 0) == model_.contains(ids[i]));
      if (got->found[i] != 0) there.push_back(ids[i]);
    }
    RC_ASSERT(numbers_of(got->points.ids) == there);
    check_points(got->points, there);
  }

  void check_scan_and_count() {
    RC_ASSERT(collection_->count().value() == model_.size());
    RC_ASSERT(collection_->info().value().points == model_.size());
    auto scan = collection_->scan({.batch_size = 1 + pick(100)});
    RC_ASSERT(scan.ok());
    std::vector<uint64_t> seen;
    while (true) {
      const auto points = scan->next();
      RC_ASSERT(points.ok());
      const auto ids = numbers_of(points->ids);
      if (ids.empty()) break;
      check_points(*points, ids);
      seen.insert(seen.end(), ids.begin(), ids.end());
    }
    std::sort(seen.begin(), seen.end());
    RC_ASSERT(std::ranges::equal(seen, model_, {}, {}, [](const auto& p) { return p.first; }));
  }

  const Kind kind_;
  std::mt19937_64 random_;
  const std::shared_ptr<storage::Env> env_;
  std::optional<Database> database_;
  std::optional<Collection> collection_;
  std::map<uint64_t, Row> model_;
  uint64_t largest_ = 0;  // of all ids that ever were
  bool has_tags_ = false;
};

class ModelTest : public testing::TestWithParam<Kind> {};

TEST_P(ModelTest, RandomOperationsAnswerLikeBruteForce) {
  const bool passed = rc::check([&] {  // prints the seed, and shrinks the number of steps
    const auto seed = *rc::gen::noShrink(rc::gen::arbitrary<uint64_t>());
    const auto steps = *rc::gen::inRange<size_t>(1, 90);
    Machine machine(GetParam(), seed);
    for (size_t i = 0; i < steps; ++i) machine.step();
    machine.check_all();
  });
  EXPECT_TRUE(passed);
}

constexpr Kind kKinds[] = {
    {Metric::kL2, Element::kF32, IdKind::kU64},
    {Metric::kInnerProduct, Element::kF32, IdKind::kString},
    {Metric::kCosine, Element::kF32, IdKind::kU64},
    {Metric::kL2, Element::kI8, IdKind::kString},
    {Metric::kInnerProduct, Element::kI8, IdKind::kU64},
    {Metric::kCosine, Element::kI8, IdKind::kU64},
    {Metric::kL2, Element::kF16, IdKind::kU64},
    {Metric::kInnerProduct, Element::kF16, IdKind::kString},
    {Metric::kHamming, Element::kBinary, IdKind::kU64},
    {Metric::kHamming, Element::kBinary, IdKind::kString},
};

INSTANTIATE_TEST_SUITE_P(Kinds, ModelTest, testing::ValuesIn(kKinds), [](const auto& test) {
  const Kind& kind = test.param;
  return std::string(metric_name(kind.metric)) + "_" + std::string(element_name(kind.element)) +
         (kind.ids == IdKind::kU64 ? "_u64" : "_string");
});

}  // namespace
}  // namespace omendb::crash
