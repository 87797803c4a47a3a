// Points that lack some of their collection's vector fields: they are no hits there, come back
// without them, and stay so wherever a point may lie or go.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <random>

#include "database/database_impl.h"
#include "distance/convert.h"
#include "omendb/check.h"
#include "omendb/database.h"

namespace omendb {
namespace {

namespace fs = std::filesystem;

const std::vector<VectorField> kFields = {{"title", 12, Metric::kCosine, Element::kF32},
                                          {"body", 9, Metric::kL2, Element::kI8},
                                          {"bits", 20, Metric::kHamming, Element::kBinary},
                                          {"late", 0, Metric::kInnerProduct, Element::kF32}};
constexpr size_t kLate = 3;
constexpr size_t kLateDim = 10;

size_t dim_of(size_t field) {
  return field == kLate ? kLateDim : kFields[field].dim;
}

/// Small integers, so that ties abound and sums are exact.
using Values = std::vector<int>;
struct Point {
  std::array<std::optional<Values>, 4> vectors;
  int64_t tag = 0;
};
using Model = std::map<uint64_t, Point>;

double distance(Metric metric, const Values& a, const Values& b) {
  double sum = 0;
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += (a[i] - b[i]) * (a[i] - b[i]);
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  if (metric == Metric::kInnerProduct) return -dot;
  return metric == Metric::kCosine ? 1 - dot / std::sqrt(aa * bb) : sum;
}

std::vector<std::byte> encoded(size_t field, const Values& values) {
  const Element element = kFields[field].element;
  std::vector<std::byte> out(vector_bytes(element, values.size()));
  if (element == Element::kBinary) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i] != 0) out[i / 8] |= std::byte{static_cast<uint8_t>(1U << (i % 8))};
    }
    return out;
  }
  const std::vector<float> floats(values.begin(), values.end());
  distance::from_f32(element, floats.data(), floats.size(), out.data());
  return out;
}

/// The vectors of points, field by field, with bytes that are no number where a point has none.
struct Batch {
  std::array<std::vector<std::byte>, 4> vectors;
  std::array<std::vector<uint8_t>, 4> present;
  Column tags{.name = "tag", .type = ColumnType::kI64};
  std::vector<uint64_t> ids;

  void push(uint64_t id, const Point& point) {
    for (size_t f = 0; f < 4; ++f) {
      const auto& values = point.vectors[f];
      const std::vector<std::byte> none(vector_bytes(kFields[f].element, dim_of(f)),
                                        std::byte{0xff});
      const auto bytes = values ? encoded(f, *values) : none;
      vectors[f].insert(vectors[f].end(), bytes.begin(), bytes.end());
      present[f].push_back(values ? 1 : 0);
    }
    tags.ints.push_back(point.tag);
    ids.push_back(id);
  }
  /// Fields that no point has are left out, or said to be of none; those that all have, or some.
  std::vector<FieldVectors> fields(bool leave_out) const {
    std::vector<FieldVectors> result;
    for (size_t f = 0; f < 4; ++f) {
      const auto some = std::ranges::count(present[f], 1);
      if (some == 0 && leave_out) continue;
      FieldVectors field{kFields[f].name,
                         {vectors[f].data(), ids.size(), dim_of(f), kFields[f].element}};
      if (some < static_cast<int64_t>(ids.size()) || !leave_out) field.present = present[f];
      result.push_back(field);
    }
    return result;
  }
};

