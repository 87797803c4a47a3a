#include "collection/collection_core.h"

#include <algorithm>

#include "base/check.h"
#include "base/status_macros.h"
#include "collection/read/fetch.h"
#include "collection/read/row_filter.h"
#include "collection/write/batch_check.h"
#include "collection/write/fill.h"
#include "column/convert.h"

namespace omendb::collection {

using segment::Memtable;

namespace {

constexpr size_t kMinMemtableRows = 64;
constexpr size_t kMaxMemtableRows = size_t{1} << 20;

}  // namespace

CollectionCore::CollectionCore(Host& host, const CoreOptions& options, const CollectionState& state,
                               std::shared_ptr<const Snapshot> snapshot)
    : host_(host),
      options_(options),
      name_(state.name),
      id_(state.id),
      durable_(state),
      staged_(snapshot),
      publication_(std::move(snapshot)) {}

Result<std::unique_ptr<CollectionCore>> CollectionCore::open(Host& host, const CoreOptions& options,
                                                             CollectionState state) {
  if (!state.segments.empty() && (!segment::dimensions_known(state.fields) || !state.id_kind)) {
    return Status(StatusCode::kCorruption, "the manifest names segments of collection \"" +
                                               state.name + "\" and not what is in them");
  }
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->lsn = state.flushed;
  snapshot->fields = std::make_shared<segment::Fields>(state.fields);
  snapshot->id_kind = state.id_kind;
  snapshot->next_auto_id = state.next_auto_id;
  snapshot->columns = std::make_shared<column::Schema>(state.columns);
  snapshot->next_column_id = state.next_column_id;
  segment::Encoders encoders;
  DurableParts parts;
  for (const SegmentState& segment : state.segments) {
    OMEN_ASSIGN_OR_RETURN(Part part, open_part(host.segments(), state, segment));
    parts[segment.name] = {part.segment, part.dead, part.indexes};
    snapshot->live += part.watermark - segment::dead_count(part.dead);
    part.indexes->add_encoders(encoders, state.fields.size());
    snapshot->parts.push_back(std::move(part));
  }
  auto core = std::unique_ptr<CollectionCore>(
      new CollectionCore(host, options, state, std::move(snapshot)));
  {
    const MutexLock lock(core->commit_mutex_);
    core->durable_parts_ = std::move(parts);
  }
  MutexLock lock(core->write_mutex_);
  core->encoders_ = std::move(encoders);
  return core;
}

Status dropped(const std::string& name) {
  return {StatusCode::kNotFound,
          "collection \"" + name + "\" was dropped; ask the database for it to have a new one"};
}

Status CollectionCore::check_open() const {
  if (dropped_) return collection::dropped(name_);
  if (closed_) return {StatusCode::kClosed, "the database is closed"};
  return {};
}

Status CollectionCore::check_writable() {
  OMEN_RETURN_IF_ERROR(check_open());
  const Status log_error = publication_.log_error();
  if (log_error.ok()) return {};
  return {StatusCode::kReadOnly, "the database is read-only since a write failed (" +
                                     log_error.message() + "); close and reopen it"};
}

// --- writes ------------------------------------------------------------------------------------

Result<Ids> CollectionCore::put(const WriteBatch& batch, PutMode mode) {
  return finish(stage_batch(batch, mode, Wait::kYes));
}

Status CollectionCore::put_later(const WriteBatch& batch, PutMode mode, Done<Ids> done) {
  return finish_later(stage_batch(batch, mode, Wait::kNo), std::move(done));
}

Result<CollectionCore::Staged<Ids>> CollectionCore::stage_batch(const WriteBatch& batch,
                                                                PutMode mode, Wait wait) {
  // Ids are checked, logged and returned from a copy: the caller may change its array meanwhile.
  Ids ids = owned(batch.ids);
  std::vector<std::string_view> views;
  const bool generates = std::holds_alternative<std::monostate>(batch.ids);
  const IdsView given = generates ? IdsView() : view_of(ids, views);
  OMEN_ASSIGN_OR_RETURN(const auto before, snapshot());
  OMEN_ASSIGN_OR_RETURN(const CheckedBatch checked, check_batch(batch, *before->fields, name_));
  OMEN_RETURN_IF_ERROR(check_ids(given, checked.rows, batch.first_row));
  OMEN_RETURN_IF_ERROR(column::check_columns(batch.metadata, checked.rows));
  if (checked.rows == 0) {
    const bool strings = before->id_kind == IdKind::kString;
    return Staged<Ids>{nullptr, strings ? Ids(std::vector<std::string>()) : Ids()};
  }
  const size_t metadata_bytes = column::bytes_of(batch.metadata);
  if (checked.vector_bytes + metadata_bytes > kMaxBatchBytes) {
    return Status(StatusCode::kLimitExceeded, "vectors of " + std::to_string(checked.vector_bytes) +
                                                  " bytes and metadata of " +
                                                  std::to_string(metadata_bytes) + "; at most " +
                                                  std::to_string(kMaxBatchBytes) + " in a batch");
  }
  PutOperation put;
  put.collection_id = id_;
  put.rows = checked.rows;
  put.fields = checked.fields;
  put.columns = batch.metadata;
  put.ids = given;
  Staged<Ids> staged;
  {
    MutexLock lock(write_mutex_);
    OMEN_RETURN_IF_ERROR(check_writable());
    if (segment::same_but_for_dimensions(*staged_->fields, *before->fields)) {
      OMEN_RETURN_IF_ERROR(make_room(put.rows, put.fields, wait));
      OMEN_RETURN_IF_ERROR(choose_ids(put, ids));
      OMEN_ASSIGN_OR_RETURN(staged.pending, log_and_stage_put(put, mode, wait));
    }
  }
  // Another thread declared the collection anew, or another memtable had to begin: start again from
  // the present state.
  if (staged.pending == nullptr) return stage_batch(batch, mode, wait);
  fill(*staged.pending, put, wait);
  staged.value = std::move(ids);
  return staged;
}

void CollectionCore::fill(Pending& pending, const PutOperation& put, Wait wait) {
  or_fail([&] {
    pending.encoded =
        fill_while_flushing(host_, pending.lsn, *pending.memtable, pending.first, put.rows,
                            put.fields, wait == Wait::kYes ? Flush::kMayWait : Flush::kByOthers);
  });
}

/// Whether the rows of a batch fit the growing memtable. What it holds of a field has no room for
/// vectors if their dimension was not known when it began.
bool CollectionCore::fits_growing(uint32_t rows, std::span<const PutField> fields) const {
  if (growing_->capacity() - growing_->reserved() < rows) return false;
  for (size_t f = 0; f < fields.size(); ++f) {
    if (fields[f].any() && staged_->spec(f).dim == 0) return false;
  }
  return true;
}

/// Waits while as many memtables as allowed are on their way to the disk. Afterwards the growing
/// memtable has room for the rows, or there is none and the caller starts one.
Status CollectionCore::make_room(uint32_t rows, std::span<const PutField> fields, Wait wait) {
  while (growing_ != nullptr && !fits_growing(rows, fields)) {
    OMEN_RETURN_IF_ERROR(freeze_or_wait(wait));
  }
  return {};
}

/// Sends the memtable on its way to the disk, or waits until something happens to one before it.
Status CollectionCore::freeze_or_wait(Wait wait) {
  if (frozen_.size() < options_.max_sealing_memtables) {
    freeze_locked();
    return {};
  }
  OMEN_RETURN_IF_ERROR(seal_error_);
  if (wait == Wait::kNo) {
    return {StatusCode::kLimitExceeded,
            "collection \"" + name_ + "\" has " + std::to_string(frozen_.size()) +
                " full memtables on their way to the disk; try again when some are there"};
  }
  room_.wait(write_mutex_);
  return check_writable();
}

Status CollectionCore::choose_ids(PutOperation& put, Ids& ids) {
  OMEN_RETURN_IF_ERROR(check_id_kind(put.ids, staged_->id_kind, name_));
  if (!std::holds_alternative<std::monostate>(put.ids)) return {};
  put.first_id = staged_->next_auto_id;
  if (put.first_id > UINT64_MAX - put.rows) {
    return Status(StatusCode::kLimitExceeded,
                  "no more ids to generate in collection \"" + name_ + "\"; pass ids of your own");
  }
  std::vector<uint64_t> generated(put.rows);
  for (size_t i = 0; i < generated.size(); ++i) generated[i] = put.first_id + i;
  ids = Ids(std::move(generated));
  return {};
}

/// @return null if another memtable had to begin: the caller starts again, since other writers may
///         have staged in between.
Result<std::shared_ptr<Pending>> CollectionCore::log_and_stage_put(const PutOperation& put,
                                                                   PutMode mode, Wait wait) {
  OMEN_RETURN_IF_ERROR(check_dimensions(put));
  OMEN_RETURN_IF_ERROR(check_column_count(put));
  OMEN_ASSIGN_OR_RETURN(const DeadByPart dead, find_rows(put.ids, mode));
  const auto may = [&](const column::ColumnSchema& column, ColumnType type)
                       OMEN_REQUIRES(write_mutex_) { return may_become(column, type, dead); };
  OMEN_ASSIGN_OR_RETURN(const column::FittedBatch fitted,
                        column::fit_columns(put.columns, *staged_->columns, may));
  if (growing_ != nullptr && !types_fit_growing(fitted.columns())) {
    OMEN_RETURN_IF_ERROR(freeze_or_wait(wait));
    return std::shared_ptr<Pending>();
  }
  PutOperation typed = put;
  typed.columns = fitted.columns();
  const EncodedOperation record(typed);
  OMEN_ASSIGN_OR_RETURN(const Lsn lsn, host_.append(record.parts()));
  return or_fail([&]() OMEN_REQUIRES(write_mutex_) { return stage_put(lsn, typed, dead); });
}

/// The batch was checked before the lock was taken, and another write may have settled a dimension
/// since. So this checks the dimensions again.
Status CollectionCore::check_dimensions(const PutOperation& put) {
  for (size_t f = 0; f < put.fields.size(); ++f) {
    const segment::Field& field = (*staged_->fields)[f];
    const size_t dim = put.fields[f].vectors.dim;
    if (!put.fields[f].any() || field.spec.dim == 0 || dim == field.spec.dim) continue;
    const RowNames names{"vector", 0, field.name};
    return {StatusCode::kDimensionMismatch, "vector has " + std::to_string(dim) + " dimensions; " +
                                                names.holder(name_) + " has " +
                                                std::to_string(field.spec.dim)};
  }
  return {};
}

Result<CollectionCore::DeadByPart> CollectionCore::find_rows(const IdsView& ids, PutMode mode) {
  DeadByPart dead(staged_->parts.size());
  // Every id there is lies below next_auto_id; generated ids are not even listed.
  if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&ids)) {
    const uint64_t beyond = staged_->next_auto_id;
    if (std::ranges::all_of(*numbers, [=](uint64_t id) { return id >= beyond; })) return dead;
  }
  const size_t count = id_count(ids);
  for (size_t i = 0; i < count; ++i) {
    const IdView id = id_at(ids, i);
    for (size_t p = staged_->parts.size(); p-- > 0;) {
      const Part& part = staged_->parts[p];
      std::optional<uint32_t> slot;
      if (part.memtable != nullptr) {
        slot = part.memtable->ids().find(id, part.watermark);
      } else {
        OMEN_ASSIGN_OR_RETURN(slot, part.segment->find(id));
      }
      if (!slot || segment::is_dead(part.dead, *slot)) continue;
      if (mode == PutMode::kAdd) {
        return Status(StatusCode::kAlreadyExists, "id " + describe(id) +
                                                      " exists in collection \"" + name_ +
                                                      "\"; use upsert to replace it");
      }
      dead[p].push_back(*slot);
      break;
    }
  }
  OMEN_RETURN_IF_ERROR(check_parts(*staged_));
  for (auto& slots : dead) {  // a delete may name an id twice
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  }
  return dead;
}

