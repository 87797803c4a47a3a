// Changes a column's type or name, or drops it: docs/adr/0021-columns-by-number.md.
#include <algorithm>

#include "base/status_macros.h"
#include "collection/collection_core.h"
#include "column/convert.h"
#include "column/retyped.h"

namespace omendb::collection {

using column::Alteration;

namespace {

const column::ColumnSource& columns_of(const Part& part) {
  if (part.memtable != nullptr) return part.memtable->columns();
  return part.segment->columns();
}

Result<IdView> id_of(const Part& part, uint32_t slot) {
  if (part.memtable != nullptr) return part.memtable->ids().at(slot);
  return part.segment->id(slot);
}

/// `point 7 has 9007199254740993`, where that is what a column of floats could not hold.
Status held_by(const IdView& id, const Column& value, ColumnType type) {
  std::string what = "a value";
  if (column::is_i64_to_f64(value.type, type)) {
    what = std::to_string(*std::ranges::find_if_not(value.ints, column::is_exact_f64));
  }
  return {StatusCode::kTypeMismatch, "point " + describe(id) + " has " + what};
}

}  // namespace

/// Whether the type holds the values of all live points except those that `dead` names.
/// @error kTypeMismatch if not.
Status CollectionCore::may_become(const column::ColumnSchema& column, ColumnType type,
                                  const DeadByPart& dead) {
  for (size_t p = staged_->parts.size(); p-- > 0;) {
    const Part& part = staged_->parts[p];
    const column::TypedColumn typed(columns_of(part), column.id, column.type);
    if (typed.reader() == nullptr) continue;
    Bitmap live(part.watermark, true);
    if (part.dead != nullptr) part.dead->clear_dead(live.words());
    if (p < dead.size()) {
      for (const uint32_t slot : dead[p]) live.reset(slot);
    }
    OMEN_ASSIGN_OR_RETURN(const auto slot, column::first_row_not_held(*typed.reader(), live, type));
    if (!slot) continue;
    Column value{.type = column.type};
    OMEN_RETURN_IF_ERROR(typed.reader()->gather(std::span(&*slot, 1), value));
    OMEN_ASSIGN_OR_RETURN(const IdView id, id_of(part, *slot));
    OMEN_RETURN_IF_ERROR(check_parts(*staged_));
    return held_by(id, value, type);
  }
  return check_parts(*staged_);
}

Status CollectionCore::check_column_count(const PutOperation& put) const {
  return column::check_column_count(put.columns, *staged_->columns, staged_->next_column_id);
}

/// Whether the growing memtable can take these columns. It holds each column with one type.
bool CollectionCore::types_fit_growing(std::span<const Column> columns) const {
  return std::ranges::all_of(columns, [&](const Column& given) OMEN_REQUIRES(write_mutex_) {
    const auto* known = column::find_column(*staged_->columns, given.name);
    if (known == nullptr) return true;
    const column::ColumnReader* held = growing_->columns().find(known->id);
    return held == nullptr || held->type() == given.type;
  });
}

/// A memtable holds no more columns than a collection may have. So when one of its columns is
/// dropped, a new memtable begins.
bool CollectionCore::is_in_growing(const Alteration& change) const {
  if (growing_ == nullptr || change.kind != Alteration::Kind::kDrop) return false;
  const auto* known = column::find_column(*staged_->columns, change.column);
  return known != nullptr && growing_->columns().find(known->id) != nullptr;
}

Result<std::shared_ptr<Pending>> CollectionCore::log_and_stage_alter(const Alteration& change) {
  OMEN_ASSIGN_OR_RETURN(const column::Schema after, column::altered(*staged_->columns, change));
  const EncodedOperation record(AlterOperation{id_, change});
  OMEN_ASSIGN_OR_RETURN(const Lsn lsn, host_.append(record.parts()));
  return or_fail([&]() OMEN_REQUIRES(write_mutex_) { return stage_alter(lsn, after); });
}

std::shared_ptr<Pending> CollectionCore::stage_alter(Lsn lsn, const column::Schema& after) {
  Pending pending;
  pending.lsn = lsn;
  auto snapshot = next_snapshot(lsn, {});
  snapshot->columns = std::make_shared<column::Schema>(after);
  pending.snapshot = std::move(snapshot);
  return enqueue(std::move(pending));
}

Status CollectionCore::alter(const Alteration& change) {
  OMEN_RETURN_IF_ERROR(check_open());
  std::shared_ptr<Pending> pending;
  {
    MutexLock lock(write_mutex_);
    OMEN_RETURN_IF_ERROR(check_writable());
    while (is_in_growing(change)) OMEN_RETURN_IF_ERROR(freeze_or_wait(Wait::kYes));
    OMEN_ASSIGN_OR_RETURN(pending, log_and_stage_alter(change));
  }
  return finish(pending);
}

/// @return null if the operation does not fit.
std::shared_ptr<Pending> CollectionCore::replay_alter(Lsn lsn, const AlterOperation& alter) {
  const auto after = column::altered(*staged_->columns, alter.change);
  if (!after.ok()) return nullptr;
  if (is_in_growing(alter.change)) leave_growing();
  return stage_alter(lsn, *after);
}

}  // namespace omendb::collection
