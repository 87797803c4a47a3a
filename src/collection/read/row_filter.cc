#include "collection/read/row_filter.h"

#include "base/status_macros.h"
#include "filter/number.h"

namespace omendb::collection {

namespace {

using Op = filter::BoundNode::Op;

/// Finding an id costs as much as comparing it with this many rows.
constexpr uint64_t kRowsPerLookup = 64;

/// The ids of a part's rows, for filters.
class IdReader final : public column::BatchReader {
 public:
  IdReader(const segment::RowSource& rows, IdKind kind) : rows_(rows), kind_(kind) {}

  ColumnType type() const override {
    return kind_ == IdKind::kU64 ? ColumnType::kI64 : ColumnType::kString;
  }
  Status read(uint32_t first_row, uint32_t n, column::ColumnBatch& out) const override {
    out.rows = n;
    out.valid = nullptr;
    if (kind_ == IdKind::kString) {
      out.scratch.strings.resize(n);
      out.strings = out.scratch.strings;
      return rows_.read_ids(first_row, out.scratch.strings);
    }
    out.scratch.ints.resize(n);
    out.ints = out.scratch.ints;
    auto* numbers = reinterpret_cast<uint64_t*>(out.scratch.ints.data());
    OMEN_RETURN_IF_ERROR(rows_.read_ids(first_row, std::span(numbers, n)));
    for (int64_t& number : out.scratch.ints) {
      number = filter::shifted(static_cast<uint64_t>(number));
    }
    return {};
  }

 private:
  const segment::RowSource& rows_;
  const IdKind kind_;
};

/// The ids that a test of ids is true of, if it lists them.
std::optional<Ids> listed_ids(const filter::BoundFilter& filter, const filter::BoundNode& test) {
  if (!test.is_leaf() || test.op == Op::kConstant || test.negated) return std::nullopt;
  if (!filter.columns[test.column].is_id) return std::nullopt;
  const bool one_string = test.op == Op::kString && test.compare == Filter::Compare::kEq;
  if (one_string || test.op == Op::kStringSet) return Ids(test.strings);
  std::vector<int64_t> numbers;
  if (test.op == Op::kIntSet) numbers = test.ints;
  if (test.op == Op::kIntRange && test.int_low == test.int_high) numbers = {test.int_low};
  if (numbers.empty()) return std::nullopt;
  std::vector<uint64_t> ids;
  ids.reserve(numbers.size());
  for (const int64_t number : numbers) ids.push_back(filter::unshifted(number));
  return Ids(std::move(ids));
}

/// The same for the whole filter: it is such a test, or such a test and others.
std::optional<Ids> listed_ids(const filter::BoundFilter& filter) {
  if (filter.matches_everything()) return std::nullopt;
  if (filter.root().op != Op::kAnd) return listed_ids(filter, filter.root());
  for (const uint32_t child : filter.root().children) {
    if (auto ids = listed_ids(filter, filter.nodes[child])) return ids;
  }
  return std::nullopt;
}

}  // namespace

Result<RowFilter> RowFilter::bind(const Filter& where, const Snapshot& snapshot) {
  RowFilter bound;
  if (where.empty()) return bound;
  OMEN_ASSIGN_OR_RETURN(bound.filter_,
                        filter::bind_filter(where, *snapshot.columns, snapshot.id_kind));
  bound.id_kind_ = snapshot.id_kind.value_or(IdKind::kU64);
  bound.ids_ = listed_ids(*bound.filter_);
  return bound;
}

std::vector<FilterWarning> RowFilter::warnings() const {
  std::vector<FilterWarning> warnings;
  if (!filter_) return warnings;
  for (const auto& unknown : filter_->unknown) warnings.push_back({unknown.name, unknown.message});
  return warnings;
}

Result<Bitmap> RowFilter::rows_of(const Part& part, const Ids& ids) const {
  Bitmap found(part.rows->rows());
  const auto add = [&](const IdView& id) -> Status {
    OMEN_ASSIGN_OR_RETURN(const auto slot, part.rows->find(id));
    if (slot) found.set(*slot);
    return {};
  };
  if (const auto* numbers = std::get_if<std::vector<uint64_t>>(&ids)) {
    for (const uint64_t id : *numbers) OMEN_RETURN_IF_ERROR(add(id));
  } else {
    for (const std::string& id : std::get<std::vector<std::string>>(ids)) {
      OMEN_RETURN_IF_ERROR(add(std::string_view(id)));
    }
  }
  return found;
}

Result<Bitmap> RowFilter::matches(const Part& part) const {
  const uint32_t rows = part.rows->rows();
  Bitmap result(rows, true);
  if (filter_) {
    Bitmap listed;
    const bool look_up = ids_ && id_count(*ids_) < rows / kRowsPerLookup;
    if (look_up) {
      OMEN_ASSIGN_OR_RETURN(listed, rows_of(part, *ids_));
    }
    const IdReader ids(*part.rows, id_kind_);
    OMEN_ASSIGN_OR_RETURN(result, filter::evaluate(*filter_, {rows, part.rows->columns(), &ids,
                                                              look_up ? &listed : nullptr}));
  }
  if (part.dead != nullptr) part.dead->clear_dead(result.words());
  return result;
}

Result<std::optional<Bitmap>> RowFilter::mask(const Part& part) const {
  if (!filter_ && part.dead == nullptr) return std::optional<Bitmap>();
  OMEN_ASSIGN_OR_RETURN(Bitmap result, matches(part));
  return std::optional<Bitmap>(std::move(result));
}

}  // namespace omendb::collection
