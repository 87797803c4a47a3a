#include "collection/write/update.h"

#include <algorithm>

#include "base/status_macros.h"
#include "collection/collection_core.h"
#include "collection/read/get.h"
#include "collection/read/row_filter.h"
#include "column/columns.h"
#include "column/convert.h"

namespace omendb::collection {

namespace {

using std::to_string;

Status invalid(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}

/// Replaces old values of a column by the new ones that are present; kExplicitNull removes a value.
Column overlaid(const Column& old, const Column& fresh, std::span<const size_t> change) {
  Column out;
  out.name = old.name;
  out.type = old.type;
  const bool one_for_all = fresh.row_count() == 1;
  for (size_t row = 0; row < change.size(); ++row) {
    const size_t from = one_for_all ? 0 : change[row];
    switch (fresh.state(from)) {
      case kPresent: column::append_row(fresh, from, out); break;
      case kExplicitNull: column::append_nulls(out, 1); break;
      default: column::append_row(old, row, out);
    }
  }
  return out;
}

bool has_values(const Column& column) {
  for (size_t row = 0; row < column.row_count(); ++row) {
    if (column.is_valid(row)) return true;
  }
  return false;
}

/// Applies the update to the metadata that the points have.
Status overlay_metadata(const PointUpdate& update, const column::Schema& schema,
                        const column::MayBecome& may_become, std::span<const size_t> change,
                        std::vector<Column>& metadata) {
  OMEN_ASSIGN_OR_RETURN(const column::FittedBatch fitted,
                        column::fit_columns(update.metadata, schema, may_become));
  for (const Column& fresh : fitted.columns()) {
    auto old = std::ranges::find(metadata, fresh.name, &Column::name);
    if (old == metadata.end()) {
      if (!has_values(fresh)) continue;  // removing a key that no point has makes no column
      Column& added = metadata.emplace_back();
      added.name = fresh.name;
      added.type = fresh.type;
      column::append_nulls(added, change.size());
      old = metadata.end() - 1;
    }
    if (old->type != fresh.type) {  // the column gets that type: all of its values may
      Column retyped{.name = old->name, .type = fresh.type};
      column::append_converted(*old, retyped);
      *old = std::move(retyped);
    }
    *old = overlaid(*old, fresh, change);
  }
  return {};
}

Status check_size(size_t points, size_t bytes) {
  if (points <= kMaxBatchRows && bytes <= kMaxBatchBytes) return {};
  return {StatusCode::kLimitExceeded,
          "the update changes " + to_string(points) + " points, which take " + to_string(bytes) +
              " bytes; at most " + to_string(kMaxBatchRows) + " points and " +
              to_string(kMaxBatchBytes) + " bytes in one update"};
}

VectorsView view_of_rows(const std::vector<std::byte>& rows, size_t count, size_t dim,
                         Element element) {
  return {.data = rows.data(), .count = count, .dim = dim, .element = element};
}

/// The points' vectors in a field that the update does not change.
PutField kept_field(const segment::Field& field, const Points& points, size_t kept, size_t count) {
  const segment::VectorSpec& spec = field.spec;
  if (field.name.empty()) {
    return {field.id, view_of_rows(points.vectors, count, spec.dim, spec.element), nullptr};
  }
  const PointVectors& old = points.fields[kept];
  PutField put{field.id, view_of_rows(old.vectors, count, spec.dim, spec.element), nullptr};
  if (old.present.empty()) return put;
  auto present = std::make_shared<Bitmap>(count);
  for (size_t i = 0; i < count; ++i) {
    if (old.has(i)) present->set(i);
  }
  if (!present->any()) return {field.id, {}, nullptr};
  put.present = std::move(present);
  return put;
}

/// Vectors of all fields: those of the update where it has some, those of the points elsewhere.
void join_fields(const segment::Fields& fields, const UpdateRows& rows,
                 std::span<const FreshVectors> vectors, UpdatedPoints& out) {
  const size_t count = rows.rows.size();
  size_t kept = 0;
  for (size_t f = 0; f < fields.size(); ++f) {
    const auto given = std::ranges::find(vectors, f, &FreshVectors::field);
    if (given == vectors.end()) {
      out.fields.push_back(kept_field(fields[f], out.points, kept++, count));
      continue;
    }
    const VectorsView& view = given->vectors.view;
    const size_t row_bytes = vector_bytes(view.element, view.dim);
    std::vector<std::byte>& fresh = out.fresh.emplace_back();
    fresh.reserve(count * row_bytes);
    for (const size_t row : rows.change) {
      fresh.insert(fresh.end(), view.row(row), view.row(row) + row_bytes);
    }
    out.fields.push_back(
        {fields[f].id, view_of_rows(fresh, count, view.dim, view.element), nullptr});
  }
}

}  // namespace

Result<std::vector<FreshVectors>> check_update(const PointUpdate& update,
                                               std::optional<size_t> points,
                                               const segment::Fields& fields,
                                               std::string_view collection) {
  std::vector<FieldVectors> given(update.fields.begin(), update.fields.end());
  if (update.vectors.count != 0) given.push_back({"", update.vectors});
  if (update.metadata.empty() && given.empty()) {
    return invalid("an update of nothing; expected metadata, vectors or both");
  }
  const size_t rows = update.metadata.empty() ? 0 : update.metadata[0].row_count();
  if (!update.metadata.empty() && rows != 1 && rows != points) {
    return invalid("metadata of " + to_string(rows) + " rows for " +
                   (points ? to_string(*points) + " points; expected one each, or one for all"
                           : "a filter; expected one row"));
  }
  OMEN_RETURN_IF_ERROR(column::check_columns(update.metadata, rows));
  std::vector<FreshVectors> checked;
  for (const FieldVectors& one : given) {
    OMEN_ASSIGN_OR_RETURN(const size_t field, find_field(fields, one.field, collection));
    const RowNames names{"vector", 0, fields[field].name};
    if (std::ranges::find(checked, field, &FreshVectors::field) != checked.end()) {
      return invalid("the vectors of " + names.holder(collection) + " are given twice");
    }
    if (!one.present.empty()) {
      return invalid("an update says which points have a vector in " + names.holder(collection) +
                     "; it gives one to each of its points");
    }
    if (one.vectors.count != points) {
      return invalid(to_string(one.vectors.count) + " vectors for " +
                     (points ? to_string(*points) + " points; expected one each"
                             : "a filter; vectors are updated by id"));
    }
    OMEN_ASSIGN_OR_RETURN(CheckedVectors vectors,
                          check_vectors(one.vectors, fields[field].spec, collection, names));
    checked.push_back({field, std::move(vectors)});
  }
  return checked;
}

Result<UpdatedPoints> updated_points(const Snapshot& snapshot, const UpdateRows& rows,
                                     const PointUpdate& update,
                                     std::span<const FreshVectors> vectors,
                                     const column::MayBecome& may_become) {
  const segment::Fields& fields = *snapshot.fields;
  const size_t count = rows.rows.size();
  const size_t vector_total = count * segment::row_bytes(fields);
  // Check what can be checked before all points are read and copied.
  const bool one_for_all = !update.metadata.empty() && update.metadata[0].row_count() == 1;
  const size_t copies = one_for_all ? count : 1;
  OMEN_RETURN_IF_ERROR(
      check_size(count, vector_total + copies * column::bytes_of(update.metadata)));
  FetchOptions kept{.vector_fields = {}, .columns = {"*"}};
  for (size_t f = 0; f < fields.size(); ++f) {
    if (std::ranges::find(vectors, f, &FreshVectors::field) == vectors.end()) {
      kept.vector_fields.push_back(f);
    }
  }
  UpdatedPoints out;
  OMEN_ASSIGN_OR_RETURN(out.points, fetch(snapshot, rows.rows, kept));
  OMEN_RETURN_IF_ERROR(
      overlay_metadata(update, *snapshot.columns, may_become, rows.change, out.points.metadata));
  OMEN_RETURN_IF_ERROR(check_size(count, vector_total + column::bytes_of(out.points.metadata)));
  join_fields(fields, rows, vectors, out);
  return out;
}

Result<UpdateRows> CollectionCore::rows_to_update(const Snapshot& at, const UpdateTarget& target,
                                                  bool all_must_exist) const {
  UpdateRows out;
  if (target.where != nullptr) {
    OMEN_ASSIGN_OR_RETURN(const RowFilter filter, RowFilter::bind(*target.where, at));
    for (uint32_t p = 0; p < at.parts.size(); ++p) {
      OMEN_ASSIGN_OR_RETURN(const Bitmap matches, filter.matches(at.parts[p]));
      matches.for_each_set([&](size_t slot) {
        out.rows.push_back({p, static_cast<uint32_t>(slot)});
      });
    }
    out.change.assign(out.rows.size(), 0);
    OMEN_RETURN_IF_ERROR(check_parts(at));
    return out;
  }
  OMEN_RETURN_IF_ERROR(check_id_kind(target.ids, at.id_kind, name_));
  std::vector<uint8_t> found;
  OMEN_ASSIGN_OR_RETURN(out.rows, find_points(at, target.ids, found));
  OMEN_RETURN_IF_ERROR(check_parts(at));
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i] != 0) {
      out.change.push_back(i);
    } else if (all_must_exist) {
      return Status(StatusCode::kNotFound, "id " + describe(id_at(target.ids, i)) +
                                               " does not exist in collection \"" + name_ +
                                               "\"; nothing was updated");
    }
  }
  return out;
}

