// omendb.h: the library and the database.
#include <functional>
#include <memory>
#include <utility>

#include "capi/fence.h"
#include "capi/handles.h"

using omendb::Result;
using omendb::Status;
using omendb::StatusCode;
using omendb::capi::fenced;
using omendb::capi::new_strings;
using omendb::capi::read_options;

namespace {

/// Runs tasks by a C function. A task is a std::function on the heap, which run() frees.
class CExecutor final : public omendb::Executor {
 public:
  explicit CExecutor(const omendb_executor& executor) : executor_(executor) {}

  void post(std::function<void()> task) override {
    auto owned = std::make_unique<std::function<void()>>(std::move(task));
    auto* const raw = owned.release();
    if (executor_.post(executor_.context, &run, raw) != 0) owned.reset(raw);  // refused
  }
  size_t threads() const override { return executor_.threads; }

 private:
  static void run(void* task) {
    const std::unique_ptr<std::function<void()>> owned(static_cast<std::function<void()>*>(task));
    (*owned)();
  }

  const omendb_executor executor_;
};

Status read_executor(const omendb_executor* executor, std::shared_ptr<omendb::Executor>* out) {
  if (executor == nullptr) return {};
  auto read = read_options(executor, "omendb_executor");
  if (!read.ok()) return read.status();
  if (read->post == nullptr) return omendb::capi::null_argument("omendb_executor.post");
  if (read->threads == 0) {
    return {StatusCode::kInvalidArgument, "omendb_executor.threads is 0; expected at least 1"};
  }
  *out = std::make_shared<CExecutor>(*read);
  return {};
}

Result<omendb::OpenOptions> read_open_options(const omendb_open_options* options) {
  auto read = read_options(options, "omendb_open_options");
  if (!read.ok()) return read.status();
  const omendb_open_options& in = *read;
  if (in.durability < 0 || in.durability > OMENDB_DURABILITY_NONE) {
    return Status(StatusCode::kInvalidArgument, "durability is " + std::to_string(in.durability) +
                                                    "; expected one of OMENDB_DURABILITY_*");
  }
  omendb::OpenOptions out;
  if (in.durability != 0) out.durability = static_cast<omendb::Durability>(in.durability);
  if (in.interval_ms != 0) out.interval_ms = in.interval_ms;
  if (in.memtable_bytes != 0) out.memtable_bytes = in.memtable_bytes;
  if (in.max_sealing_memtables != 0) out.max_sealing_memtables = in.max_sealing_memtables;
  if (in.max_build_bytes != 0) out.max_build_bytes = in.max_build_bytes;
  if (in.max_writes_in_flight != 0) out.max_writes_in_flight = in.max_writes_in_flight;
  out.create_if_missing = in.must_exist == 0;
  if (in.mode < 0 || in.mode > OMENDB_MODE_READ) {
    return Status(StatusCode::kInvalidArgument,
                  "mode is " + std::to_string(in.mode) + "; expected one of OMENDB_MODE_*");
  }
  if (in.mode != 0) out.mode = static_cast<omendb::OpenMode>(in.mode);
  out.lock_timeout_ms = in.lock_timeout_ms;
  if (Status status = read_executor(in.executor, &out.executor); !status.ok()) return status;
  return out;
}

/// Metric and element by their numbers; 0 leaves the default. `out` has members of these names.
template <class Options>
Status read_metric_and_element(int32_t metric, int32_t element, Options* out) {
  if (metric < 0 || metric > OMENDB_METRIC_HAMMING) {
    return {StatusCode::kInvalidArgument,
            "metric is " + std::to_string(metric) + "; expected one of OMENDB_METRIC_*"};
  }
  if (element < 0 || element > OMENDB_ELEMENT_BINARY) {
    return {StatusCode::kInvalidArgument,
            "element is " + std::to_string(element) + "; expected one of OMENDB_ELEMENT_*"};
  }
  if (metric != 0) out->metric = static_cast<omendb::Metric>(metric);
  if (element != 0) out->element = static_cast<omendb::Element>(element);
  return {};
}

Result<std::optional<omendb::CollectionOptions>> read_collection_options(
    const omendb_collection_options* options) {
  std::optional<omendb::CollectionOptions> out;
  if (options == nullptr) return out;
  auto read = read_options(options, "omendb_collection_options");
  if (!read.ok()) return read.status();
  const omendb_collection_options& in = *read;
  out.emplace();
  out->dim = in.dim;
  if (Status status = read_metric_and_element(in.metric, in.element, &*out); !status.ok()) {
    return status;
  }
  if (in.fields == nullptr && in.field_count != 0) return omendb::capi::null_argument("fields");
  for (size_t i = 0; i < in.field_count; ++i) {
    const omendb_vector_field& field = in.fields[i];
    if (field.name == nullptr) return omendb::capi::null_argument("fields[i].name");
    omendb::VectorField& named = out->fields.emplace_back();
    named.name = field.name;
    named.dim = field.dim;
    if (Status status = read_metric_and_element(field.metric, field.element, &named);
        !status.ok()) {
      return status;
    }
  }
  return out;
}

/// To get or create a collection and to find one differ in the verb alone.
template <class Verb>
Status open_collection(omendb_database* db, const char* name,
                       const omendb_collection_options* options, omendb_collection** out,
                       Verb verb) {
  OMENDB_REQUIRE(out);
  *out = nullptr;
  OMENDB_REQUIRE(db);
  auto read = read_collection_options(options);
  if (!read.ok()) return read.status();
  auto collection = (db->db.*verb)(name == nullptr ? "default" : name, *read);
  if (!collection.ok()) return collection.status();
  *out = std::make_unique<omendb_collection>(omendb_collection{std::move(collection).value()})
             .release();
  return {};
}

}  // namespace

