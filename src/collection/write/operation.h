// The operations that a log record can hold, and their bytes: docs/format.md, "Operations".
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bitmap.h"
#include "base/ids.h"
#include "column/alter.h"
#include "omendb/status.h"
#include "omendb/types.h"
#include "segment/vector_spec.h"

namespace omendb::collection {

/// The batch's vectors in one field, in the field's element type.
struct PutField {
  FieldId id = kUnnamedField;
  /// One row a point; the rows of points that have no vector are not looked at. No rows at all: no
  /// point has one.
  VectorsView vectors;
  std::shared_ptr<const Bitmap> present;  ///< which points have one; null: all, or none at all

  bool any() const { return vectors.count > 0; }
  bool has(size_t row) const { return any() && (present == nullptr || present->test(row)); }
};

/// Stores points; each replaces the point that has its id, if there is one. The whole record is one
/// atomic batch.
struct PutOperation {
  uint32_t collection_id = 0;
  uint32_t rows = 0;
  /// All of the collection's, in their order; decoded, those that some point has a vector in.
  std::span<const PutField> fields;
  IdsView ids;  ///< std::monostate: first_id, first_id + 1, …
  uint64_t first_id = 0;
  std::span<const Column> columns;
};

/// Deletes points.
struct DeleteOperation {
  uint32_t collection_id = 0;
  IdsView ids;
};

/// Creates an empty collection, or declares one anew that never had a point.
struct CreateOperation {
  uint32_t collection_id = 0;
  std::string_view name;
  segment::Fields fields;  ///< dim 0 = taken from the first put
};

/// Drops a collection with its points.
struct DropOperation {
  uint32_t collection_id = 0;
};

/// Renames or drops a metadata column in every point.
struct AlterOperation {
  uint32_t collection_id = 0;
  column::Alteration change;
};

using Operation =
    std::variant<PutOperation, DeleteOperation, CreateOperation, DropOperation, AlterOperation>;

/// A record in parts, ready for the log. Vectors are borrowed from the operation.
class EncodedOperation {
 public:
  explicit EncodedOperation(const PutOperation& put);
  explicit EncodedOperation(const DeleteOperation& erase);
  explicit EncodedOperation(const CreateOperation& create);
  explicit EncodedOperation(const DropOperation& drop);
  explicit EncodedOperation(const AlterOperation& alter);
  std::span<const std::span<const std::byte>> parts() const { return parts_; }

 private:
  void add_vectors(const PutField& field);

  std::vector<std::byte> head_;
  std::vector<std::byte> tail_;
  std::vector<std::span<const std::byte>> parts_;
};

/// A record taken apart. `operation` borrows from the record and from the members beside it.
struct DecodedOperation {
  Operation operation;
  std::vector<uint64_t> numbers;
  std::vector<std::string_view> strings;
  std::vector<PutField> fields;
  std::vector<std::vector<std::byte>> spread;  ///< vectors that some points lack, one row a point
  std::vector<Column> columns;
};

/// The collection that a record belongs to.
/// @error kCorruption, like decode_operation(), if the bytes are not an operation.
Result<uint32_t> operation_collection(std::span<const std::byte> record);
/// Whether it creates or drops the collection, rather than changing what is in it.
bool is_catalogue_operation(std::span<const std::byte> record);
Status decode_operation(std::span<const std::byte> record, DecodedOperation& out);

}  // namespace omendb::collection
