// Texts without their case, as Unicode's simple case folding has it: one character for one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace omendb {

/// The character that stands for this one and for its other cases: `a` for `A`, U+00E9 for U+00C9.
uint32_t fold_case(uint32_t character);

/// Replaces `out` by the folded text, character for character: ß and ss stay apart. A byte that
/// belongs to no well-formed character is taken over as it is.
void fold_case(std::string_view text, std::string& out);

}  // namespace omendb
