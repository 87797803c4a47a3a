// Converts C structs to C++ types and back.
#include <algorithm>
#include <cstring>

#include "capi/fence.h"
#include "capi/handles.h"

namespace omendb::capi {
namespace {

static_assert(OMENDB_METRIC_L2 == static_cast<int>(Metric::kL2));
static_assert(OMENDB_METRIC_COSINE == static_cast<int>(Metric::kCosine));
static_assert(OMENDB_METRIC_INNER_PRODUCT == static_cast<int>(Metric::kInnerProduct));
static_assert(OMENDB_METRIC_HAMMING == static_cast<int>(Metric::kHamming));
static_assert(OMENDB_ELEMENT_F32 == static_cast<int>(Element::kF32));
static_assert(OMENDB_ELEMENT_F16 == static_cast<int>(Element::kF16));
static_assert(OMENDB_ELEMENT_I8 == static_cast<int>(Element::kI8));
static_assert(OMENDB_ELEMENT_BINARY == static_cast<int>(Element::kBinary));
static_assert(OMENDB_ID_U64 == static_cast<int>(IdKind::kU64));
static_assert(OMENDB_ID_STRING == static_cast<int>(IdKind::kString));
static_assert(OMENDB_COLUMN_BOOL == static_cast<int>(ColumnType::kBool));
static_assert(OMENDB_COLUMN_I64 == static_cast<int>(ColumnType::kI64));
static_assert(OMENDB_COLUMN_F64 == static_cast<int>(ColumnType::kF64));
static_assert(OMENDB_COLUMN_STRING == static_cast<int>(ColumnType::kString));
static_assert(OMENDB_COLUMN_TIMESTAMP == static_cast<int>(ColumnType::kTimestamp));
static_assert(OMENDB_COLUMN_JSON == static_cast<int>(ColumnType::kJson));
static_assert(OMENDB_COLUMN_BOOL_ARRAY == static_cast<int>(ColumnType::kBoolArray));
static_assert(OMENDB_COLUMN_TIMESTAMP_ARRAY == static_cast<int>(ColumnType::kTimestampArray));
static_assert(OMENDB_ABSENT == kAbsent && OMENDB_PRESENT == kPresent);
static_assert(OMENDB_EXPLICIT_NULL == kExplicitNull);
static_assert(OMENDB_DURABILITY_SYNC == static_cast<int>(Durability::kSync));
static_assert(OMENDB_DURABILITY_INTERVAL == static_cast<int>(Durability::kInterval));
static_assert(OMENDB_DURABILITY_NONE == static_cast<int>(Durability::kNone));

Status invalid(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}

/// Copies `values + 1` offsets that start at 0 and never fall.
Status read_offsets(const uint64_t* offsets, size_t values, const std::string& what,
                    std::vector<uint64_t>* out) {
  if (offsets == nullptr) return invalid(what + " is NULL");
  out->assign(offsets, offsets + values + 1);
  if (out->front() != 0 || !std::is_sorted(out->begin(), out->end())) {
    return invalid(what + " must start at 0 and never fall");
  }
  return {};
}

template <class T>
Status read_values(const T* values, size_t count, const std::string& what, std::vector<T>* out) {
  if (values == nullptr && count != 0) return invalid(what + " is NULL");
  out->assign(values, values + count);
  return {};
}

Status read_values_of(const omendb_column& column, const std::string& name, Column* out) {
  switch (element_type(out->type)) {
    case ColumnType::kBool:
      return read_values(column.bools, column.values, name + ".bools", &out->bools);
    case ColumnType::kI64:
    case ColumnType::kTimestamp:
      return read_values(column.ints, column.values, name + ".ints", &out->ints);
    case ColumnType::kF64:
      return read_values(column.doubles, column.values, name + ".doubles", &out->doubles);
    default: break;
  }
  if (Status status = read_offsets(column.string_offsets, column.values, name + ".string_offsets",
                                   &out->string_offsets);
      !status.ok()) {
    return status;
  }
  const uint64_t bytes = out->string_offsets.back();
  if (column.bytes == nullptr && bytes != 0) return invalid(name + ".bytes is NULL");
  if (bytes != 0) out->bytes.assign(column.bytes, bytes);
  return {};
}

omendb_column column_view(const Column& column) {
  omendb_column view{};
  view.name = column.name.c_str();
  view.type = static_cast<int32_t>(column.type);
  view.rows = column.row_count();
  view.values = column.value_count();
  view.valid = column.valid.empty() ? nullptr : column.valid.data();
  view.bools = column.bools.empty() ? nullptr : column.bools.data();
  view.ints = column.ints.empty() ? nullptr : column.ints.data();
  view.doubles = column.doubles.empty() ? nullptr : column.doubles.data();
  if (!column.string_offsets.empty()) {
    view.string_offsets = column.string_offsets.data();
    view.bytes = column.bytes.c_str();
  }
  view.list_offsets = column.list_offsets.empty() ? nullptr : column.list_offsets.data();
  return view;
}

}  // namespace

Result<VectorsView> read_vectors(const omendb_vectors& vectors) {
  if (vectors.element < OMENDB_ELEMENT_F32 || vectors.element > OMENDB_ELEMENT_BINARY) {
    return invalid("vectors.element is " + std::to_string(vectors.element) +
                   "; expected one of OMENDB_ELEMENT_*");
  }
  if (vectors.data == nullptr && vectors.count != 0) return invalid("vectors.data is NULL");
  return VectorsView{.data = vectors.data,
                     .count = vectors.count,
                     .dim = vectors.dim,
                     .element = static_cast<Element>(vectors.element),
                     .stride = vectors.stride};
}

Status read_ids(const omendb_ids& ids, IdsIn* out) {
  if (ids.kind == OMENDB_ID_U64) {
    if (ids.u64 == nullptr && ids.count != 0) return invalid("ids.u64 is NULL");
    out->view = std::span<const uint64_t>(ids.u64, ids.count);
    return {};
  }
  if (ids.kind != OMENDB_ID_STRING) {
    return invalid("ids.kind is " + std::to_string(ids.kind) + "; expected one of OMENDB_ID_*");
  }
  if (ids.strings == nullptr && ids.count != 0) return invalid("ids.strings is NULL");
  out->strings.reserve(ids.count);
  for (size_t i = 0; i < ids.count; ++i) {
    const char* text = ids.strings[i];
    if (text == nullptr) return invalid("ids.strings[" + std::to_string(i) + "] is NULL");
    out->strings.emplace_back(
        text, ids.string_lengths != nullptr ? ids.string_lengths[i] : std::strlen(text));
  }
  out->view = std::span<const std::string_view>(out->strings);
  return {};
}

Result<Column> read_column(const omendb_column& column) {
  if (column.name == nullptr) return invalid("a column's name is NULL");
  const std::string name = std::string("column \"") + column.name + "\"";
  if (column.type < 0 || column.type > UINT8_MAX ||
      !is_column_type(static_cast<ColumnType>(column.type))) {
    return invalid(name + " has type " + std::to_string(column.type) +
                   "; expected one of OMENDB_COLUMN_*");
  }
  Column out;
  out.name = column.name;
  out.type = static_cast<ColumnType>(column.type);
  if (!is_array(out.type) && column.values != column.rows) {
    return invalid(name + " has " + std::to_string(column.values) + " values for " +
                   std::to_string(column.rows) + " rows");
  }
  if (is_array(out.type)) {
    if (Status status = read_offsets(column.list_offsets, column.rows, name + ".list_offsets",
                                     &out.list_offsets);
        !status.ok()) {
      return status;
    }
    if (out.list_offsets.back() != column.values) {
      return invalid(name + ".list_offsets end at " + std::to_string(out.list_offsets.back()) +
                     " for " + std::to_string(column.values) + " values");
    }
  }
  if (column.valid != nullptr) out.valid.assign(column.valid, column.valid + column.rows);
  if (Status status = read_values_of(column, name, &out); !status.ok()) return status;
  return out;
}

Result<Filter> read_filter(const char* where) {
  if (where == nullptr) return Filter{};
  return Filter::parse(where);
}

Result<std::vector<std::string>> read_names(const char* const* names, size_t count,
                                            const std::string& what) {
  std::vector<std::string> out;
  if (count != 0 && names == nullptr) return invalid(what + " is NULL");
  for (size_t i = 0; i < count; ++i) {
    if (names[i] == nullptr) return invalid(what + "[" + std::to_string(i) + "] is NULL");
    out.emplace_back(names[i]);
  }
  return out;
}

namespace {

Status read_field_vectors(const omendb_field_vectors* fields, size_t count, const std::string& what,
                          std::vector<FieldVectors>* out) {
  if (fields == nullptr && count != 0) return null_argument(what);
  for (size_t i = 0; i < count; ++i) {
    if (fields[i].field == nullptr) return null_argument(what + "[i].field");
    auto vectors = read_vectors(fields[i].vectors);
    if (!vectors.ok()) return vectors.status();
    FieldVectors& named = out->emplace_back();
    named.field = fields[i].field;
    named.vectors = *vectors;
    if (fields[i].present != nullptr) named.present = {fields[i].present, vectors->count};
  }
  return {};
}

Status read_columns(const omendb_column* columns, size_t count, const std::string& what,
                    std::vector<Column>* out) {
  if (columns == nullptr && count != 0) return null_argument(what);
  for (size_t i = 0; i < count; ++i) {
    auto column = read_column(columns[i]);
    if (!column.ok()) return column.status();
    out->push_back(std::move(column).value());
  }
  return {};
}

}  // namespace

Status read_batch(const omendb_batch* batch, BatchIn* out) {
  if (batch == nullptr) return null_argument("batch");
  auto read = read_options(batch, "omendb_batch");
  if (!read.ok()) return read.status();
  const omendb_batch& in = *read;
  // In a batch of fields, or an empty one, `vectors` is all zeros. The engine checks the rest.
  if (in.vectors.element != 0 || in.vectors.count != 0) {
    auto vectors = read_vectors(in.vectors);
    if (!vectors.ok()) return vectors.status();
    out->batch.vectors = *vectors;
  }
  if (Status status = read_field_vectors(in.fields, in.field_count, "batch.fields", &out->fields);
      !status.ok()) {
    return status;
  }
  out->batch.fields = out->fields;
  if (in.ids.kind != 0) {
    if (Status status = read_ids(in.ids, &out->ids); !status.ok()) return status;
    out->batch.ids = out->ids.view;
  }
  if (Status status = read_columns(in.columns, in.column_count, "batch.columns", &out->columns);
      !status.ok()) {
    return status;
  }
  out->batch.metadata = out->columns;
  return {};
}

Status read_update(const omendb_update* update, UpdateIn* out) {
  if (update == nullptr) return null_argument("update");
  auto read = read_options(update, "omendb_update");
  if (!read.ok()) return read.status();
  const omendb_update& in = *read;
  if (Status status = read_columns(in.columns, in.column_count, "update.columns", &out->columns);
      !status.ok()) {
    return status;
  }
  if (Status status = read_field_vectors(in.fields, in.field_count, "update.fields", &out->fields);
      !status.ok()) {
    return status;
  }
  if (in.vectors.count != 0) {
    auto vectors = read_vectors(in.vectors);
    if (!vectors.ok()) return vectors.status();
    out->update.vectors = *vectors;
  }
  out->update.metadata = out->columns;
  out->update.fields = out->fields;
  out->update.all_must_exist = in.skip_missing == 0;
  return {};
}

omendb_strings* new_strings(std::vector<std::string> items) {
  auto owned = std::make_unique<OwnedStrings>();
  owned->items = std::move(items);
  for (const std::string& item : owned->items) owned->pointers.push_back(item.c_str());
  owned->view = {owned->pointers.size(), owned->pointers.data()};
  return &owned.release()->view;
}

omendb_collection_info* new_info(CollectionInfo info) {
  auto owned = std::make_unique<OwnedInfo>();
  owned->info = std::move(info);
  const CollectionInfo& from = owned->info;
  for (const auto& [name, type] : from.columns) {
    owned->column_names.push_back(name.c_str());
    owned->column_types.push_back(static_cast<int32_t>(type));
  }
  omendb_collection_info& view = owned->view;
  view.size = sizeof(view);
  view.name = from.name.c_str();
  view.dim = from.dim;
  view.metric = static_cast<int32_t>(from.metric);
  view.element = static_cast<int32_t>(from.element);
  view.id_kind = from.id_kind ? static_cast<int32_t>(*from.id_kind) : 0;
  view.column_count = from.columns.size();
  view.column_names = owned->column_names.data();
  view.column_types = owned->column_types.data();
  view.points = from.points;
  view.memory_points = from.memory_points;
  view.segments = from.segments;
  view.segment_points = from.segment_points;
  view.indexed_points = from.indexed_points;
  view.segment_bytes = from.segment_bytes;
  view.waiting_seals = from.waiting_seals;
  for (const JobInfo& job : from.jobs) {
    owned->jobs.push_back({static_cast<int32_t>(job.kind), job.rows_done, job.rows_total});
  }
  view.job_count = owned->jobs.size();
  view.jobs = owned->jobs.data();
  for (const VectorField& field : from.fields) {
    owned->fields.push_back({field.name.c_str(), field.dim, static_cast<int32_t>(field.metric),
                             static_cast<int32_t>(field.element)});
  }
  view.field_count = owned->fields.size();
  view.fields = owned->fields.data();
  return &owned.release()->view;
}

}  // namespace omendb::capi

omendb_points::omendb_points(omendb::Points owned) : points(std::move(owned)) {
  if (const auto* strings = std::get_if<std::vector<std::string>>(&points.ids)) {
    for (const std::string& id : *strings) {
      id_pointers.push_back(id.c_str());
      id_lengths.push_back(id.size());
    }
  }
  const size_t count = omendb::id_count(points.ids);
  for (const omendb::PointVectors& field : points.fields) {
    const omendb_vectors vectors{field.vectors.data(), count, field.dim,
                                 static_cast<int32_t>(field.element), 0};
    fields.push_back(
        {field.field.c_str(), vectors, field.present.empty() ? nullptr : field.present.data()});
  }
  for (const omendb::Column& column : points.metadata) {
    columns.push_back(omendb::capi::column_view(column));
  }
}

omendb_result::omendb_result(omendb::SearchResult owned)
    : offsets(std::move(owned.offsets)),
      distances(std::move(owned.distances)),
      points(std::move(owned.points)) {}
