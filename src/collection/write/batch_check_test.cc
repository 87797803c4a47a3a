#include "collection/write/batch_check.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace omendb::collection {
namespace {

using segment::VectorSpec;

constexpr float kInf = std::numeric_limits<float>::infinity();

Result<CheckedVectors> check(const std::vector<float>& values, const VectorSpec& spec,
                             size_t dim = 2) {
  return check_vectors({values.data(), values.size() / dim, dim, Element::kF32, 0}, spec, "c",
                       {"vector"});
}
StatusCode code_of(const std::vector<float>& values, Metric metric,
                   Element element = Element::kF32) {
  return check(values, {2, metric, element}).status().code();
}
std::string message_of(const std::vector<float>& values, const VectorSpec& spec) {
  return check(values, spec).status().message();
}

TEST(BatchCheck, NumbersThatAreNotFiniteAreNamedByRowAndPosition) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    for (const Element element : {Element::kF32, Element::kF16, Element::kI8}) {
      for (const float bad : {NAN, -NAN, kInf, -kInf}) {
        const auto result = check({1, 2, 3, bad}, {2, metric, element});
        ASSERT_EQ(result.status().code(), StatusCode::kInvalidArgument);
        EXPECT_NE(result.status().message().find("vector 1 holds"), std::string::npos);
        EXPECT_NE(result.status().message().find("position 1"), std::string::npos);
      }
    }
  }
  std::vector<float> wide(100, 1.0F);  // past the vectorised part and in its middle
  for (const size_t at : {0, 50, 99}) {
    auto values = wide;
    values[at] = NAN;
    const auto result = check(values, {100, Metric::kL2, Element::kF32}, 100);
    EXPECT_NE(result.status().message().find("position " + std::to_string(at)), std::string::npos);
  }
}

TEST(BatchCheck, VectorsWhoseDistanceCouldOverflowAreRefused) {
  EXPECT_EQ(code_of({9e18F, 1}, Metric::kL2), StatusCode::kOk);
  EXPECT_EQ(code_of({1e19F, 1}, Metric::kL2), StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of({std::numeric_limits<float>::max(), 1}, Metric::kCosine),
            StatusCode::kInvalidArgument);
  EXPECT_NE(message_of({1e30F, 1}, {2, Metric::kL2, Element::kF32}).find("too long"),
            std::string::npos);
}

TEST(BatchCheck, AVectorWithoutADirectionIsRefusedUnderCosineAlone) {
  EXPECT_EQ(code_of({0, 0}, Metric::kL2), StatusCode::kOk);
  EXPECT_EQ(code_of({0, -0.0F}, Metric::kInnerProduct), StatusCode::kOk);
  EXPECT_EQ(code_of({1, 1, 0, -0.0F}, Metric::kCosine), StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of({1e-30F, 0}, Metric::kCosine), StatusCode::kInvalidArgument);
  // Not zero yet, but once stored.
  EXPECT_EQ(code_of({0.4F, -0.5F}, Metric::kCosine, Element::kI8), StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of({1e-9F, 0}, Metric::kCosine, Element::kF16), StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of({0.4F, -0.6F}, Metric::kCosine, Element::kI8), StatusCode::kOk);
  EXPECT_EQ(code_of({0.4F, -0.5F}, Metric::kL2, Element::kI8), StatusCode::kOk);
}

TEST(BatchCheck, I8TakesWhatRoundsIntoItsRangeAndRoundsTiesToEven) {
  const std::vector<std::pair<float, int>> fitting = {
      {127.0F, 127}, {127.49F, 127}, {-128.0F, -128}, {-128.5F, -128}, {0.5F, 0},  {1.5F, 2},
      {2.5F, 2},     {-0.5F, 0},     {-1.5F, -2},     {0.51F, 1},      {-0.0F, 0}, {126.5F, 126},
  };
  for (const auto& [value, expected] : fitting) {
    const auto checked = check({value, 1}, {2, Metric::kL2, Element::kI8});
    ASSERT_TRUE(checked.ok()) << value << ": " << checked.status().to_string();
    EXPECT_EQ(static_cast<int>(static_cast<int8_t>(*checked->view.row(0))), expected) << value;
    EXPECT_EQ(checked->view.element, Element::kI8);
  }
  for (const float value : {127.5F, 128.0F, -128.51F, 1e18F, -1e18F}) {
    EXPECT_EQ(code_of({value, 1}, Metric::kL2, Element::kI8), StatusCode::kInvalidArgument)
        << value;
  }
}

