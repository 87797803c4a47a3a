#include "collection/write/batch_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status_macros.h"
#include "base/utf8.h"
#include "distance/convert.h"

namespace omendb::collection {

namespace {

using std::to_string;

Status invalid(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}

Status check_shape(const VectorsView& vectors, const segment::VectorSpec& spec,
                   std::string_view collection, const RowNames& row_names) {
  const std::string name(row_names.what);
  const std::string names = name == "query" ? "queries" : name + "s";
  if (vectors.count == 0) return {};
  if (vectors.dim == 0) return invalid(names + " of 0 dimensions; expected at least 1");
  if (vectors.dim > kMaxDimension) {
    return {StatusCode::kLimitExceeded, names + " of " + to_string(vectors.dim) +
                                            " dimensions; at most " + to_string(kMaxDimension)};
  }
  if (spec.dim != 0 && vectors.dim != spec.dim) {
    return {StatusCode::kDimensionMismatch, name + " has " + to_string(vectors.dim) +
                                                " dimensions; " + row_names.holder(collection) +
                                                " has " + to_string(spec.dim)};
  }
  const bool converts = vectors.element == Element::kF32 && spec.element != Element::kBinary;
  if (vectors.element != spec.element && !converts) {
    return {StatusCode::kTypeMismatch,
            names + " are " + std::string(element_name(vectors.element)) + "; " +
                row_names.holder(collection) + " holds " + std::string(element_name(spec.element))};
  }
  const size_t row_bytes = vector_bytes(vectors.element, vectors.dim);
  if (vectors.data == nullptr) return invalid(names + " without data");
  if (vectors.row_stride() < row_bytes) {
    return invalid("a row stride of " + to_string(vectors.stride) + " bytes; rows take " +
                   to_string(row_bytes));
  }
  if (vectors.count > kMaxBatchRows) {
    return {StatusCode::kLimitExceeded, "a batch of " + to_string(vectors.count) + " " + names +
                                            "; at most " + to_string(kMaxBatchRows)};
  }
  if (vectors.count > kMaxBatchBytes / row_bytes) {
    return {StatusCode::kLimitExceeded, "a batch of " + to_string(vectors.count) + " " + names +
                                            " of " + to_string(row_bytes) + " bytes; at most " +
                                            to_string(kMaxBatchBytes) + " bytes in a batch"};
  }
  return {};
}

/// Beyond this, |q|^2 + |x|^2 or a squared difference could overflow f32, and infinite distances
/// cannot be ordered.
constexpr float kMaxSquaredNorm = std::numeric_limits<float>::max() / 4;

/// One pass that the compiler vectorises. NaN or Inf anywhere makes the sum NaN or Inf.
float squared_norm(const float* x, size_t dim) {
  float sums[16] = {};
  size_t i = 0;
  for (; i + 16 <= dim; i += 16) {
    for (size_t j = 0; j < 16; ++j) sums[j] += x[i + j] * x[i + j];
  }
  for (; i < dim; ++i) sums[0] += x[i] * x[i];
  float total = 0;
  for (float sum : sums) total += sum;
  return total;
}

Status check_row_values(const float* x, size_t dim, Metric metric, const RowNames& names,
                        size_t row) {
  const float norm = squared_norm(x, dim);
  if (norm <= kMaxSquaredNorm && (norm > 0 || metric != Metric::kCosine)) return {};
  const std::string name = names.of(row);
  for (size_t i = 0; i < dim; ++i) {
    if (std::isfinite(x[i])) continue;
    return invalid(name + " holds " + (std::isnan(x[i]) ? "NaN" : "Inf") + " at position " +
                   to_string(i) + "; expected finite numbers");
  }
  if (norm == 0) {
    return invalid(name +
                   " is all zeros (or too small for f32), so it has no direction; cosine "
                   "needs one");
  }
  return invalid(name + " is too long: the square of its norm must stay below 8.5e37");
}

/// Floats of a row, whatever its element type (not binary).
const float* as_floats(const VectorsView& vectors, size_t row, std::vector<float>& scratch) {
  const std::byte* bytes = vectors.row(row);
  if (vectors.element == Element::kF32 &&
      reinterpret_cast<uintptr_t>(bytes) % alignof(float) == 0) {
    return reinterpret_cast<const float*>(bytes);
  }
  scratch.resize(vectors.dim);
  distance::to_f32(vectors.element, bytes, vectors.dim, scratch.data());
  return scratch.data();
}

bool has_row(const Bitmap* present, size_t row) {
  return present == nullptr || present->test(row);
}

Status check_padding(const VectorsView& vectors, const RowNames& names, const Bitmap* present) {
  if (vectors.dim % 8 == 0) return {};
  const auto unused = static_cast<uint8_t>(0xff << (vectors.dim % 8));
  for (size_t r = 0; r < vectors.count; ++r) {
    if (!has_row(present, r)) continue;
    const auto last = std::to_integer<uint8_t>(vectors.row(r)[vectors.dim / 8]);
    if ((last & unused) != 0) {
      return invalid(names.of(r) + " has bits set past dimension " + to_string(vectors.dim) +
                     "; expected zeros");
    }
  }
  return {};
}

/// Converts one row of floats to the collection's element, or says why it does not fit.
Status convert_row(std::span<const float> from, const segment::VectorSpec& spec, std::byte* out,
                   const RowNames& names, size_t row) {
  const Element to = spec.element;
  for (size_t i = 0; i < from.size(); ++i) {
    // Numbers that round to one of the type. Ties go to the even neighbour, so 127.5 would be 128.
    const bool fits = to == Element::kF16 ? std::fabs(from[i]) < 65'520.0f
                                          : from[i] >= -128.5f && from[i] < 127.5f;
    if (!fits) {
      return invalid(names.of(row) + " holds " + to_string(from[i]) + " at position " +
                     to_string(i) + ", which " + std::string(element_name(to)) + " cannot hold");
    }
  }
  distance::from_f32(to, from.data(), from.size(), out);
  if (spec.metric != Metric::kCosine) return {};
  std::vector<float> rounded(from.size());
  distance::to_f32(to, out, from.size(), rounded.data());
  if (std::ranges::any_of(rounded, [](float x) { return x != 0; })) return {};
  return invalid(names.of(row) + " rounds to all zeros as " + std::string(element_name(to)) +
                 ", so it has no direction; cosine needs one");
}

}  // namespace

Result<CheckedVectors> check_vectors(const VectorsView& vectors, const segment::VectorSpec& spec,
                                     std::string_view collection, const RowNames& names,
                                     const Bitmap* present) {
  OMEN_RETURN_IF_ERROR(check_shape(vectors, spec, collection, names));
  CheckedVectors checked{vectors, {}};
  if (vectors.element == Element::kBinary) {
    OMEN_RETURN_IF_ERROR(check_padding(vectors, names, present));
    return checked;
  }
  const bool convert = vectors.element != spec.element;
  const size_t out_bytes = vector_bytes(spec.element, vectors.dim);
  if (convert) checked.converted.resize(vectors.count * out_bytes);
  std::vector<float> scratch;
  for (size_t r = 0; r < vectors.count; ++r) {
    if (!has_row(present, r)) continue;
    const float* row = as_floats(vectors, r, scratch);
    OMEN_RETURN_IF_ERROR(check_row_values(row, vectors.dim, spec.metric, names, r));
    if (!convert) continue;
    OMEN_RETURN_IF_ERROR(
        convert_row({row, vectors.dim}, spec, checked.converted.data() + r * out_bytes, names, r));
  }
  if (convert) {
    checked.view = {checked.converted.data(), vectors.count, vectors.dim, spec.element, 0};
  }
  return checked;
}

std::string RowNames::of(size_t row) const {
  std::string name = std::string(what) + " " + to_string(first_row + row);
  if (!field.empty()) name += " of field \"" + std::string(field) + "\"";
  return name;
}

std::string RowNames::holder(std::string_view collection) const {
  const std::string of = "collection \"" + std::string(collection) + "\"";
  return field.empty() ? of : "field \"" + std::string(field) + "\" of " + of;
}

namespace {

/// `vector fields "title" and "body"`, or text that says that there are none.
std::string list_fields(const segment::Fields& fields, std::string_view collection) {
  const std::string name = "collection \"" + std::string(collection) + "\"";
  if (fields[0].name.empty()) return name + " has one vector a point, in a field without a name";
  std::string list;
  for (const segment::Field& field : fields) {
    list += (list.empty() ? "\"" : ", \"") + field.name + "\"";
  }
  return name + (fields.size() == 1 ? " has the vector field " : " has the vector fields ") + list;
}

bool holds_nothing(const WriteBatch& batch) {
  return batch.vectors.count == 0 &&
         std::ranges::all_of(batch.fields, [](const auto& f) { return f.vectors.count == 0; });
}

Status check_field_names(const WriteBatch& batch, const segment::Fields& fields,
                         std::string_view collection) {
  for (size_t i = 0; i < batch.fields.size(); ++i) {
    const std::string_view name = batch.fields[i].field;
    if (name.empty()) return invalid("vectors of a field without a name beside those of others");
    OMEN_RETURN_IF_ERROR(find_field(fields, name, collection).status());
    for (size_t j = 0; j < i; ++j) {
      if (batch.fields[j].field != name) continue;
      return invalid("the vectors of field \"" + std::string(name) + "\" are given twice");
    }
  }
  if (fields[0].name.empty() || holds_nothing(batch)) return {};
  if (batch.vectors.data != nullptr || batch.vectors.count > 0) {
    return invalid(list_fields(fields, collection) +
                   "; these vectors do not say which they belong to");
  }
  return {};
}

}  // namespace

Result<size_t> find_field(const segment::Fields& fields, std::string_view name,
                          std::string_view collection) {
  if (name.empty()) {
    if (fields.size() == 1) return size_t{0};
    return invalid(list_fields(fields, collection) + "; say which");
  }
  for (size_t f = 0; f < fields.size(); ++f) {
    if (fields[f].name == name) return f;
  }
  return Status(StatusCode::kNotFound, "unknown vector field \"" + std::string(name) + "\"; " +
                                           list_fields(fields, collection));
}

namespace {

/// The vectors that a batch has in a field; no rows if no point has a vector there.
struct GivenField {
  VectorsView vectors;
  std::shared_ptr<const Bitmap> present;
};

/// Copies the bytes of FieldVectors::present, which the caller may change during the call.
Result<GivenField> given_field(const FieldVectors& from) {
  GivenField given{from.vectors, nullptr};
  const size_t rows = from.vectors.count;
  if (from.present.empty()) return given;
  if (from.present.size() != rows) {
    return invalid("field \"" + std::string(from.field) + "\" has " + to_string(rows) +
                   " rows of vectors, and says of " + to_string(from.present.size()) +
                   " points whether they have one; expected as many");
  }
  auto present = std::make_shared<Bitmap>(rows);
  for (size_t i = 0; i < rows; ++i) {
    if (from.present[i] != 0) present->set(i);
  }
  const size_t count = present->count();
  if (count == 0) given.vectors = {};
  if (count > 0 && count < rows) given.present = std::move(present);
  return given;
}

/// The number of points that all fields of a batch with named fields have.
Result<uint32_t> count_rows(const WriteBatch& batch) {
  const FieldVectors& first = batch.fields[0];
  for (const FieldVectors& other : batch.fields) {
    if (other.vectors.count == first.vectors.count) continue;
    return invalid("field \"" + std::string(other.field) + "\" has " +
                   to_string(other.vectors.count) + " vectors, field \"" +
                   std::string(first.field) + "\" has " + to_string(first.vectors.count) +
                   "; expected one row a point in each");
  }
  return static_cast<uint32_t>(std::min<size_t>(first.vectors.count, UINT32_MAX));
}

/// The first point that has no vector in any field.
std::optional<uint32_t> point_without_vector(std::span<const PutField> fields, uint32_t rows) {
  Bitmap some(rows);
  for (const PutField& field : fields) {
    if (field.any() && field.present == nullptr) return std::nullopt;
    if (field.any()) some.or_with(*field.present);
  }
  for (uint32_t row = 0; row < rows; ++row) {
    if (!some.test(row)) return row;
  }
  return std::nullopt;
}

}  // namespace

Result<CheckedBatch> check_batch(const WriteBatch& batch, const segment::Fields& fields,
                                 std::string_view collection) {
  OMEN_RETURN_IF_ERROR(check_field_names(batch, fields, collection));
  CheckedBatch checked;
  if (holds_nothing(batch)) return checked;
  const bool unnamed = fields[0].name.empty();
  checked.rows = static_cast<uint32_t>(batch.vectors.count);
  if (!unnamed) {
    OMEN_ASSIGN_OR_RETURN(checked.rows, count_rows(batch));
  }
  for (const segment::Field& field : fields) {
    GivenField given{batch.vectors, nullptr};
    if (!unnamed) {
      const auto named = std::ranges::find(batch.fields, field.name, &FieldVectors::field);
      OMEN_ASSIGN_OR_RETURN(given, named == batch.fields.end() ? Result<GivenField>(GivenField())
                                                               : given_field(*named));
      if (given.vectors.count == 0 && (named == batch.fields.end() || !named->present.empty())) {
        checked.fields.push_back({field.id, {}, nullptr});
        continue;
      }
    }
    OMEN_ASSIGN_OR_RETURN(
        CheckedVectors vectors,
        check_vectors(given.vectors, field.spec, collection,
                      {"vector", batch.first_row, field.name}, given.present.get()));
    checked.vector_bytes +=
        vectors.view.count * omendb::vector_bytes(vectors.view.element, vectors.view.dim);
    checked.fields.push_back({field.id, vectors.view, std::move(given.present)});
    if (!vectors.converted.empty()) checked.converted.push_back(std::move(vectors.converted));
  }
  if (const auto row = point_without_vector(checked.fields, checked.rows)) {
    return invalid("point " + to_string(batch.first_row + *row) +
                   " has no vector; each point needs one in at least one field, and " +
                   list_fields(fields, collection));
  }
  return checked;
}

std::shared_ptr<const segment::Fields> settled_fields(std::shared_ptr<const segment::Fields> fields,
                                                      const PutOperation& put) {
  const auto open = [](const segment::Field& field) { return field.spec.dim == 0; };
  if (std::ranges::none_of(*fields, open)) return fields;
  auto result = std::make_shared<segment::Fields>(*fields);
  for (size_t f = 0; f < result->size(); ++f) {
    if (put.fields[f].any()) (*result)[f].spec.dim = put.fields[f].vectors.dim;
  }
  return result;
}

std::optional<std::vector<PutField>> fitted_fields(const PutOperation& put,
                                                   const segment::Fields& fields) {
  std::vector<PutField> fitted;
  auto next = put.fields.begin();
  for (const segment::Field& field : fields) {
    if (next == put.fields.end() || next->id != field.id) {
      fitted.push_back({field.id, {}, nullptr});
      continue;
    }
    const VectorsView& vectors = next->vectors;
    if (vectors.element != field.spec.element) return std::nullopt;
    if (field.spec.dim != 0 && vectors.dim != field.spec.dim) return std::nullopt;
    fitted.push_back(*next++);
  }
  if (next != put.fields.end()) return std::nullopt;
  if (fields[0].name.empty() && put.fields[0].present != nullptr) return std::nullopt;
  if (point_without_vector(fitted, put.rows)) return std::nullopt;
  return fitted;
}

Status check_id_values(const IdsView& ids, uint64_t first_row) {
  if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&ids)) {
    if (std::find(numbers->begin(), numbers->end(), UINT64_MAX) != numbers->end()) {
      return invalid("id 18446744073709551615 is reserved; expected 0..18446744073709551614");
    }
  } else if (const auto* strings = std::get_if<std::span<const std::string_view>>(&ids)) {
    for (size_t i = 0; i < strings->size(); ++i) {
      const std::string_view id = (*strings)[i];
      const std::string name = RowNames{"id", first_row}.of(i);
      if (id.empty()) return invalid(name + " is an empty string");
      if (id.size() > kMaxStringIdBytes) {
        return {StatusCode::kLimitExceeded, name + " takes " + to_string(id.size()) +
                                                " bytes; at most " + to_string(kMaxStringIdBytes)};
      }
      if (!is_utf8(id)) return invalid(name + " is not valid UTF-8");
    }
  }
  return {};
}

