// The names and types of a collection's metadata columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "omendb/types.h"

namespace omendb::column {

struct ColumnSchema {
  std::string name;
  ColumnType type = ColumnType::kI64;
  bool operator==(const ColumnSchema&) const = default;
};

/// In the order of first use. A column's type never changes.
using Schema = std::vector<ColumnSchema>;

/// The column of that name, or null. Valid until the schema changes.
inline const ColumnSchema* find_column(const Schema& schema, std::string_view name) {
  for (const ColumnSchema& column : schema) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

}  // namespace omendb::column