std::shared_ptr<Snapshot> CollectionCore::next_snapshot(Lsn lsn, const DeadByPart& dead) {
  auto snapshot = std::make_shared<Snapshot>(*staged_);
  snapshot->lsn = lsn;
  for (size_t p = 0; p < dead.size(); ++p) {
    Part& part = snapshot->parts[p];
    part.dead = segment::Tombstones::with(part.dead, dead[p]);
    snapshot->live -= dead[p].size();
  }
  if (growing_first_lsn_ == Lsn{}) growing_first_lsn_ = lsn;
  return snapshot;
}

std::shared_ptr<Pending> CollectionCore::stage_put(Lsn lsn, const PutOperation& put,
                                                   const DeadByPart& dead) {
  const uint32_t rows = put.rows;
  auto snapshot = next_snapshot(lsn, dead);
  snapshot->fields = settled_fields(std::move(snapshot->fields), put);
  const bool strings = std::holds_alternative<std::span<const std::string_view>>(put.ids);
  snapshot->id_kind = strings ? IdKind::kString : IdKind::kU64;
  auto columns = std::make_shared<column::Schema>(*snapshot->columns);
  if (column::take_columns(put.columns, *columns, snapshot->next_column_id)) {
    snapshot->columns = std::move(columns);
  }

  if (growing_ == nullptr) start_memtable(*snapshot, rows);
  Pending pending;
  if (std::holds_alternative<std::monostate>(put.ids)) {
    pending.first = growing_->reserve_sequence(put.first_id, put.columns, *snapshot->columns, rows);
    snapshot->next_auto_id = std::max(snapshot->next_auto_id, put.first_id + rows);
  } else {
    pending.first = growing_->reserve(put.ids, put.columns, *snapshot->columns, rows);
    if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&put.ids)) {
      const uint64_t largest = *std::max_element(numbers->begin(), numbers->end());
      snapshot->next_auto_id = std::max(snapshot->next_auto_id, largest + 1);
    }
  }
  for (size_t f = 0; f < put.fields.size(); ++f) {
    if (put.fields[f].any()) {
      growing_->reserve_vectors(pending.first, rows, f, put.fields[f].present.get());
    } else {
      growing_->reserve_no_vectors(pending.first, f);
    }
  }
  if (snapshot->parts.empty() || snapshot->parts.back().memtable != growing_) {
    snapshot->parts.emplace_back().memtable = growing_;
  }
  snapshot->parts.back().watermark = pending.first + rows;
  snapshot->live += rows;
  pending.lsn = lsn;
  pending.rows = rows;
  pending.memtable = growing_;
  pending.snapshot = std::move(snapshot);
  return enqueue(std::move(pending));
}

