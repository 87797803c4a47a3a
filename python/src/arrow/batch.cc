#include "batch.h"

#include <cstring>
#include <utility>

#include "check.h"

namespace omendb::python {
namespace {

size_t width_of(char format) {
  switch (format) {
    case 'c':
    case 'C': return 1;
    case 's':
    case 'S':
    case 'e': return 2;
    case 'i':
    case 'I':
    case 'f': return 4;
    default: return 8;
  }
}

/// Whether values are plain numbers; those of an extension type mean something else.
bool is_number(const ArrowSchema& schema) {
  return schema.dictionary == nullptr && arrow_extension(schema).empty() &&
         (is_arrow_int(schema.format) || is_arrow_float(schema.format));
}

/// Ints, also of a dictionary or in runs.
bool holds_ints(const ArrowSchema& schema) {
  return is_arrow_int(arrow_value_schema(schema).format) && arrow_extension(schema).empty();
}

bool is_vectors(const ArrowSchema& schema) {
  return schema.dictionary == nullptr && is_arrow_list(schema.format) &&
         is_number(*schema.children[0]);
}

Status at_row(StatusCode code, const std::string& name, int64_t row, const std::string& why) {
  return {code, "column \"" + name + "\", row " + std::to_string(row) + ": " + why};
}

/// Puts rows of equal width side by side, without a copy where they lie so already.
class SideBySide {
 public:
  /// @param bytes  columns of bytes: what errors count.
  SideBySide(size_t rows, char format, bool bytes) : bytes_(bytes) {
    matrix_.present.assign(rows, 1);
    matrix_.format = format;
  }

  void leave_out() { matrix_.present[row_++] = 0; }

  /// @error kDimensionMismatch if the row is not as long as the rows before it.
  Status add(const std::string& name, const char* data, size_t columns) {
    if (columns == 0) {
      return at_row(StatusCode::kDimensionMismatch, name, static_cast<int64_t>(row_),
                    "the vector is empty");
    }
    if (starts_.empty()) {
      matrix_.columns = columns;
    } else if (columns != matrix_.columns) {
      return {StatusCode::kDimensionMismatch,
              "column \"" + name + "\", row " + std::to_string(row_) + " has " +
                  std::to_string(columns) + (bytes_ ? " bytes" : " dimensions") +
                  "; the rows before it have " + std::to_string(matrix_.columns)};
    }
    const size_t row_bytes = columns * matrix_.item_bytes();
    if (!starts_.empty() && data != starts_.back() + row_bytes) side_by_side_ = false;
    starts_.push_back(data);
    ++row_;
    return {};
  }

  ArrowMatrix finish() {
    const size_t row_bytes = matrix_.columns * matrix_.item_bytes();
    matrix_.rows = starts_.size();
    if (starts_.empty()) return std::move(matrix_);
    if (side_by_side_) {
      matrix_.data = starts_[0];
      return std::move(matrix_);
    }
    matrix_.owned.resize(starts_.size() * row_bytes);
    for (size_t row = 0; row < starts_.size(); ++row) {
      std::memcpy(matrix_.owned.data() + row * row_bytes, starts_[row], row_bytes);
    }
    matrix_.data = matrix_.owned.data();
    return std::move(matrix_);
  }

