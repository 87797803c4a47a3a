#include "collection/write/operation.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "column/columns.h"
#include "segment/segment_test_util.h"

namespace omendb::collection {
namespace {

using Record = std::vector<std::byte>;

Record joined(const EncodedOperation& encoded) {
  Record record;
  for (const auto part : encoded.parts()) record.insert(record.end(), part.begin(), part.end());
  return record;
}

/// A put of a few rows in every form: fields, elements, gaps between rows, ids, columns.
struct RandomPut {
  std::mt19937 rng;
  std::vector<std::vector<std::byte>> vectors;
  std::vector<PutField> fields;
  segment::testing::IdBatch ids;
  std::vector<Column> columns;
  PutOperation put;

  explicit RandomPut(uint32_t seed) : rng(seed) {
    const size_t rows = 1 + rng() % 6;
    const size_t count = 1 + rng() % 3;
    for (size_t f = 0; f < count; ++f) add_field(rows, f);
    put.rows = static_cast<uint32_t>(rows);
    put.fields = fields;
    for (const auto& column : column::testing::every_type()) {
      if (rng() % 2 == 0) columns.push_back(column::testing::random_column(column, rows, rng));
    }
    put.collection_id = static_cast<uint32_t>(rng());
    put.columns = columns;
    const auto form = rng() % 3;
    if (form == 0) {
      put.first_id = rng();
    } else {
      ids = segment::testing::distinct_ids(form == 1 ? IdKind::kU64 : IdKind::kString, rows,
                                           rng() % 1'000, rng);
      put.ids = ids.view();
    }
  }

  void add_field(size_t rows, size_t place) {
    const segment::VectorSpec spec{1 + rng() % 20, Metric::kL2,
                                   static_cast<Element>(1 + rng() % 4)};
    const auto packed = segment::testing::random_vectors(spec, rows, rng);
    const size_t stride = rng() % 2 == 0 ? 0 : spec.row_bytes() + rng() % 5;
    const size_t step = stride == 0 ? spec.row_bytes() : stride;
    auto& gapped = vectors.emplace_back(rows * step);
    for (size_t r = 0; r < rows; ++r) {
      std::copy_n(packed.begin() + static_cast<ptrdiff_t>(r * spec.row_bytes()), spec.row_bytes(),
                  gapped.begin() + static_cast<ptrdiff_t>(r * step));
    }
    const auto id = static_cast<uint16_t>(place * 1'000 + rng() % 1'000);
    fields.push_back({FieldId{id}, {gapped.data(), rows, spec.dim, spec.element, stride}, nullptr});
    auto present = std::make_shared<Bitmap>(rows);
    for (size_t r = 0; r < rows; ++r) {
      if (rng() % 2 == 0) present->set(r);
    }
    const size_t some = present->count();
    if (place > 0 && some == 0) fields.back().vectors.count = 0;  // the field is not listed
    if (some > 0 && some < rows) fields.back().present = std::move(present);
  }
};

void expect_same_ids(const IdsView& a, const IdsView& b) {
  ASSERT_EQ(a.index(), b.index());
  ASSERT_EQ(id_count(a), id_count(b));
  for (size_t i = 0; i < id_count(a); ++i) {
    ASSERT_EQ(id_at(a, i), id_at(b, i));
  }
}

void expect_same(const PutField& from, const PutField& to) {
  EXPECT_EQ(from.id, to.id);
  const VectorsView& a = from.vectors;
  const VectorsView& b = to.vectors;
  ASSERT_EQ(a.count, b.count);
  ASSERT_EQ(a.dim, b.dim);
  ASSERT_EQ(a.element, b.element);
  for (size_t r = 0; r < a.count; ++r) {
    ASSERT_EQ(from.has(r), to.has(r)) << "row " << r;
    if (!from.has(r)) continue;
    ASSERT_EQ(std::memcmp(a.row(r), b.row(r), vector_bytes(a.element, a.dim)), 0) << "row " << r;
  }
}

void expect_same(const PutOperation& a, const PutOperation& b) {
  EXPECT_EQ(a.collection_id, b.collection_id);
  ASSERT_EQ(a.rows, b.rows);
  auto listed = b.fields.begin();
  for (const PutField& field : a.fields) {
    if (!field.any()) continue;
    ASSERT_NE(listed, b.fields.end());
    expect_same(field, *listed++);
  }
  EXPECT_EQ(listed, b.fields.end());
  expect_same_ids(a.ids, b.ids);
  EXPECT_TRUE(!std::holds_alternative<std::monostate>(a.ids) || a.first_id == b.first_id);
  ASSERT_EQ(a.columns.size(), b.columns.size());
  for (size_t c = 0; c < a.columns.size(); ++c) {
    EXPECT_EQ(a.columns[c].name, b.columns[c].name);
    ASSERT_EQ(a.columns[c].type, b.columns[c].type);
    for (size_t r = 0; r < a.rows; ++r) {
      ASSERT_EQ(column::testing::row_text(a.columns[c], r),
                column::testing::row_text(b.columns[c], r));
    }
  }
}

TEST(Operation, APutComesBackInEveryForm) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const RandomPut from(seed);
    const Record record = joined(EncodedOperation(from.put));
    DecodedOperation decoded;
    const Status status = decode_operation(record, decoded);
    ASSERT_TRUE(status.ok()) << status.to_string();
    const auto* put = std::get_if<PutOperation>(&decoded.operation);
    ASSERT_NE(put, nullptr);
    expect_same(from.put, *put);
    EXPECT_EQ(*operation_collection(record), from.put.collection_id);
  }
}

TEST(Operation, ADeleteComesBackWithItsIds) {
  for (const IdKind kind : {IdKind::kU64, IdKind::kString}) {
    std::mt19937 rng(3);
    const auto ids = segment::testing::distinct_ids(kind, 17, 0, rng);
    const Record record = joined(EncodedOperation(DeleteOperation{9, ids.view()}));
    DecodedOperation decoded;
    ASSERT_TRUE(decode_operation(record, decoded).ok());
    const auto& erase = std::get<DeleteOperation>(decoded.operation);
    EXPECT_EQ(erase.collection_id, 9U);
    expect_same_ids(erase.ids, ids.view());
  }
}

TEST(Operation, AnAlterationComesBackAndEveryTruncationOfItIsRefused) {
  using Kind = column::Alteration::Kind;
  for (const column::Alteration& change : std::vector<column::Alteration>{
           {Kind::kRename, "year", "published"}, {Kind::kDrop, "year", ""}}) {
    Record record = joined(EncodedOperation(AlterOperation{7, change}));
    DecodedOperation decoded;
    ASSERT_TRUE(decode_operation(record, decoded).ok());
    const auto& alter = std::get<AlterOperation>(decoded.operation);
    EXPECT_EQ(alter.collection_id, 7U);
    EXPECT_EQ(alter.change.kind, change.kind);
    EXPECT_EQ(alter.change.column, change.column);
    EXPECT_EQ(alter.change.name, change.name);
    for (size_t bytes = 0; bytes < record.size(); ++bytes) {
      const Record cut(record.begin(), record.begin() + static_cast<ptrdiff_t>(bytes));
      ASSERT_EQ(decode_operation(cut, decoded).code(), StatusCode::kCorruption) << bytes;
    }
    record.push_back(std::byte{0});
    EXPECT_EQ(decode_operation(record, decoded).code(), StatusCode::kCorruption);
    record.pop_back();
    record[5] = std::byte{3};
    EXPECT_EQ(decode_operation(record, decoded).code(), StatusCode::kCorruption);
  }
}

TEST(Operation, EveryTruncationAndEveryByteTooManyIsRefused) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    const RandomPut from(seed);
    Record record = joined(EncodedOperation(from.put));
    for (size_t bytes = 0; bytes < record.size(); ++bytes) {
      const Record cut(record.begin(), record.begin() + static_cast<ptrdiff_t>(bytes));
      DecodedOperation decoded;
      ASSERT_EQ(decode_operation(cut, decoded).code(), StatusCode::kCorruption)
          << "seed " << seed << ", " << bytes << " bytes";
    }
    record.push_back(std::byte{0});
    DecodedOperation decoded;
    EXPECT_EQ(decode_operation(record, decoded).code(), StatusCode::kCorruption);
  }
}

