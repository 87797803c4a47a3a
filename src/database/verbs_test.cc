// Order, limit and offset; neighbours of stored points; a filter a query; batches of nothing. The
// oracles are sorts of plain structs and single calls.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "omendb/database.h"

namespace omendb {
namespace {

struct Row {
  uint64_t id = 0;
  std::optional<int64_t> year;
  std::optional<double> price;
  std::string lang;
};

class VerbsTest : public ::testing::Test {
 protected:
  static constexpr size_t kRows = 600;

  /// A segment and a memtable, with ids shuffled over them and a tenth dead.
  void SetUp() override {
    auto opened = Database::open(":memory:");
    ASSERT_TRUE(opened.ok());
    db_.emplace(std::move(opened).value());
    collection_.emplace(db_->default_collection().value());
    for (uint64_t i = 0; i < kRows; ++i) ids_.push_back(i * 7 % 601);
    for (size_t first = 0; first < kRows; first += kRows / 3) {
      add(first, first + kRows / 3);
      if (first < 2 * kRows / 3) {
        ASSERT_TRUE(collection_->compact().ok());
      }
    }
    std::vector<uint64_t> dead;
    for (size_t i = 0; i < kRows; i += 10) dead.push_back(rows_[i].id);
    ASSERT_EQ(collection_->delete_ids(std::span<const uint64_t>(dead)).value(), dead.size());
    std::erase_if(rows_, [&](const Row& r) { return std::ranges::count(dead, r.id) != 0; });
  }

  void add(size_t first, size_t stop) {
    std::vector<float> vectors;
    Column year{.name = "year", .type = ColumnType::kI64};
    Column price{.name = "price", .type = ColumnType::kF64};
    Column lang{.name = "lang", .type = ColumnType::kString};
    Column tags{.name = "tags", .type = ColumnType::kI64Array};
    lang.string_offsets.push_back(0);
    tags.list_offsets.push_back(0);
    for (size_t i = first; i < stop; ++i) {
      Row row{ids_[i], {}, {}, std::string(1, static_cast<char>('a' + rng_() % 3))};
      if (rng_() % 5 != 0) row.year = static_cast<int64_t>(rng_() % 7) - 3;
      if (rng_() % 5 != 0) row.price = static_cast<double>(rng_() % 9) / 2 - 1;
      year.ints.push_back(row.year.value_or(0));
      year.valid.push_back(row.year.has_value() ? 1 : 0);
      // A NaN that a C++ caller stored is in no order; it counts as missing.
      price.doubles.push_back(row.price.value_or(std::nan("")));
      price.valid.push_back(row.price || i % 2 == 0 ? 1 : 0);
      lang.bytes += row.lang;
      lang.string_offsets.push_back(lang.bytes.size());
      tags.list_offsets.push_back(0);
      for (int d = 0; d < 3; ++d) vectors.push_back(static_cast<float>(rng_() % 20));
      rows_.push_back(row);
    }
    const std::vector<Column> columns{year, price, lang, tags};
    const auto ids = std::span(ids_).subspan(first, stop - first);
    ASSERT_TRUE(collection_
                    ->add({.vectors = {vectors.data(), ids.size(), 3},
                           .ids = std::span<const uint64_t>(ids),
                           .metadata = columns})
                    .ok());
  }

  static std::vector<uint64_t> u64(const Ids& ids) { return std::get<std::vector<uint64_t>>(ids); }

  std::vector<uint64_t> got(const ScanOptions& options) {
    auto points = collection_->get_where(options);
    EXPECT_TRUE(points.ok()) << points.status().to_string();
    return points.ok() ? u64(points->ids) : std::vector<uint64_t>();
  }
  std::vector<uint64_t> scanned(ScanOptions options) {
    options.batch_size = 7;
    auto scan = collection_->scan(options);
    EXPECT_TRUE(scan.ok()) << scan.status().to_string();
    std::vector<uint64_t> all;
    while (scan.ok()) {
      const auto batch = u64(scan->next().value().ids);
      if (batch.empty()) break;
      EXPECT_LE(batch.size(), 7);
      all.insert(all.end(), batch.begin(), batch.end());
    }
    return all;
  }

