#include "filter/eval.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "column/retyped.h"
#include "column/util.h"
#include "filter/json_tester.h"
#include "filter/passes.h"

namespace omendb::filter {

namespace {

using column::BatchReader;
using column::ColumnBatch;
using column::kBatchRows;
using column::kBatchWords;
using Op = BoundNode::Op;

/// One bit a row of the batch.
using Bits = std::array<uint64_t, kBatchWords>;

bool any(const Bits& bits) {
  uint64_t seen = 0;
  for (const uint64_t word : bits) seen |= word;
  return seen != 0;
}

/// The rows where a node is TRUE and where it is FALSE; elsewhere it is NULL. `not` swaps them.
struct Truths {
  Bits is_true;
  Bits is_false;
};

/// Runs one filter over one source, batch after batch.
class FilterRun {
 public:
  FilterRun(const BoundFilter& filter, const FilteredRows& rows)
      : filter_(filter), frames_(filter.depth), inputs_(filter.columns.size()) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const BoundColumn& column = filter.columns[i];
      if (column.is_id) {
        inputs_[i].reader = rows.ids;
      } else {
        inputs_[i].typed.emplace(rows.columns, column.id, column.type);
        inputs_[i].reader = inputs_[i].typed->reader();
      }
    }
  }

  /// @param wanted  of the rows [first, first + n).
  /// @return those for which the filter is TRUE.
  Result<const Bits*> run_batch(uint32_t first, uint32_t n, const Bits& wanted);

 private:
  struct Input {
    std::optional<column::TypedColumn> typed;  // none for ids
    const BatchReader* reader = nullptr;
    bool loaded = false;
    ColumnBatch batch;
  };

  /// A parent, some of whose children have been evaluated.
  struct Frame {
    const BoundNode* node;
    size_t done;    // children
    Bits wanted;    // rows that its own parent asks for
    Bits open;      // rows that it still asks its children for
    Truths truths;  // so far
  };

  /// Sets result_ for the rows in `wanted`, and to neither elsewhere.
  Status eval(const Bits& wanted);
  Status eval_leaf(const BoundNode& node, const Bits& wanted);
  /// Takes rows for which the test is NULL out of `asked`.
  Status eval_json(const BoundNode& node, const ColumnBatch& batch, Bits& asked, Bits& matches);
  Result<const ColumnBatch*> load(Input& input);
  static void begin(Frame& frame, const BoundNode& node, const Bits& wanted);
  /// Takes result_, which is that of the frame's next child. @return whether it needs another one.
  bool absorb(Frame& frame) const;

  const BoundFilter& filter_;
  std::vector<Frame> frames_;  // one a level of the tree, so that no depth can exhaust the stack
  std::vector<Input> inputs_;
  uint32_t first_ = 0;
  uint32_t rows_ = 0;
  Truths result_;
  std::string scratch_;
  JsonTester json_;
};

Result<const Bits*> FilterRun::run_batch(uint32_t first, uint32_t n, const Bits& wanted) {
  first_ = first;
  rows_ = n;
  for (Input& input : inputs_) input.loaded = false;
  OMEN_RETURN_IF_ERROR(eval(wanted));
  return &result_.is_true;
}

Result<const ColumnBatch*> FilterRun::load(Input& input) {
  if (!input.loaded) {
    OMEN_RETURN_IF_ERROR(input.reader->read(first_, rows_, input.batch));
    input.loaded = true;
  }
  return &input.batch;
}

Status FilterRun::eval(const Bits& wanted) {
  const BoundNode* node = &filter_.root();
  const Bits* asked = &wanted;
  for (size_t level = 0;;) {
    if (!node->is_leaf()) {
      Frame& frame = frames_[level++];
      begin(frame, *node, *asked);
    } else {
      OMEN_RETURN_IF_ERROR(eval_leaf(*node, *asked));
      while (level > 0 && !absorb(frames_[level - 1])) result_ = frames_[--level].truths;
      if (level == 0) return {};
    }
    const Frame& frame = frames_[level - 1];
    node = &filter_.nodes[frame.node->children[frame.done]];
    asked = &frame.open;
  }
}

void FilterRun::begin(Frame& frame, const BoundNode& node, const Bits& wanted) {
  frame.node = &node;
  frame.done = 0;
  frame.wanted = wanted;
  frame.open = wanted;
  const bool is_and = node.op == Op::kAnd;
  (is_and ? frame.truths.is_false : frame.truths.is_true).fill(0);
  (is_and ? frame.truths.is_true : frame.truths.is_false) = wanted;
}

