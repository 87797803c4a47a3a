// The opaque handles of omendb.h. Each owns one C++ object of the public API and holds no pointer
// to another handle, so handles may be freed in any order.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/database.h"
#include "omendb/omendb.h"

struct omendb_database {
  omendb::Database db;
};

struct omendb_collection {
  omendb::Collection collection;
};

struct omendb_cancel {
  std::atomic<bool> set = false;
};

struct omendb_scan {
  omendb::Scan scan;
};

/// Points with the C views of their ids and columns made once, so that accessors cannot fail.
struct omendb_points {
  explicit omendb_points(omendb::Points owned);

  omendb::Points points;
  std::vector<const char*> id_pointers;
  std::vector<size_t> id_lengths;
  std::vector<omendb_field_vectors> fields;
  std::vector<omendb_column> columns;
};

struct omendb_result {
  explicit omendb_result(omendb::SearchResult owned);

  std::vector<uint64_t> offsets;
  std::vector<float> distances;
  omendb_points points;
};

namespace omendb::capi {

/// omendb_strings with their storage behind them; `view` comes first, so that a pointer to one is a
/// pointer to the other.
struct OwnedStrings {
  omendb_strings view{};
  std::vector<std::string> items;
  std::vector<const char*> pointers;
};

omendb_strings* new_strings(std::vector<std::string> items);

struct OwnedInfo {
  omendb_collection_info view{};
  CollectionInfo info;
  std::vector<omendb_vector_field> fields;
  std::vector<const char*> column_names;
  std::vector<int32_t> column_types;
  std::vector<omendb_job> jobs;
};

omendb_collection_info* new_info(CollectionInfo info);

/// A frozen C struct that may be older than ours: copies the `size` bytes that the caller has and
/// leaves the rest zero, which means the default. A NULL `options` is all zero.
template <class T>
Result<T> read_options(const T* options, std::string_view name) {
  T out{};
  if (options != nullptr) {
    if (options->size < sizeof(size_t) || options->size > 4096) {
      return Status(StatusCode::kInvalidArgument,
                    std::string(name) + ".size is " + std::to_string(options->size) +
                        "; set it to sizeof(" + std::string(name) + ")");
    }
    std::copy_n(reinterpret_cast<const char*>(options), std::min(options->size, sizeof(T)),
                reinterpret_cast<char*>(&out));
  }
  return out;
}

Result<VectorsView> read_vectors(const omendb_vectors& vectors);

/// Ids with the string views that an IdsView borrows.
struct IdsIn {
  std::vector<std::string_view> strings;
  IdsView view;
};
Status read_ids(const omendb_ids& ids, IdsIn* out);

/// An omendb_batch as a WriteBatch, with the memory that the WriteBatch borrows.
struct BatchIn {
  IdsIn ids;
  std::vector<FieldVectors> fields;
  std::vector<Column> columns;
  WriteBatch batch;
};
Status read_batch(const omendb_batch* batch, BatchIn* out);

/// An update, with the memory that it borrows.
struct UpdateIn {
  std::vector<FieldVectors> fields;
  std::vector<Column> columns;
  PointUpdate update;
};
Status read_update(const omendb_update* update, UpdateIn* out);

Result<Column> read_column(const omendb_column& column);

/// NULL is the filter that matches everything.
Result<Filter> read_filter(const char* where);

/// Names of columns or of fields.
/// @param what  what messages call the array.
Result<std::vector<std::string>> read_names(const char* const* names, size_t count,
                                            const std::string& what);

}  // namespace omendb::capi
