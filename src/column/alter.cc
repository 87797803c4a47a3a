#include "column/alter.h"

#include <algorithm>

#include "base/status_macros.h"
#include "column/columns.h"

namespace omendb::column {

Status unknown_column(const Schema& schema, std::string_view name) {
  std::string known;
  for (const ColumnSchema& column : schema) known += (known.empty() ? "" : ", ") + column.name;
  return {StatusCode::kNotFound, "unknown column \"" + std::string(name) +
                                     "\"; columns: " + (known.empty() ? "none" : known)};
}

Result<Schema> altered(const Schema& schema, const Alteration& change) {
  Schema after = schema;
  const auto column = std::ranges::find(after, change.column, &ColumnSchema::name);
  if (column == after.end()) return unknown_column(schema, change.column);
  switch (change.kind) {
    case Alteration::Kind::kRename:
      OMEN_RETURN_IF_ERROR(check_column_name(change.name));
      if (change.name != change.column && find_column(schema, change.name) != nullptr) {
        return Status(StatusCode::kAlreadyExists, "there is a column \"" + change.name +
                                                      "\" already; drop it first, or choose "
                                                      "another name for \"" +
                                                      change.column + "\"");
      }
      column->name = change.name;
      break;
    case Alteration::Kind::kDrop: after.erase(column); break;
  }
  return after;
}

}  // namespace omendb::column
