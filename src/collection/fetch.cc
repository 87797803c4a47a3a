#include "collection/fetch.h"

#include <algorithm>

#include "base/status_macros.h"
#include "collection/batch_check.h"

namespace omendb::collection {

using segment::IdView;

namespace {

Status fetch_ids(const Snapshot& snapshot, std::span<const RowAt> rows, Ids& out) {
  if (snapshot.id_kind == IdKind::kString) {
    auto& strings = out.emplace<std::vector<std::string>>();
    strings.reserve(rows.size());
    for (const RowAt row : rows) {
      OMEN_ASSIGN_OR_RETURN(const IdView id, snapshot.parts[row.part].rows->id(row.slot));
      strings.emplace_back(std::get<std::string_view>(id));
    }
    return {};
  }
  auto& numbers = out.emplace<std::vector<uint64_t>>();
  numbers.reserve(rows.size());
  for (const RowAt row : rows) {
    OMEN_ASSIGN_OR_RETURN(const IdView id, snapshot.parts[row.part].rows->id(row.slot));
    numbers.push_back(std::get<uint64_t>(id));
  }
  return {};
}

Status fetch_vectors(const Snapshot& snapshot, std::span<const RowAt> rows,
                     std::vector<std::byte>& out) {
  const size_t row_bytes = snapshot.spec.row_bytes();
  out.reserve(rows.size() * row_bytes);
  for (const RowAt row : rows) {
    OMEN_ASSIGN_OR_RETURN(const segment::RowRun run,
                          snapshot.parts[row.part].rows->vectors(row.slot, 1));
    out.insert(out.end(), run.rows, run.rows + row_bytes);
  }
  return {};
}

Status fetch_column(const Snapshot& snapshot, std::span<const RowAt> rows, Column& out) {
  std::vector<uint32_t> slots;
  for (size_t i = 0; i < rows.size();) {
    const uint32_t part = rows[i].part;
    slots.clear();
    for (; i < rows.size() && rows[i].part == part; ++i) slots.push_back(rows[i].slot);
    const column::ColumnReader* reader = snapshot.parts[part].rows->columns().find(out.name);
    if (reader == nullptr) {
      column::append_nulls(out, slots.size());
    } else {
      OMEN_RETURN_IF_ERROR(reader->gather(slots, out));
    }
  }
  return {};
}

}  // namespace

Result<column::Schema> choose_columns(const column::Schema& schema,
                                      const std::vector<std::string>& wanted) {
  if (wanted.size() == 1 && wanted[0] == "*") return schema;
  column::Schema chosen;
  for (const std::string& name : wanted) {
    const column::ColumnSchema* column = column::find_column(schema, name);
    if (column == nullptr) {
      std::string known;
      for (const auto& c : schema) known += (known.empty() ? "" : ", ") + c.name;
      return Status(StatusCode::kNotFound, "unknown column \"" + name +
                                               "\"; columns: " + (known.empty() ? "none" : known));
    }
    chosen.push_back(*column);
  }
  return chosen;
}

Result<Points> fetch(const Snapshot& snapshot, std::span<const RowAt> rows,
                     const FetchOptions& options) {
  OMEN_ASSIGN_OR_RETURN(const column::Schema columns,
                        choose_columns(*snapshot.columns, options.columns));
  Points points;
  OMEN_RETURN_IF_ERROR(fetch_ids(snapshot, rows, points.ids));
  if (options.with_vectors) OMEN_RETURN_IF_ERROR(fetch_vectors(snapshot, rows, points.vectors));
  for (const column::ColumnSchema& column : columns) {
    Column& out = points.metadata.emplace_back();
    out.name = column.name;
    out.type = column.type;
    OMEN_RETURN_IF_ERROR(fetch_column(snapshot, rows, out));
  }
  return points;
}

Result<GetResult> get(const Snapshot& snapshot, std::string_view collection, const IdsView& ids,
                      const GetOptions& options) {
  OMEN_RETURN_IF_ERROR(check_id_values(ids));
  if (segment::id_count(ids) > 0) {
    OMEN_RETURN_IF_ERROR(check_id_kind(ids, snapshot.id_kind, collection));
  }
  GetResult result;
  result.found.resize(segment::id_count(ids));
  std::vector<RowAt> rows;
  for (size_t i = 0; i < result.found.size(); ++i) {
    const IdView id = segment::id_at(ids, i);
    for (auto p = static_cast<uint32_t>(snapshot.parts.size()); p-- > 0;) {
      const Part& part = snapshot.parts[p];
      OMEN_ASSIGN_OR_RETURN(const auto slot, part.rows->find(id));
      if (!slot || segment::is_dead(part.dead, *slot)) continue;
      rows.push_back({p, *slot});
      result.found[i] = 1;
      break;
    }
  }
  OMEN_ASSIGN_OR_RETURN(result.points,
                        fetch(snapshot, rows, {options.with_vectors, options.columns}));
  return result;
}

Result<uint64_t> count(const Snapshot& snapshot, const Filter& where) {
  if (where.empty()) return snapshot.live;
  OMEN_ASSIGN_OR_RETURN(const Matcher matcher, Matcher::bind(where, *snapshot.columns));
  uint64_t total = 0;
  for (const Part& part : snapshot.parts) {
    OMEN_ASSIGN_OR_RETURN(const Bitmap matches, matcher.matches(part));
    total += matches.count();
  }
  return total;
}

}  // namespace omendb::collection

namespace omendb::internal {

using collection::Matcher;
using collection::RowAt;

Result<std::unique_ptr<ScanCursor>> ScanCursor::open(
    std::shared_ptr<const collection::Snapshot> snapshot, const ScanOptions& options) {
  if (options.batch_size == 0 || options.batch_size > kMaxK) {
    return Status(StatusCode::kInvalidArgument, "batch_size is " +
                                                    std::to_string(options.batch_size) +
                                                    "; expected 1.." + std::to_string(kMaxK));
  }
  OMEN_ASSIGN_OR_RETURN(Matcher matcher, Matcher::bind(options.where, *snapshot->columns));
  OMEN_RETURN_IF_ERROR(collection::choose_columns(*snapshot->columns, options.columns).status());
  return std::unique_ptr<ScanCursor>(
      new ScanCursor(std::move(snapshot), options, std::move(matcher)));
}

Result<Points> ScanCursor::next() {
  std::vector<RowAt> rows;
  uint32_t part = part_;
  size_t slot = slot_;
  while (rows.size() < options_.batch_size && part < snapshot_->parts.size()) {
    if (matched_part_ != part) {
      matched_part_.reset();
      OMEN_ASSIGN_OR_RETURN(matches_, matcher_.matches(snapshot_->parts[part]));
      matched_part_ = part;
    }
    for (; slot < matches_.size() && rows.size() < options_.batch_size; ++slot) {
      if (matches_.test(slot)) rows.push_back({part, static_cast<uint32_t>(slot)});
    }
    if (slot == matches_.size()) {
      ++part;
      slot = 0;
    }
  }
  OMEN_ASSIGN_OR_RETURN(
      Points points,
      collection::fetch(*snapshot_, rows, {options_.with_vectors, options_.columns}));
  part_ = part;
  slot_ = slot;
  return points;
}

}  // namespace omendb::internal
