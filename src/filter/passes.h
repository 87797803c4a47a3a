// Applies the test of a bound node to one value. Tests that are NULL or constant are not among
// these.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "base/case_fold.h"
#include "filter/bind.h"

namespace omendb::filter {

inline bool in_set(const BoundNode& node, int64_t value) {
  return std::ranges::binary_search(node.ints, value);
}
inline bool in_set(const BoundNode& node, double value) {
  return !std::isnan(value) && std::ranges::binary_search(node.doubles, value);
}
inline bool in_set(const BoundNode& node, std::string_view value) {
  return std::binary_search(node.strings.begin(), node.strings.end(), value, std::less<>());
}
inline bool is_like(const BoundNode& node, std::string_view value, std::string& scratch) {
  if (node.op == BoundNode::Op::kLike) return node.like.matches(value);
  fold_case(value, scratch);
  return node.like.matches(scratch);
}
inline bool compares(const BoundNode& node, std::string_view value) {
  const std::string_view wanted = node.strings[0];
  switch (node.compare) {
    case Filter::Compare::kEq: return value == wanted;
    case Filter::Compare::kNe: return value != wanted;
    case Filter::Compare::kLt: return value < wanted;
    case Filter::Compare::kLe: return value <= wanted;
    case Filter::Compare::kGt: return value > wanted;
    case Filter::Compare::kGe: return value >= wanted;
  }
  return false;
}

// Of any op that a node of that type can have. @pre !node.negated.
inline bool passes(const BoundNode& node, bool value) {
  return node.bool_table[value ? 1 : 0];
}
inline bool passes(const BoundNode& node, int64_t value) {
  if (node.op == BoundNode::Op::kIntSet) return in_set(node, value);
  return node.op == BoundNode::Op::kIntRange && value >= node.int_low && value <= node.int_high;
}
inline bool passes(const BoundNode& node, double value) {
  if (node.op == BoundNode::Op::kDoubleSet) return in_set(node, value);
  return node.op == BoundNode::Op::kDoubleRange && value >= node.double_low &&
         value <= node.double_high;
}
inline bool passes(const BoundNode& node, std::string_view value, std::string& scratch) {
  switch (node.op) {
    case BoundNode::Op::kString: return compares(node, value);
    case BoundNode::Op::kStringRange: return value >= node.strings[0] && value <= node.strings[1];
    case BoundNode::Op::kStringSet: return in_set(node, value);
    case BoundNode::Op::kLike:
    case BoundNode::Op::kILike: return is_like(node, value, scratch);
    default: return false;  // kNever
  }
}

}  // namespace omendb::filter