 private:
  const bool bytes_;
  ArrowMatrix matrix_;
  std::vector<const char*> starts_;
  size_t row_ = 0;  ///< the next one
  bool side_by_side_ = true;
};

}  // namespace

size_t ArrowMatrix::item_bytes() const {
  return width_of(format);
}

ArrowTable::ArrowTable(std::shared_ptr<const OwnedSchema> schema, ArrowArray array)
    : schema_(std::move(schema)), array_(array) {}

ArrowTable::~ArrowTable() {
  if (array_.release != nullptr) array_.release(&array_);
}

Result<std::unique_ptr<ArrowTable>> ArrowTable::take(std::shared_ptr<const OwnedSchema> schema,
                                                     ArrowArray array) {
  std::unique_ptr<ArrowTable> table(new ArrowTable(std::move(schema), array));
  Status status = check_arrow_array(table->schema_->schema, table->array_);
  if (status.ok()) status = table->refuse_null_rows();
  if (!status.ok()) return status;
  return table;
}

Status ArrowTable::refuse_null_rows() const {
  if (!is_table()) return {};
  for (int64_t row = 0; row < array_.length && array_.null_count != 0; ++row) {
    auto place = arrow_place(schema_->schema, array_, row);
    if (!place.ok()) return place.status();
    if (!place->present) {
      return {StatusCode::kInvalidArgument, "row " + std::to_string(row) +
                                                " of the Arrow structs is null; a point has at "
                                                "least a vector, so drop the row"};
    }
  }
  return {};
}

bool ArrowTable::is_table() const {
  return std::string_view(schema_->schema.format) == "+s";
}

size_t ArrowTable::column_count() const {
  return is_table() ? static_cast<size_t>(array_.n_children) : 1;
}

ArrowTable::Field ArrowTable::field(size_t column) const {
  if (!is_table()) return {&schema_->schema, &array_, 0, "vector"};
  const ArrowSchema* schema = schema_->schema.children[column];
  return {schema, array_.children[column], array_.offset,
          schema->name == nullptr ? "" : schema->name};
}

std::vector<std::string> ArrowTable::names() const {
  std::vector<std::string> out;
  for (size_t i = 0; i < column_count(); ++i) out.push_back(field(i).name);
  return out;
}

std::vector<std::string> ArrowTable::kinds() const {
  std::vector<std::string> out;
  for (size_t i = 0; i < column_count(); ++i) {
    const Field f = field(i);
    const ArrowSchema& schema = arrow_value_schema(*f.schema);
    const std::string_view format = schema.format;
    out.emplace_back(is_vectors(*f.schema)                           ? "vector"
                     : &schema == f.schema && is_arrow_bytes(format) ? "bytes"
                     : holds_ints(*f.schema)                         ? "int"
                     : is_arrow_float(format)                        ? "float"
                     : is_arrow_string(format)                       ? "string"
                                                                     : "other");
  }
  return out;
}

std::string ArrowTable::type_name(size_t column) const {
  return arrow_type_name(*field(column).schema);
}

Result<ArrowMatrix> ArrowTable::vectors(size_t column) const {
  return read_vectors(column, Nulls::kRefused);
}

Result<ArrowMatrix> ArrowTable::present_vectors(size_t column) const {
  return read_vectors(column, Nulls::kLeftOut);
}

Result<ArrowMatrix> ArrowTable::read_vectors(size_t column, Nulls nulls) const {
  const Field f = field(column);
  if (f.schema->dictionary == nullptr && is_arrow_bytes(f.schema->format)) return bytes(f, nulls);
  if (is_vectors(*f.schema)) return lists(f, nulls);
  if (nulls == Nulls::kLeftOut && std::string_view(f.schema->format) == "n") {
    ArrowMatrix none;
    none.present.assign(rows(), 0);
    return none;
  }
  return Status(
      StatusCode::kTypeMismatch,
      "column \"" + f.name + "\": expected lists of numbers, got " + arrow_type_name(*f.schema));
}

Result<ArrowMatrix> ArrowTable::lists(const Field& f, Nulls nulls) const {
  const ArrowSchema& number = *f.schema->children[0];
  const ArrowArray& values = *f.array->children[0];
  SideBySide rows(this->rows(), number.format[0], false);
  for (int64_t row = 0; row < array_.length; ++row) {
    auto place = arrow_place(*f.schema, *f.array, f.first + row);
    if (!place.ok()) return place.status();
    if (!place->present && nulls == Nulls::kRefused) {
      return at_row(StatusCode::kInvalidArgument, f.name, row, "the vector is null");
    }
    if (!place->present) {
      rows.leave_out();
      continue;
    }
    auto range = arrow_list(*place);
    if (!range.ok()) return range.status();
    for (int64_t i = range->start; values.null_count != 0 && i < range->stop; ++i) {
      auto coordinate = arrow_place(number, values, i);
      if (!coordinate.ok()) return coordinate.status();
      if (!coordinate->present) {
        return at_row(StatusCode::kInvalidArgument, f.name, row, "a coordinate is null");
      }
    }
    const size_t at = static_cast<size_t>(range->start + values.offset);
    const char* data = static_cast<const char*>(values.buffers[1]);  // null if all are empty
    if (data != nullptr) data += at * width_of(number.format[0]);
    Status status = rows.add(f.name, data, static_cast<size_t>(range->stop - range->start));
    if (!status.ok()) return status;
  }
  return rows.finish();
}

Result<ArrowMatrix> ArrowTable::bytes(const Field& f, Nulls nulls) const {
  SideBySide rows(this->rows(), 'C', true);
  for (int64_t row = 0; row < array_.length; ++row) {
    auto place = arrow_place(*f.schema, *f.array, f.first + row);
    if (!place.ok()) return place.status();
    if (!place->present && nulls == Nulls::kRefused) {
      return at_row(StatusCode::kInvalidArgument, f.name, row, "the vector is null");
    }
    if (!place->present) {
      rows.leave_out();
      continue;
    }
    auto bits = arrow_bytes(*place);
    if (!bits.ok()) return bits.status();
    Status status = rows.add(f.name, bits->data(), bits->size());
    if (!status.ok()) return status;
  }
  return rows.finish();
}

Result<ArrowMatrix> ArrowTable::vector() const {
  const ArrowSchema& schema = schema_->schema;
  if (!is_number(schema)) {
    return Status(StatusCode::kTypeMismatch,
                  "expected an array of numbers, got " + arrow_type_name(schema));
  }
  for (int64_t i = 0; i < array_.length && array_.null_count != 0; ++i) {
    auto place = arrow_place(schema, array_, i);
    if (!place.ok()) return place.status();
    if (!place->present) {
      return Status(StatusCode::kInvalidArgument, "coordinate " + std::to_string(i) + " is null");
    }
  }
  ArrowMatrix out;
  out.format = schema.format[0];
  out.rows = 1;
  out.columns = rows();
  if (array_.length > 0) {
    out.data = static_cast<const char*>(array_.buffers[1]) +
               static_cast<size_t>(array_.offset) * width_of(out.format);
  }
  return out;
}

Result<Ids> ArrowTable::ids(size_t column) const {
  Field f = field(column);
  if (!is_table()) f.name = "ids";
  const std::string_view format = arrow_value_schema(*f.schema).format;
  if (!holds_ints(*f.schema) && !is_arrow_string(format)) {
    return Status(StatusCode::kTypeMismatch, "column \"" + f.name +
                                                 "\": ids are integers or strings, got " +
                                                 arrow_type_name(*f.schema));
  }
  std::vector<uint64_t> numbers;
  std::vector<std::string> strings;
  for (int64_t row = 0; row < array_.length; ++row) {
    auto place = arrow_place(*f.schema, *f.array, f.first + row);
    if (!place.ok()) return place.status();
    if (!place->present) {
      return at_row(StatusCode::kInvalidArgument, f.name, row, "the id is null");
    }
    if (is_arrow_string(format)) {
      auto text = arrow_bytes(*place);
      if (!text.ok()) return text.status();
      strings.emplace_back(*text);
      continue;
    }
    const auto id = arrow_int(*place);
    if (id && *id < 0) {
      return at_row(StatusCode::kInvalidArgument, f.name, row,
                    "ids are not negative, got " + std::to_string(*id));
    }
    numbers.push_back(id ? static_cast<uint64_t>(*id) : arrow_uint64(*place));
  }
  if (is_arrow_string(format)) return Ids(std::move(strings));
  return Ids(std::move(numbers));
}

Result<std::optional<Column>> ArrowTable::column(size_t column, const std::string& name) const {
  const Field f = field(column);
  return decode_column(*f.schema, *f.array, f.first, array_.length, name);
}

}  // namespace omendb::python