extern "C" {

const char* omendb_version(void) noexcept {
  static const std::string text(omendb::version());
  return text.c_str();
}

const char* omendb_active_isa(void) noexcept {
  static const std::string text(omendb::active_isa());
  return text.c_str();
}

omendb_status omendb_supported_isas(omendb_strings** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    std::vector<std::string> names;
    for (std::string_view name : omendb::supported_isas()) names.emplace_back(name);
    *out = new_strings(std::move(names));
    return {};
  });
}

void omendb_strings_free(omendb_strings* strings) noexcept {
  delete reinterpret_cast<omendb::capi::OwnedStrings*>(strings);
}

omendb_status omendb_database_open(const char* path, const omendb_open_options* options,
                                   omendb_database** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(path);
    auto read = read_open_options(options);
    if (!read.ok()) return read.status();
    auto db = omendb::Database::open(path, *read);
    if (!db.ok()) return db.status();
    *out = std::make_unique<omendb_database>(omendb_database{std::move(db).value()}).release();
    return {};
  });
}

omendb_status omendb_database_close(omendb_database* db) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(db);
    return db->db.close();
  });
}

void omendb_database_free(omendb_database* db) noexcept {
  delete db;
}

omendb_status omendb_database_compact(omendb_database* db) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(db);
    return db->db.compact();
  });
}

omendb_status omendb_database_flush(omendb_database* db) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(db);
    return db->db.flush();
  });
}

omendb_status omendb_database_snapshot(omendb_database* db, const char* path,
                                       omendb_snapshot_callback progress, void* context) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(db);
    OMENDB_REQUIRE(path);
    omendb::SnapshotOptions options;
    if (progress != nullptr) {
      options.progress = [=](const omendb::SnapshotProgress& now) {
        const omendb_snapshot_progress told = {now.files_done, now.files, now.bytes_done,
                                               now.bytes};
        return progress(&told, context) != 0;
      };
    }
    return db->db.snapshot(path, options);
  });
}

const char* omendb_database_path(const omendb_database* db) noexcept {
  return db == nullptr ? nullptr : db->db.path().c_str();
}

omendb_status omendb_database_recovery_notes(const omendb_database* db,
                                             omendb_strings** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(db);
    *out = new_strings(db->db.recovery_notes());
    return {};
  });
}

omendb_status omendb_database_collection_names(const omendb_database* db,
                                               omendb_strings** out) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(out);
    *out = nullptr;
    OMENDB_REQUIRE(db);
    auto names = db->db.collection_names();
    if (!names.ok()) return names.status();
    *out = new_strings(std::move(names).value());
    return {};
  });
}

omendb_status omendb_database_collection(omendb_database* db, const char* name,
                                         const omendb_collection_options* options,
                                         omendb_collection** out) noexcept {
  return fenced(
      [&] { return open_collection(db, name, options, out, &omendb::Database::collection); });
}

omendb_status omendb_database_find_collection(omendb_database* db, const char* name,
                                              const omendb_collection_options* options,
                                              omendb_collection** out) noexcept {
  return fenced(
      [&] { return open_collection(db, name, options, out, &omendb::Database::find_collection); });
}

omendb_status omendb_database_drop_collection(omendb_database* db, const char* name) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(db);
    OMENDB_REQUIRE(name);
    return db->db.drop_collection(name);
  });
}

}  // extern "C"
