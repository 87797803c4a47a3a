// One id out of a batch of ids, whichever kind they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "omendb/types.h"

namespace omendb {

/// One point's id. The string is borrowed.
using IdView = std::variant<uint64_t, std::string_view>;

/// @pre i < the number of ids, and `ids` is not std::monostate.
IdView id_at(const IdsView& ids, size_t i);
size_t id_count(const IdsView& ids);
/// A copy of borrowed ids; empty for std::monostate.
Ids owned(const IdsView& ids);
/// @param ids    borrowed for as long as the view is used.
/// @param views  holds the string views that the result points to.
IdsView view_of(const Ids& ids, std::vector<std::string_view>& views);
/// "42" or "\"doc-42\"", for messages.
std::string describe(const IdView& id);

}  // namespace omendb