/// Reads the points from the staged state. That state must be readable, and no other write may come
/// between until the update is logged. If another writer came while this one waited for room, this
/// reads the points again.
Result<UpdatedPoints> CollectionCore::points_to_update(const UpdateTarget& target,
                                                       const PointUpdate& update,
                                                       std::span<const FreshVectors> vectors,
                                                       Wait wait) {
  const auto may = [&](const column::ColumnSchema& column, ColumnType type)
                       OMEN_REQUIRES(write_mutex_) { return may_become(column, type, {}); };
  while (true) {
    OMEN_RETURN_IF_ERROR(publication_.drain());
    OMEN_ASSIGN_OR_RETURN(const auto now, snapshot());
    OMEN_ASSIGN_OR_RETURN(const UpdateRows rows,
                          rows_to_update(*now, target, update.all_must_exist));
    if (rows.rows.empty()) return UpdatedPoints{};
    const auto staged = staged_;
    OMEN_ASSIGN_OR_RETURN(UpdatedPoints points, updated_points(*now, rows, update, vectors, may));
    OMEN_RETURN_IF_ERROR(make_room(static_cast<uint32_t>(rows.rows.size()), points.fields, wait));
    if (staged == staged_) return points;
  }
}

/// Logs a put of the whole points: docs/adr/0017-updates-logged-whole.md.
Result<CollectionCore::Staged<uint64_t>> CollectionCore::stage_update(const UpdateTarget& target,
                                                                      const PointUpdate& update,
                                                                      Wait wait) {
  OMEN_RETURN_IF_ERROR(check_open());
  Staged<uint64_t> staged;
  std::optional<size_t> asked;
  // As stage_batch() does, from a copy: the caller may change its array meanwhile.
  const Ids ids = owned(target.ids);
  std::vector<std::string_view> views;
  UpdateTarget own = target;
  if (target.where == nullptr) {
    own.ids = view_of(ids, views);
    asked = id_count(ids);
    if (*asked == 0) return staged;
    OMEN_RETURN_IF_ERROR(check_ids(own.ids, *asked));
  }
  OMEN_ASSIGN_OR_RETURN(const auto before, snapshot());
  OMEN_ASSIGN_OR_RETURN(const std::vector<FreshVectors> vectors,
                        check_update(update, asked, *before->fields, name_));
  UpdatedPoints points;
  std::vector<std::string_view> updated_views;
  PutOperation put;
  {
    MutexLock lock(write_mutex_);
    OMEN_RETURN_IF_ERROR(check_writable());
    if (segment::same_but_for_dimensions(*staged_->fields, *before->fields)) {
      OMEN_ASSIGN_OR_RETURN(points, points_to_update(own, update, vectors, wait));
      staged.value = id_count(points.points.ids);
      if (staged.value == 0) return staged;
      put.collection_id = id_;
      put.rows = static_cast<uint32_t>(staged.value);
      put.ids = view_of(points.points.ids, updated_views);
      put.fields = points.fields;
      put.columns = points.points.metadata;
      OMEN_ASSIGN_OR_RETURN(staged.pending, log_and_stage_put(put, PutMode::kUpsert, wait));
    }
  }
  // Another thread declared the collection anew, or another memtable had to begin: start again from
  // the present state.
  if (staged.pending == nullptr) return stage_update(target, update, wait);
  fill(*staged.pending, put, wait);
  return staged;
}

}  // namespace omendb::collection
