// omendb.h: the verbs of a collection.
#include <algorithm>
#include <memory>

#include "capi/fence.h"
#include "capi/handles.h"

using omendb::Result;
using omendb::Status;
using omendb::capi::fenced;
using omendb::capi::IdsIn;
using omendb::capi::new_strings;
using omendb::capi::read_batch;
using omendb::capi::read_filter;
using omendb::capi::read_ids;
using omendb::capi::read_names;
using omendb::capi::read_options;
using omendb::capi::read_update;
using omendb::capi::read_vectors;
using omendb::capi::UpdateIn;

namespace {

/// add and upsert differ in the verb alone.
template <class Verb>
Status write(omendb_collection* collection, const omendb_batch* batch, omendb_points** out_ids,
             Verb verb) {
  if (out_ids != nullptr) *out_ids = nullptr;
  OMENDB_REQUIRE(collection);
  omendb::capi::BatchIn in;
  if (Status status = read_batch(batch, &in); !status.ok()) return status;
  auto ids = (collection->collection.*verb)(in.batch);
  if (!ids.ok()) return ids.status();
  if (out_ids == nullptr) return {};
  omendb::Points named;
  named.ids = std::move(ids).value();
  auto points = std::make_unique<omendb_points>(std::move(named));
  *out_ids = points.release();
  return {};
}

struct FieldsIn {
  bool with_vectors = true;
  std::vector<std::string> vector_fields;
  std::vector<std::string> columns = {"*"};
};

Result<FieldsIn> read_fields(const omendb_fields* fields) {
  auto read = read_options(fields, "omendb_fields");
  if (!read.ok()) return read.status();
  FieldsIn out;
  out.with_vectors = read->no_vectors == 0;
  if (read->vector_fields != nullptr) {
    auto names = read_names(read->vector_fields, read->vector_field_count, "vector_fields");
    if (!names.ok()) return names.status();
    out.vector_fields = std::move(names).value();
  }
  if (read->no_columns != 0) {
    out.columns.clear();
  } else if (read->columns != nullptr) {
    auto names = read_names(read->columns, read->column_count, "columns");
    if (!names.ok()) return names.status();
    out.columns = std::move(names).value();
  }
  return out;
}

Result<omendb::ScanOptions> read_scan_options(const omendb_scan_options* options,
                                              const omendb_fields* fields) {
  auto read = read_options(options, "omendb_scan_options");
  if (!read.ok()) return read.status();
  const omendb_scan_options& in = *read;
  auto filter = read_filter(in.where);
  if (!filter.ok()) return filter.status();
  auto chosen = read_fields(fields);
  if (!chosen.ok()) return chosen.status();
  omendb::ScanOptions out;
  out.where = std::move(filter).value();
  if (in.batch_size != 0) out.batch_size = in.batch_size;
  out.with_vectors = chosen->with_vectors;
  out.vector_fields = std::move(chosen->vector_fields);
  out.columns = std::move(chosen->columns);
  if (in.has_limit != 0) out.limit = in.limit;
  out.offset = in.offset;
  if (in.order_by == nullptr && in.order_count != 0) return omendb::capi::null_argument("order_by");
  for (size_t i = 0; i < in.order_count; ++i) {
    if (in.order_by[i].column == nullptr) {
      return omendb::capi::null_argument("order_by[" + std::to_string(i) + "].column");
    }
    out.order_by.push_back({in.order_by[i].column, in.order_by[i].descending != 0});
  }
  return out;
}

Result<omendb::SearchOptions> read_search_options(size_t k, const omendb_search_options* options) {
  auto read = read_options(options, "omendb_search_options");
  if (!read.ok()) return read.status();
  const omendb_search_options& in = *read;
  auto where = read_filter(in.where);
  if (!where.ok()) return where.status();
  omendb::SearchOptions out;
  out.k = k;
  out.where = std::move(where).value();
  out.exact = in.exact != 0;
  out.with_vectors = in.with_vectors != 0;
  if (in.recall != 0) out.recall = in.recall;
  out.effort = in.effort;
  if (in.where_each == nullptr && in.where_each_count != 0) {
    return omendb::capi::null_argument("where_each");
  }
  for (size_t i = 0; i < in.where_each_count; ++i) {
    auto filter = read_filter(in.where_each[i]);
    if (!filter.ok()) return filter.status();
    out.where_each.push_back(std::move(filter).value());
  }
  if (in.has_radius != 0) out.radius = in.radius;
  out.timeout_ms = in.timeout_ms;
  if (in.cancel != nullptr) out.cancel = &in.cancel->set;
  if (in.field != nullptr) out.field = in.field;
  if (in.vector_fields != nullptr) {
    auto names = read_names(in.vector_fields, in.vector_field_count, "vector_fields");
    if (!names.ok()) return names.status();
    out.vector_fields = std::move(names).value();
  }
  if (in.all_columns != 0) {
    out.columns = {"*"};
  } else {
    auto names = read_names(in.columns, in.column_count, "columns");
    if (!names.ok()) return names.status();
    out.columns = std::move(names).value();
  }
  return out;
}

}  // namespace