namespace {

template <class Id>
Status check_unique(std::span<const Id> ids) {
  if (std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<Id>()) == ids.end()) return {};
  std::vector<Id> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  if (twin == sorted.end()) return {};
  return invalid("id " + describe(IdView(*twin)) +
                 " is given twice in one batch; ids must be unique");
}

}  // namespace

Status check_ids(const IdsView& ids, size_t rows, uint64_t first_row) {
  if (std::holds_alternative<std::monostate>(ids)) return {};
  if (id_count(ids) != rows) {
    return invalid(to_string(id_count(ids)) + " ids for " + to_string(rows) +
                   " vectors; expected one each");
  }
  OMEN_RETURN_IF_ERROR(check_id_values(ids, first_row));
  if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&ids)) {
    return check_unique(*numbers);
  }
  return check_unique(std::get<std::span<const std::string_view>>(ids));
}

Status check_id_kind(const IdsView& ids, std::optional<IdKind> kind, std::string_view collection) {
  const bool strings = std::holds_alternative<std::span<const std::string_view>>(ids);
  if (!kind || strings == (*kind == IdKind::kString)) return {};
  const std::string name = "collection \"" + std::string(collection) + "\"";
  if (std::holds_alternative<std::monostate>(ids)) {
    return invalid(name + " has string ids, which are not generated; pass one id a vector");
  }
  return {StatusCode::kTypeMismatch, strings ? name + " has integer ids; these are strings"
                                             : name + " has string ids; these are integers"};
}