TEST(BatchCheck, F16TakesWhatRoundsToAFiniteHalf) {
  const auto half = [](float value) {
    const auto checked = check({value, 1}, {2, Metric::kL2, Element::kF16});
    EXPECT_TRUE(checked.ok()) << value;
    uint16_t bits = 0;
    if (checked.ok()) std::memcpy(&bits, checked->view.row(0), sizeof bits);
    return bits;
  };
  EXPECT_EQ(half(65'504.0F), 0x7bff);
  EXPECT_EQ(half(std::nextafterf(65'520.0F, 0)), 0x7bff);
  EXPECT_EQ(half(-65'519.0F), 0xfbff);
  EXPECT_EQ(half(1.0F), 0x3c00);
  EXPECT_EQ(half(0x1p-24F), 0x0001);
  EXPECT_EQ(half(0x1p-25F), 0x0000);  // a tie, to even
  EXPECT_EQ(half(0x1.8p-24F), 0x0002);
  for (const float value : {65'520.0F, -65'520.0F, 1e10F}) {
    EXPECT_EQ(code_of({value, 1}, Metric::kL2, Element::kF16), StatusCode::kInvalidArgument);
  }
  const std::vector<uint16_t> infinite = {0x3c00, 0x7c00};
  EXPECT_EQ(check_vectors({infinite.data(), 1, 2, Element::kF16, 0},
                          {2, Metric::kL2, Element::kF16}, "c", {"vector"})
                .status()
                .code(),
            StatusCode::kInvalidArgument);
}

TEST(BatchCheck, ShapesThatDoNotFitSayWhatWouldHave) {
  const std::vector<float> values(8, 1.0F);
  const auto code = [&](const VectorsView& view, const VectorSpec& spec = {2}) {
    return check_vectors(view, spec, "c", {"vector"}).status().code();
  };
  EXPECT_EQ(code({values.data(), 4, 2}), StatusCode::kOk);
  EXPECT_EQ(code({values.data(), 4, 2}, {0}), StatusCode::kOk);
  EXPECT_EQ(code({values.data(), 0, 2}), StatusCode::kOk);
  EXPECT_EQ(code({values.data(), 4, 0}, {0}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({nullptr, 4, 2}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({values.data(), 1, 8}), StatusCode::kDimensionMismatch);
  EXPECT_EQ(code({values.data(), 1, kMaxDimension + 1}), StatusCode::kLimitExceeded);
  EXPECT_EQ(code({values.data(), 2, 2, Element::kF32, 7}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({values.data(), SIZE_MAX / 2, 2}), StatusCode::kLimitExceeded);
  EXPECT_EQ(code({values.data(), 1, 2, Element::kF16}), StatusCode::kTypeMismatch);
  EXPECT_EQ(code({values.data(), 1, 2, Element::kF32}, {2, Metric::kHamming, Element::kBinary}),
            StatusCode::kTypeMismatch);
  EXPECT_EQ(code({values.data(), 1, 2, static_cast<Element>(99)}), StatusCode::kTypeMismatch);
  EXPECT_NE(check_vectors({values.data(), 1, 8}, {2}, "docs", {"query"})
                .status()
                .message()
                .find("query has 8 dimensions; collection \"docs\" has 2"),
            std::string::npos);
}

TEST(BatchCheck, RowsWithGapsAndWithoutAlignmentAreChecked) {
  std::vector<std::byte> bytes(1 + 3 * 11);
  for (int r = 0; r < 3; ++r) {
    const float row[2] = {static_cast<float>(r), r == 2 ? NAN : 1.0F};
    std::memcpy(bytes.data() + 1 + r * 11, row, sizeof row);
  }
  const VectorSpec spec{2, Metric::kL2, Element::kF32};
  EXPECT_TRUE(check_vectors({bytes.data() + 1, 2, 2, Element::kF32, 11}, spec, "c", {"v"}).ok());
  EXPECT_FALSE(check_vectors({bytes.data() + 1, 3, 2, Element::kF32, 11}, spec, "c", {"v"}).ok());
  const auto halves = check_vectors({bytes.data() + 1, 2, 2, Element::kF32, 11},
                                    {2, Metric::kL2, Element::kF16}, "c", {"v"});
  ASSERT_TRUE(halves.ok());
  EXPECT_EQ(halves->view.row_stride(), 4U);
}

TEST(BatchCheck, BitsPastTheDimensionAreRefused) {
  const VectorSpec spec{11, Metric::kHamming, Element::kBinary};
  const uint8_t good[] = {0xff, 0x07, 0x00, 0x05};
  const uint8_t bad[] = {0xff, 0x07, 0x00, 0x08};
  EXPECT_TRUE(check_vectors({good, 2, 11, Element::kBinary, 0}, spec, "c", {"v"}).ok());
  EXPECT_EQ(check_vectors({bad, 2, 11, Element::kBinary, 0}, spec, "c", {"v"}).status().code(),
            StatusCode::kInvalidArgument);
}

StatusCode ids_code(const std::vector<uint64_t>& ids, size_t rows) {
  return check_ids(std::span<const uint64_t>(ids), rows).code();
}
StatusCode ids_code(const std::vector<std::string_view>& ids) {
  return check_ids(std::span<const std::string_view>(ids), ids.size()).code();
}

TEST(BatchCheck, AnIdGivenTwiceIsFoundInAnyOrder) {
  EXPECT_EQ(ids_code({1, 2, 3}, 3), StatusCode::kOk);
  EXPECT_EQ(ids_code({3, 1, 2}, 3), StatusCode::kOk);
  EXPECT_EQ(ids_code({1, 2, 2, 3}, 4), StatusCode::kInvalidArgument);
  EXPECT_EQ(ids_code({2, 3, 1, 2}, 4), StatusCode::kInvalidArgument);
  EXPECT_EQ(ids_code({2, 2}, 2), StatusCode::kInvalidArgument);
  EXPECT_EQ(ids_code({"a", "b", "ab"}), StatusCode::kOk);
  EXPECT_EQ(ids_code({"b", "a", "b"}), StatusCode::kInvalidArgument);
  const std::vector<uint64_t> twice = {5, 9, 5};
  EXPECT_NE(check_ids(std::span<const uint64_t>(twice), 3).message().find("id 5 "),
            std::string::npos);
  EXPECT_TRUE(check_id_values(std::span<const uint64_t>(twice)).ok());
}

TEST(BatchCheck, IdsHaveToBeWellFormedAndAsManyAsTheVectors) {
  EXPECT_EQ(ids_code({1, 2}, 3), StatusCode::kInvalidArgument);
  EXPECT_EQ(ids_code({UINT64_MAX - 1, 0}, 2), StatusCode::kOk);
  EXPECT_EQ(ids_code({1, UINT64_MAX}, 2), StatusCode::kInvalidArgument);
  EXPECT_EQ(ids_code({""}), StatusCode::kInvalidArgument);
  EXPECT_EQ(ids_code({"d\xC3\xA9j\xC3\xA0", "\xF0\x9F\x98\x80"}), StatusCode::kOk);
  for (const std::string_view bad : {"\xC3", "\xFF", "a\xED\xA0\x80", "\xC0\xAF"}) {
    EXPECT_EQ(ids_code({bad}), StatusCode::kInvalidArgument);
  }
  const std::string longest(kMaxStringIdBytes, 'x');
  const std::string too_long(kMaxStringIdBytes + 1, 'x');
  EXPECT_EQ(ids_code({longest}), StatusCode::kOk);
  EXPECT_EQ(ids_code({too_long}), StatusCode::kLimitExceeded);
}

TEST(BatchCheck, APartOfALongerBatchIsNamedByTheRowsOfTheWhole) {
  const std::vector<float> values = {1, 2, 3, NAN};
  const auto checked = check_vectors({values.data(), 2, 2}, {2}, "c", {"vector", 32'768});
  EXPECT_EQ(checked.status().message(),
            "vector 32769 holds NaN at position 1; expected finite numbers");
  const std::vector<std::string_view> ids = {"a", ""};
  EXPECT_EQ(check_ids(std::span(ids), 2, 100).message(), "id 101 is an empty string");
}

TEST(BatchCheck, IdsOfTheOtherKindAreAConflict) {
  const std::vector<uint64_t> numbers = {1};
  const std::vector<std::string_view> strings = {"a"};
  const IdsView u64 = std::span<const uint64_t>(numbers);
  const IdsView text = std::span<const std::string_view>(strings);
  EXPECT_TRUE(check_id_kind(u64, std::nullopt, "c").ok());
  EXPECT_TRUE(check_id_kind(std::monostate(), IdKind::kU64, "c").ok());
  EXPECT_EQ(check_id_kind(u64, IdKind::kString, "c").code(), StatusCode::kTypeMismatch);
  EXPECT_EQ(check_id_kind(text, IdKind::kU64, "c").code(), StatusCode::kTypeMismatch);
  EXPECT_EQ(check_id_kind(std::monostate(), IdKind::kString, "c").code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace omendb::collection
