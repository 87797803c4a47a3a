// A collection with several vector fields: each is searched as if it were alone, all of a point's
// vectors live and die together, and what does not fit one field changes nothing in any.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "database/database_impl.h"
#include "storage/testing/fault_env.h"

namespace omendb {
namespace {

using storage::Fault;
using storage::FaultEnv;

constexpr size_t kTitleDim = 6;
constexpr size_t kBodyDim = 9;
constexpr size_t kBitsDim = 20;
constexpr size_t kBitsBytes = 3;

CollectionOptions three_fields() {
  CollectionOptions options;
  options.fields = {{"title", kTitleDim, Metric::kCosine, Element::kF32},
                    {"body", kBodyDim, Metric::kL2, Element::kI8},
                    {"bits", kBitsDim, Metric::kHamming, Element::kBinary}};
  return options;
}

/// What a point of the model is. Small integers, so that ties abound and sums are exact.
struct ModelPoint {
  std::vector<float> title;
  std::vector<float> body;
  std::vector<uint8_t> bits;
};

double distance(const std::string& field, const ModelPoint& a, const ModelPoint& b) {
  if (field == "bits") {
    int differing = 0;
    for (size_t i = 0; i < kBitsBytes; ++i) {
      differing += __builtin_popcount(static_cast<unsigned>(a.bits[i] ^ b.bits[i]));
    }
    return differing;
  }
  if (field == "body") {
    double sum = 0;
    for (size_t i = 0; i < kBodyDim; ++i) sum += std::pow(double{a.body[i]} - b.body[i], 2);
    return sum;
  }
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < kTitleDim; ++i) {
    dot += double{a.title[i]} * b.title[i];
    aa += double{a.title[i]} * a.title[i];
    bb += double{b.title[i]} * b.title[i];
  }
  return 1 - dot / std::sqrt(aa * bb);
}

class FieldsTest : public testing::Test {
 protected:
  FieldsTest() { open(); }

  void open() {
    auto impl = internal::DatabaseImpl::open("db", {}, env_);
    ASSERT_TRUE(impl.ok()) << impl.status().to_string();
    database_ = std::make_unique<Database>(*impl);
    auto docs = database_->collection("docs", three_fields());
    ASSERT_TRUE(docs.ok()) << docs.status().to_string();
    docs_ = std::make_unique<Collection>(*std::move(docs));
  }
  /// The power goes while the database is open.
  void power_cut() {
    env_->arm({.at_operation = env_->operations(), .fault = Fault::kCrash});
    database_->close().ignore();
    env_->restart(storage::Survival::kNothing);
    open();
  }

  ModelPoint random_point() {
    ModelPoint point{std::vector<float>(kTitleDim), std::vector<float>(kBodyDim),
                     std::vector<uint8_t>(kBitsBytes)};
    const auto small = [&] { return static_cast<float>(static_cast<int>(rng_() % 9) - 4); };
    std::ranges::generate(point.title, small);
    point.title[0] += 5;  // no zero vectors
    std::ranges::generate(point.body, small);
    std::ranges::generate(point.bits, [&] { return static_cast<uint8_t>(rng_()); });
    point.bits.back() &= 0x0f;
    return point;
  }

  /// The vectors of points, field by field.
  struct Batch {
    std::vector<float> title, body;
    std::vector<uint8_t> bits;
    size_t rows = 0;

    void push(const ModelPoint& point) {
      title.insert(title.end(), point.title.begin(), point.title.end());
      body.insert(body.end(), point.body.begin(), point.body.end());
      bits.insert(bits.end(), point.bits.begin(), point.bits.end());
      ++rows;
    }
    /// In another order than the fields were declared in.
    std::vector<FieldVectors> fields() const {
      return {{"body", {body.data(), rows, kBodyDim}},
              {"bits", {bits.data(), rows, kBitsDim, Element::kBinary}},
              {"title", {title.data(), rows, kTitleDim}}};
    }
  };