std::shared_ptr<Pending> CollectionCore::stage_delete(Lsn lsn, const DeadByPart& dead) {
  Pending pending;
  pending.lsn = lsn;
  pending.snapshot = next_snapshot(lsn, dead);
  return enqueue(std::move(pending));
}

void CollectionCore::start_memtable(const Snapshot& base, uint32_t rows) {
  const size_t fit = options_.memtable_bytes / segment::row_bytes(*base.fields);
  const size_t capacity =
      std::max<size_t>(rows, std::clamp(fit, kMinMemtableRows, kMaxMemtableRows));
  growing_ = std::make_shared<Memtable>(*base.fields, *base.id_kind,
                                        static_cast<uint32_t>(capacity), encoders_);
}

std::shared_ptr<Pending> CollectionCore::enqueue(Pending pending) {
  staged_ = pending.snapshot;
  return publication_.enqueue(std::move(pending));
}

Result<uint64_t> CollectionCore::delete_ids(const IdsView& ids) {
  return finish(stage_delete_ids(ids));
}

Status CollectionCore::delete_ids_later(const IdsView& ids, Done<uint64_t> done) {
  return finish_later(stage_delete_ids(ids), std::move(done));
}

Result<CollectionCore::Staged<uint64_t>> CollectionCore::stage_delete_ids(const IdsView& ids) {
  OMEN_RETURN_IF_ERROR(check_open());
  if (id_count(ids) == 0) return Staged<uint64_t>();
  OMEN_RETURN_IF_ERROR(check_id_values(ids));
  Staged<uint64_t> staged;
  MutexLock lock(write_mutex_);
  OMEN_RETURN_IF_ERROR(check_writable());
  OMEN_RETURN_IF_ERROR(check_id_kind(ids, staged_->id_kind, name_));
  OMEN_ASSIGN_OR_RETURN(const DeadByPart dead, find_rows(ids, PutMode::kUpsert));
  for (const auto& slots : dead) staged.value += slots.size();
  if (staged.value > 0) OMEN_RETURN_IF_ERROR(log_delete(ids, dead, staged.pending));
  return staged;
}