class OptionalFieldsTest : public testing::Test {
 protected:
  OptionalFieldsTest() : seed_(std::random_device()()), rng_(seed_) {
    std::string pattern = (fs::temp_directory_path() / "omendb-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    RecordProperty("seed", std::to_string(seed_));
    open();
  }
  ~OptionalFieldsTest() override {
    if (HasFailure()) std::printf("seed %u\n", seed_);
    docs_.reset();
    database_.reset();
    fs::remove_all(root_);
  }
  std::string path(const std::string& name) const { return (root_ / name).string(); }

  void open() {
    docs_.reset();
    if (database_) {
      ASSERT_TRUE(database_->close().ok());
    }
    auto database = Database::open(
        path("db"), {.durability = Durability::kNone, .memtable_bytes = memtable_bytes_});
    ASSERT_TRUE(database.ok()) << database.status().to_string();
    database_ = std::make_unique<Database>(*std::move(database));
    CollectionOptions options;
    options.fields = kFields;
    auto docs = database_->collection("docs", options);
    ASSERT_TRUE(docs.ok()) << docs.status().to_string();
    docs_ = std::make_unique<Collection>(*std::move(docs));
  }

  Values random_values(size_t field) {
    Values values(dim_of(field));
    for (int& x : values) {
      x = field == 2 ? static_cast<int>(rng_() % 2) : static_cast<int>(rng_() % 9) - 4;
    }
    if (field != 2) values[0] += 5;  // no zero vectors
    return values;
  }
  /// @param lacking  of 8 points so many lack a field, each field for itself.
  Point random_point(uint32_t lacking = 3) {
    Point point;
    while (std::ranges::none_of(point.vectors, &std::optional<Values>::has_value)) {
      for (size_t f = 0; f < 4; ++f) {
        if (f == kLate && !late_) continue;
        if (rng_() % 8 >= lacking) point.vectors[f] = random_values(f);
      }
    }
    point.tag = static_cast<int64_t>(rng_() % 4);
    return point;
  }

  void upsert(const std::vector<uint64_t>& ids, uint32_t lacking = 3) {
    Batch batch;
    for (const uint64_t id : ids) batch.push(id, model_[id] = random_point(lacking));
    const auto fields = batch.fields(rng_() % 2 == 0);
    const auto written = docs_->upsert({.ids = std::span<const uint64_t>(ids),
                                        .metadata = std::span(&batch.tags, 1),
                                        .fields = fields});
    ASSERT_TRUE(written.ok()) << written.status().to_string();
  }
  void upsert(uint64_t first, uint64_t count, uint32_t lacking = 3) {
    std::vector<uint64_t> ids(count);
    for (uint64_t i = 0; i < count; ++i) ids[i] = first + i;
    upsert(ids, lacking);
  }
  void erase(const std::vector<uint64_t>& ids) {
    uint64_t there = 0;
    for (const uint64_t id : ids) there += model_.erase(id);
    ASSERT_EQ(docs_->delete_ids(std::span<const uint64_t>(ids)).value(), there);
  }

  /// Distances of the points that have the field, nearest first.
  std::vector<std::pair<double, uint64_t>> nearest(size_t field, const Values& query,
                                                   std::optional<int64_t> tag) const {
    std::vector<std::pair<double, uint64_t>> all;
    for (const auto& [id, point] : model_) {
      if (!point.vectors[field] || (tag && point.tag != *tag)) continue;
      all.emplace_back(distance(kFields[field].metric, query, *point.vectors[field]), id);
    }
    std::ranges::sort(all);
    return all;
  }

  static Result<SearchResult> search(const Collection& docs, size_t field, const Values& query,
                                     SearchOptions options) {
    options.field = kFields[field].name;
    const auto bytes = encoded(field, query);
    return docs.search({bytes.data(), 1, query.size(), kFields[field].element}, options);
  }

  /// Hits are the nearest of the points that have the field, and no others.
  void expect_exact(const Collection& docs, size_t field, std::optional<int64_t> tag) {
    const Values query = random_values(field);
    SearchOptions options{.k = 25, .exact = true};
    if (tag) options.where = Filter::compare("tag", Filter::Compare::kEq, *tag);
    const auto found = search(docs, field, query, options);
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    auto expected = nearest(field, query, tag);
    expected.resize(std::min<size_t>(expected.size(), 25));
    ASSERT_EQ(found->distances.size(), expected.size()) << kFields[field].name;
    const auto& ids = std::get<std::vector<uint64_t>>(found->points.ids);
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(found->distances[i], expected[i].first, 1e-5) << kFields[field].name << i;
      ASSERT_TRUE(model_.at(ids[i]).vectors[field]) << kFields[field].name << " of " << ids[i];
    }
  }

