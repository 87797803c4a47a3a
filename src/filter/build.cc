// Filters without text: the builders of omendb::Filter.
#include "filter/tree.h"

namespace omendb {

namespace {

using TestKind = FilterTest::Kind;
using NodeKind = FilterNode::Kind;

FilterTest test_of(TestKind kind, std::string column, std::vector<FilterValue> values) {
  FilterTest test;
  test.kind = kind;
  test.column = std::move(column);
  test.values = std::move(values);
  return test;
}

std::shared_ptr<const FilterTree> tree_of(FilterTest test) {
  auto tree = std::make_shared<FilterTree>();
  tree->add_test(std::move(test));
  return tree;
}

/// A tree that is too deep keeps no nodes, so that it takes no more memory if it grows further.
/// bind_filter() refuses it.
std::shared_ptr<const FilterTree> joined(NodeKind kind, const std::vector<Filter>& parts) {
  auto tree = std::make_shared<FilterTree>();
  for (const Filter& part : parts) {
    if (part.empty()) {
      tree->add_constant(true);
    } else {
      tree->append(*part.tree());
    }
  }
  if (!tree->too_deep) tree->join(kind, static_cast<uint32_t>(parts.size()));
  if (tree->too_deep) tree->nodes.clear();
  return tree;
}

}  // namespace

Filter Filter::compare(std::string column, Compare op, FilterValue value) {
  FilterTest test = test_of(TestKind::kCompare, std::move(column), {std::move(value)});
  test.compare = op;
  return Filter(tree_of(std::move(test)));
}

Filter Filter::in(std::string column, std::vector<FilterValue> values) {
  return Filter(tree_of(test_of(TestKind::kIn, std::move(column), std::move(values))));
}

Filter Filter::like(std::string column, std::string pattern) {
  return Filter(tree_of(test_of(TestKind::kLike, std::move(column), {std::move(pattern)})));
}

Filter Filter::ilike(std::string column, std::string pattern) {
  return Filter(tree_of(test_of(TestKind::kILike, std::move(column), {std::move(pattern)})));
}

Filter Filter::between(std::string column, FilterValue low, FilterValue high) {
  return Filter(
      tree_of(test_of(TestKind::kBetween, std::move(column), {std::move(low), std::move(high)})));
}

Filter Filter::is_null(std::string column) {
  return Filter(tree_of(test_of(TestKind::kIsNull, std::move(column), {})));
}

Filter Filter::contains(std::string column, FilterValue value) {
  return Filter(tree_of(test_of(TestKind::kContains, std::move(column), {std::move(value)})));
}

Filter Filter::size(std::string column, Compare op, int64_t count) {
  FilterTest test = test_of(TestKind::kCompare, std::move(column), {count});
  test.compare = op;
  test.of_size = true;
  return Filter(tree_of(std::move(test)));
}

Filter Filter::all_of(std::vector<Filter> parts) {
  if (parts.empty()) return {};
  if (parts.size() == 1) return std::move(parts[0]);
  return Filter(joined(NodeKind::kAnd, parts));
}

Filter Filter::any_of(std::vector<Filter> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  if (!parts.empty()) return Filter(joined(NodeKind::kOr, parts));
  auto nothing = std::make_shared<FilterTree>();
  nothing->add_constant(false);
  return Filter(std::move(nothing));
}

Filter Filter::negate(Filter part) {
  return Filter(joined(NodeKind::kNot, {std::move(part)}));
}

Filter Filter::is_true(Filter part) {
  return Filter(joined(NodeKind::kIsTrue, {std::move(part)}));
}

Filter Filter::complement(Filter part) {
  return negate(is_true(std::move(part)));
}

}  // namespace omendb
