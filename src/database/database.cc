// The public C++ API, in terms of DatabaseImpl and CollectionCore.
#include "omendb/database.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <utility>

#include "base/id_view.h"
#include "base/status_macros.h"
#include "collection/read/get.h"
#include "collection/read/measure_recall.h"
#include "collection/read/order.h"
#include "collection/read/scan_cursor.h"
#include "collection/read/search.h"
#include "database/catalog.h"
#include "database/database_impl.h"

namespace omendb {

using collection::CollectionCore;
using internal::CallGuard;
using internal::CollectionHandle;
using internal::DatabaseImpl;
using internal::IfMissing;

namespace {

/// Runs `body`, which returns a Status or a Result. If memory runs out, only this call fails.
template <class Body>
auto within_memory(Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "out of memory");
  }
}

/// The same while the database is kept open.
template <class Body>
auto call(DatabaseImpl& database, Body body) -> decltype(body()) {
  return within_memory([&]() -> decltype(body()) {
    const CallGuard guard(database);
    OMEN_RETURN_IF_ERROR(guard.status());
    return body();
  });
}

/// The same for calls that write.
template <class Body>
auto write_call(DatabaseImpl& database, Body body) -> decltype(body()) {
  OMEN_RETURN_IF_ERROR(database.check_writable());
  return call(database, std::move(body));
}

/// The same for a read of one collection: `body` gets it, and its snapshot of now.
template <class Body>
auto read_call(const CollectionHandle& handle, Body body)
    -> decltype(body(std::declval<const CollectionCore&>(),
                     std::declval<std::shared_ptr<const collection::Snapshot>>())) {
  using Answer = decltype(body(std::declval<const CollectionCore&>(),
                               std::declval<std::shared_ptr<const collection::Snapshot>>()));
  return call(*handle.database, [&]() -> Answer {
    OMEN_ASSIGN_OR_RETURN(const auto core, handle.core());
    OMEN_ASSIGN_OR_RETURN(auto snapshot, core->snapshot());
    return body(*core, std::move(snapshot));
  });
}

/// The same for a write to one collection.
template <class Body>
auto write_call(const CollectionHandle& handle, Body body)
    -> decltype(body(std::declval<CollectionCore&>())) {
  using Answer = decltype(body(std::declval<CollectionCore&>()));
  return write_call(*handle.database, [&]() -> Answer {
    OMEN_ASSIGN_OR_RETURN(const auto core, handle.core());
    return body(*core);
  });
}

}  // namespace

// --- Database ----------------------------------------------------------------------------------

Result<Database> Database::open(std::string_view path, const OpenOptions& options) {
  return within_memory([&]() -> Result<Database> {
    try {
      OMEN_ASSIGN_OR_RETURN(auto impl, DatabaseImpl::open(std::string(path), options));
      return Database(std::move(impl));
    } catch (const std::system_error& error) {
      return Status(StatusCode::kIoError, "the database cannot start the threads that it needs: " +
                                              std::string(error.what()));
    }
  });
}

Database::Database(std::shared_ptr<DatabaseImpl> impl) : impl_(std::move(impl)) {}
Database::Database(Database&&) noexcept = default;

