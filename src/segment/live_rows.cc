#include "segment/live_rows.h"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "base/status_macros.h"

namespace omendb::segment {

namespace {

constexpr size_t kRowsPerStep = 1'024;

/// Walks the live rows of one source in the order of their ids.
class LiveRows {
 public:
  explicit LiveRows(const WriteSource& source) : source_(source) {
    if (!source.rows->in_id_order()) {
      const index::SlotOrder& by_id = source.rows->field(0);  // it is the same in every field
      slots_.resize(source.rows->rows());
      std::iota(slots_.begin(), slots_.end(), 0U);
      std::sort(slots_.begin(), slots_.end(),
                [&](uint32_t a, uint32_t b) { return by_id.before(a, b); });
    }
    skip_dead();
  }

  bool at_end() const { return at_ == source_.rows->rows(); }
  uint32_t row() const { return slots_.empty() ? at_ : slots_[at_]; }
  Result<IdView> id() const { return source_.rows->id(row()); }
  void step() {
    ++at_;
    skip_dead();
  }

 private:
  void skip_dead() {
    while (!at_end() && is_dead(source_.dead, row())) ++at_;
  }

  const WriteSource& source_;
  std::vector<uint32_t> slots_;  // in the order of their ids; empty if the source is in that order
  uint32_t at_ = 0;
};

/// A source's next id.
template <class Id>
struct Head {
  Id id;
  uint32_t source;
};

template <class Id>
Result<std::vector<column::RowRef>> merge_by_id(std::span<const WriteSource> sources,
                                                JobControl& control) {
  std::vector<LiveRows> lists;
  std::vector<Head<Id>> heads;  // a heap, the smallest id first
  const auto later = [](const Head<Id>& a, const Head<Id>& b) { return b.id < a.id; };
  for (uint32_t s = 0; s < sources.size(); ++s) {
    const LiveRows& rows = lists.emplace_back(sources[s]);
    if (rows.at_end()) continue;
    OMEN_ASSIGN_OR_RETURN(const IdView id, rows.id());
    heads.push_back({std::get<Id>(id), s});
  }
  std::make_heap(heads.begin(), heads.end(), later);
  std::vector<column::RowRef> order;
  order.reserve(count_live_rows(sources));
  while (!heads.empty()) {
    std::pop_heap(heads.begin(), heads.end(), later);
    Head<Id>& head = heads.back();
    LiveRows& rows = lists[head.source];
    order.push_back({head.source, rows.row()});
    rows.step();
    if (rows.at_end()) {
      heads.pop_back();
    } else {
      OMEN_ASSIGN_OR_RETURN(const IdView id, rows.id());
      head.id = std::get<Id>(id);
      std::push_heap(heads.begin(), heads.end(), later);
    }
    if (order.size() % kRowsPerStep == 0) OMEN_RETURN_IF_ERROR(control.proceed(kRowsPerStep));
  }
  OMEN_RETURN_IF_ERROR(control.proceed(order.size() % kRowsPerStep));
  return order;
}

}  // namespace

uint64_t count_live_rows(std::span<const WriteSource> sources) {
  uint64_t rows = 0;
  for (const WriteSource& source : sources) rows += source.rows->rows() - dead_count(source.dead);
  return rows;
}

Result<std::vector<column::RowRef>> live_rows_by_id(std::span<const WriteSource> sources,
                                                    IdKind id_kind, JobControl& control) {
  return id_kind == IdKind::kU64 ? merge_by_id<uint64_t>(sources, control)
                                 : merge_by_id<std::string_view>(sources, control);
}

}  // namespace omendb::segment