extern "C" {

void omendb_collection_free(omendb_collection* collection) noexcept {
  delete collection;
}

omendb_status omendb_collection_add(omendb_collection* collection, const omendb_batch* batch,
                                    omendb_points** out_ids) noexcept {
  return fenced([&] { return write(collection, batch, out_ids, &omendb::Collection::add); });
}

omendb_status omendb_collection_upsert(omendb_collection* collection, const omendb_batch* batch,
                                       omendb_points** out_ids) noexcept {
  return fenced([&] { return write(collection, batch, out_ids, &omendb::Collection::upsert); });
}

omendb_status omendb_collection_delete_ids(omendb_collection* collection, const omendb_ids* ids,
                                           uint64_t* deleted) noexcept {
  return fenced([&]() -> Status {
    if (deleted != nullptr) *deleted = 0;
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(ids);
    IdsIn in;
    if (Status status = read_ids(*ids, &in); !status.ok()) return status;
    auto count = collection->collection.delete_ids(in.view);
    if (!count.ok()) return count.status();
    if (deleted != nullptr) *deleted = *count;
    return {};
  });
}

omendb_status omendb_collection_delete_where(omendb_collection* collection, const char* where,
                                             uint64_t* deleted) noexcept {
  return fenced([&]() -> Status {
    if (deleted != nullptr) *deleted = 0;
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(where);
    auto filter = read_filter(where);
    if (!filter.ok()) return filter.status();
    auto count = collection->collection.delete_where(*filter);
    if (!count.ok()) return count.status();
    if (deleted != nullptr) *deleted = *count;
    return {};
  });
}

omendb_status omendb_collection_update_ids(omendb_collection* collection, const omendb_ids* ids,
                                           const omendb_update* update,
                                           uint64_t* updated) noexcept {
  return fenced([&]() -> Status {
    if (updated != nullptr) *updated = 0;
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(ids);
    IdsIn in;
    if (Status status = read_ids(*ids, &in); !status.ok()) return status;
    UpdateIn change;
    if (Status status = read_update(update, &change); !status.ok()) return status;
    auto count = collection->collection.update_ids(in.view, change.update);
    if (!count.ok()) return count.status();
    if (updated != nullptr) *updated = *count;
    return {};
  });
}

omendb_status omendb_collection_update_where(omendb_collection* collection, const char* where,
                                             const omendb_update* update,
                                             uint64_t* updated) noexcept {
  return fenced([&]() -> Status {
    if (updated != nullptr) *updated = 0;
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(where);
    auto filter = read_filter(where);
    if (!filter.ok()) return filter.status();
    UpdateIn change;
    if (Status status = read_update(update, &change); !status.ok()) return status;
    auto count = collection->collection.update_where(*filter, change.update);
    if (!count.ok()) return count.status();
    if (updated != nullptr) *updated = *count;
    return {};
  });
}

omendb_status omendb_collection_rename_column(omendb_collection* collection, const char* column,
                                              const char* name) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(column);
    OMENDB_REQUIRE(name);
    return collection->collection.rename_column(column, name);
  });
}

omendb_status omendb_collection_drop_column(omendb_collection* collection,
                                            const char* column) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(column);
    return collection->collection.drop_column(column);
  });
}

omendb_status omendb_collection_get(const omendb_collection* collection, const omendb_ids* ids,
                                    const omendb_fields* fields, uint8_t* found,
                                    omendb_points** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(ids);
    IdsIn in;
    if (Status status = read_ids(*ids, &in); !status.ok()) return status;
    auto read = read_fields(fields);
    if (!read.ok()) return read.status();
    auto got = collection->collection.get(in.view, {.with_vectors = read->with_vectors,
                                                    .vector_fields = std::move(read->vector_fields),
                                                    .columns = std::move(read->columns)});
    if (!got.ok()) return got.status();
    auto points = std::make_unique<omendb_points>(std::move(got->points));
    if (found != nullptr) std::copy(got->found.begin(), got->found.end(), found);
    *out = points.release();
    return {};
  });
}

omendb_status omendb_collection_count(const omendb_collection* collection, const char* where,
                                      uint64_t* out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = 0;
    OMENDB_REQUIRE(collection);
    auto filter = read_filter(where);
    if (!filter.ok()) return filter.status();
    auto count = collection->collection.count(*filter);
    if (!count.ok()) return count.status();
    *out = *count;
    return {};
  });
}

omendb_status omendb_collection_filter_warnings(const omendb_collection* collection,
                                                const char* where, omendb_strings** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(collection);
    auto filter = read_filter(where);
    if (!filter.ok()) return filter.status();
    auto warnings = collection->collection.filter_warnings(*filter);
    if (!warnings.ok()) return warnings.status();
    std::vector<std::string> sentences;
    for (auto& warning : *warnings) sentences.push_back(std::move(warning.message));
    *out = new_strings(std::move(sentences));
    return {};
  });
}

