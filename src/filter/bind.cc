#include "filter/bind.h"

#include <algorithm>
#include <unordered_map>

#include "base/status_macros.h"
#include "filter/bind_value.h"
#include "filter/suggest.h"
#include "filter/tree.h"

namespace omendb::filter {

namespace {

using Compare = Filter::Compare;
using Kind = FilterTest::Kind;
using NodeKind = FilterNode::Kind;
using Op = BoundNode::Op;

class FilterBinder {
 public:
  FilterBinder(const column::Schema& schema, std::optional<IdKind> ids)
      : schema_(schema), ids_(ids) {
    for (const auto& column : schema) by_name_.emplace(column.name, &column);
  }

  Status bind(const FilterTree& tree);
  BoundFilter take() { return std::move(bound_); }

 private:
  void join(const FilterNode& node, Op op);
  Result<uint32_t> bind_test(const FilterTest& test);
  Result<BoundNode> bind_unknown(const FilterTest& test);
  Result<uint32_t> bind_between_nulls(const FilterTest& test);
  Status bind_array_or_size(const FilterTest& test, BoundNode& node, Field& field) const;

  Field resolve(std::string_view name) const;
  uint32_t number_of(const Field& field);

  /// Adds a node whose children were added before. @return its number.
  uint32_t add(BoundNode node) {
    bound_.nodes.push_back(std::move(node));
    return static_cast<uint32_t>(bound_.nodes.size() - 1);
  }
  uint32_t add_parent(Op op, std::vector<uint32_t> children);