Result<uint64_t> CollectionCore::delete_where(const Filter& where) {
  return finish(stage_delete_where(where));
}

Status CollectionCore::delete_where_later(const Filter& where, Done<uint64_t> done) {
  return finish_later(stage_delete_where(where), std::move(done));
}

Result<uint64_t> CollectionCore::update(const UpdateTarget& target, const PointUpdate& update) {
  return finish(stage_update(target, update, Wait::kYes));
}

Status CollectionCore::update_later(const UpdateTarget& target, const PointUpdate& update,
                                    Done<uint64_t> done) {
  return finish_later(stage_update(target, update, Wait::kNo), std::move(done));
}

Result<CollectionCore::Staged<uint64_t>> CollectionCore::stage_delete_where(const Filter& where) {
  Staged<uint64_t> staged;
  {
    MutexLock lock(write_mutex_);
    OMEN_RETURN_IF_ERROR(check_writable());
    // What is staged must be readable, and nothing may follow it until the delete is logged.
    OMEN_RETURN_IF_ERROR(publication_.drain());
    OMEN_ASSIGN_OR_RETURN(const auto now, snapshot());
    OMEN_ASSIGN_OR_RETURN(const RowFilter filter, RowFilter::bind(where, *now));
    DeadByPart dead(now->parts.size());
    std::vector<uint64_t> numbers;
    std::vector<std::string_view> strings;
    for (size_t p = 0; p < now->parts.size(); ++p) {
      OMEN_ASSIGN_OR_RETURN(const Bitmap matches, filter.matches(now->parts[p]));
      matches.for_each_set([&](size_t slot) { dead[p].push_back(static_cast<uint32_t>(slot)); });
      for (uint32_t slot : dead[p]) {
        OMEN_ASSIGN_OR_RETURN(const IdView id, now->parts[p].rows->id(slot));
        if (const auto* number = std::get_if<uint64_t>(&id)) {
          numbers.push_back(*number);
        } else {
          strings.push_back(std::get<std::string_view>(id));
        }
      }
      staged.value += dead[p].size();
    }
    OMEN_RETURN_IF_ERROR(check_parts(*now));
    if (staged.value == 0) return staged;
    const IdsView ids = strings.empty() ? IdsView(std::span<const uint64_t>(numbers))
                                        : IdsView(std::span<const std::string_view>(strings));
    OMEN_RETURN_IF_ERROR(log_delete(ids, dead, staged.pending));
  }
  return staged;
}