  void expect_row(const Points& points, size_t row, const Point& model) {
    ASSERT_EQ(points.fields.size(), 4u);
    for (size_t f = 0; f < 4; ++f) {
      const PointVectors& got = points.fields[f];
      ASSERT_EQ(got.field, kFields[f].name);
      ASSERT_EQ(got.has(row), model.vectors[f].has_value()) << got.field;
      const size_t bytes = vector_bytes(got.element, got.dim);
      const std::vector<std::byte> stored(
          got.vectors.begin() + static_cast<long>(row * bytes),
          got.vectors.begin() + static_cast<long>((row + 1) * bytes));
      const auto expected =
          model.vectors[f] ? encoded(f, *model.vectors[f]) : std::vector<std::byte>(bytes);
      ASSERT_EQ(stored, expected) << got.field;
    }
  }

  void expect_as_in_the_model(const Collection& docs) {
    ASSERT_EQ(docs.count().value(), model_.size());
    for (size_t f = 0; f < 4; ++f) {
      expect_exact(docs, f, std::nullopt);
      expect_exact(docs, f, 2);
    }
    auto scan = docs.scan({.batch_size = 333});
    ASSERT_TRUE(scan.ok()) << scan.status().to_string();
    size_t seen = 0;
    for (Points points = *scan->next(); id_count(points.ids) > 0; points = *scan->next()) {
      const auto& ids = std::get<std::vector<uint64_t>>(points.ids);
      for (size_t r = 0; r < ids.size(); ++r, ++seen) expect_row(points, r, model_.at(ids[r]));
    }
    EXPECT_EQ(seen, model_.size());
  }

  const uint32_t seed_;
  std::mt19937 rng_;
  fs::path root_;
  size_t memtable_bytes_ = size_t{64} << 20;
  bool late_ = false;  ///< whether new points may have the field without a dimension
  std::unique_ptr<Database> database_;
  std::unique_ptr<Collection> docs_;
  Model model_;
};