omendb_status omendb_collection_get_where(const omendb_collection* collection,
                                          const omendb_scan_options* options,
                                          const omendb_fields* fields,
                                          omendb_points** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(collection);
    auto read = read_scan_options(options, fields);
    if (!read.ok()) return read.status();
    auto points = collection->collection.get_where(*read);
    if (!points.ok()) return points.status();
    *out = std::make_unique<omendb_points>(std::move(points).value()).release();
    return {};
  });
}

omendb_status omendb_collection_scan(const omendb_collection* collection,
                                     const omendb_scan_options* options,
                                     const omendb_fields* fields, omendb_scan** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(collection);
    auto read = read_scan_options(options, fields);
    if (!read.ok()) return read.status();
    auto scan = collection->collection.scan(*read);
    if (!scan.ok()) return scan.status();
    *out = std::make_unique<omendb_scan>(omendb_scan{std::move(scan).value()}).release();
    return {};
  });
}

omendb_status omendb_scan_next(omendb_scan* scan, omendb_points** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(scan);
    auto batch = scan->scan.next();
    if (!batch.ok()) return batch.status();
    if (omendb::id_count(batch->ids) == 0) return {};
    *out = std::make_unique<omendb_points>(std::move(batch).value()).release();
    return {};
  });
}

void omendb_scan_free(omendb_scan* scan) noexcept {
  delete scan;
}

omendb_status omendb_cancel_new(omendb_cancel** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    *out = std::make_unique<omendb_cancel>().release();
    return {};
  });
}

void omendb_cancel_set(omendb_cancel* cancel) noexcept {
  if (cancel != nullptr) cancel->set.store(true, std::memory_order_relaxed);
}

void omendb_cancel_free(omendb_cancel* cancel) noexcept {
  delete cancel;
}

omendb_status omendb_collection_search(const omendb_collection* collection,
                                       const omendb_vectors* queries, size_t k,
                                       const omendb_search_options* options,
                                       omendb_result** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(queries);
    auto vectors = read_vectors(*queries);
    if (!vectors.ok()) return vectors.status();
    auto read = read_search_options(k, options);
    if (!read.ok()) return read.status();
    auto result = collection->collection.search(*vectors, *read);
    if (!result.ok()) return result.status();
    *out = std::make_unique<omendb_result>(std::move(result).value()).release();
    return {};
  });
}

omendb_status omendb_collection_search_ids(const omendb_collection* collection,
                                           const omendb_ids* ids, size_t k,
                                           const omendb_search_options* options,
                                           omendb_result** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(ids);
    IdsIn in;
    if (Status status = read_ids(*ids, &in); !status.ok()) return status;
    auto read = read_search_options(k, options);
    if (!read.ok()) return read.status();
    auto result = collection->collection.search_ids(in.view, *read);
    if (!result.ok()) return result.status();
    *out = std::make_unique<omendb_result>(std::move(result).value()).release();
    return {};
  });
}

omendb_status omendb_collection_measure_recall(const omendb_collection* collection, size_t k,
                                               const omendb_search_options* search,
                                               const omendb_recall_options* options,
                                               omendb_recall_report* out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = {};
    OMENDB_REQUIRE(collection);
    auto searches = read_search_options(k, search);
    if (!searches.ok()) return searches.status();
    auto read = read_options(options, "omendb_recall_options");
    if (!read.ok()) return read.status();
    omendb::RecallOptions how;
    if (read->sample != 0) how.sample = read->sample;
    how.seed = read->seed;
    if (read->queries != nullptr) {
      auto queries = read_vectors(*read->queries);
      if (!queries.ok()) return queries.status();
      how.queries = *queries;
    }
    auto report = collection->collection.measure_recall(*searches, how);
    if (!report.ok()) return report.status();
    *out = {report->recall,
            report->low,
            report->high,
            report->queries,
            report->k,
            report->microseconds,
            report->exact_microseconds};
    return {};
  });
}

double omendb_score(int32_t metric, size_t dim, float distance) noexcept {
  return omendb::score(static_cast<omendb::Metric>(metric), dim, distance);
}

omendb_status omendb_collection_get_info(const omendb_collection* collection,
                                         omendb_collection_info** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(collection);
    auto info = collection->collection.info();
    if (!info.ok()) return info.status();
    *out = omendb::capi::new_info(std::move(info).value());
    return {};
  });
}

void omendb_collection_info_free(omendb_collection_info* info) noexcept {
  delete reinterpret_cast<omendb::capi::OwnedInfo*>(info);
}

omendb_status omendb_collection_optimize(omendb_collection* collection,
                                         uint64_t timeout_ms) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(collection);
    std::optional<uint64_t> timeout;
    if (timeout_ms != 0) timeout = timeout_ms;
    return collection->collection.optimize(timeout);
  });
}

omendb_status omendb_collection_compact(omendb_collection* collection) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(collection);
    return collection->collection.compact();
  });
}

}  // extern "C"
