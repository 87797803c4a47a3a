// Every kind of bad input gets its own error, and changes nothing: neither what the database shows
// nor a byte of its files.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <sstream>

#include "omendb/database.h"

namespace omendb {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDim = 4;
using Floats = std::vector<float>;
using Numbers = std::vector<uint64_t>;
using Texts = std::vector<std::string_view>;

/// Every file below the folder but LOCK, which says who holds it.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().filename() == "LOCK") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    files[entry.path().string()] = text.str();
  }
  return files;
}

Column year_column(const std::vector<int64_t>& years) {
  Column column;
  column.name = "year";
  column.ints = years;
  return column;
}

class BadInputTest : public testing::Test {
 protected:
  BadInputTest()
      : folder_(fs::temp_directory_path() /
                ("omendb_bad_input_" + std::to_string(std::random_device()()))) {
    fs::create_directory(folder_);
    auto opened = Database::open(path());
    EXPECT_TRUE(opened.ok());
    database_ = std::make_unique<Database>(*std::move(opened));
    const Floats rows = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const Numbers ids = {1, 2, 3};
    const std::vector<Column> years = {year_column({2'001, 2'002, 2'003})};
    collection_ = std::make_unique<Collection>(*database_->default_collection());
    EXPECT_TRUE(collection_
                    ->add({.vectors = {rows.data(), 3, kDim},
                           .ids = std::span<const uint64_t>(ids),
                           .metadata = years})
                    .ok());
    before_ = files_of(path());
  }
  ~BadInputTest() override {
    database_.reset();
    fs::remove_all(folder_);
  }

  std::string path() const { return (folder_ / "db").string(); }

  /// The call failed as it should, says something, and left no trace.
  void expect_refused(const Status& status, StatusCode code) {
    EXPECT_EQ(status_code_name(status.code()), status_code_name(code)) << status.to_string();
    EXPECT_GT(status.message().size(), 10u);
    EXPECT_EQ(collection_->count().value(), 3u);
    EXPECT_EQ(collection_->info().value().columns.size(), 1u);
    EXPECT_TRUE(files_of(path()) == before_) << "files changed: " << status.to_string();
  }
  void expect_vectors_refused(const Floats& rows, size_t dim, StatusCode code) {
    const VectorsView view{rows.data(), rows.size() / dim, dim};
    expect_refused(collection_->add({.vectors = view}).status(), code);
    expect_refused(collection_->upsert({.vectors = view}).status(), code);
    expect_refused(collection_->search(view).status(), code);
  }
  void expect_ids_refused(const IdsView& ids, size_t rows, StatusCode code) {
    const Floats vectors(rows * kDim, 1.0f);
    expect_refused(collection_->add({.vectors = {vectors.data(), rows, kDim}, .ids = ids}).status(),
                   code);
  }
  void expect_column_refused(const Column& column, StatusCode code) {
    const Floats vectors(2 * kDim, 1.0f);
    const std::vector<Column> columns = {column};
    expect_refused(
        collection_->add({.vectors = {vectors.data(), 2, kDim}, .metadata = columns}).status(),
        code);
  }
  void expect_search_refused(const SearchOptions& options, StatusCode code) {
    const Floats query(kDim, 1.0f);
    expect_refused(collection_->search({query.data(), 1, kDim}, options).status(), code);
  }

  const fs::path folder_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Collection> collection_;
  std::map<std::string, std::string> before_;
};

TEST_F(BadInputTest, NumbersThatAreNotFiniteOrTooLargeAreRefused) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const float bad : {std::nanf(""), kInf, -kInf, 3e38f, -3e38f}) {
    expect_vectors_refused({1, 2, bad, 4}, kDim, StatusCode::kInvalidArgument);
    expect_vectors_refused({1, 2, 3, 4, 5, 6, 7, bad}, kDim, StatusCode::kInvalidArgument);
  }
}

TEST_F(BadInputTest, ShapesThatDoNotFitAreRefused) {
  expect_vectors_refused({1, 2, 3}, 3, StatusCode::kDimensionMismatch);
  expect_vectors_refused({1, 2, 3, 4, 5}, 5, StatusCode::kDimensionMismatch);
  const Floats long_row(kMaxDimension + 1, 0.5f);
  expect_vectors_refused(long_row, long_row.size(), StatusCode::kLimitExceeded);
  const Floats row = {1, 2, 3, 4};
  expect_refused(collection_->add({.vectors = {row.data(), 1, 0}}).status(),
                 StatusCode::kInvalidArgument);
  expect_refused(collection_->add({.vectors = {nullptr, 1, kDim}}).status(),
                 StatusCode::kInvalidArgument);
  expect_refused(collection_->add({.vectors = {row.data(), 1, kDim, Element::kF32, 8}}).status(),
                 StatusCode::kInvalidArgument);
  expect_refused(collection_->add({.vectors = {row.data(), size_t{1} << 40, kDim}}).status(),
                 StatusCode::kLimitExceeded);
}

TEST_F(BadInputTest, ElementsOfAnotherTypeAreRefused) {
  const std::vector<int8_t> bytes = {1, 2, 3, 4};
  for (const Element element : {Element::kI8, Element::kF16, Element::kBinary}) {
    const VectorsView view{bytes.data(), 1, kDim, element};
    if (element == Element::kF16) continue;  // would need 8 bytes
    expect_refused(collection_->add({.vectors = view}).status(), StatusCode::kTypeMismatch);
    expect_refused(collection_->search(view).status(), StatusCode::kTypeMismatch);
  }
}

TEST_F(BadInputTest, BadIdsAreRefused) {
  const Numbers twice = {7, 8, 7};
  const Numbers exists = {9, 2};
  const Numbers reserved = {UINT64_MAX};
  const Numbers one = {9};
  const Texts texts = {"nine"};
  expect_ids_refused(std::span<const uint64_t>(twice), 3, StatusCode::kInvalidArgument);
  expect_ids_refused(std::span<const uint64_t>(exists), 2, StatusCode::kAlreadyExists);
  expect_ids_refused(std::span<const uint64_t>(reserved), 1, StatusCode::kInvalidArgument);
  expect_ids_refused(std::span<const uint64_t>(one), 2, StatusCode::kInvalidArgument);
  expect_ids_refused(std::span<const std::string_view>(texts), 1, StatusCode::kTypeMismatch);
  const std::string too_long(kMaxStringIdBytes + 1, 'x');
  for (const auto& [text, code] :
       {std::pair<std::string_view, StatusCode>{"", StatusCode::kInvalidArgument},
        {"\xff\xfe", StatusCode::kInvalidArgument},
        {too_long, StatusCode::kLimitExceeded}}) {
    const Texts bad = {text};
    expect_ids_refused(std::span<const std::string_view>(bad), 1, code);
    expect_refused(collection_->delete_ids(std::span<const std::string_view>(bad)).status(), code);
    expect_refused(collection_->get(std::span<const std::string_view>(bad)).status(), code);
  }
  // Not there is not wrong.
  const Numbers unknown = {77, 78};
  EXPECT_EQ(collection_->delete_ids(std::span<const uint64_t>(unknown)).value(), 0u);
  EXPECT_TRUE(files_of(path()) == before_);
}

TEST_F(BadInputTest, BadMetadataIsRefused) {
  Column text;
  text.name = "year";
  text.type = ColumnType::kString;
  text.string_offsets = {0, 1, 2};
  text.bytes = "ab";
  expect_column_refused(text, StatusCode::kTypeMismatch);
  text.name = "name";
  text.bytes = "\xff\xff";
  expect_column_refused(text, StatusCode::kInvalidArgument);
  text.bytes = "ab";
  text.string_offsets = {0, 2, 1};
  expect_column_refused(text, StatusCode::kInvalidArgument);
  text.string_offsets = {0, 1, 900};
  expect_column_refused(text, StatusCode::kInvalidArgument);
  expect_column_refused(year_column({1, 2, 3}), StatusCode::kInvalidArgument);
  Column column = year_column({1, 2});
  column.name = "";
  expect_column_refused(column, StatusCode::kInvalidArgument);
  column.name = std::string(kMaxColumnNameBytes + 1, 'c');
  expect_column_refused(column, StatusCode::kLimitExceeded);
}

TEST_F(BadInputTest, BadSearchOptionsAreRefusedAndKBeyondThePointsReturnsThemAll) {
  expect_search_refused({.k = 0}, StatusCode::kInvalidArgument);
  expect_search_refused({.k = kMaxK + 1}, StatusCode::kLimitExceeded);
  expect_search_refused({.recall = 0}, StatusCode::kInvalidArgument);
  expect_search_refused({.recall = 1.5}, StatusCode::kInvalidArgument);
  expect_search_refused({.recall = std::nan("")}, StatusCode::kInvalidArgument);
  expect_search_refused({.radius = std::nan("")}, StatusCode::kInvalidArgument);
  expect_search_refused({.columns = {"nope"}}, StatusCode::kNotFound);
  expect_search_refused(
      {.where = Filter::compare("year", Filter::Compare::kEq, std::string("new"))},
      StatusCode::kInvalidFilter);
  EXPECT_EQ(Filter::parse("year > > 3").status().code(), StatusCode::kInvalidFilter);
  expect_refused(collection_->scan({.batch_size = 0}).status(), StatusCode::kInvalidArgument);
  expect_refused(collection_->delete_where(Filter::like("year", "2%")).status(),
                 StatusCode::kInvalidFilter);
  const Floats query(kDim, 1.0f);
  const auto all = collection_->search({query.data(), 1, kDim}, {.k = 1'000});
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->distances.size(), 3u);
}

TEST_F(BadInputTest, BadCollectionsAndOptionsAreRefused) {
  const std::string too_long(65, 'a');
  for (const std::string_view name : {"", "a b", "../up", "a/b", "\xc3\xa4", too_long.c_str()}) {
    expect_refused(database_->collection(name).status(), StatusCode::kInvalidArgument);
  }
  expect_refused(database_->collection("default", CollectionOptions{.dim = 5}).status(),
                 StatusCode::kAlreadyExists);
  expect_refused(database_->collection("x", CollectionOptions{.dim = kMaxDimension + 1}).status(),
                 StatusCode::kLimitExceeded);
  expect_refused(database_->collection("x", CollectionOptions{.metric = Metric::kHamming}).status(),
                 StatusCode::kInvalidArgument);
  expect_refused(database_->drop_collection("nobody"), StatusCode::kNotFound);
  const std::string other = (folder_ / "other").string();
  expect_refused(Database::open(other, {.memtable_bytes = 1}).status(),
                 StatusCode::kInvalidArgument);
  expect_refused(Database::open(other, {.max_sealing_memtables = 0}).status(),
                 StatusCode::kInvalidArgument);
  expect_refused(
      Database::open(other, {.durability = Durability::kInterval, .interval_ms = 0}).status(),
      StatusCode::kInvalidArgument);
  expect_refused(Database::open("").status(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(fs::exists(other));
}

TEST_F(BadInputTest, VectorsThatHaveNoDirectionAreRefusedUnderCosine) {
  auto exact = database_->collection("f32", CollectionOptions{.metric = Metric::kCosine});
  auto bytes = database_->collection(
      "i8", CollectionOptions{.metric = Metric::kCosine, .element = Element::kI8});
  auto halves = database_->collection(
      "f16", CollectionOptions{.metric = Metric::kCosine, .element = Element::kF16});
  ASSERT_TRUE(exact.ok() && bytes.ok() && halves.ok());
  before_ = files_of(path());
  const Floats zero(kDim, 0.0f);
  const Floats small(kDim, 0.4f);     // 0 as i8
  const Floats smaller(kDim, 1e-9f);  // 0 as f16
  for (const auto& [collection, rows] :
       {std::pair{&*exact, &zero}, {&*bytes, &zero}, {&*bytes, &small}, {&*halves, &smaller}}) {
    const VectorsView view{rows->data(), 1, kDim};
    expect_refused(collection->add({.vectors = view}).status(), StatusCode::kInvalidArgument);
    expect_refused(collection->search(view).status(), StatusCode::kInvalidArgument);
  }
}

TEST_F(BadInputTest, NumbersThatTheElementCannotHoldAreRefused) {
  auto bytes = database_->collection("i8", CollectionOptions{.element = Element::kI8});
  auto halves = database_->collection("f16", CollectionOptions{.element = Element::kF16});
  auto bits = database_->collection(
      "bits", CollectionOptions{.metric = Metric::kHamming, .element = Element::kBinary});
  ASSERT_TRUE(bytes.ok() && halves.ok() && bits.ok());
  before_ = files_of(path());
  for (const float bad : {127.5f, 128.0f, -129.0f, 1e9f}) {  // 127.5 would round to 128
    const Floats row = {1, bad, 3, 4};
    expect_refused(bytes->add({.vectors = {row.data(), 1, kDim}}).status(),
                   StatusCode::kInvalidArgument);
  }
  const Floats row = {1, 65'520.0f, 3, 4};
  expect_refused(halves->add({.vectors = {row.data(), 1, kDim}}).status(),
                 StatusCode::kInvalidArgument);
  const std::vector<uint8_t> padded = {0xff, 0xff};  // 12 dimensions: the last 4 bits must be 0
  expect_refused(bits->add({.vectors = {padded.data(), 1, 12, Element::kBinary}}).status(),
                 StatusCode::kInvalidArgument);
}

TEST_F(BadInputTest, PathsThatAreNoDatabaseAreRefusedAndLeftAlone) {
  const fs::path file = folder_ / "file.txt";
  std::ofstream(file) << "mine";
  const fs::path program = folder_ / "program";
  fs::create_directory(program);
  std::ofstream(program / "notes.txt") << "keep";
  expect_refused(Database::open(file.string()).status(), StatusCode::kNotADatabase);
  expect_refused(Database::open(program.string()).status(), StatusCode::kNotADatabase);
  expect_refused(Database::open((folder_ / "none").string(), {.create_if_missing = false}).status(),
                 StatusCode::kNotFound);
  EXPECT_FALSE(Database::open((file / "below").string()).ok());
  EXPECT_EQ(fs::file_size(file), 4u);
  EXPECT_EQ(files_of(program).size(), 1u);
  EXPECT_FALSE(fs::exists(program / "LOCK"));
}

TEST_F(BadInputTest, ASecondWriterIsRefusedByNameAndAClosedDatabaseSaysSo) {
  const auto second = Database::open(path());
  expect_refused(second.status(), StatusCode::kLocked);
  EXPECT_NE(second.status().message().find("pid "), std::string::npos) << second.status().message();
  ASSERT_TRUE(database_->close().ok());
  EXPECT_TRUE(database_->close().ok());
  const Floats row = {1, 2, 3, 4};
  EXPECT_EQ(collection_->add({.vectors = {row.data(), 1, kDim}}).status().code(),
            StatusCode::kClosed);
  EXPECT_EQ(collection_->search({row.data(), 1, kDim}).status().code(), StatusCode::kClosed);
  EXPECT_EQ(database_->default_collection().status().code(), StatusCode::kClosed);
  EXPECT_TRUE(Database::open(path()).ok());
}

}  // namespace
}  // namespace omendb
