// One Arrow record batch, or one bare array, as vectors, ids and columns. Nothing here knows
// Python.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "abi.h"
#include "decode.h"
#include "omendb/status.h"
#include "omendb/types.h"

namespace omendb::python {

/// A schema that this process owns and releases.
struct OwnedSchema {
  ArrowSchema schema{};
  OwnedSchema() = default;
  OwnedSchema(const OwnedSchema&) = delete;
  OwnedSchema& operator=(const OwnedSchema&) = delete;
  ~OwnedSchema() {
    if (schema.release != nullptr) schema.release(&schema);
  }
};

/// Numbers of one kind, row after row without gaps.
struct ArrowMatrix {
  char format = 'f';  ///< Arrow's letter for the numbers: c C s S i I l L e f g
  size_t rows = 0;
  size_t columns = 0;
  const void* data = nullptr;    ///< in the batch, or in `owned`
  std::vector<std::byte> owned;  ///< filled if the rows did not lie side by side
  std::vector<uint8_t> present;  ///< of ArrowTable::present_vectors(): one byte a row of the batch

  size_t item_bytes() const;
};

/// A batch that has passed check_arrow_array(). Immutable.
class ArrowTable {
 public:
  /// Takes both over; `array` is released also if this fails.
  /// @param schema  has passed check_arrow_schema().
  /// @error kInvalidArgument for malformed data, and for a table with a row that is null.
  static Result<std::unique_ptr<ArrowTable>> take(std::shared_ptr<const OwnedSchema> schema,
                                                  ArrowArray array);
  ArrowTable(const ArrowTable&) = delete;
  ArrowTable& operator=(const ArrowTable&) = delete;
  ~ArrowTable();

  size_t rows() const { return static_cast<size_t>(array_.length); }
  bool is_table() const;
  size_t column_count() const;
  std::vector<std::string> names() const;
  /// "vector" (a list of numbers), "bytes", "int", "float", "string" or "other", one a column; of a
  /// dictionary- or run-end-encoded column, what its values are.
  std::vector<std::string> kinds() const;
  /// What the type of a column is called. @param column  below column_count(), as in every call.
  std::string type_name(size_t column) const;

  /// The lists of numbers (or the bytes, which are all of one width) of a column, one a row; lent
  /// from the batch if they lie side by side, copied if not.
  /// @error kTypeMismatch, kDimensionMismatch, kInvalidArgument for nulls and malformed data.
  Result<ArrowMatrix> vectors(size_t column) const;
  /// The same of the rows that are not null.
  Result<ArrowMatrix> present_vectors(size_t column) const;
  /// A bare array of numbers as one vector.
  Result<ArrowMatrix> vector() const;
  /// Ids; a dictionary- or run-end-encoded column is decoded.
  /// @error kTypeMismatch for another type, kInvalidArgument for a null and a negative one.
  Result<Ids> ids(size_t column) const;
  /// Metadata; none for a column of the type "null". See decode_column().
  Result<std::optional<Column>> column(size_t column, const std::string& name) const;

 private:
  /// A column and the first of its rows that belongs to this batch.
  struct Field {
    const ArrowSchema* schema;
    const ArrowArray* array;
    int64_t first;
    std::string name;
  };
  ArrowTable(std::shared_ptr<const OwnedSchema> schema, ArrowArray array);
  Field field(size_t column) const;
  Status refuse_null_rows() const;
  enum class Nulls : uint8_t { kRefused, kLeftOut };
  Result<ArrowMatrix> read_vectors(size_t column, Nulls nulls) const;
  Result<ArrowMatrix> lists(const Field& field, Nulls nulls) const;
  Result<ArrowMatrix> bytes(const Field& field, Nulls nulls) const;

  std::shared_ptr<const OwnedSchema> schema_;
  ArrowArray array_;
};

}  // namespace omendb::python