  void upsert(const std::vector<uint64_t>& ids) {
    Batch batch;
    for (const uint64_t id : ids) batch.push(model_[id] = random_point());
    const auto fields = batch.fields();
    const auto written = docs_->upsert({.ids = std::span<const uint64_t>(ids), .fields = fields});
    ASSERT_TRUE(written.ok()) << written.status().to_string();
  }
  void upsert(uint64_t first, uint64_t count) {
    std::vector<uint64_t> ids(count);
    for (uint64_t i = 0; i < count; ++i) ids[i] = first + i;
    upsert(ids);
  }

  std::vector<std::pair<double, uint64_t>> nearest(const std::string& field,
                                                   const ModelPoint& query, size_t k) const {
    std::vector<std::pair<double, uint64_t>> all;
    for (const auto& [id, point] : model_) all.emplace_back(distance(field, query, point), id);
    std::ranges::sort(all);
    all.resize(std::min(k, all.size()));
    return all;
  }

  Result<SearchResult> search(const std::string& field, const ModelPoint& query,
                              SearchOptions options) const {
    options.field = field;
    if (field == "bits") {
      return docs_->search({query.bits.data(), 1, kBitsDim, Element::kBinary}, options);
    }
    const auto& floats = field == "body" ? query.body : query.title;
    return docs_->search({floats.data(), 1, floats.size()}, options);
  }