/// `and` is FALSE as soon as a child is; `or` is TRUE as soon as one is: the same loop with the two
/// roles swapped. Children are not evaluated for rows that are decided.
bool FilterRun::absorb(Frame& frame) const {
  if (frame.node->op == Op::kNot) {
    frame.truths = {result_.is_false, result_.is_true};
    return false;
  }
  if (frame.node->op == Op::kIsTrue) {
    frame.truths.is_true = result_.is_true;
    for (size_t w = 0; w < kBatchWords; ++w) {
      frame.truths.is_false[w] = frame.wanted[w] & ~result_.is_true[w];
    }
    return false;
  }
  const bool is_and = frame.node->op == Op::kAnd;
  Bits& decided = is_and ? frame.truths.is_false : frame.truths.is_true;
  Bits& unanimous = is_and ? frame.truths.is_true : frame.truths.is_false;
  const Bits& child_decides = is_and ? result_.is_false : result_.is_true;
  const Bits& child_agrees = is_and ? result_.is_true : result_.is_false;
  for (size_t w = 0; w < kBatchWords; ++w) {
    decided[w] |= child_decides[w];
    unanimous[w] &= child_agrees[w];
    frame.open[w] = frame.wanted[w] & ~decided[w];
  }
  return ++frame.done < frame.node->children.size() && any(frame.open);
}

/// matches[r] = test(r) for every row. For cheap tests, where skipping rows would cost more.
template <class Test>
void match_all(uint32_t rows, Bits& matches, Test&& test) {
  std::array<uint8_t, 64> flags;
  uint32_t first = 0;
  for (; first + 64 <= rows; first += 64) {
    for (uint32_t i = 0; i < 64; ++i) flags[i] = test(first + i);
    column::pack_bits(flags, std::span(matches).subspan(first / 64, 1));
  }
  for (uint32_t row = first; row < rows; ++row) {
    matches[row / 64] |= uint64_t{test(row)} << (row % 64);
  }
}

/// The same for the rows in `asked` alone.
template <class Test>
void match_some(const Bits& asked, Bits& matches, Test&& test) {
  for (uint32_t w = 0; w < kBatchWords; ++w) {
    for (uint64_t left = asked[w]; left != 0; left &= left - 1) {
      const auto bit = static_cast<uint32_t>(std::countr_zero(left));
      matches[w] |= uint64_t{test(w * 64 + bit)} << bit;
    }
  }
}

/// Applies a test of values to a batch's rows, or to the elements of its arrays.
struct Matcher {
  const BoundNode& node;
  const ColumnBatch& batch;
  const Bits& asked;
  Bits& matches;
  std::string& scratch;

  template <class Values, class Test>
  void cheap(const Values& values, Test&& test) const {
    if (node.any_element) return costly(values, test);
    match_all(batch.rows, matches, [&](uint32_t row) { return test(values[row]); });
  }

  template <class Values, class Test>
  void costly(const Values& values, Test&& test) const {
    if (!node.any_element) {
      match_some(asked, matches, [&](uint32_t row) { return test(values[row]); });
      return;
    }
    match_some(asked, matches, [&](uint32_t row) {
      for (size_t i = batch.list_begin(row); i < batch.list_end(row); ++i) {
        if (test(values[i])) return true;
      }
      return false;
    });
  }

  void run() const;
  void run_sizes() const;
  void run_strings() const;
};

/// The tests of how many elements a row's array has.
void Matcher::run_sizes() const {
  const auto each = [&](auto test) {
    match_all(batch.rows, matches, [&](uint32_t row) {
      return test(static_cast<int64_t>(batch.list_offsets[row + 1] - batch.list_offsets[row]));
    });
  };
  if (node.op == Op::kIntRange) {
    const int64_t low = node.int_low, high = node.int_high;
    each([=](int64_t size) { return size >= low && size <= high; });
  } else if (node.op == Op::kIntSet) {
    each([&](int64_t size) { return std::ranges::binary_search(node.ints, size); });
  }
}

void Matcher::run_strings() const {
  using Compare = Filter::Compare;
  const std::string_view wanted = node.strings[0];
  const auto each = [&](auto test) { costly(batch.strings, test); };
  switch (node.compare) {
    case Compare::kEq: return each([&](std::string_view v) { return v == wanted; });
    case Compare::kNe: return each([&](std::string_view v) { return v != wanted; });
    case Compare::kLt: return each([&](std::string_view v) { return v < wanted; });
    case Compare::kLe: return each([&](std::string_view v) { return v <= wanted; });
    case Compare::kGt: return each([&](std::string_view v) { return v > wanted; });
    case Compare::kGe: return each([&](std::string_view v) { return v >= wanted; });
  }
}

