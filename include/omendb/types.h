// The vocabulary of OmenDB: metrics, element types, ids, and the columnar form in which vectors and
// metadata cross the API. Plain data; no call here does work.
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
inline constexpr size_t kMaxVectorFields = 16;    ///< of a collection
inline constexpr size_t kMaxFieldNameBytes = 64;  ///< [A-Za-z0-9_-]{1,64}
inline constexpr size_t kMaxK = 65'536;
inline constexpr size_t kMaxBatchBytes = size_t{1} << 30;  ///< one add/upsert, vectors + metadata
inline constexpr size_t kMaxBatchRows = size_t{1} << 24;   ///< vectors in one add/upsert/search
inline constexpr size_t kMaxStringIdBytes = 1'024;
inline constexpr size_t kMaxColumns = 1'024;
inline constexpr size_t kMaxColumnNameBytes = 256;
inline constexpr size_t kMaxStringBytes = size_t{16} << 20;  ///< one metadata string or JSON text
inline constexpr size_t kMaxJsonDepth = 128;  ///< arrays and objects inside each other
inline constexpr size_t kMaxCollections = 4'096;
inline constexpr size_t kMaxCollectionNameBytes = 64;  ///< [A-Za-z0-9_-]{1,64}

/// How near two vectors are. A smaller distance is nearer, always.
enum class Metric : uint8_t {
  kL2 = 1,            ///< squared Euclidean distance
  kCosine = 2,        ///< 1 - cos(q, x); zero vectors are refused
  kInnerProduct = 3,  ///< -<q, x>
  kHamming = 4,       ///< differing bits; for Element::kBinary alone
};

/// How alike two vectors at a distance are. A larger score is nearer, always: of kCosine the
/// cosine, of kInnerProduct the inner product, of kL2 1 / (1 + distance), of kHamming the share of
/// equal bits, 1 - distance / dim.
/// @param dim  of the vectors; used by kHamming.
double score(Metric metric, size_t dim, float distance);

/// What one coordinate is.
enum class Element : uint8_t {
  kF32 = 1,
  kF16 = 2,
  kI8 = 3,
  kBinary = 4,  ///< one bit; eight to a byte, lowest bit first; the dimension counts bits
};

/// Bytes that one vector of `dim` coordinates takes.
constexpr size_t vector_bytes(Element element, size_t dim) {
  switch (element) {
    case Element::kF32: return dim * 4;
    case Element::kF16: return dim * 2;
    case Element::kI8: return dim;
    case Element::kBinary: return (dim + 7) / 8;
  }
  return 0;
}

/// The type of a metadata column, fixed by its first use.
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

/// Whether it is one of the types above: what comes from files and foreign callers may be none.
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

/// Borrowed row-major vectors: `count` rows, the first at `data`, each `stride` bytes after the one
/// before it. stride 0 means rows without gaps.
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

/// A vector field of a collection that has several.
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

/// What a point has of a column: the bytes of Column::valid. Filters take both kinds of nothing for
/// NULL.
inline constexpr uint8_t kAbsent = 0;        ///< the point has no such key
inline constexpr uint8_t kPresent = 1;       ///< a value
inline constexpr uint8_t kExplicitNull = 2;  ///< the key is there, and its value is null

/// One metadata column for a batch of rows, laid out as Arrow lays it out but with 64-bit offsets
/// and one validity byte a row. Only the members that `type` names are filled:
///   kBool → bools; kI64, kTimestamp → ints; kF64 → doubles;
///   kString, kJson → string_offsets + bytes.
/// An array column holds its elements in the same members, and row r owns elements
/// [list_offsets[r], list_offsets[r + 1]).
struct Column {
  std::string name;
  ColumnType type = ColumnType::kI64;
  std::vector<uint8_t> valid;  ///< rows bytes of kAbsent, …; empty = every row has a value
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
  /// Elements held (rows, unless an array column).
  size_t value_count() const;
  size_t row_count() const;
};

}  // namespace omendb
