#include "collection/read/fetch.h"

#include <algorithm>

#include "base/status_macros.h"
#include "collection/write/batch_check.h"
#include "column/alter.h"
#include "column/retyped.h"

namespace omendb::collection {

namespace {

Status fetch_ids(const Snapshot& snapshot, std::span<const RowAt> rows, Ids& out) {
  if (snapshot.id_kind == IdKind::kString) {
    auto& strings = out.emplace<std::vector<std::string>>();
    strings.reserve(rows.size());
    for (const RowAt row : rows) {
      OMEN_ASSIGN_OR_RETURN(const IdView id, snapshot.parts[row.part].rows->id(row.slot));
      strings.emplace_back(std::get<std::string_view>(id));
    }
    return {};
  }
  auto& numbers = out.emplace<std::vector<uint64_t>>();
  numbers.reserve(rows.size());
  for (const RowAt row : rows) {
    OMEN_ASSIGN_OR_RETURN(const IdView id, snapshot.parts[row.part].rows->id(row.slot));
    numbers.push_back(std::get<uint64_t>(id));
  }
  return {};
}

/// @param present  gets a byte for each row: whether it has a vector; stays empty if all have.
Status fetch_vectors(const Snapshot& snapshot, std::span<const RowAt> rows, size_t field,
                     std::vector<std::byte>& out, std::vector<uint8_t>* present) {
  const size_t row_bytes = snapshot.spec(field).row_bytes();
  out.reserve(rows.size() * row_bytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    const index::Rows& part = snapshot.parts[rows[i].part].rows->field(field);
    if (present != nullptr && !part.complete()) {
      OMEN_ASSIGN_OR_RETURN(const bool has, part.has(rows[i].slot));
      if (!has) {
        present->resize(rows.size(), 1);
        (*present)[i] = 0;
        out.resize(out.size() + row_bytes);
        continue;
      }
    }
    OMEN_ASSIGN_OR_RETURN(const segment::RowRun run, part.vectors(rows[i].slot, 1));
    out.insert(out.end(), run.rows, run.rows + row_bytes);
  }
  return {};
}

Status fetch_fields(const Snapshot& snapshot, std::span<const RowAt> rows,
                    std::span<const size_t> fields, Points& out) {
  for (const size_t f : fields) {
    const segment::Field& field = (*snapshot.fields)[f];
    if (field.name.empty()) return fetch_vectors(snapshot, rows, f, out.vectors, nullptr);
    PointVectors& vectors = out.fields.emplace_back();
    vectors.field = field.name;
    vectors.dim = field.spec.dim;
    vectors.element = field.spec.element;
    OMEN_RETURN_IF_ERROR(fetch_vectors(snapshot, rows, f, vectors.vectors, &vectors.present));
  }
  return {};
}

Status fetch_column(const Snapshot& snapshot, std::span<const RowAt> rows, ColumnId id,
                    Column& out) {
  std::vector<uint32_t> slots;
  for (size_t i = 0; i < rows.size();) {
    const uint32_t part = rows[i].part;
    slots.clear();
    for (; i < rows.size() && rows[i].part == part; ++i) slots.push_back(rows[i].slot);
    const column::TypedColumn column(snapshot.parts[part].rows->columns(), id, out.type);
    if (column.reader() == nullptr) {
      column::append_nulls(out, slots.size());
    } else {
      OMEN_RETURN_IF_ERROR(column.reader()->gather(slots, out));
    }
  }
  return {};
}

}  // namespace

Result<column::Schema> choose_columns(const column::Schema& schema,
                                      const std::vector<std::string>& wanted) {
  if (wanted.size() == 1 && wanted[0] == "*") return schema;
  column::Schema chosen;
  for (const std::string& name : wanted) {
    const column::ColumnSchema* column = column::find_column(schema, name);
    if (column == nullptr) return column::unknown_column(schema, name);
    chosen.push_back(*column);
  }
  return chosen;
}

Status check_parts(const Snapshot& snapshot) {
  for (const Part& part : snapshot.parts) {
    if (part.segment != nullptr) OMEN_RETURN_IF_ERROR(part.segment->check());
  }
  return {};
}

Result<std::vector<size_t>> choose_fields(const segment::Fields& fields, bool with_vectors,
                                          const std::vector<std::string>& names,
                                          std::string_view collection) {
  std::vector<size_t> chosen;
  for (const std::string& name : names) {
    OMEN_ASSIGN_OR_RETURN(const size_t field, find_field(fields, name, collection));
    if (std::ranges::find(chosen, field) == chosen.end()) chosen.push_back(field);
  }
  if (!with_vectors) return std::vector<size_t>();
  if (names.empty()) {
    for (size_t f = 0; f < fields.size(); ++f) chosen.push_back(f);
  }
  return chosen;
}

Result<Points> fetch(const Snapshot& snapshot, std::span<const RowAt> rows,
                     const FetchOptions& options) {
  OMEN_ASSIGN_OR_RETURN(const column::Schema columns,
                        choose_columns(*snapshot.columns, options.columns));
  Points points;
  if (const segment::Field& field = (*snapshot.fields)[0]; field.name.empty()) {
    points.dim = field.spec.dim;
    points.element = field.spec.element;
  }
  OMEN_RETURN_IF_ERROR(fetch_ids(snapshot, rows, points.ids));
  OMEN_RETURN_IF_ERROR(fetch_fields(snapshot, rows, options.vector_fields, points));
  for (const column::ColumnSchema& column : columns) {
    Column& out = points.metadata.emplace_back();
    out.name = column.name;
    out.type = column.type;
    OMEN_RETURN_IF_ERROR(fetch_column(snapshot, rows, column.id, out));
  }
  OMEN_RETURN_IF_ERROR(check_parts(snapshot));
  return points;
}

}  // namespace omendb::collection