  void expect_exact(const std::string& field) {
    const ModelPoint query = random_point();
    const auto found = search(field, query, {.k = 20, .exact = true});
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    const auto expected = nearest(field, query, 20);
    ASSERT_EQ(found->distances.size(), expected.size());
    const auto& ids = std::get<std::vector<uint64_t>>(found->points.ids);
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(found->distances[i], expected[i].first, 1e-5) << field << ", hit " << i;
      // Cosines that differ in the last bit are ordered as f32 sees them.
      if (field != "title") {
        ASSERT_EQ(ids[i], expected[i].second) << field << ", hit " << i;
      }
      ASSERT_NEAR(distance(field, query, model_.at(ids[i])), expected[i].first, 1e-5);
    }
  }
  void expect_all_as_in_the_model() {
    ASSERT_EQ(docs_->count().value(), model_.size());
    for (const char* field : {"title", "body", "bits"}) expect_exact(field);
    auto scan = docs_->scan({.batch_size = 1'000});
    ASSERT_TRUE(scan.ok()) << scan.status().to_string();
    size_t seen = 0;
    for (Points points = *scan->next(); id_count(points.ids) > 0; points = *scan->next()) {
      const auto& ids = std::get<std::vector<uint64_t>>(points.ids);
      for (size_t r = 0; r < ids.size(); ++r, ++seen) expect_row(points, r, model_.at(ids[r]));
    }
    EXPECT_EQ(seen, model_.size());
  }
  static void expect_row(const Points& points, size_t row, const ModelPoint& model) {
    ASSERT_TRUE(points.vectors.empty());
    ASSERT_EQ(points.fields.size(), 3u);
    ASSERT_EQ(points.fields[0].field, "title");
    ASSERT_EQ(points.fields[1].field, "body");
    ASSERT_EQ(points.fields[2].field, "bits");
    ASSERT_EQ(std::memcmp(points.fields[0].vectors.data() + row * kTitleDim * 4, model.title.data(),
                          kTitleDim * 4),
              0);
    for (size_t i = 0; i < kBodyDim; ++i) {
      const auto stored = static_cast<int8_t>(points.fields[1].vectors[row * kBodyDim + i]);
      ASSERT_EQ(stored, static_cast<int>(model.body[i]));
    }
    ASSERT_EQ(std::memcmp(points.fields[2].vectors.data() + row * kBitsBytes, model.bits.data(),
                          kBitsBytes),
              0);
  }

  std::shared_ptr<FaultEnv> env_ = std::make_shared<FaultEnv>(1);
  std::unique_ptr<Database> database_;
  std::unique_ptr<Collection> docs_;
  std::map<uint64_t, ModelPoint> model_;
  std::mt19937 rng_{20};
};

TEST_F(FieldsTest, EachFieldIsSearchedAsIfItWereAloneFromMemoryFromTheLogAndFromSegments) {
  upsert(0, 3'000);  // coded, in memory
  upsert({2, 5, 9'000, 17});
  expect_all_as_in_the_model();
  power_cut();  // from the log
  expect_all_as_in_the_model();
  ASSERT_TRUE(docs_->compact().ok());
  upsert(2'900, 300);
  const std::vector<uint64_t> gone = {0, 2, 3'100, 9'000};
  ASSERT_EQ(docs_->delete_ids(std::span<const uint64_t>(gone)).value(), gone.size());
  for (const uint64_t id : gone) model_.erase(id);
  expect_all_as_in_the_model();  // from a segment and memory
  power_cut();
  ASSERT_TRUE(docs_->compact().ok());
  expect_all_as_in_the_model();  // merged
}

TEST_F(FieldsTest, CodedSearchOfEachFieldFindsTheWantedShareOfTheTrueNeighbours) {
  upsert(0, 12'000);
  ASSERT_TRUE(docs_->compact().ok());
  upsert(12'000, 8'000);
  constexpr size_t kQueries = 30;
  constexpr size_t kHits = 10;
  for (const std::string field : {"title", "body", "bits"}) {
    size_t good = 0;
    for (size_t q = 0; q < kQueries; ++q) {
      const ModelPoint query = random_point();
      const auto found = search(field, query, {.k = kHits, .recall = 0.9});
      ASSERT_TRUE(found.ok()) << found.status().to_string();
      ASSERT_EQ(found->distances.size(), kHits);
      const double kth = nearest(field, query, kHits).back().first;
      for (const uint64_t id : std::get<std::vector<uint64_t>>(found->points.ids)) {
        good += distance(field, query, model_.at(id)) <= kth + 1e-6;
      }
    }
    EXPECT_GE(good, kQueries * kHits * 85 / 100) << field;
  }
}

TEST_F(FieldsTest, ABatchThatDoesNotFitOneFieldIsRefusedWholeAndNamesTheField) {
  upsert(0, 10);
  Batch good;
  for (int i = 0; i < 3; ++i) good.push(random_point());
  const auto refused = [&](std::vector<FieldVectors> fields, StatusCode code,
                           const std::string& says) {
    const auto written = docs_->add({.fields = fields});
    EXPECT_EQ(written.status().code(), code) << written.status().to_string();
    EXPECT_NE(written.status().message().find(says), std::string::npos)
        << written.status().to_string();
  };
  auto fields = good.fields();
  fields.push_back({"text", {good.title.data(), 3, kTitleDim}});
  refused(fields, StatusCode::kNotFound, "unknown vector field \"text\"");
  fields.back() = fields[2];
  refused(fields, StatusCode::kInvalidArgument, "field \"title\" are given twice");
  fields.back().field = "";
  refused(fields, StatusCode::kInvalidArgument, "without a name");

  fields = good.fields();
  fields[0].vectors.dim = kBodyDim - 1;
  refused(fields, StatusCode::kDimensionMismatch,
          "vector has 8 dimensions; field \"body\" of collection \"docs\" has 9");
  fields = good.fields();
  fields[0].vectors.count = 2;
  refused(fields, StatusCode::kInvalidArgument,
          "field \"bits\" has 3 vectors, field \"body\" has 2");
  fields = good.fields();
  fields[1].vectors = {good.title.data(), 3, kTitleDim};
  refused(fields, StatusCode::kDimensionMismatch, "field \"bits\"");
  Batch bad = good;
  bad.body[kBodyDim + 2] = NAN;
  refused(bad.fields(), StatusCode::kInvalidArgument,
          "vector 1 of field \"body\" holds NaN at position 2");
  bad = good;
  std::fill_n(bad.title.begin() + 2 * kTitleDim, kTitleDim, 0.0F);
  refused(bad.fields(), StatusCode::kInvalidArgument, "vector 2 of field \"title\" is all zeros");

  const auto unnamed = docs_->add({.vectors = {good.title.data(), 3, kTitleDim}});
  EXPECT_EQ(unnamed.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(unnamed.status().message().find("do not say which"), std::string::npos);
  auto plain = database_->collection("plain");
  const auto fields_for_plain = good.fields();
  EXPECT_EQ(plain->add({.fields = fields_for_plain}).status().code(), StatusCode::kNotFound);

  expect_all_as_in_the_model();
  power_cut();
  expect_all_as_in_the_model();
}

TEST_F(FieldsTest, ASearchHasToSayWhichFieldWhereThereAreSeveral) {
  upsert(0, 10);
  const ModelPoint query = random_point();
  const auto message = [](const auto& result) { return result.status().to_string(); };
  const auto unsaid = docs_->search({query.title.data(), 1, kTitleDim});
  EXPECT_EQ(unsaid.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(message(unsaid).find("\"title\", \"body\", \"bits\"; say which"), std::string::npos)
      << message(unsaid);
  const auto unknown = search("titel", query, {});
  EXPECT_EQ(unknown.status().code(), StatusCode::kNotFound);
  EXPECT_NE(message(unknown).find("\"title\", \"body\", \"bits\""), std::string::npos);
  SearchOptions other;
  other.field = "body";
  const auto mismatch = docs_->search({query.title.data(), 1, kTitleDim}, other);
  EXPECT_EQ(mismatch.status().code(), StatusCode::kDimensionMismatch);
  EXPECT_NE(message(mismatch).find("query has 6 dimensions; field \"body\" of collection \"docs\" "
                                   "has 9"),
            std::string::npos)
      << message(mismatch);

  auto plain = database_->collection("plain");
  ASSERT_TRUE(plain->add({.vectors = {query.title.data(), 1, kTitleDim}}).ok());
  SearchOptions named;
  named.field = "title";
  const auto none = plain->search({query.title.data(), 1, kTitleDim}, named);
  EXPECT_EQ(none.status().code(), StatusCode::kNotFound);
  EXPECT_NE(message(none).find("without a name"), std::string::npos) << message(none);

  CollectionOptions one;
  one.fields = {{"only", 0, Metric::kInnerProduct, Element::kF32}};  // its dimension comes later
  auto single = database_->collection("single", one);
  ASSERT_TRUE(single.ok()) << message(single);
  const FieldVectors only{"only", {query.body.data(), 1, kBodyDim}};
  ASSERT_TRUE(single->add({.fields = std::span(&only, 1)}).ok());
  const auto found = single->search({query.body.data(), 1, kBodyDim});
  ASSERT_TRUE(found.ok()) << message(found);
  EXPECT_EQ(found->distances.size(), 1u);
  EXPECT_EQ(single->info()->fields[0].dim, kBodyDim);
}

TEST_F(FieldsTest, OfSeveralFieldsThoseAskedForComeBack) {
  upsert(0, 5);
  const std::vector<uint64_t> ids = {4, 1};
  const auto names = [](const Points& points) {
    std::vector<std::string> result;
    for (const PointVectors& field : points.fields) result.push_back(field.field);
    return result;
  };
  using Names = std::vector<std::string>;
  const auto get = [&](const GetOptions& options) {
    return docs_->get(std::span<const uint64_t>(ids), options);
  };
  EXPECT_EQ(names(get({})->points), (Names{"title", "body", "bits"}));
  const auto two = get({.vector_fields = {"bits", "title"}});
  EXPECT_EQ(names(two->points), (Names{"bits", "title"}));
  EXPECT_EQ(two->points.fields[0].dim, kBitsDim);
  EXPECT_EQ(two->points.fields[0].element, Element::kBinary);
  EXPECT_EQ(std::memcmp(two->points.fields[1].vectors.data(), model_[4].title.data(),
                        kTitleDim * sizeof(float)),
            0);
  EXPECT_EQ(names(get({.with_vectors = false})->points), Names{});
  EXPECT_EQ(get({.vector_fields = {"text"}}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(docs_->scan({.vector_fields = {"text"}}).status().code(), StatusCode::kNotFound);
  const auto hits =
      search("bits", model_[1], {.k = 2, .with_vectors = true, .vector_fields = {"body"}});
  EXPECT_EQ(names(hits->points), Names{"body"});
  EXPECT_EQ(names(search("bits", model_[1], {.k = 2})->points), Names{});
}

TEST_F(FieldsTest, ACollectionIsGotByTheFieldsThatItWasDeclaredWithAndByNoOthers) {
  const auto code = [&](const CollectionOptions& options) {
    return database_->collection("docs", options).status().code();
  };
  const auto changed = [](auto change) {
    CollectionOptions options = three_fields();
    change(options.fields);
    return options;
  };
  EXPECT_EQ(code(changed([](auto& f) { std::swap(f[0], f[2]); })), StatusCode::kOk);
  EXPECT_EQ(code(changed([](auto& f) { f[1].dim = 0; })), StatusCode::kOk);
  EXPECT_EQ(code(changed([](auto& f) { f[1].dim = 10; })), StatusCode::kAlreadyExists);
  EXPECT_EQ(code(changed([](auto& f) { f[0].metric = Metric::kL2; })), StatusCode::kAlreadyExists);
  EXPECT_EQ(code(changed([](auto& f) { f[0].name = "heading"; })), StatusCode::kAlreadyExists);
  EXPECT_EQ(code(changed([](auto& f) { f.pop_back(); })), StatusCode::kAlreadyExists);
  EXPECT_EQ(code({.dim = 3}), StatusCode::kAlreadyExists);
  const auto again = database_->collection("docs", {{.dim = 3}});
  EXPECT_NE(again.status().message().find("field \"body\" of dim 9, l2, i8"), std::string::npos)
      << again.status().to_string();

  const CollectionInfo info = docs_->info().value();
  EXPECT_EQ(info.fields, three_fields().fields);
  EXPECT_EQ(info.dim, 0u);
}

TEST_F(FieldsTest, FieldsThatCannotBeDeclaredAreRefused) {
  const auto code = [&](std::vector<VectorField> fields, size_t dim = 0) {
    CollectionOptions options;
    options.dim = dim;
    options.fields = std::move(fields);
    return database_->collection("new", options).status().code();
  };
  const auto bad = StatusCode::kInvalidArgument;
  EXPECT_EQ(code({{"", 3}}), bad);
  EXPECT_EQ(code({{"a b", 3}}), bad);
  EXPECT_EQ(code({{"\xC3\xA9", 3}}), bad);
  EXPECT_EQ(code({{std::string(65, 'a'), 3}}), bad);
  EXPECT_EQ(code({{"a", 3}, {"a", 4}}), bad);
  EXPECT_EQ(code({{"a", 3}}, 3), bad) << "a dimension beside those of the fields";
  EXPECT_EQ(code({{"a", 3, Metric::kHamming, Element::kF32}}), bad);
  EXPECT_EQ(code({{"a", kMaxDimension + 1}}), StatusCode::kLimitExceeded);
  std::vector<VectorField> many;
  for (size_t i = 0; i <= kMaxVectorFields; ++i) many.push_back({"f" + std::to_string(i), 3});
  EXPECT_EQ(code(many), StatusCode::kLimitExceeded);
  EXPECT_EQ(database_->collection_names().value(), std::vector<std::string>{"docs"});
  many.pop_back();
  EXPECT_EQ(code(many), StatusCode::kOk);
}

}  // namespace
}  // namespace omendb