RC_GTEST_PROP(Operation, AMutatedRecordIsRefusedOrDecodesToSomethingConsistent, (uint32_t seed)) {
  const RandomPut from(seed);
  Record record = joined(EncodedOperation(from.put));
  const auto flips = *rc::gen::inRange(1, 6);
  for (int i = 0; i < flips; ++i) {
    // The head decides most, so half of the flips are there.
    const size_t reach =
        *rc::gen::arbitrary<bool>() ? std::min<size_t>(20, record.size()) : record.size();
    record[*rc::gen::inRange<size_t>(0, reach)] = *rc::gen::element(
        std::byte{0}, std::byte{1}, std::byte{0x7f}, std::byte{0x80}, std::byte{0xff});
  }
  DecodedOperation decoded;
  const Status status = decode_operation(record, decoded);
  if (!status.ok()) {
    RC_ASSERT(status.code() == StatusCode::kCorruption);
    return;
  }
  const auto encode = [](const auto& operation) { return joined(EncodedOperation(operation)); };
  const Record again = std::visit(encode, decoded.operation);
  DecodedOperation twice;
  RC_ASSERT(decode_operation(again, twice).ok());
  RC_ASSERT(std::visit(encode, twice.operation) == again);
  if (const auto* put = std::get_if<PutOperation>(&decoded.operation)) {
    const size_t ids = id_count(put->ids);
    RC_ASSERT(ids == 0 || ids == put->rows);
    // What replay asks before it trusts offsets: must not read past them either.
    column::check_columns(put->columns, put->rows).ignore();
  }
}