  /// What sorting the rows by hand gives.
  std::vector<uint64_t> expected(const ScanOptions& options) {
    std::vector<Row> rows = rows_;
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
    for (auto by = options.order_by.rbegin(); by != options.order_by.rend(); ++by) {
      std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
        auto before = [&](const auto& x, const auto& y) {
          if (!x || !y) return x.has_value() && !y.has_value();
          return by->descending ? *y < *x : *x < *y;
        };
        if (by->column == "year") return before(a.year, b.year);
        if (by->column == "price") return before(a.price, b.price);
        if (by->column == "lang") return before(std::optional(a.lang), std::optional(b.lang));
        return before(std::optional(a.id), std::optional(b.id));
      });
    }
    std::vector<uint64_t> ids;
    const uint64_t stop = options.limit ? options.offset + *options.limit : rows.size();
    for (uint64_t i = options.offset; i < std::min<uint64_t>(stop, rows.size()); ++i) {
      ids.push_back(rows[i].id);
    }
    return ids;
  }

  std::mt19937 rng_{20};
  std::optional<Database> db_;
  std::optional<Collection> collection_;
  std::vector<uint64_t> ids_;
  std::vector<Row> rows_;
};

TEST_F(VerbsTest, AnyOrderIsThatOfAStableSortWithMissingValuesLast) {
  const std::vector<std::vector<OrderBy>> orders = {
      {{"id"}},
      {{"id", true}},
      {{"year"}},
      {{"year", true}},
      {{"price", true}},
      {{"lang"}, {"price"}},
      {{"lang", true}, {"year"}, {"price", true}},
      {{"year"}, {"id", true}},
      {{"lang"}, {"id"}, {"price"}},
  };
  for (const auto& order : orders) {
    for (const std::optional<uint64_t>& limit :
         {std::optional<uint64_t>(), {0}, {1}, {17}, {10'000}, {UINT64_MAX}}) {
      for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{250}, uint64_t{5'000}}) {
        ScanOptions options{.limit = limit, .offset = offset, .order_by = order};
        if (limit == UINT64_MAX) options.limit = UINT64_MAX - offset;
        const auto wanted = expected(options);
        EXPECT_EQ(got(options), wanted) << order[0].column << " limit " << limit.value_or(99);
        EXPECT_EQ(scanned(options), wanted);
      }
    }
  }
}

TEST_F(VerbsTest, PagesWithoutAnOrderArePiecesOfTheWholeScan) {
  const auto all = scanned({});
  ASSERT_EQ(all.size(), rows_.size());
  for (uint64_t offset = 0; offset < all.size() + 50; offset += 37) {
    const ScanOptions options{.limit = 37, .offset = offset};
    const auto from = std::min<size_t>(offset, all.size());
    const std::vector<uint64_t> page(
        all.begin() + static_cast<ptrdiff_t>(from),
        all.begin() + static_cast<ptrdiff_t>(std::min<size_t>(from + 37, all.size())));
    EXPECT_EQ(got(options), page);
    EXPECT_EQ(scanned(options), page);
  }
  EXPECT_TRUE(got({.limit = 0}).empty());
  EXPECT_TRUE(scanned({.limit = 0}).empty());
}

TEST_F(VerbsTest, FiltersApplyBeforeLimits) {
  const ScanOptions options{
      .where = Filter::parse("year > 0").value(), .limit = 5, .offset = 2, .order_by = {{"id"}}};
  std::vector<uint64_t> wanted;
  for (const Row& row : rows_) {
    if (row.year > 0) wanted.push_back(row.id);
  }
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(got(options), std::vector<uint64_t>(wanted.begin() + 2, wanted.begin() + 7));
}

TEST_F(VerbsTest, InvalidOrdersAreRefused) {
  const auto code = [&](std::vector<OrderBy> order) {
    const auto scan = collection_->scan({.order_by = order});
    const auto get = collection_->get_where({.order_by = order});
    EXPECT_EQ(scan.status().code(), get.status().code());
    return get.status().code();
  };
  EXPECT_EQ(code({{"nowhere"}}), StatusCode::kNotFound);
  EXPECT_EQ(code({{"*"}}), StatusCode::kTypeMismatch);
  EXPECT_EQ(code({{"tags"}}), StatusCode::kTypeMismatch);
  EXPECT_EQ(code({{"year"}, {"year", true}}), StatusCode::kInvalidArgument);
  Collection fresh = db_->collection("fresh").value();
  EXPECT_TRUE(fresh.get_where({.order_by = {{"year"}}}).ok());  // a first run is no mistake
}

TEST_F(VerbsTest, NeighboursOfAPointAreThoseOfItsVectorWithoutItself) {
  std::vector<uint64_t> asked;
  for (size_t i = 0; i < rows_.size(); i += 50) asked.push_back(rows_[i].id);
  for (const size_t k : {size_t{1}, size_t{10}, size_t{1'000}}) {
    SearchOptions options{.k = k, .exact = true, .with_vectors = true, .columns = {"lang"}};
    options.where = Filter::parse("lang != 'a'").value();
    const auto found = collection_->search_ids(std::span<const uint64_t>(asked), options);
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    const auto hits = u64(found->points.ids);
    for (size_t q = 0; q < asked.size(); ++q) {
      const auto self = collection_->get(std::span<const uint64_t>(&asked[q], 1)).value();
      SearchOptions wider = options;
      ++wider.k;
      const auto all = collection_->search({self.points.vectors.data(), 1, 3}, wider).value();
      std::vector<uint64_t> wanted = u64(all.points.ids);
      std::erase(wanted, asked[q]);
      if (wanted.size() > k) wanted.resize(k);
      EXPECT_EQ(std::vector<uint64_t>(hits.begin() + static_cast<ptrdiff_t>(found->offsets[q]),
                                      hits.begin() + static_cast<ptrdiff_t>(found->offsets[q + 1])),
                wanted);
    }
    EXPECT_EQ(found->points.vectors.size(), hits.size() * 12);
    EXPECT_EQ(found->points.metadata[0].row_count(), hits.size());
  }
  const std::vector<uint64_t> gone{asked[0], 999'999};
  const auto missing = collection_->search_ids(std::span<const uint64_t>(gone));
  EXPECT_EQ(missing.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(missing.status().message(), "no point has the id 999999");
  EXPECT_EQ(collection_->search_ids(std::span<const uint64_t>(asked), {.k = kMaxK}).status().code(),
            StatusCode::kLimitExceeded);
}

TEST_F(VerbsTest, AFilterAQueryAnswersEachAsIfItWereAlone) {
  std::vector<float> queries;
  std::vector<Filter> filters;
  for (size_t q = 0; q < 60; ++q) {
    for (int d = 0; d < 3; ++d) queries.push_back(static_cast<float>(rng_() % 20));
    const char* texts[] = {"lang = 'a'", "lang = 'b'", "year > 1", "year > 100", "true"};
    filters.push_back(Filter::parse(texts[q / 2 % 5]).value());
  }
  filters[7] = Filter();  // every point
  const auto together =
      collection_->search({queries.data(), 60, 3}, {.k = 4, .where_each = filters, .exact = true});
  ASSERT_TRUE(together.ok()) << together.status().to_string();
  for (size_t q = 0; q < 60; ++q) {
    const auto alone =
        collection_->search({&queries[q * 3], 1, 3}, {.k = 4, .where = filters[q], .exact = true})
            .value();
    const auto ids = u64(together->points.ids);
    EXPECT_EQ(std::vector<uint64_t>(ids.begin() + static_cast<ptrdiff_t>(together->offsets[q]),
                                    ids.begin() + static_cast<ptrdiff_t>(together->offsets[q + 1])),
              u64(alone.points.ids));
  }
  EXPECT_EQ(collection_->search({queries.data(), 3, 3}, {.where_each = filters}).status().message(),
            "60 filters for 3 queries; expected one each");
  EXPECT_EQ(
      collection_->search({queries.data(), 60, 3}, {.where = filters[0], .where_each = filters})
          .status()
          .code(),
      StatusCode::kInvalidArgument);
  filters[3] = Filter::parse("lang > 3").value();
  EXPECT_NE(collection_->search({queries.data(), 60, 3}, {.where_each = filters})
                .status()
                .message()
                .find("the filter of query 3: "),
            std::string::npos);
}

TEST_F(VerbsTest, ABatchOfNothingIsAnAnswerAndNoWrite) {
  const auto before = collection_->info().value();
  const std::vector<uint64_t> none;
  for (const WriteBatch& batch :
       {WriteBatch{}, WriteBatch{.vectors = {nullptr, 0, 3}},
        WriteBatch{.vectors = {nullptr, 0, 3}, .ids = std::span<const uint64_t>(none)}}) {
    EXPECT_EQ(id_count(collection_->add(batch).value()), 0);
    EXPECT_EQ(id_count(collection_->upsert(batch).value()), 0);
  }
  EXPECT_EQ(collection_->delete_ids(std::span<const uint64_t>(none)).value(), 0);
  EXPECT_EQ(id_count(collection_->get(std::span<const uint64_t>(none)).value().points.ids), 0);
  const auto found = collection_->search({nullptr, 0, 3});
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(found->offsets, std::vector<uint64_t>{0});
  EXPECT_EQ(collection_->search_ids(std::span<const uint64_t>(none)).value().offsets.size(), 1);
  EXPECT_EQ(collection_->info().value().points, before.points);

  const uint64_t one = 1;
  EXPECT_EQ(collection_->add({.ids = std::span(&one, 1)}).status().code(),
            StatusCode::kInvalidArgument);
  Collection fresh = db_->collection("fresh").value();
  EXPECT_TRUE(fresh.add({}).ok() && fresh.search({}).ok());
  EXPECT_EQ(fresh.info().value().dim, 0);
}

/// 300 points whose vectors in two fields know nothing of each other, most of them in a segment.
Collection two_fields(Database& db) {
  CollectionOptions options;
  options.fields = {{"title", 2, Metric::kL2, Element::kF32},
                    {"body", 3, Metric::kInnerProduct, Element::kF16}};
  Collection docs = db.collection("docs", options).value();
  std::mt19937 rng(21);
  for (uint64_t first = 0; first < 300; first += 100) {
    std::vector<float> titles;
    std::vector<float> bodies;
    std::vector<uint64_t> ids;
    for (uint64_t id = first; id < first + 100; ++id) {
      for (int d = 0; d < 2; ++d) titles.push_back(static_cast<float>(rng() % 1'000));
      for (int d = 0; d < 3; ++d) bodies.push_back(static_cast<float>(rng() % 1'000) - 500);
      ids.push_back(id * 7 % 300);
    }
    const FieldVectors vectors[] = {{"title", {titles.data(), 100, 2}},
                                    {"body", {bodies.data(), 100, 3}}};
    EXPECT_TRUE(docs.add({.ids = std::span<const uint64_t>(ids), .fields = vectors}).ok());
    if (first == 100) {
      EXPECT_TRUE(docs.compact().ok());
    }
  }
  return docs;
}

TEST(FieldVerbsTest, NeighboursOfAPointAreThoseOfItsVectorInTheFieldThatIsSearched) {
  Database db = Database::open(":memory:").value();
  const Collection docs = two_fields(db);
  std::vector<uint64_t> asked;
  for (uint64_t id = 0; id < 300; id += 23) asked.push_back(id);
  const std::span<const uint64_t> ids(asked);
  for (const std::string& field : {std::string("title"), std::string("body")}) {
    const SearchOptions options{.k = 7, .exact = true, .field = field, .with_vectors = true};
    const auto found = docs.search_ids(ids, options);
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    EXPECT_EQ(found->points.fields.size(), 2);
    const auto hits = std::get<std::vector<uint64_t>>(found->points.ids);
    const auto own = docs.get(ids, {.vector_fields = {field}, .columns = {}}).value();
    const PointVectors& vectors = own.points.fields.at(0);
    const size_t row_bytes = vectors.vectors.size() / asked.size();
    for (size_t q = 0; q < asked.size(); ++q) {
      const VectorsView query{&vectors.vectors[q * row_bytes], 1, vectors.dim, vectors.element};
      SearchOptions wider = options;
      wider.k = 8;
      auto wanted = std::get<std::vector<uint64_t>>(docs.search(query, wider)->points.ids);
      std::erase(wanted, asked[q]);
      wanted.resize(7);
      const auto begin = hits.begin() + static_cast<ptrdiff_t>(found->offsets[q]);
      EXPECT_EQ(std::vector<uint64_t>(begin, begin + 7), wanted) << field;
    }
  }
  const float title[] = {1, 2};
  const uint64_t id = 999;
  const FieldVectors alone[] = {{"title", {title, 1, 2}}};
  Collection writable = docs;
  ASSERT_TRUE(writable.add({.ids = std::span(&id, 1), .fields = alone}).ok());
  EXPECT_TRUE(docs.search_ids(std::span(&id, 1), {.field = "title"}).ok());
  EXPECT_EQ(docs.search_ids(std::span(&id, 1), {.field = "body"}).status().message(),
            "point 999 has no vector in field \"body\"; its neighbours there are not defined");
  EXPECT_EQ(docs.search_ids(ids).status().code(), StatusCode::kInvalidArgument);  // which field?
  EXPECT_EQ(docs.search_ids(ids, {.field = "tail"}).status().code(), StatusCode::kNotFound);
}

TEST(FieldVerbsTest, PagesInOrderBringTheVectorsOfTheFieldsThatWereAskedFor) {
  Database db = Database::open(":memory:").value();
  const Collection docs = two_fields(db);
  ScanOptions options{.vector_fields = {"body"}, .limit = 50, .offset = 20};
  options.order_by = {{"id", true}};
  const Points page = docs.get_where(options).value();
  const auto& ids = std::get<std::vector<uint64_t>>(page.ids);
  ASSERT_EQ(ids.size(), 50);
  EXPECT_EQ(ids.front(), 279);
  EXPECT_EQ(ids.back(), 230);
  const GetOptions bodies{.vector_fields = {"body"}};
  const auto got = docs.get(std::span<const uint64_t>(ids), bodies).value();
  ASSERT_EQ(page.fields.size(), 1);
  EXPECT_EQ(page.fields[0].vectors, got.points.fields[0].vectors);
  options.batch_size = 50;
  EXPECT_EQ(docs.scan(options)->next()->fields[0].vectors, page.fields[0].vectors);
  options.vector_fields = {"tail"};
  EXPECT_EQ(docs.get_where(options).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(docs.scan(options).status().code(), StatusCode::kNotFound);
}

TEST(FieldVerbsTest, ABatchOfNothingNeedNotNameItsFields) {
  Database db = Database::open(":memory:").value();
  Collection docs = two_fields(db);
  const FieldVectors empty[] = {{"body", {nullptr, 0, 3}}};
  const FieldVectors unknown[] = {{"tail", {nullptr, 0, 3}}};
  const float one[] = {1, 2};
  const FieldVectors half[] = {{"title", {one, 1, 2}}, {"body", {nullptr, 0, 3}}};
  EXPECT_EQ(id_count(docs.add({}).value()), 0);
  EXPECT_EQ(id_count(docs.upsert({.fields = empty}).value()), 0);
  EXPECT_EQ(docs.add({.fields = unknown}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(
      docs.add({.fields = half}).status().message(),
      "field \"body\" has 0 vectors, field \"title\" has 1; expected one row a point in each");
  EXPECT_EQ(docs.info()->points, 300);
}

/// A reader asks as the writer does, of what the writer has put in memory and in segments.
TEST(ReaderVerbsTest, PagesInOrderNeighboursAndFiltersAreTheWriters) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("omendb-verbs-" + std::to_string(std::random_device{}()));
  {
    Database db = Database::open(folder.string()).value();
    const Collection docs = two_fields(db);
    Database reader = Database::open(folder.string(), {.mode = OpenMode::kRead}).value();
    const Collection seen = reader.collection("docs").value();
    const auto compare = [&] {
      for (const bool descending : {false, true}) {
        ScanOptions options{.limit = 90, .offset = 15};
        options.order_by = {{"id", descending}};
        const Points a = docs.get_where(options).value();
        const Points b = seen.get_where(options).value();
        EXPECT_EQ(a.ids, b.ids);
        EXPECT_EQ(a.fields[1].vectors, b.fields[1].vectors);
        EXPECT_EQ(seen.scan(options)->next()->ids, a.ids);
      }
      const uint64_t asked[] = {3, 280, 77};
      const SearchOptions options{.k = 5, .exact = true, .field = "body"};
      EXPECT_EQ(seen.search_ids(std::span(asked), options)->points.ids,
                docs.search_ids(std::span(asked), options)->points.ids);
    };
    compare();
    Collection writable = docs;
    const uint64_t gone[] = {280 - 1, 5};
    ASSERT_EQ(writable.delete_ids(std::span(gone)).value(), 2);
    compare();
    ASSERT_TRUE(db.compact().ok());
    compare();
    EXPECT_EQ(reader.compact().code(), StatusCode::kReadOnly);
    ASSERT_TRUE(reader.close().ok() && db.close().ok());
  }
  std::filesystem::remove_all(folder);
}

TEST(ScoreTest, IsLargerForWhatIsNearerAndSaysWhatPeopleKnow) {
  EXPECT_EQ(score(Metric::kCosine, 8, 0.25F), 0.75);
  EXPECT_EQ(score(Metric::kInnerProduct, 8, -3.5F), 3.5);
  EXPECT_EQ(score(Metric::kL2, 8, 0), 1);
  EXPECT_EQ(score(Metric::kL2, 8, 3), 0.25);
  EXPECT_EQ(score(Metric::kHamming, 8, 2), 0.75);
  EXPECT_EQ(score(Metric::kHamming, 0, 2), 0);
}

}  // namespace
}  // namespace omendb