namespace {

static_assert(kMaxFieldNameBytes == kMaxCollectionNameBytes);

Status check_name(std::string_view what, std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (name.empty() || name.size() > kMaxCollectionNameBytes ||
      !std::all_of(name.begin(), name.end(), allowed)) {
    return invalid(std::string(what) + " name \"" + std::string(name.substr(0, 80)) +
                   "\"; expected 1..64 characters of A-Z a-z 0-9 _ -");
  }
  return {};
}

/// @param of  what messages say after "metric l2", such as ` of field "title"`.
Status check_spec(size_t dim, Metric metric, Element element, const std::string& of) {
  if (dim > kMaxDimension) {
    return {StatusCode::kLimitExceeded,
            "dim" + of + " is " + to_string(dim) + "; at most " + to_string(kMaxDimension)};
  }
  if (metric_name(metric) == "unknown" || element_name(element) == "unknown") {
    return invalid("an unknown metric or element type" + of);
  }
  if ((metric == Metric::kHamming) != (element == Element::kBinary)) {
    return invalid("metric " + std::string(metric_name(metric)) + " with " +
                   std::string(element_name(element)) + " vectors" + of +
                   "; hamming and binary go together");
  }
  return {};
}

}  // namespace

Status check_collection_name(std::string_view name) {
  return check_name("collection", name);
}

