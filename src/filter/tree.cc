#include "filter/tree.h"

#include <algorithm>

#include "base/check.h"

namespace omendb {

void FilterTree::add_constant(bool value) {
  nodes.emplace_back().constant = value;
}

void FilterTree::add_test(FilterTest test) {
  FilterNode& node = nodes.emplace_back();
  node.kind = FilterNode::Kind::kTest;
  node.test = std::make_shared<const FilterTest>(std::move(test));
}

void FilterTree::join(FilterNode::Kind kind, uint32_t children) {
  FilterNode parent;
  parent.kind = kind;
  parent.children = children;
  uint32_t deepest = 0;
  for (uint32_t i = 0; i < children; ++i) {
    OMEN_CHECK(parent.size <= nodes.size());
    const FilterNode& child = nodes[nodes.size() - parent.size];
    parent.size += child.size;
    deepest = std::max(deepest, child.depth);
  }
  parent.depth = deepest + 1;
  too_deep = too_deep || parent.depth > kMaxFilterDepth;
  nodes.push_back(std::move(parent));
}

void FilterTree::append(const FilterTree& other) {
  nodes.insert(nodes.end(), other.nodes.begin(), other.nodes.end());
  too_deep = too_deep || other.too_deep;
}

}  // namespace omendb