  const column::Schema& schema_;
  const std::optional<IdKind> ids_;
  std::unordered_map<std::string_view, const column::ColumnSchema*> by_name_;
  std::unordered_map<std::string, uint32_t> numbers_;  ///< in bound_.columns, by name
  BoundFilter bound_;
  std::vector<uint32_t> waiting_;  ///< bound subtrees that have no parent yet
};

uint32_t FilterBinder::add_parent(Op op, std::vector<uint32_t> children) {
  BoundNode node;
  node.op = op;
  for (const uint32_t child : children) node.cost += bound_.nodes[child].cost;
  std::ranges::stable_sort(children, {}, [&](uint32_t child) { return bound_.nodes[child].cost; });
  node.children = std::move(children);
  return add(std::move(node));
}

Status FilterBinder::bind(const FilterTree& tree) {
  if (tree.too_deep) return {StatusCode::kInvalidFilter, too_deep_text()};
  for (const FilterNode& node : tree.nodes) {
    switch (node.kind) {
      case NodeKind::kConstant:
        waiting_.push_back(add(constant(node.constant ? Truth::kTrue : Truth::kFalse)));
        break;
      case NodeKind::kTest: {
        OMEN_ASSIGN_OR_RETURN(const uint32_t bound, bind_test(*node.test));
        waiting_.push_back(bound);
        break;
      }
      case NodeKind::kNot: join(node, Op::kNot); break;
      case NodeKind::kIsTrue: join(node, Op::kIsTrue); break;
      case NodeKind::kAnd: join(node, Op::kAnd); break;
      case NodeKind::kOr: join(node, Op::kOr); break;
    }
  }
  bound_.depth = tree.nodes.back().depth + 1;  // a test may become two levels
  return {};
}

void FilterBinder::join(const FilterNode& node, Op op) {
  const auto first = waiting_.end() - node.children;
  std::vector<uint32_t> children(first, waiting_.end());
  waiting_.erase(first, waiting_.end());
  waiting_.push_back(add_parent(op, std::move(children)));
}

/// A column with exactly this name comes first; then the JSON column with the longest name that the
/// path begins with.
Field FilterBinder::resolve(std::string_view name) const {
  using FieldKind = Field::Kind;
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return {FieldKind::kColumn, found->second->type, name};
  if (name == "id" && ids_) {
    return {FieldKind::kId, *ids_ == IdKind::kU64 ? ColumnType::kI64 : ColumnType::kString, name};
  }
  for (size_t dot = name.rfind('.'); dot != std::string_view::npos;) {
    const auto column = by_name_.find(name.substr(0, dot));
    if (column != by_name_.end() && column->second->type == ColumnType::kJson) {
      return {FieldKind::kColumn, ColumnType::kJson, name.substr(0, dot), name.substr(dot + 1)};
    }
    dot = dot == 0 ? std::string_view::npos : name.rfind('.', dot - 1);
  }
  return {};
}

uint32_t FilterBinder::number_of(const Field& field) {
  const auto [at, fresh] =
      numbers_.try_emplace(std::string(field.column), static_cast<uint32_t>(numbers_.size()));
  if (fresh) {
    BoundColumn& column = bound_.columns.emplace_back();
    column.name = at->first;
    column.type = field.type;
    column.is_id = field.kind == Field::Kind::kId;
    if (!column.is_id) column.id = by_name_.at(field.column)->id;
  }
  return at->second;
}

/// A test of a column that is NULL in every row.
Result<BoundNode> FilterBinder::bind_unknown(const FilterTest& test) {
  // In a collection without points every name is unknown, so there is nothing to warn of.
  const auto known = [&](const UnknownColumn& column) { return column.name == test.column; };
  if (ids_ && std::ranges::none_of(bound_.unknown, known)) {
    bound_.unknown.push_back({test.column, unknown_column_text(test.column, schema_)});
  }
  if (test.kind == Kind::kLike || test.kind == Kind::kILike) {
    OMEN_RETURN_IF_ERROR(compile_pattern(test).status());
  }
  if (test.kind == Kind::kIsNull) return constant(Truth::kTrue);
  if (test.kind == Kind::kIn && test.values.empty()) return constant(Truth::kFalse);
  return constant(Truth::kNull);
}

/// Sets `field` to the type that a test of an array, or of its size, compares.
Status FilterBinder::bind_array_or_size(const FilterTest& test, BoundNode& node,
                                        Field& field) const {
  const std::string is_what = "\"" + test.column + "\" is " + field.type_name();
  if (test.of_size) {
    if (!is_array(field.type)) {
      return test_error(test, test.column_at, "size(...) needs an array column; " + is_what);
    }
    node.of_size = true;
    field = field.with(ColumnType::kI64);
  } else if (is_array(field.type)) {
    if (test.kind == Kind::kCompare && test.compare == Compare::kNe) {
      return test_error(test, test.column_at,
                        is_what +
                            ", and != could mean two things; that no element is equal is written "
                            "not " +
                            column_text(test.column) + " = ...");
    }
    node.any_element = true;
    field = field.with(element_type(field.type));
  } else if (test.kind == Kind::kContains && field.type != ColumnType::kString) {
    return test_error(test, test.column_at,
                      "contains needs an array or a string column; " + is_what);
  }
  return {};
}

/// With a bound that is null: as SQL defines it, low <= column and column <= high.
Result<uint32_t> FilterBinder::bind_between_nulls(const FilterTest& test) {
  std::vector<uint32_t> both;
  for (const size_t i : {0, 1}) {
    FilterTest half = test;
    half.kind = Kind::kCompare;
    half.compare = i == 0 ? Compare::kGe : Compare::kLe;
    half.values = {test.values[i]};
    if (!test.values_at.empty()) half.values_at = {test.values_at[i]};
    OMEN_ASSIGN_OR_RETURN(const uint32_t bound, bind_test(half));
    both.push_back(bound);
  }
  return add_parent(Op::kAnd, std::move(both));
}

Result<uint32_t> FilterBinder::bind_test(const FilterTest& test) {
  const auto is_null = [](const FilterValue& value) {
    return std::holds_alternative<std::nullptr_t>(value);
  };
  if (test.kind == Kind::kBetween && std::ranges::any_of(test.values, is_null)) {
    return bind_between_nulls(test);
  }
  Field field = resolve(test.column);
  BoundNode node;
  if (field.kind == Field::Kind::kUnknown) {
    OMEN_ASSIGN_OR_RETURN(node, bind_unknown(test));
    return add(std::move(node));
  }
  node.column = number_of(field);
  if (field.type == ColumnType::kJson) {
    OMEN_ASSIGN_OR_RETURN(node, bind_json_test(test, std::move(node), field));
  } else if (test.kind == Kind::kIsNull && (!test.of_size || is_array(field.type))) {
    node.op = field.kind == Field::Kind::kId ? Op::kNever : Op::kIsNull;
    node.cost = cost_of(node);
  } else {
    OMEN_RETURN_IF_ERROR(bind_array_or_size(test, node, field));
    OMEN_ASSIGN_OR_RETURN(node, bind_value_test(test, std::move(node), field));
  }
  return add(std::move(node));
}

}  // namespace

Result<BoundFilter> bind_filter(const Filter& filter, const column::Schema& schema,
                                std::optional<IdKind> ids) {
  if (filter.empty()) return BoundFilter();
  FilterBinder binder(schema, ids);
  OMEN_RETURN_IF_ERROR(binder.bind(*filter.tree()));
  return binder.take();
}

}  // namespace omendb::filter