TEST(Operation, ARecordOfAnUnknownKindOrAbsurdCountsIsRefused) {
  const auto code = [](auto write) {
    Record record;
    ByteWriter out(record);
    write(out);
    DecodedOperation decoded;
    return decode_operation(record, decoded).code();
  };
  EXPECT_EQ(code([](ByteWriter& out) {
              out.u8(3);
              out.u32(1);
            }),
            StatusCode::kCorruption);
  for (uint8_t form = 1; form <= 4; ++form) {  // four billion rows that are not there
    EXPECT_EQ(code([&](ByteWriter& out) {
                out.u8(1);
                out.u32(1);
                out.u32(UINT32_MAX);
                out.u16(1);
                out.u16(0);
                out.u8(1);
                out.u8(1);
                out.u8(1);
                out.u32(65'536);
                out.u8(form);
                out.u64(0);
              }),
              StatusCode::kCorruption);
  }
  for (const uint16_t fields : {uint16_t{0}, uint16_t{17}, uint16_t{65'535}}) {
    EXPECT_EQ(code([&](ByteWriter& out) {
                out.u8(1);
                out.u32(1);
                out.u32(0);
                out.u16(fields);
                for (uint16_t f = 0; f < fields; ++f) {
                  out.u16(f);
                  out.u8(1);
                  out.u8(1);
                  out.u8(1);
                  out.u32(1);
                }
                out.u8(3);
                out.u64(0);
                out.u32(0);
              }),
              StatusCode::kCorruption)
        << fields;
  }
  // Of 3 points: none, all, and a fourth has a vector; and a form of presence that is none.
  for (const auto& [form, bits] :
       std::vector<std::pair<uint8_t, uint8_t>>{{2, 0}, {2, 7}, {2, 9}, {0, 1}, {3, 1}}) {
    EXPECT_EQ(code([form = form, bits = bits](ByteWriter& out) {
                out.u8(1);
                out.u32(1);
                out.u32(3);
                out.u16(1);
                out.u16(1);
                out.u8(1);
                out.u8(3);
                out.u8(form);
                out.u32(1);
                out.u8(3);
                out.u64(0);
                out.u8(bits);
                out.u8(1);
                out.u32(0);
              }),
              StatusCode::kCorruption)
        << int{form} << " " << int{bits};
  }
  EXPECT_EQ(code([](ByteWriter& out) {  // a delete must say which
              out.u8(2);
              out.u32(1);
              out.u32(1);
              out.u8(3);
              out.u64(0);
            }),
            StatusCode::kCorruption);
}

// --- docs/format.md ----------------------------------------------------------------------------

Record dump_in_docs(const std::string& mark) {
  std::ifstream docs(OMENDB_FORMAT_MD);
  EXPECT_TRUE(docs.good()) << OMENDB_FORMAT_MD;
  std::string line;
  while (std::getline(docs, line) && line != "```" + mark) continue;
  Record bytes;
  while (std::getline(docs, line) && line != "```") {
    std::istringstream in(line);
    size_t offset = 0;
    unsigned value = 0;
    in >> std::hex >> offset;
    EXPECT_EQ(offset, bytes.size());
    while (in >> value) bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

void expect_documented(const PutOperation& put, const std::string& mark) {
  const Record documented = dump_in_docs(mark);
  EXPECT_EQ(joined(EncodedOperation(put)), documented);
  DecodedOperation decoded;
  ASSERT_TRUE(decode_operation(documented, decoded).ok());
  expect_same(put, std::get<PutOperation>(decoded.operation));
}

TEST(OperationFormat, ThePutInTheDocsIsWhatIsWrittenAndRead) {
  const std::vector<float> vectors = {1, 2, 3, 4};
  const std::vector<uint64_t> ids = {7, 8};
  const Column lang{.name = "lang",
                    .type = ColumnType::kString,
                    .valid = {1, 0},
                    .string_offsets = {0, 2, 2},
                    .bytes = "en"};
  const PutField field{kUnnamedField, {vectors.data(), 2, 2, Element::kF32, 0}, nullptr};
  const PutOperation put{.collection_id = 1,
                         .rows = 2,
                         .fields = std::span(&field, 1),
                         .ids = std::span<const uint64_t>(ids),
                         .columns = std::span(&lang, 1)};
  expect_documented(put, "put-operation");
}

TEST(OperationFormat, TheAlterationsInTheDocsAreWhatIsWritten) {
  using Kind = column::Alteration::Kind;
  EXPECT_EQ(joined(EncodedOperation(AlterOperation{1, {Kind::kRename, "year", "published"}})),
            dump_in_docs("rename-column-operation"));
  EXPECT_EQ(joined(EncodedOperation(AlterOperation{1, {Kind::kDrop, "year", ""}})),
            dump_in_docs("drop-column-operation"));
}

TEST(OperationFormat, ThePutOfPointsThatLackAFieldInTheDocsIsWhatIsWrittenAndRead) {
  const std::vector<float> titles = {1, 2, 3, 4};
  const std::vector<int8_t> bodies = {0, 0, 0, 5, 6, 7};
  auto second = std::make_shared<Bitmap>(2);
  second->set(1);
  const std::vector<PutField> fields = {
      {FieldId{1}, {titles.data(), 2, 2, Element::kF32, 0}, nullptr},
      {FieldId{2}, {bodies.data(), 2, 3, Element::kI8, 0}, second},
      {FieldId{3}, {}, nullptr}};
  expect_documented({.collection_id = 1, .rows = 2, .fields = fields, .first_id = 7},
                    "put-operation-of-fields");
}

/// An operation in the docs, decoded.
struct Documented {
  template <class Operation>
  Documented(const Operation& same, const std::string& mark) : bytes(dump_in_docs(mark)) {
    EXPECT_EQ(joined(EncodedOperation(same)), bytes);
    EXPECT_TRUE(decode_operation(bytes, decoded).ok());
  }
  template <class Operation>
  const Operation& as() const {
    return std::get<Operation>(decoded.operation);
  }
  const Record bytes;  // to which the operation refers
  DecodedOperation decoded;
};

TEST(OperationFormat, TheDeleteInTheDocsIsWhatIsWrittenAndRead) {
  const std::vector<std::string_view> ids = {"a", "bc"};
  const DeleteOperation erase{2, std::span<const std::string_view>(ids)};
  const Documented read(erase, "delete-operation");
  EXPECT_EQ(read.as<DeleteOperation>().collection_id, 2U);
  const auto& read_ids =
      std::get<std::span<const std::string_view>>(read.as<DeleteOperation>().ids);
  EXPECT_TRUE(std::ranges::equal(read_ids, ids));
}

TEST(OperationFormat, TheCreationAndTheDropInTheDocsAreWhatIsWrittenAndRead) {
  const segment::Fields fields = {{FieldId{1}, "title", {384, Metric::kCosine, Element::kF32}},
                                  {FieldId{2}, "body", {0, Metric::kL2, Element::kI8}}};
  const Documented create(CreateOperation{2, "docs", fields}, "create-operation");
  EXPECT_EQ(create.as<CreateOperation>().collection_id, 2U);
  EXPECT_EQ(create.as<CreateOperation>().name, "docs");
  EXPECT_EQ(create.as<CreateOperation>().fields, fields);
  const Documented drop(DropOperation{2}, "drop-operation");
  EXPECT_EQ(drop.as<DropOperation>().collection_id, 2U);
}

}  // namespace
}  // namespace omendb::collection
