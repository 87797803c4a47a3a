// The names and types of a collection's metadata columns.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "omendb/types.h"

namespace omendb::column {

struct ColumnSchema {
  std::string name;
  ColumnType type = ColumnType::kI64;
  ColumnId id{};
  std::vector<ColumnType> former = {};  ///< types that it had before: older segments have them
  bool operator==(const ColumnSchema&) const = default;

  bool has_had(ColumnType other) const {
    return type == other || std::ranges::find(former, other) != former.end();
  }
};

/// In the order of first use.
using Schema = std::vector<ColumnSchema>;

/// The column of that name, or null. Valid until the schema changes.
inline const ColumnSchema* find_column(const Schema& schema, std::string_view name) {
  for (const ColumnSchema& column : schema) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

inline const ColumnSchema* find_column(const Schema& schema, ColumnId id) {
  for (const ColumnSchema& column : schema) {
    if (column.id == id) return &column;
  }
  return nullptr;
}

}  // namespace omendb::column
