// How a reader takes over the segments that the writer, another process, has written.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/status_macros.h"
#include "collection/collection_core.h"

namespace omendb::collection {

namespace {

IdView view_of(const std::variant<uint64_t, std::string>& id) {
  if (const auto* number = std::get_if<uint64_t>(&id)) return *number;
  return std::string_view(std::get<std::string>(id));
}

/// The slots [0, end), added to the dead.
std::shared_ptr<const segment::Tombstones> with_prefix(
    const std::shared_ptr<const segment::Tombstones>& dead, uint32_t end) {
  std::vector<uint32_t> slots(end);
  for (uint32_t slot = 0; slot < end; ++slot) slots[slot] = slot;
  return segment::Tombstones::with(dead, slots);
}

/// A column that the manifest does not list was dropped. One that it never knew could be added
/// again, with another type.
Status check_columns_known(const segment::Segment& segment, const CollectionState& state) {
  for (const column::ColumnSchema& column : segment.columns().schema()) {
    const column::ColumnSchema* known = column::find_column(state.columns, column.id);
    const uint32_t id = to_int(column.id);
    if (known == nullptr ? id < state.next_column_id : known->has_had(column.type)) continue;
    std::string message = segment.path() + ": has a column \"" + column.name + "\", number " +
                          std::to_string(id) + ", of type " +
                          std::string(column_type_name(column.type)) + "; the manifest ";
    message += known == nullptr ? std::string("knows none of that number")
                                : "says " + std::string(column_type_name(known->type));
    return {StatusCode::kCorruption, std::move(message)};
  }
  return {};
}

/// A missing file that the manifest names is damage. kNotFound would mean a missing database.
Status named_by_manifest(const Status& status) {
  if (status.code() != StatusCode::kNotFound) return status;
  return {StatusCode::kCorruption,
          "the manifest names a file that is missing: " + status.message()};
}

}  // namespace

Result<Part> CollectionCore::open_part(segment::SegmentStore& files, const CollectionState& state,
                                       const SegmentState& named) {
  auto opened = files.open(named.name, state.fields, state.id_kind.value_or(IdKind::kU64));
  if (!opened.ok()) return named_by_manifest(opened.status());
  Part part;
  part.segment = *std::move(opened);
  part.rows = part.segment;
  part.segment_name = named.name;
  part.watermark = part.segment->rows();
  if (part.watermark != named.rows) {
    return Status(StatusCode::kCorruption,
                  part.segment->path() + ": has " + std::to_string(part.watermark) +
                      " rows; the manifest says " + std::to_string(named.rows));
  }
  OMEN_RETURN_IF_ERROR(check_columns_known(*part.segment, state));
  part.indexes = files.open_indexes(named.indexes, *part.segment, state.fields);
  OMEN_RETURN_IF_ERROR(open_tombstones(files, named, part));
  return part;
}

Status CollectionCore::open_tombstones(segment::SegmentStore& files, const SegmentState& named,
                                       Part& part) {
  if (named.tombstones.empty()) return {};
  auto dead = files.read_tombstones(named.tombstones, part.watermark);
  if (!dead.ok()) return named_by_manifest(dead.status());
  part.dead = *std::move(dead);
  return {};
}

/// Notes which points an operation deletes or replaces, before it is applied.
Status CollectionCore::note_deaths(Lsn lsn, const DeadByPart& dead) {
  for (size_t p = 0; p < dead.size(); ++p) {
    const Part& part = staged_->parts[p];
    for (const uint32_t slot : dead[p]) {
      IdView id;
      if (part.memtable != nullptr) {
        id = part.memtable->ids().at(slot);
      } else {
        OMEN_ASSIGN_OR_RETURN(id, part.segment->id(slot));
      }
      Journal::Death death{lsn, uint64_t{0}};
      if (const auto* number = std::get_if<uint64_t>(&id)) {
        death.id = *number;
      } else {
        death.id = std::string(std::get<std::string_view>(id));
      }
      journal_->deaths.push_back(std::move(death));
    }
  }
  return {};
}

/// Opens the segments of `state`, without the rows that died after it.
Status CollectionCore::open_parts(const CollectionState& state, const Snapshot& now,
                                  std::vector<Part>& parts) {
  const CollectionState before = durable_state();
  const auto as_before = [&](const SegmentState& named) {
    const auto found = std::ranges::find(before.segments, named.name, &SegmentState::name);
    return found != before.segments.end() && found->tombstones == named.tombstones;
  };
  for (const SegmentState& named : state.segments) {
    const auto open = std::ranges::find(now.parts, named.name, &Part::segment_name);
    Part part;
    const auto indexes = [&] {
      return host_.segments().open_indexes(named.indexes, *open->segment, state.fields,
                                           open->indexes.get());
    };
    if (open != now.parts.end() && as_before(named)) {
      parts.push_back(*open);  // its dead rows are those of the manifest and all since
      parts.back().indexes = indexes();
      continue;
    }
    if (open != now.parts.end()) {
      part = *open;
      part.dead = nullptr;
      part.indexes = indexes();
      OMEN_RETURN_IF_ERROR(open_tombstones(host_.segments(), named, part));
    } else {
      OMEN_ASSIGN_OR_RETURN(part, open_part(host_.segments(), state, named));
    }
    std::vector<uint32_t> died;
    for (const Journal::Death& death : journal_->deaths) {
      if (death.lsn <= state.flushed) continue;
      OMEN_ASSIGN_OR_RETURN(const auto slot, part.segment->find(view_of(death.id)));
      if (slot) died.push_back(*slot);
    }
    part.dead = segment::Tombstones::with(part.dead, died);
    parts.push_back(std::move(part));
  }
  return {};
}

Status CollectionCore::adopt(const CollectionState& state, const std::function<Status()>& check) {
  MutexLock lock(write_mutex_);
  OMEN_CHECK(journal_.has_value());
  const std::shared_ptr<const Snapshot> now = publication_.current();
  auto next = std::make_shared<Snapshot>(*now);
  next->parts.clear();
  OMEN_RETURN_IF_ERROR(open_parts(state, *now, next->parts));
  OMEN_RETURN_IF_ERROR(check());
  std::map<const segment::Memtable*, uint32_t> covered;
  for (const Journal::Fill& fill : journal_->fills) {
    if (fill.lsn <= state.flushed) covered[fill.memtable.get()] = fill.end;
  }
  for (const Part& part : now->parts) {
    if (part.memtable == nullptr) continue;
    const uint32_t rows = covered[part.memtable.get()];
    if (rows == part.watermark) {
      if (part.memtable == growing_) growing_ = nullptr;
      continue;
    }
    next->parts.push_back(part);
    next->parts.back().dead = with_prefix(part.dead, rows);
  }
  next->live = 0;
  for (const Part& part : next->parts) {
    next->live += part.watermark - segment::dead_count(part.dead);
    if (part.indexes != nullptr) part.indexes->add_encoders(encoders_, next->fields->size());
  }
  next->lsn = std::max(now->lsn, state.flushed);
  next->next_auto_id = std::max(now->next_auto_id, state.next_auto_id);
  std::erase_if(journal_->fills, [&](const auto& fill) { return fill.lsn <= state.flushed; });
  std::erase_if(journal_->deaths, [&](const auto& death) { return death.lsn <= state.flushed; });
  staged_ = next;
  publication_.replace(std::move(next));
  MutexLock state_lock(state_mutex_);
  durable_ = state;
  return {};
}

}  // namespace omendb::collection
