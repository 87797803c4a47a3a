// LIKE patterns: % stands for any run of characters, _ for one, and \ makes the next one plain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omendb/status.h"

namespace omendb::filter {

/// A compiled pattern. Characters are Unicode's, and matching is case-sensitive. For a test that
/// ignores case, the caller folds pattern and texts first (base/case_fold.h).
class LikePattern {
 public:
  LikePattern() = default;
  /// @error kInvalidArgument if the pattern ends in a lone \.
  static Result<LikePattern> compile(std::string_view pattern);
  /// The pattern of the texts that hold `part`, which has no special characters.
  static LikePattern containing(std::string_view part);

  /// Time is at most text times pattern. `text` need not be valid UTF-8.
  bool matches(std::string_view text) const;

 private:
  /// The shapes that most patterns have need no steps.
  enum class Shape : uint8_t { kExact, kPrefix, kSuffix, kContains, kGeneral };
  struct Step {
    enum class Kind : uint8_t { kCharacter, kAnyCharacter, kAnyRun };
    Kind kind;
    uint8_t bytes = 0;  ///< of the character
    uint32_t at = 0;    ///< its place in literal_
  };
  void choose_shape();
  bool matches_steps(std::string_view text) const;

  Shape shape_ = Shape::kExact;
  std::string literal_;  ///< the pattern's plain characters, in order
  std::vector<Step> steps_;
};

}  // namespace omendb::filter