TEST_F(OptionalFieldsTest, APointWithoutAFieldIsNoHitThereFromMemoryFromTheLogAndFromSegments) {
  upsert(0, 100, 0);  // all but the last field, so that absent rows come late
  expect_as_in_the_model(*docs_);
  upsert(100, 5'000);  // with codes
  expect_as_in_the_model(*docs_);
  const auto copy = path("copy");
  ASSERT_TRUE(database_->snapshot(copy).ok());  // from the log
  {
    auto copied = Database::open(copy);
    expect_as_in_the_model(*copied->collection("docs"));
  }
  ASSERT_TRUE(docs_->compact().ok());
  expect_as_in_the_model(*docs_);
  late_ = true;
  upsert(4'000, 2'000);
  erase({0, 2, 4'100, 9'000});
  expect_as_in_the_model(*docs_);  // from a segment and from memory
  open();
  expect_as_in_the_model(*docs_);
  ASSERT_TRUE(docs_->compact().ok());
  expect_as_in_the_model(*docs_);  // merged
}

TEST_F(OptionalFieldsTest, CodedSearchFindsTheWantedShareOfThePointsThatHaveTheField) {
  upsert(0, 20'000, 5);
  ASSERT_TRUE(docs_->compact().ok());
  upsert(20'000, 22'000, 5);
  constexpr size_t kHits = 10;
  constexpr size_t kQueries = 30;
  for (const size_t field : {0, 1}) {
    size_t good = 0;
    for (size_t q = 0; q < kQueries; ++q) {
      const Values query = random_values(field);
      const auto expected = nearest(field, query, std::nullopt);
      // `effort` makes the planner estimate.
      const auto found = search(*docs_, field, query, {.k = kHits, .effort = 600});
      ASSERT_TRUE(found.ok()) << found.status().to_string();
      ASSERT_EQ(found->distances.size(), kHits);
      for (const uint64_t id : std::get<std::vector<uint64_t>>(found->points.ids)) {
        const auto& vector = model_.at(id).vectors[field];
        ASSERT_TRUE(vector) << kFields[field].name << " of " << id;
        good += distance(kFields[field].metric, query, *vector) <= expected[kHits - 1].first + 1e-5;
      }
    }
    EXPECT_GE(good, kQueries * kHits * 85 / 100) << kFields[field].name;
  }
}

TEST_F(OptionalFieldsTest, TheDimensionOfAFieldStaysUnknownUntilAPointHasIt) {
  upsert(0, 50);
  const auto late_dim = [&] { return docs_->info()->fields[kLate].dim; };
  EXPECT_EQ(late_dim(), 0u);
  for (const size_t dim : {size_t{3}, kLateDim}) {
    const auto nothing = search(*docs_, kLate, Values(dim, 1), {});
    ASSERT_TRUE(nothing.ok()) << nothing.status().to_string();
    EXPECT_TRUE(nothing->distances.empty());
  }
  open();
  EXPECT_EQ(late_dim(), 0u);
  ASSERT_TRUE(docs_->compact().ok());  // a segment that knows no dimension
  upsert(50, 50);
  open();
  EXPECT_EQ(late_dim(), 0u);
  expect_as_in_the_model(*docs_);
  late_ = true;
  upsert(90, 50, 0);
  EXPECT_EQ(late_dim(), kLateDim);
  expect_as_in_the_model(*docs_);
  const auto mismatch = search(*docs_, kLate, Values(3, 1), {});
  EXPECT_EQ(mismatch.status().code(), StatusCode::kDimensionMismatch);
  open();
  EXPECT_EQ(late_dim(), kLateDim);
  expect_as_in_the_model(*docs_);
  ASSERT_TRUE(docs_->compact().ok());
  expect_as_in_the_model(*docs_);
}

TEST_F(OptionalFieldsTest, ReadersAndRepairedCopiesKnowWhichPointsLackAField) {
  memtable_bytes_ = 64 << 10;
  open();
  late_ = true;
  upsert(0, 3'000);
  auto reading = Database::open(path("db"), {.mode = OpenMode::kRead});
  ASSERT_TRUE(reading.ok()) << reading.status().to_string();
  auto read = reading->collection("docs");
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  expect_as_in_the_model(*read);
  upsert(2'500, 1'200);
  ASSERT_TRUE(database_->flush().ok());
  expect_as_in_the_model(*read);
  ASSERT_TRUE(docs_->compact().ok());
  upsert(1'000, 30);
  ASSERT_TRUE(database_->flush().ok());
  expect_as_in_the_model(*read);
  docs_.reset();
  database_.reset();  // what is not sealed stays in the log

  const auto report = check(path("db"));
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_TRUE(report->problems.empty()) << report->problems[0];
  const auto repaired = repair(path("db"), path("repaired"));
  ASSERT_TRUE(repaired.ok()) << repaired.status().to_string();
  EXPECT_TRUE(repaired->lost.empty()) << repaired->lost[0];
  auto copy = Database::open(path("repaired"));
  ASSERT_TRUE(copy.ok()) << copy.status().to_string();
  expect_as_in_the_model(*copy->collection("docs"));
}

TEST_F(OptionalFieldsTest, RandomWritesOfPointsThatLackFieldsAreAnsweredAsTheModelSays) {
  memtable_bytes_ = 64 << 10;
  open();
  for (int step = 0; step < 60; ++step) {
    late_ = step > 15;
    const auto dice = rng_() % 10;
    if (dice < 6) {
      std::vector<uint64_t> ids(1 + rng_() % 120);
      const uint64_t first = rng_() % 2'000;
      for (size_t i = 0; i < ids.size(); ++i) ids[i] = first + 3 * i;
      upsert(ids, static_cast<uint32_t>(rng_() % 8));
    } else if (dice == 6) {
      std::vector<uint64_t> ids;
      for (int i = 0; i < 40; ++i) ids.push_back(rng_() % 2'000);
      erase(ids);
    } else if (dice == 7) {
      ASSERT_TRUE(docs_->compact().ok());
    } else if (dice == 8) {
      open();
    } else {
      expect_as_in_the_model(*docs_);
    }
    ASSERT_FALSE(HasFatalFailure()) << "step " << step;
  }
  expect_as_in_the_model(*docs_);
}

TEST_F(OptionalFieldsTest, AnUpdateOfOneFieldKeepsTheOthersAndWhichOfThemAreMissing) {
  late_ = true;
  upsert(0, 300);
  const std::vector<uint64_t> ids = {3, 4, 5, 150, 299};
  for (const size_t field : {size_t{1}, kLate}) {
    std::vector<std::byte> rows;
    for (const uint64_t id : ids) {
      const Values& values = *(model_[id].vectors[field] = random_values(field));
      const auto bytes = encoded(field, values);
      rows.insert(rows.end(), bytes.begin(), bytes.end());
    }
    const VectorsView view{rows.data(), ids.size(), dim_of(field), kFields[field].element};
    FieldVectors fresh{kFields[field].name, view};
    const auto updated = docs_->update_ids(std::span(ids), {.fields = std::span(&fresh, 1)});
    ASSERT_TRUE(updated.ok()) << updated.status().to_string();
    EXPECT_EQ(*updated, ids.size());
    const std::vector<uint8_t> but_last = {1, 1, 1, 1, 0};
    fresh.present = but_last;
    EXPECT_EQ(docs_->update_ids(std::span(ids), {.fields = std::span(&fresh, 1)}).status().code(),
              StatusCode::kInvalidArgument);
  }
  const Column tags{.name = "tag", .type = ColumnType::kI64, .ints = {2}};
  ASSERT_TRUE(docs_->update_ids(std::span(ids), {.metadata = std::span(&tags, 1)}).ok());
  for (const uint64_t id : ids) model_[id].tag = 2;
  expect_as_in_the_model(*docs_);
  open();
  ASSERT_TRUE(docs_->compact().ok());
  expect_as_in_the_model(*docs_);
}

TEST_F(OptionalFieldsTest, ABatchWithAPointWithoutAnyVectorIsRefusedWholeAndNamesThePoint) {
  upsert(0, 10);
  const auto refused = [&](std::vector<FieldVectors> fields, const std::string& says) {
    const auto written = docs_->add({.fields = fields, .first_row = 100});
    EXPECT_EQ(written.status().code(), StatusCode::kInvalidArgument)
        << written.status().to_string();
    EXPECT_NE(written.status().message().find(says), std::string::npos)
        << written.status().to_string();
  };
  Batch batch;
  for (uint64_t i = 0; i < 3; ++i) batch.push(i, random_point(0));
  const VectorsView title{batch.vectors[0].data(), 3, dim_of(0)};
  const VectorsView body{batch.vectors[1].data(), 3, dim_of(1), Element::kI8};
  const std::vector<uint8_t> first = {1, 0, 0};
  const std::vector<uint8_t> last = {0, 0, 1};
  const std::vector<uint8_t> none = {0, 0, 0};
  const std::vector<uint8_t> two = {1, 1};
  refused({{"title", title, first}, {"body", body, last}},
          "point 101 has no vector; each point needs one in at least one field");
  refused({{"title", title, first}}, "point 101 has no vector");
  refused({{"title", title, none}}, "point 100 has no vector");
  refused({{"title", title, two}}, "has 3 rows of vectors, and says of 2 points");
  std::vector<float> bad(3 * dim_of(0), 1.0F);
  bad[2 * dim_of(0)] = NAN;
  const VectorsView holed{bad.data(), 3, dim_of(0)};
  refused({{"title", holed, last}, {"body", body}}, "vector 102 of field \"title\" holds NaN");
  const std::vector<uint8_t> but_last = {1, 1, 0};
  const std::vector<FieldVectors> fine = {{"title", holed, but_last}, {"body", body}};
  const auto written = docs_->add({.fields = fine});  // what is absent is not looked at
  EXPECT_TRUE(written.ok()) << written.status().to_string();
}

}  // namespace
}  // namespace omendb
