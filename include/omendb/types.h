// The vocabulary of OmenDB: metrics, element types, ids, and the columnar form in which vectors and
// metadata cross the API. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace omendb {

// Limits. Beyond one, a call fails with kLimitExceeded and changes nothing.
inline constexpr size_t kMaxDimension = 65'536;
inline constexpr size_t kMaxVectorFields = 16;    ///< in a collection
inline constexpr size_t kMaxFieldNameBytes = 64;  ///< [A-Za-z0-9_-]{1,64}
inline constexpr size_t kMaxK = 65'536;
inline constexpr size_t kMaxBatchBytes = size_t{1} << 30;  ///< one add/upsert, vectors + metadata
inline constexpr size_t kMaxBatchRows = size_t{1} << 24;   ///< vectors in one add/upsert/search
inline constexpr size_t kMaxStringIdBytes = 1'024;
inline constexpr size_t kMaxColumns = 1'024;
inline constexpr size_t kMaxColumnNameBytes = 256;
inline constexpr size_t kMaxStringBytes = size_t{16} << 20;  ///< one metadata string or JSON text
inline constexpr size_t kMaxJsonDepth = 128;                 ///< of nested arrays and objects
inline constexpr size_t kMaxCollections = 4'096;
inline constexpr size_t kMaxCollectionNameBytes = 64;  ///< [A-Za-z0-9_-]{1,64}

/// The distance between two vectors. Smaller is nearer in every metric.
enum class Metric : uint8_t {
  kL2 = 1,            ///< squared Euclidean distance
  kCosine = 2,        ///< 1 - cos(q, x); zero vectors are refused
  kInnerProduct = 3,  ///< -<q, x>
  kHamming = 4,       ///< number of differing bits; only for Element::kBinary
};

/// Converts a distance to a similarity. Larger is nearer in every metric.
///   kCosine        the cosine
///   kInnerProduct  the inner product
///   kL2            1 / (1 + distance)
///   kHamming       the share of equal bits, 1 - distance / dim
/// @param dim  dimension of the vectors; only kHamming uses it.
double score(Metric metric, size_t dim, float distance);

/// The type of one coordinate.
enum class Element : uint8_t {
  kF32 = 1,
  kF16 = 2,
  kI8 = 3,
  kBinary = 4,  ///< one bit; eight to a byte, lowest bit first; the dimension counts bits
};

/// Size of one vector of `dim` coordinates, in bytes.
constexpr size_t vector_bytes(Element element, size_t dim) {
  switch (element) {
    case Element::kF32: return dim * 4;
    case Element::kF16: return dim * 2;
    case Element::kI8: return dim;
    case Element::kBinary: return (dim + 7) / 8;
  }
  return 0;
}

/// The type of a metadata column. The first batch with a value chooses it.
enum class ColumnType : uint8_t {
  kBool = 1,
  kI64 = 2,
  kF64 = 3,
  kString = 4,
  kTimestamp = 5,  ///< microseconds since 1970-01-01T00:00:00Z
  kJson = 6,       ///< any JSON value (RFC 8259), as UTF-8 text; has no arrays of its own
  kBoolArray = 17,
  kI64Array = 18,
  kF64Array = 19,
  kStringArray = 20,
  kTimestampArray = 21,
};

constexpr bool is_array(ColumnType type) {
  return static_cast<uint8_t>(type) >= 16;
}
/// The type of an array's elements; a scalar type is its own element type.
constexpr ColumnType element_type(ColumnType type) {
  return static_cast<ColumnType>(static_cast<uint8_t>(type) & 15);
}
constexpr ColumnType array_of(ColumnType scalar) {
  return static_cast<ColumnType>(static_cast<uint8_t>(scalar) | 16);
}

/// Whether it is one of the types above; files and foreign callers may hold other numbers.
constexpr bool is_column_type(ColumnType type) {
  const auto element = static_cast<uint8_t>(element_type(type));
  const bool known = static_cast<uint8_t>(type) < 32 && element >= 1 && element <= 6;
  return known && !(is_array(type) && element == static_cast<uint8_t>(ColumnType::kJson));
}
/// Whether a (scalar) type's values lie in Column::string_offsets and Column::bytes.
constexpr bool is_text(ColumnType element) {
  return element == ColumnType::kString || element == ColumnType::kJson;
}

std::string_view metric_name(Metric metric);         ///< "l2", "cosine", "ip", "hamming"
std::string_view element_name(Element element);      ///< "f32", "f16", "i8", "binary"
std::string_view column_type_name(ColumnType type);  ///< "i64", "string[]", ...

/// Borrowed row-major vectors: `count` rows, the first at `data`, each `stride` bytes after the
/// previous one. stride 0 means rows without gaps.
struct VectorsView {
  const void* data = nullptr;
  size_t count = 0;
  size_t dim = 0;
  Element element = Element::kF32;
  size_t stride = 0;

  const std::byte* row(size_t i) const {
    return static_cast<const std::byte*>(data) + i * row_stride();
  }
  size_t row_stride() const { return stride != 0 ? stride : vector_bytes(element, dim); }
};

/// A named vector field.
struct VectorField {
  std::string name;  ///< [A-Za-z0-9_-]{1,64}
  size_t dim = 0;    ///< 1..kMaxDimension; 0 = taken from the first add
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  bool operator==(const VectorField&) const = default;
};

enum class IdKind : uint8_t { kU64 = 1, kString = 2 };

/// Owned ids, all of one kind.
using Ids = std::variant<std::vector<uint64_t>, std::vector<std::string>>;
/// Borrowed ids; std::monostate asks for generated ones.
using IdsView =
    std::variant<std::monostate, std::span<const uint64_t>, std::span<const std::string_view>>;

inline size_t id_count(const Ids& ids) {
  return std::visit([](const auto& v) { return v.size(); }, ids);
}

/// The bytes of Column::valid: whether a point has a value in a column. Filters treat kAbsent and
/// kExplicitNull as NULL.
inline constexpr uint8_t kAbsent = 0;        ///< the point does not have the key
inline constexpr uint8_t kPresent = 1;       ///< the point has a value
inline constexpr uint8_t kExplicitNull = 2;  ///< the point has the key, and its value is null

/// One metadata column for a batch of rows, in Arrow's layout but with 64-bit offsets and one
/// validity byte a row. Only the members for its type are filled:
///   kBool → bools; kI64, kTimestamp → ints; kF64 → doubles;
///   kString, kJson → string_offsets + bytes.
/// An array column holds its elements in the same members, and row r owns elements
/// [list_offsets[r], list_offsets[r + 1]).
struct Column {
  std::string name;
  ColumnType type = ColumnType::kI64;
  std::vector<uint8_t> valid;  ///< one byte a row, kAbsent, …; empty = every row has a value
  std::vector<uint8_t> bools;
  std::vector<int64_t> ints;
  std::vector<double> doubles;
  std::vector<uint64_t> string_offsets;  ///< values + 1 entries, the first 0
  std::string bytes;                     ///< UTF-8
  std::vector<uint64_t> list_offsets;    ///< rows + 1 entries, the first 0; arrays only

  bool is_valid(size_t row) const { return state(row) == kPresent; }
  uint8_t state(size_t row) const { return valid.empty() ? kPresent : valid[row]; }
  std::string_view string_at(size_t value) const {
    return std::string_view(bytes).substr(string_offsets[value],
                                          string_offsets[value + 1] - string_offsets[value]);
  }
  /// @return the number of rows; for an array column, the number of elements of all rows.
  size_t value_count() const;
  size_t row_count() const;
};

}  // namespace omendb