Database& Database::operator=(Database&& other) noexcept {
  if (this != &other) {
    if (impl_ != nullptr) impl_->close().ignore();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Database::~Database() {
  if (impl_ != nullptr) impl_->close().ignore();
}

Result<Collection> Database::collection(std::string_view name,
                                        const std::optional<CollectionOptions>& options) {
  return call(*impl_, [&]() -> Result<Collection> {
    OMEN_ASSIGN_OR_RETURN(auto core, impl_->collection(name, options, IfMissing::kCreate));
    return Collection(std::make_shared<CollectionHandle>(impl_, std::move(core)));
  });
}

Result<Collection> Database::find_collection(std::string_view name,
                                             const std::optional<CollectionOptions>& options) {
  return call(*impl_, [&]() -> Result<Collection> {
    OMEN_ASSIGN_OR_RETURN(auto core, impl_->collection(name, options, IfMissing::kFail));
    return Collection(std::make_shared<CollectionHandle>(impl_, std::move(core)));
  });
}

Result<std::vector<std::string>> Database::collection_names() const {
  return call(*impl_,
              [&]() -> Result<std::vector<std::string>> { return impl_->collection_names(); });
}

Status Database::drop_collection(std::string_view name) {
  return write_call(*impl_, [&]() -> Status { return impl_->drop_collection(name); });
}

Status Database::flush() {
  return call(*impl_, [&]() -> Status { return impl_->flush(); });
}

Status Database::snapshot(std::string_view path, const SnapshotOptions& options) {
  return write_call(*impl_,
                    [&]() -> Status { return impl_->snapshot(std::string(path), options); });
}

Status Database::compact() {
  return write_call(*impl_, [&]() -> Status { return impl_->compact(); });
}

Status Database::close() {
  return impl_->close();
}

const std::vector<std::string>& Database::recovery_notes() const {
  return impl_->recovery_notes();
}

const std::string& Database::path() const {
  return impl_->path();
}

OpenMode Database::mode() const {
  return impl_->mode();
}

// --- Collection --------------------------------------------------------------------------------

Collection::Collection(std::shared_ptr<CollectionHandle> handle) : handle_(std::move(handle)) {}

Result<Ids> Collection::add(const WriteBatch& batch) {
  return write_call(*handle_, [&](CollectionCore& core) -> Result<Ids> {
    return core.put(batch, CollectionCore::PutMode::kAdd);
  });
}

Result<Ids> Collection::upsert(const WriteBatch& batch) {
  return write_call(*handle_, [&](CollectionCore& core) -> Result<Ids> {
    return core.put(batch, CollectionCore::PutMode::kUpsert);
  });
}

Result<uint64_t> Collection::delete_ids(const IdsView& ids) {
  return write_call(*handle_,
                    [&](CollectionCore& core) -> Result<uint64_t> { return core.delete_ids(ids); });
}

Result<uint64_t> Collection::delete_where(const Filter& where) {
  return write_call(
      *handle_, [&](CollectionCore& core) -> Result<uint64_t> { return core.delete_where(where); });
}

Result<uint64_t> Collection::update_ids(const IdsView& ids, const PointUpdate& update) {
  return write_call(*handle_, [&](CollectionCore& core) -> Result<uint64_t> {
    return core.update({.ids = ids}, update);
  });
}

Result<uint64_t> Collection::update_where(const Filter& where, const PointUpdate& update) {
  return write_call(*handle_, [&](CollectionCore& core) -> Result<uint64_t> {
    return core.update({.where = &where}, update);
  });
}

Status Collection::rename_column(std::string_view column, std::string_view name) {
  return write_call(*handle_, [&](CollectionCore& core) -> Status {
    return core.alter({.kind = column::Alteration::Kind::kRename,
                       .column = std::string(column),
                       .name = std::string(name)});
  });
}

Status Collection::drop_column(std::string_view column) {
  return write_call(*handle_, [&](CollectionCore& core) -> Status {
    return core.alter({.kind = column::Alteration::Kind::kDrop, .column = std::string(column)});
  });
}

namespace {

/// Begins a write that completes by callback. It holds the database open, as a call does, until the
/// callback has returned.
template <class T, class Begin>
Status call_later(const std::shared_ptr<CollectionHandle>& handle, Collection::Callback<T> done,
                  Begin begin) {
  DatabaseImpl& database = *handle->database;
  OMEN_RETURN_IF_ERROR(database.check_writable());
  return within_memory([&]() -> Status {
    using Leaving = std::unique_ptr<DatabaseImpl, void (*)(DatabaseImpl*)>;
    const auto leave = [](DatabaseImpl* left) { left->leave_async(); };
    OMEN_RETURN_IF_ERROR(database.enter_async());
    // Leaves on every way out of this function, except when the callback will come.
    Leaving leaving(&database, leave);
    OMEN_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionCore> core, handle->core());
    // The callback holds the collection and not the handle: if it were the last to hold the
    // database, the database would be closed on this thread, which close() waits for.
    auto last = [&database, core, leave, done = std::move(done)](Result<T> result) mutable {
      const Leaving after(&database, leave);  // even if the callback throws
      const auto call = std::move(done);      // what it captured is freed before
      database.run_callback([&] { call(std::move(result)); });
    };
    OMEN_RETURN_IF_ERROR(begin(*core, std::move(last)));
    static_cast<void>(leaving.release());  // the callback leaves
    return {};
  });
}

}  // namespace

Status Collection::add_async(const WriteBatch& batch, Callback<Ids> done) {
  return call_later<Ids>(handle_, std::move(done), [&](CollectionCore& core, auto last) {
    return core.put_later(batch, CollectionCore::PutMode::kAdd, std::move(last));
  });
}

Status Collection::upsert_async(const WriteBatch& batch, Callback<Ids> done) {
  return call_later<Ids>(handle_, std::move(done), [&](CollectionCore& core, auto last) {
    return core.put_later(batch, CollectionCore::PutMode::kUpsert, std::move(last));
  });
}

Status Collection::delete_ids_async(const IdsView& ids, Callback<uint64_t> done) {
  return call_later<uint64_t>(handle_, std::move(done), [&](CollectionCore& core, auto last) {
    return core.delete_ids_later(ids, std::move(last));
  });
}

Status Collection::delete_where_async(const Filter& where, Callback<uint64_t> done) {
  return call_later<uint64_t>(handle_, std::move(done), [&](CollectionCore& core, auto last) {
    return core.delete_where_later(where, std::move(last));
  });
}

Status Collection::update_ids_async(const IdsView& ids, const PointUpdate& update,
                                    Callback<uint64_t> done) {
  return call_later<uint64_t>(handle_, std::move(done), [&](CollectionCore& core, auto last) {
    return core.update_later({.ids = ids}, update, std::move(last));
  });
}

Status Collection::update_where_async(const Filter& where, const PointUpdate& update,
                                      Callback<uint64_t> done) {
  return call_later<uint64_t>(handle_, std::move(done), [&](CollectionCore& core, auto last) {
    return core.update_later({.where = &where}, update, std::move(last));
  });
}

Result<GetResult> Collection::get(const IdsView& ids, const GetOptions& options) const {
  return read_call(*handle_, [&](const CollectionCore& core, auto now) -> Result<GetResult> {
    return collection::get(*now, core.name(), ids, options);
  });
}

Result<Points> Collection::get_where(const ScanOptions& options) const {
  return read_call(*handle_, [&](const CollectionCore& core, auto now) -> Result<Points> {
    return collection::get_where(*now, core.name(), options);
  });
}

Result<uint64_t> Collection::count(const Filter& where) const {
  return read_call(*handle_, [&](const CollectionCore&, auto now) -> Result<uint64_t> {
    return collection::count(*now, where);
  });
}

Result<std::vector<FilterWarning>> Collection::filter_warnings(const Filter& where) const {
  using Warnings = std::vector<FilterWarning>;
  return read_call(*handle_, [&](const CollectionCore&, auto now) -> Result<Warnings> {
    OMEN_ASSIGN_OR_RETURN(const auto filter, collection::RowFilter::bind(where, *now));
    return filter.warnings();
  });
}

Result<Scan> Collection::scan(const ScanOptions& options) const {
  return read_call(*handle_, [&](const CollectionCore& core, auto now) -> Result<Scan> {
    OMEN_ASSIGN_OR_RETURN(auto cursor,
                          internal::ScanCursor::open(std::move(now), core.name(), options));
    return Scan(std::move(cursor));
  });
}

Result<SearchResult> Collection::search(const VectorsView& queries,
                                        const SearchOptions& options) const {
  return read_call(*handle_, [&](const CollectionCore& core, auto now) -> Result<SearchResult> {
    const Stop stop(options.cancel, options.timeout_ms, storage::steady_micros);
    bool index_failed = false;
    core.note_queries(queries.count);
    auto result = collection::search(*now, core.name(), queries, options, stop,
                                     &handle_->database->pool(), &index_failed);
    if (index_failed) core.note_failed_index();
    return result;
  });
}

Result<SearchResult> Collection::search_ids(const IdsView& ids,
                                            const SearchOptions& options) const {
  return read_call(*handle_, [&](const CollectionCore& core, auto now) -> Result<SearchResult> {
    const Stop stop(options.cancel, options.timeout_ms, storage::steady_micros);
    bool index_failed = false;
    core.note_queries(id_count(ids));
    auto result = collection::search_ids(*now, core.name(), ids, options, stop,
                                         &handle_->database->pool(), &index_failed);
    if (index_failed) core.note_failed_index();
    return result;
  });
}

Result<RecallReport> Collection::measure_recall(const SearchOptions& search,
                                                const RecallOptions& options) const {
  return read_call(*handle_, [&](const CollectionCore& core, auto now) -> Result<RecallReport> {
    const Stop stop(search.cancel, search.timeout_ms, storage::steady_micros);
    bool index_failed = false;
    auto report =
        collection::measure_recall(*now, core.name(), search, options, storage::steady_micros, stop,
                                   &handle_->database->pool(), &index_failed);
    if (index_failed) core.note_failed_index();
    return report;
  });
}

Result<CollectionInfo> Collection::info() const {
  return read_call(*handle_, [&](const CollectionCore& core, auto now) -> Result<CollectionInfo> {
    CollectionInfo info;
    info.name = core.name();
    info.fields = internal::named_fields(*now->fields);
    if (info.fields.empty()) {
      info.dim = now->spec(0).dim;
      info.metric = now->spec(0).metric;
      info.element = now->spec(0).element;
    }
    info.id_kind = now->id_kind;
    for (const auto& column : *now->columns) info.columns.emplace_back(column.name, column.type);
    info.points = now->live;
    info.waiting_seals = core.waiting_seals();
    info.jobs = core.jobs();
    for (const auto& part : now->parts) {
      if (part.segment == nullptr) {
        info.memory_points += part.watermark;
      } else {
        ++info.segments;
        info.segment_points += part.watermark;
        bool indexed = false;
        for (size_t f = 0; f < now->fields->size(); ++f) indexed |= !part.indexes_of(f).empty();
        if (indexed) info.indexed_points += part.watermark;
        info.segment_bytes += part.segment->file_bytes() + part.indexes->file_bytes();
      }
    }
    return info;
  });
}

Status Collection::optimize(std::optional<uint64_t> timeout_ms) {
  return write_call(*handle_, [&](CollectionCore& core) -> Status {
    // At most a year, so that the deadline does not overflow the clock.
    constexpr uint64_t kLongestMs = uint64_t{365} * 24 * 3'600 * 1'000;
    collection::Jobs::Deadline deadline;
    if (timeout_ms) {
      const uint64_t until =
          storage::steady_micros() + std::min(*timeout_ms, kLongestMs) * uint64_t{1'000};
      deadline.emplace(std::chrono::microseconds(until));
    }
    return core.optimize(deadline);
  });
}

Status Collection::compact() {
  return write_call(*handle_, [&](CollectionCore& core) -> Status { return core.compact(); });
}

// --- Scan --------------------------------------------------------------------------------------

Scan::Scan(std::unique_ptr<internal::ScanCursor> cursor) : cursor_(std::move(cursor)) {}
Scan::Scan(Scan&&) noexcept = default;
Scan& Scan::operator=(Scan&&) noexcept = default;
Scan::~Scan() = default;

Result<Points> Scan::next() {
  return within_memory([&] { return cursor_->next(); });
}

}  // namespace omendb
