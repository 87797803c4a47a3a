// JSON texts as metadata: which of them are stored. A strict reader of RFC 8259 that keeps no tree,
// takes no memory, and whose stack does not depend on the text.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace omendb::column {

/// A mistake in a text, and its place.
struct JsonFault {
  size_t at = 0;  ///< byte
  const char* what = "";
};

/// Reads one value that begins at or after byte `at`, and moves `at` past it.
/// @param text  anything; bytes past ASCII inside strings are taken as they are.
std::optional<JsonFault> skip_json_value(std::string_view text, size_t& at);

/// Whether the text is one JSON value (RFC 8259) of at most kMaxJsonDepth levels and nothing else.
/// Escapes of half a surrogate pair are refused: no UTF-8 text can hold what they stand for.
/// @param text  well-formed UTF-8.
std::optional<JsonFault> check_json(std::string_view text);

}  // namespace omendb::column
