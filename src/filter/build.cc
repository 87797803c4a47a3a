// Filters without text: the builders of omendb::Filter.
#include <algorithm>

#include "filter/tree.h"

namespace omendb {

using filter::join_filters;
using NodePtr = std::shared_ptr<const FilterNode>;
using Kind = FilterNode::Kind;

namespace {

NodePtr test_node(Kind kind, std::string column, std::vector<FilterValue> values) {
  auto node = std::make_shared<FilterNode>();
  node->kind = kind;
  node->column = std::move(column);
  node->values = std::move(values);
  return node;
}

NodePtr constant_node(bool value) {
  auto node = std::make_shared<FilterNode>();
  node->constant = value;
  return node;
}

NodePtr joined(Kind kind, std::vector<NodePtr> parts) {
  for (NodePtr& part : parts) {
    if (part == nullptr) part = constant_node(true);
  }
  return join_filters(kind, std::move(parts));
}

}  // namespace

NodePtr filter::join_filters(Kind kind, std::vector<NodePtr> children) {
  auto node = std::make_shared<FilterNode>();
  uint32_t depth = 0;
  for (const NodePtr& child : children) {
    depth = std::max(depth, child->depth);
    if (child->kind == Kind::kTooDeep) return child;
  }
  if (depth >= kMaxFilterDepth) {
    node->kind = Kind::kTooDeep;
    return node;
  }
  node->kind = kind;
  node->depth = depth + 1;
  node->children = std::move(children);
  return node;
}

Filter Filter::compare(std::string column, Compare op, FilterValue value) {
  auto node = std::make_shared<FilterNode>();
  node->kind = Kind::kCompare;
  node->compare = op;
  node->column = std::move(column);
  node->values.push_back(std::move(value));
  return Filter(std::move(node));
}

Filter Filter::in(std::string column, std::vector<FilterValue> values) {
  return Filter(test_node(Kind::kIn, std::move(column), std::move(values)));
}

Filter Filter::like(std::string column, std::string pattern) {
  return Filter(test_node(Kind::kLike, std::move(column), {std::move(pattern)}));
}

Filter Filter::between(std::string column, FilterValue low, FilterValue high) {
  return Filter(test_node(Kind::kBetween, std::move(column), {std::move(low), std::move(high)}));
}

Filter Filter::is_null(std::string column) {
  return Filter(test_node(Kind::kIsNull, std::move(column), {}));
}

Filter Filter::contains(std::string column, FilterValue value) {
  return Filter(test_node(Kind::kContains, std::move(column), {std::move(value)}));
}

Filter Filter::all_of(std::vector<Filter> parts) {
  if (parts.empty()) return {};
  if (parts.size() == 1) return std::move(parts[0]);
  std::vector<NodePtr> nodes;
  nodes.reserve(parts.size());
  for (Filter& part : parts) nodes.push_back(std::move(part.root_));
  return Filter(joined(Kind::kAnd, std::move(nodes)));
}

Filter Filter::any_of(std::vector<Filter> parts) {
  if (parts.empty()) return Filter(constant_node(false));
  if (parts.size() == 1) return std::move(parts[0]);
  std::vector<NodePtr> nodes;
  nodes.reserve(parts.size());
  for (Filter& part : parts) nodes.push_back(std::move(part.root_));
  return Filter(joined(Kind::kOr, std::move(nodes)));
}

Filter Filter::negate(Filter part) {
  std::vector<NodePtr> nodes = {std::move(part.root_)};
  return Filter(joined(Kind::kNot, std::move(nodes)));
}

}  // namespace omendb
