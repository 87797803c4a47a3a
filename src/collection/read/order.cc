#include "collection/read/order.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/status_macros.h"

namespace omendb::collection {

namespace {

/// The values by which rows are ordered, for all rows to order.
struct Key {
  Column column;
  bool descending = false;

  bool missing(size_t row) const {
    return !column.is_valid(row) ||
           (column.type == ColumnType::kF64 && std::isnan(column.doubles[row]));
  }
};

template <class T>
int compare(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

/// Below 0 if row a comes before row b. Missing values come last in both directions.
int compare(const Key& key, size_t a, size_t b) {
  const bool no_a = key.missing(a);
  const bool no_b = key.missing(b);
  if (no_a || no_b) return (no_a ? 1 : 0) - (no_b ? 1 : 0);
  int order = 0;
  switch (key.column.type) {
    case ColumnType::kBool: order = compare(key.column.bools[a], key.column.bools[b]); break;
    case ColumnType::kF64: order = compare(key.column.doubles[a], key.column.doubles[b]); break;
    case ColumnType::kString:
      order = compare(key.column.string_at(a), key.column.string_at(b));
      break;
    default: order = compare(key.column.ints[a], key.column.ints[b]); break;
  }
  return key.descending ? -order : order;
}

bool has_order(ColumnType type) {
  switch (type) {
    case ColumnType::kBool:
    case ColumnType::kI64:
    case ColumnType::kF64:
    case ColumnType::kString:
    case ColumnType::kTimestamp: return true;
    default: return false;
  }
}

/// Checks that rows can be ordered in this way.
Status check_order(const Snapshot& snapshot, const std::vector<OrderBy>& order_by) {
  for (size_t i = 0; i < order_by.size(); ++i) {
    const std::string& name = order_by[i].column;
    for (size_t j = 0; j < i; ++j) {
      if (order_by[j].column != name) continue;
      return {StatusCode::kInvalidArgument, "order_by names \"" + name + "\" twice"};
    }
    if (name == kIdColumn || snapshot.live == 0) continue;
    OMEN_ASSIGN_OR_RETURN(const column::Schema found, choose_columns(*snapshot.columns, {name}));
    if (found.size() == 1 && has_order(found[0].type)) continue;
    return {StatusCode::kTypeMismatch,
            "order_by: column \"" + name + "\" is " +
                (found.size() == 1 ? std::string(column_type_name(found[0].type)) : "no column") +
                ", which has no order; expected bool, i64, f64, string or timestamp"};
  }
  return {};
}

/// Matching rows in stored order, without the first `skip`, at most `most`.
Result<std::vector<RowAt>> rows_as_they_lie(const Snapshot& snapshot, const RowFilter& filter,
                                            uint64_t skip, uint64_t most) {
  std::vector<RowAt> rows;
  for (uint32_t part = 0; part < snapshot.parts.size() && rows.size() < most; ++part) {
    OMEN_ASSIGN_OR_RETURN(const Bitmap matches, filter.matches(snapshot.parts[part]));
    if (const size_t here = matches.count(); here <= skip) {
      skip -= here;
      continue;
    }
    for (size_t slot = 0; slot < matches.size() && rows.size() < most; ++slot) {
      if (!matches.test(slot)) continue;
      if (skip > 0) {
        --skip;
      } else {
        rows.push_back({part, static_cast<uint32_t>(slot)});
      }
    }
  }
  return rows;
}

/// Sorts the rows so that places [0, last) are in order; the other rows follow in any order.
Status sort_rows(const Snapshot& snapshot, const std::vector<OrderBy>& order_by, size_t last,
                 std::vector<RowAt>& rows) {
  // Ids are unique, so columns after them in order_by have no effect.
  std::vector<Key> keys;
  bool ids_descending = false;
  FetchOptions wanted;
  for (const OrderBy& by : order_by) {
    ids_descending = by.column == kIdColumn && by.descending;
    if (by.column == kIdColumn) break;
    keys.push_back({{}, by.descending});
    wanted.columns.push_back(by.column);
  }
  OMEN_ASSIGN_OR_RETURN(Points values, fetch(snapshot, rows, wanted));
  for (size_t i = 0; i < keys.size(); ++i) keys[i].column = std::move(values.metadata[i]);
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto before = [&](size_t a, size_t b) {
    for (const Key& key : keys) {
      if (const int way = compare(key, a, b); way != 0) return way < 0;
    }
    if (ids_descending) std::swap(a, b);
    return std::visit([&](const auto& ids) { return ids[a] < ids[b]; }, values.ids);
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(last), order.end(),
                    before);
  std::vector<RowAt> sorted;
  sorted.reserve(last);
  for (size_t i = 0; i < last; ++i) sorted.push_back(rows[order[i]]);
  rows = std::move(sorted);
  return {};
}

}  // namespace

Result<std::vector<RowAt>> choose_rows(const Snapshot& snapshot, const RowFilter& filter,
                                       const ScanOptions& options) {
  OMEN_RETURN_IF_ERROR(check_order(snapshot, options.order_by));
  constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
  const uint64_t limit = options.limit.value_or(kAll);
  if (options.order_by.empty()) return rows_as_they_lie(snapshot, filter, options.offset, limit);
  OMEN_ASSIGN_OR_RETURN(std::vector<RowAt> rows, rows_as_they_lie(snapshot, filter, 0, kAll));
  const uint64_t offset = std::min<uint64_t>(options.offset, rows.size());
  const uint64_t last = offset + std::min<uint64_t>(limit, rows.size() - offset);
  if (rows.empty()) return rows;
  OMEN_RETURN_IF_ERROR(sort_rows(snapshot, options.order_by, last, rows));
  rows.erase(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(offset));
  return rows;
}

Result<Points> get_where(const Snapshot& snapshot, std::string_view collection,
                         const ScanOptions& options) {
  OMEN_ASSIGN_OR_RETURN(const RowFilter filter, RowFilter::bind(options.where, snapshot));
  OMEN_RETURN_IF_ERROR(choose_columns(*snapshot.columns, options.columns).status());
  OMEN_ASSIGN_OR_RETURN(auto fields, choose_fields(*snapshot.fields, options.with_vectors,
                                                   options.vector_fields, collection));
  OMEN_ASSIGN_OR_RETURN(const auto rows, choose_rows(snapshot, filter, options));
  return fetch(snapshot, rows, {std::move(fields), options.columns});
}

}  // namespace omendb::collection
