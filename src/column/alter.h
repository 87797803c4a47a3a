// Changes of a column that hold for all points at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "column/schema.h"
#include "omendb/status.h"

namespace omendb::column {

/// One change of one column. The values stay where they are: they are found by the column's id.
struct Alteration {
  enum class Kind : uint8_t {
    kRename = 1,  ///< the column is called `name` afterwards
    kDrop = 2,    ///< the column and its values are gone afterwards
  };
  Kind kind = Kind::kRename;
  std::string column;  ///< its name before
  std::string name;
};

/// The schema after the change.
/// @error kNotFound if there is no such column; kAlreadyExists, kInvalidArgument and
///        kLimitExceeded for a name that another column has or that none may have.
Result<Schema> altered(const Schema& schema, const Alteration& change);

/// `unknown column "x"; columns: a, b`.
Status unknown_column(const Schema& schema, std::string_view name);

}  // namespace omendb::column
