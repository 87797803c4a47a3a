// Suggests the column that a misspelled name means.
#pragma once

#include <string>
#include <string_view>

#include "column/schema.h"

namespace omendb::filter {

/// `no point has a column "yaer" yet; did you mean "year"? columns: lang, year`
std::string unknown_column_text(std::string_view name, const column::Schema& schema);

}  // namespace omendb::filter