Status CollectionCore::log_delete(const IdsView& ids, const DeadByPart& dead,
                                  std::shared_ptr<Pending>& pending) {
  const EncodedOperation record(DeleteOperation{id_, ids});
  OMEN_ASSIGN_OR_RETURN(const Lsn lsn, host_.append(record.parts()));
  pending = or_fail([&]() OMEN_REQUIRES(write_mutex_) { return stage_delete(lsn, dead); });
  return {};
}

template <class T>
Result<T> CollectionCore::finish(Result<Staged<T>> staged) {
  if (!staged.ok()) return staged.status();
  if (staged->pending != nullptr) OMEN_RETURN_IF_ERROR(finish(staged->pending));
  return std::move(staged->value);
}

Status CollectionCore::finish(const std::shared_ptr<Pending>& pending) {
  return or_fail([&] { return publication_.finish(pending, host_.wait_durable(pending->lsn)); });
}

template <class T>
Status CollectionCore::finish_later(Result<Staged<T>> staged, Done<T> done) {
  if (!staged.ok()) return staged.status();
  // Shared, so that passing it on copies no value and needs no memory but for the pointer.
  const auto call =
      std::make_shared<std::pair<Done<T>, T>>(std::move(done), std::move(staged->value));
  const auto tell = [this, call](const Status& status) {
    const auto run = [call](const Status& outcome) {
      call->first(outcome.ok() ? Result<T>(std::move(call->second)) : Result<T>(outcome));
    };
    try {
      host_.post([run, status] { run(status); });
    } catch (const std::bad_alloc&) {  // call it on this thread: it must be called
      run(status);
    }
  };
  if (staged->pending == nullptr) {
    tell(Status());
    return {};
  }
  const std::shared_ptr<Pending> pending = std::move(staged->pending);
  std::function<void(const Status&)> told;
  or_fail([&] { told = tell; });
  try {
    publication_.finish_later(pending, std::move(told));
    host_.when_durable(shared_from_this(), pending->lsn);
  } catch (const std::bad_alloc&) {  // as in or_fail(); `done` gets the error
    publication_.fail(Status(StatusCode::kOutOfMemory, "out of memory"));
  }
  return {};
}