void Matcher::run() const {
  if (node.of_size) return run_sizes();
  switch (node.op) {
    case Op::kIntRange: {
      // One unsigned comparison tests both ends.
      const auto low = static_cast<uint64_t>(node.int_low);
      const uint64_t width = static_cast<uint64_t>(node.int_high) - low;
      return cheap(batch.ints, [=](int64_t v) { return static_cast<uint64_t>(v) - low <= width; });
    }
    case Op::kDoubleRange: {
      const double low = node.double_low, high = node.double_high;
      return cheap(batch.doubles,
                   [=](double v) { return static_cast<bool>((v >= low) & (v <= high)); });
    }
    case Op::kBool: {
      const bool when_false = node.bool_table[0], when_true = node.bool_table[1];
      return cheap(batch.bools, [=](uint8_t v) { return v != 0 ? when_true : when_false; });
    }
    case Op::kIntSet: return costly(batch.ints, [&](int64_t v) { return in_set(node, v); });
    case Op::kDoubleSet: return costly(batch.doubles, [&](double v) { return in_set(node, v); });
    case Op::kStringSet:
      return costly(batch.strings, [&](std::string_view v) { return in_set(node, v); });
    case Op::kLike:
    case Op::kILike:
      return costly(batch.strings, [&](std::string_view v) { return is_like(node, v, scratch); });
    case Op::kString: return run_strings();
    case Op::kStringRange: {
      const std::string_view low = node.strings[0], high = node.strings[1];
      return costly(batch.strings, [=](std::string_view v) { return v >= low && v <= high; });
    }
    default: return;  // kNever
  }
}

Status FilterRun::eval_json(const BoundNode& node, const ColumnBatch& batch, Bits& asked,
                            Bits& matches) {
  for (uint32_t w = 0; w < kBatchWords; ++w) {
    for (uint64_t left = asked[w]; left != 0; left &= left - 1) {
      const auto bit = static_cast<uint32_t>(std::countr_zero(left));
      const std::optional<Truth> truth = json_.eval(*node.json, batch.strings[w * 64 + bit]);
      if (!truth) {
        return {StatusCode::kCorruption,
                "column \"" + filter_.columns[node.column].name + "\" holds malformed JSON"};
      }
      if (*truth == Truth::kTrue) matches[w] |= uint64_t{1} << bit;
      if (*truth == Truth::kNull) asked[w] &= ~(uint64_t{1} << bit);
    }
  }
  return {};
}

Status FilterRun::eval_leaf(const BoundNode& node, const Bits& wanted) {
  Truths& out = result_;
  if (node.op == Op::kConstant) {
    out.is_true = node.truth == Truth::kTrue ? wanted : Bits{};
    out.is_false = node.truth == Truth::kFalse ? wanted : Bits{};
    return {};
  }
  Input& input = inputs_[node.column];
  if (input.reader == nullptr) {
    out.is_true = node.op == Op::kIsNull ? wanted : Bits{};
    out.is_false.fill(0);
    return {};
  }
  OMEN_ASSIGN_OR_RETURN(const ColumnBatch* batch, load(input));
  Bits asked = wanted;  // and not NULL
  if (batch->valid != nullptr) {
    for (size_t w = 0; w < (rows_ + 63) / 64; ++w) asked[w] &= batch->valid[w];
  }
  Bits matches{};
  if (node.json != nullptr) {
    OMEN_RETURN_IF_ERROR(eval_json(node, *batch, asked, matches));
  } else if (node.op != Op::kIsNull) {
    Matcher{node, *batch, asked, matches, scratch_}.run();
  }
  if (node.op == Op::kIsNull) {
    for (size_t w = 0; w < kBatchWords; ++w) {
      out.is_false[w] = asked[w] & ~matches[w];
      out.is_true[w] = wanted[w] & ~out.is_false[w];
    }
    return {};
  }
  const uint64_t flip = node.negated ? ~uint64_t{0} : 0;
  for (size_t w = 0; w < kBatchWords; ++w) {
    const uint64_t holds = matches[w] ^ flip;
    out.is_true[w] = asked[w] & holds;
    out.is_false[w] = node.null_unless ? 0 : asked[w] & ~holds;
  }
  return {};
}

}  // namespace

Result<Bitmap> evaluate(const BoundFilter& filter, const FilteredRows& rows) {
  const Bitmap all = rows.only == nullptr ? Bitmap(rows.count, true) : *rows.only;
  if (filter.matches_everything()) return all;
  Bitmap matches(rows.count);
  FilterRun run(filter, rows);
  for (uint32_t done = 0; done < rows.count;) {
    const uint32_t n = std::min(kBatchRows, rows.count - done);
    Bits asked{};
    std::copy_n(all.words().begin() + done / 64, (n + 63) / 64, asked.begin());
    if (any(asked)) {
      OMEN_ASSIGN_OR_RETURN(const Bits* bits, run.run_batch(done, n, asked));
      std::copy_n(bits->begin(), (n + 63) / 64, matches.words().begin() + done / 64);
    }
    done += n;
  }
  return matches;
}

}  // namespace omendb::filter
