// omendb.h: reading points and results. Nothing here can fail.
#include "capi/handles.h"

extern "C" {

size_t omendb_points_count(const omendb_points* points) noexcept {
  return points == nullptr ? 0 : omendb::id_count(points->points.ids);
}

omendb_ids omendb_points_ids(const omendb_points* points) noexcept {
  omendb_ids view{};
  if (points == nullptr) return view;
  view.count = omendb_points_count(points);
  if (const auto* numbers = std::get_if<std::vector<uint64_t>>(&points->points.ids)) {
    view.kind = OMENDB_ID_U64;
    view.u64 = numbers->data();
  } else {
    view.kind = OMENDB_ID_STRING;
    view.strings = points->id_pointers.data();
    view.string_lengths = points->id_lengths.data();
  }
  return view;
}

const void* omendb_points_vectors(const omendb_points* points, size_t* bytes) noexcept {
  const size_t size = points == nullptr ? 0 : points->points.vectors.size();
  if (bytes != nullptr) *bytes = size;
  return size == 0 ? nullptr : points->points.vectors.data();
}

size_t omendb_points_field_count(const omendb_points* points) noexcept {
  return points == nullptr ? 0 : points->fields.size();
}

const omendb_field_vectors* omendb_points_field(const omendb_points* points, size_t i) noexcept {
  return i < omendb_points_field_count(points) ? &points->fields[i] : nullptr;
}

size_t omendb_points_column_count(const omendb_points* points) noexcept {
  return points == nullptr ? 0 : points->columns.size();
}

const omendb_column* omendb_points_column(const omendb_points* points, size_t i) noexcept {
  return i < omendb_points_column_count(points) ? &points->columns[i] : nullptr;
}

void omendb_points_free(omendb_points* points) noexcept {
  delete points;
}

size_t omendb_result_query_count(const omendb_result* result) noexcept {
  return result == nullptr || result->offsets.empty() ? 0 : result->offsets.size() - 1;
}

const uint64_t* omendb_result_offsets(const omendb_result* result) noexcept {
  return result == nullptr ? nullptr : result->offsets.data();
}

const float* omendb_result_distances(const omendb_result* result) noexcept {
  return result == nullptr ? nullptr : result->distances.data();
}

const omendb_points* omendb_result_points(const omendb_result* result) noexcept {
  return result == nullptr ? nullptr : &result->points;
}

void omendb_result_free(omendb_result* result) noexcept {
  delete result;
}

}  // extern "C"
