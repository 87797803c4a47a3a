#include "filter/like.h"

#include <algorithm>
#include <span>

#include "base/utf8.h"

namespace omendb::filter {

namespace {

/// Bytes to step over one character; a malformed byte is one.
size_t step_bytes(std::string_view text) {
  return std::max<size_t>(1, utf8_char_bytes(text));
}

}  // namespace

Result<LikePattern> LikePattern::compile(std::string_view pattern) {
  LikePattern like;
  while (!pattern.empty()) {
    if (pattern[0] == '%') {
      like.steps_.push_back({Step::Kind::kAnyRun});
      pattern.remove_prefix(1);
      continue;
    }
    if (pattern[0] == '_') {
      like.steps_.push_back({Step::Kind::kAnyCharacter});
      pattern.remove_prefix(1);
      continue;
    }
    if (pattern[0] == '\\') {
      pattern.remove_prefix(1);
      if (pattern.empty()) {
        return Status(StatusCode::kInvalidArgument,
                      "the pattern ends in a lone \\; a plain \\ is written \\\\");
      }
    }
    const size_t bytes = step_bytes(pattern);
    like.steps_.push_back({Step::Kind::kCharacter, static_cast<uint8_t>(bytes),
                           static_cast<uint32_t>(like.literal_.size())});
    like.literal_ += pattern.substr(0, bytes);
    pattern.remove_prefix(bytes);
  }
  like.choose_shape();
  return like;
}

LikePattern LikePattern::containing(std::string_view part) {
  LikePattern like;
  like.shape_ = Shape::kContains;
  like.literal_ = part;
  return like;
}

void LikePattern::choose_shape() {
  std::span<const Step> middle(steps_);
  const auto is_run = [](const Step& step) { return step.kind == Step::Kind::kAnyRun; };
  bool open_start = false;
  bool open_end = false;
  for (; !middle.empty() && is_run(middle.front()); middle = middle.subspan(1)) open_start = true;
  for (; !middle.empty() && is_run(middle.back()); middle = middle.first(middle.size() - 1)) {
    open_end = true;
  }
  const bool plain = std::ranges::all_of(
      middle, [](const Step& step) { return step.kind == Step::Kind::kCharacter; });
  if (!plain) {
    shape_ = Shape::kGeneral;
  } else if (open_start) {
    shape_ = open_end || middle.empty() ? Shape::kContains : Shape::kSuffix;
  } else {
    shape_ = open_end ? Shape::kPrefix : Shape::kExact;
  }
}

bool LikePattern::matches(std::string_view text) const {
  switch (shape_) {
    case Shape::kExact: return text == literal_;
    case Shape::kPrefix: return text.starts_with(literal_);
    case Shape::kSuffix: return text.ends_with(literal_);
    case Shape::kContains: return text.find(literal_) != std::string_view::npos;
    case Shape::kGeneral: return matches_steps(text);
  }
  return false;
}

/// Only the last run is ever widened: what an earlier one could take, a later one can too.
bool LikePattern::matches_steps(std::string_view text) const {
  constexpr size_t kNone = ~size_t{0};
  size_t at = 0;
  size_t step = 0;
  size_t last_run = kNone;  // the step
  size_t run_end = 0;       // where in the text the steps after it begin
  while (at < text.size()) {
    if (step < steps_.size()) {
      const Step& wanted = steps_[step];
      if (wanted.kind == Step::Kind::kAnyRun) {
        last_run = step++;
        run_end = at;
        continue;
      }
      if (wanted.kind == Step::Kind::kAnyCharacter) {
        at += step_bytes(text.substr(at));
        ++step;
        continue;
      }
      const auto character = std::string_view(literal_).substr(wanted.at, wanted.bytes);
      if (text.substr(at, wanted.bytes) == character) {
        at += wanted.bytes;
        ++step;
        continue;
      }
    }
    if (last_run == kNone) return false;
    run_end += step_bytes(text.substr(run_end));
    at = run_end;
    step = last_run + 1;
  }
  while (step < steps_.size() && steps_[step].kind == Step::Kind::kAnyRun) ++step;
  return step == steps_.size();
}

}  // namespace omendb::filter