Status check_collection_options(const CollectionOptions& options) {
  OMEN_RETURN_IF_ERROR(check_spec(options.dim, options.metric, options.element, ""));
  if (options.fields.empty()) return {};
  if (options.fields.size() > kMaxVectorFields) {
    return {StatusCode::kLimitExceeded, to_string(options.fields.size()) +
                                            " vector fields; at most " +
                                            to_string(kMaxVectorFields)};
  }
  const CollectionOptions unsaid;
  if (options.dim != unsaid.dim || options.metric != unsaid.metric ||
      options.element != unsaid.element) {
    return invalid(
        "dim, metric or element is given beside vector fields; give it for each field instead");
  }
  for (size_t i = 0; i < options.fields.size(); ++i) {
    const VectorField& field = options.fields[i];
    OMEN_RETURN_IF_ERROR(check_name("vector field", field.name));
    OMEN_RETURN_IF_ERROR(
        check_spec(field.dim, field.metric, field.element, " of field \"" + field.name + "\""));
    for (size_t j = 0; j < i; ++j) {
      if (options.fields[j].name != field.name) continue;
      return invalid("vector field \"" + field.name + "\" is declared twice");
    }
  }
  return {};
}

Status check_fields(const segment::Fields& fields) {
  if (fields.empty() || fields.size() > kMaxVectorFields) {
    return invalid(to_string(fields.size()) + " vector fields");
  }
  if (fields[0].name.empty()) {
    if (fields.size() > 1) return invalid("a vector field without a name beside others");
    if (fields[0].id != kUnnamedField) return invalid("a vector field without a name has an id");
    return check_spec(fields[0].spec.dim, fields[0].spec.metric, fields[0].spec.element, "");
  }
  CollectionOptions options;
  FieldId last = kUnnamedField;
  for (const segment::Field& field : fields) {
    if (field.id <= last) return invalid("ids of vector fields do not ascend");
    last = field.id;
    options.fields.push_back({field.name, field.spec.dim, field.spec.metric, field.spec.element});
  }
  return check_collection_options(options);
}

}  // namespace omendb::collection