// --- state -------------------------------------------------------------------------------------

Result<std::shared_ptr<const Snapshot>> CollectionCore::snapshot() const {
  OMEN_RETURN_IF_ERROR(check_open());
  return publication_.current();
}

CollectionState CollectionCore::durable_state() const {
  MutexLock lock(state_mutex_);
  return durable_;
}

size_t CollectionCore::waiting_seals() const {
  MutexLock lock(write_mutex_);
  return frozen_.size();
}

// --- recovery ----------------------------------------------------------------------------------

void CollectionCore::follow() {
  MutexLock commit_lock(commit_mutex_);
  durable_parts_.clear();  // for those who seal and merge
  MutexLock lock(write_mutex_);
  journal_.emplace();
}

/// Sets the growing memtable aside, so that the next put begins another.
void CollectionCore::leave_growing() {
  freeze_locked();
  if (journal_) frozen_.clear();  // the writer seals it
}

Status CollectionCore::does_not_fit(Lsn lsn) const {
  return {StatusCode::kCorruption, "log record " + std::to_string(to_int(lsn)) +
                                       " does not fit collection \"" + name_ + "\""};
}

Status CollectionCore::replay(Lsn lsn, std::span<const std::byte> record) {
  DecodedOperation decoded;
  OMEN_RETURN_IF_ERROR(decode_operation(record, decoded));
  std::shared_ptr<Pending> pending;
  {
    MutexLock lock(write_mutex_);
    if (auto* put = std::get_if<PutOperation>(&decoded.operation)) {
      const uint32_t rows = put->rows;
      const auto fields = fitted_fields(*put, *staged_->fields);
      const bool sound =
          rows > 0 && fields && check_id_kind(put->ids, staged_->id_kind, name_).ok() &&
          check_ids(put->ids, rows).ok() && put->first_id <= UINT64_MAX - rows &&
          column::check_columns(put->columns, rows).ok() && check_column_count(*put).ok();
      if (!sound) return does_not_fit(lsn);
      put->fields = *fields;
      if (growing_ != nullptr &&
          !(fits_growing(rows, put->fields) && types_fit_growing(put->columns))) {
        leave_growing();
      }
      OMEN_ASSIGN_OR_RETURN(const DeadByPart dead, find_rows(put->ids, PutMode::kUpsert));
      if (journal_) OMEN_RETURN_IF_ERROR(note_deaths(lsn, dead));
      pending = stage_put(lsn, *put, dead);
      if (journal_) {
        journal_->fills.push_back({lsn, pending->memtable, pending->first + pending->rows});
      }
      pending->encoded = fill_rows(*pending->memtable, pending->first, put->fields, 0, rows);
    } else if (const auto* alter = std::get_if<AlterOperation>(&decoded.operation)) {
      pending = replay_alter(lsn, *alter);
      if (pending == nullptr) return does_not_fit(lsn);
    } else {
      const auto* deleted = std::get_if<DeleteOperation>(&decoded.operation);
      if (deleted == nullptr || !check_id_kind(deleted->ids, staged_->id_kind, name_).ok()) {
        return does_not_fit(lsn);
      }
      const DeleteOperation& erase = *deleted;
      OMEN_ASSIGN_OR_RETURN(const DeadByPart dead, find_rows(erase.ids, PutMode::kUpsert));
      if (journal_) OMEN_RETURN_IF_ERROR(note_deaths(lsn, dead));
      pending = stage_delete(lsn, dead);
    }
  }
  return publication_.finish(pending, Status());
}

}  // namespace omendb::collection
