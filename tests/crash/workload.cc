#include "workload.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "database/database_impl.h"

namespace omendb::crash {

namespace {

constexpr char kPath[] = "db";
/// More than 256 KiB: a batch that the pool fills while the log is flushed. It comes late, since
/// every later step takes longer for it.
constexpr size_t kPooledRows = 270;
static_assert(kPooledRows * kDim * sizeof(float) > 256 << 10);

Result<Database> open_database(const std::shared_ptr<storage::Env>& env, Durability durability) {
  const OpenOptions options{
      .durability = durability, .interval_ms = 60'000, .memtable_bytes = 64 << 10};
  auto impl = internal::DatabaseImpl::open(kPath, options, env);
  if (!impl.ok()) return impl.status();
  return Database(*impl);
}

std::vector<uint64_t> range(uint64_t first, size_t count) {
  std::vector<uint64_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

/// One open database and its history. Each operation is written down before it is tried.
class Session {
 public:
  Session(Database database, History& history, uint32_t& batch)
      : database_(std::move(database)), history_(history), batch_(batch) {}

  Status put(const std::string& name, std::vector<uint64_t> ids, Put how) {
    auto collection = get(name);
    if (!collection.ok()) return collection.status();
    State after = *history_.visible(name);
    ++batch_;
    if (how == Put::kAdd) {  // ids that are there would be refused
      std::erase_if(ids, [&](uint64_t id) { return after.contains(id); });
    }
    if (how == Put::kUpdate) {  // it changes those alone that are there
      std::erase_if(ids, [&](uint64_t id) { return !after.contains(id); });
    }
    if (ids.empty()) return {};  // a call without points logs nothing that could be acknowledged
    for (const uint64_t id : ids) after[id] = batch_;
    history_.issue(name, std::move(after));
    return done(name, write_batch(*collection, ids, batch_, kDim, how));
  }

  /// Ids follow the largest there is; the deletes below spare it, so recovery knows it too.
  Status add(const std::string& name, size_t rows) {
    if (auto collection = get(name); !collection.ok()) return collection.status();
    const State& now = *history_.visible(name);
    return put(name, range(now.empty() ? 0 : now.rbegin()->first + 1, rows), Put::kAddGenerated);
  }

  Status erase(const std::string& name, const std::vector<uint64_t>& ids) {
    return erase_if(
        name, [&](uint64_t id, uint32_t) { return std::ranges::count(ids, id) > 0; },
        [&](Collection& c) { return c.delete_ids(std::span<const uint64_t>(ids)); });
  }

  Status erase_batch(const std::string& name, uint32_t batch) {
    return erase_if(
        name, [&](uint64_t, uint32_t of) { return of == batch; },
        [&](Collection& c) -> Result<uint64_t> {
          const auto info = c.info();
          if (!info.ok()) return info.status();
          if (info->columns.empty()) return uint64_t{0};  // nothing to filter by yet
          return c.delete_where(Filter::compare("batch", Filter::Compare::kEq, int64_t{batch}));
        });
  }

  Status compact(const std::string& name) {
    auto collection = get(name);
    return collection.ok() ? collection->compact() : collection.status();
  }

  Status drop(const std::string& name) {
    if (!history_.visible(name)) return {};
    history_.issue_drop(name);
    const Status dropped = database_.drop_collection(name);
    if (dropped.ok()) {
      history_.acknowledge_durable(name);
      return dropped;
    }
    const auto names = database_.collection_names();
    const bool there = names.ok() && std::ranges::count(*names, name) > 0;
    there ? history_.withdraw(name) : history_.forget(name);
    return dropped;
  }

  Status flush() {
    const Status flushed = database_.flush();
    if (flushed.ok()) history_.flushed();
    return flushed;
  }

  Status close() {
    const Status closed = database_.close();
    if (closed.ok()) history_.flushed();
    return closed;
  }

  Result<Collection> get(const std::string& name) {
    const bool there = history_.visible(name).has_value();
    if (!there) history_.issue_create(name);
    auto collection = database_.collection(name);
    if (!there && collection.ok()) history_.acknowledge_durable(name);
    return collection;
  }

  const Database& database() const { return database_; }

 private:
  template <class Doomed, class Delete>
  Status erase_if(const std::string& name, Doomed doomed, Delete call) {
    auto collection = get(name);
    if (!collection.ok()) return collection.status();
    State after = *history_.visible(name);
    const uint64_t largest = after.empty() ? 0 : after.rbegin()->first;
    const auto deleted =
        std::erase_if(after, [&](const auto& point) { return doomed(point.first, point.second); });
    if (deleted == 0 || !after.contains(largest)) return {};
    history_.issue(name, std::move(after));
    const Result<uint64_t> result = call(*collection);
    if (result.ok() && *result != deleted) {
      return {StatusCode::kInternal,
              std::to_string(*result) + " points deleted, not " + std::to_string(deleted)};
    }
    return done(name, result.status());
  }

  Status done(const std::string& name, Status status) {
    if (status.ok()) history_.acknowledge(name);
    return status;
  }

  Database database_;
  History& history_;
  uint32_t& batch_;
};

using Step = std::function<Status(Session&)>;

/// Each list is one life of the process.
std::vector<std::vector<Step>> script() {
  return {
      {
          [](Session& s) { return s.add("a", 20); },
          [](Session& s) { return s.put("b", range(100, 25), Put::kAdd); },
          [](Session& s) { return s.add("a", 30); },
          [](Session& s) { return s.put("a", range(10, 15), Put::kUpsert); },
          [](Session& s) {
            return s.erase("a", {0, 3, 12, 999});
          },
          [](Session& s) { return s.add("a", 40); },
          [](Session& s) { return s.flush(); },
          [](Session& s) { return s.erase_batch("a", 3); },
          [](Session& s) { return s.put("b", range(110, 60), Put::kUpsert); },
          [](Session& s) { return s.add("a", 50); },
          [](Session& s) { return s.put("c", range(5, 12), Put::kAdd); },
          [](Session& s) { return s.compact("a"); },
          [](Session& s) { return s.put("b", range(120, 9), Put::kUpsert); },
          [](Session& s) { return s.drop("c"); },
          [](Session& s) { return s.put("a", range(40, 40), Put::kUpsert); },
          [](Session& s) { return s.put("a", range(60, 30), Put::kUpdate); },
          [](Session& s) { return s.erase("b", range(100, 30)); },
          [](Session& s) { return s.add("c", 3); },
      },
      {
          [](Session& s) { return s.add("a", 30); },
          [](Session& s) { return s.erase_batch("b", 6); },
          [](Session& s) { return s.put("a", range(0, 20), Put::kUpsert); },
          [](Session& s) { return s.add("b", 50); },
          [](Session& s) { return s.put("a", range(10, 90), Put::kUpdate); },
          [](Session& s) { return s.put("d", range(1, 5), Put::kAdd); },
          [](Session& s) { return s.compact("b"); },
          [](Session& s) { return s.add("a", kPooledRows); },
          [](Session& s) { return s.drop("b"); },
          [](Session& s) { return s.flush(); },
          [](Session& s) { return s.put("d", range(3, 5), Put::kUpsert); },
          [](Session& s) { return s.close(); },
      },
  };
}

Result<std::map<std::string, State>> read_all(Database& database) {
  std::map<std::string, State> all;
  const auto names = database.collection_names();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    auto collection = database.collection(name);
    if (!collection.ok()) return collection.status();
    auto state = read_state(*collection, kDim);
    if (!state.ok()) {
      return Status(state.status().code(), "collection " + name + ": " + state.status().message());
    }
    all.emplace(name, *std::move(state));
  }
  return all;
}

}  // namespace

std::string run_workload(const std::shared_ptr<storage::Env>& env, const WorkloadOptions& options,
                         History& history) {
  uint32_t batch = 0;
  for (const auto& steps : script()) {
    auto database = open_database(env, options.durability);
    if (!database.ok()) return {};
    if (options.carry_on) {  // operations that failed in an earlier life are decided now
      const auto recovered = read_all(*database);
      if (recovered.ok()) {
        if (std::string why = history.explain(*recovered); !why.empty()) return "reopened: " + why;
        history.restart(*recovered);
      } else {
        return recovered.status().code() == StatusCode::kInternal ? recovered.status().message()
                                                                  : std::string();
      }
    }
    Session session(*std::move(database), history, batch);
    for (const Step& step : steps) {
      const Status status = step(session);
      if (status.code() == StatusCode::kInternal) return status.message();
      if (!status.ok() && !options.carry_on) return {};
    }
    // No close(): the destructor does what it can, and what was acknowledged must not need it.
  }
  return {};
}

std::string verify(const std::shared_ptr<storage::Env>& env, History& history, bool& opened) {
  auto database = open_database(env, Durability::kSync);
  opened = database.ok();
  if (!opened) return "open: " + database.status().to_string();
  const auto recovered = read_all(*database);
  if (!recovered.ok()) return "read: " + recovered.status().to_string();
  std::string why = history.explain(*recovered);
  if (why.empty()) history.restart(*recovered);
  if (Status closed = database->close(); !closed.ok() && why.empty()) {
    why = "close: " + closed.to_string();
  }
  return why;
}

std::string write_on(const std::shared_ptr<storage::Env>& env, History& history,
                     const std::function<void()>& power_off) {
  uint32_t batch = 1'000;
  auto database = open_database(env, Durability::kSync);
  if (!database.ok()) return "open to write on: " + database.status().to_string();
  const auto names = database->collection_names();
  if (!names.ok()) return names.status().to_string();
  Session session(*std::move(database), history, batch);
  std::vector<std::string> all = *names;
  all.emplace_back("new");
  for (const std::string& name : all) {
    for (const Status& status : {session.add(name, 7), session.put(name, range(2, 9), Put::kUpsert),
                                 session.erase(name, {2, 5})}) {
      if (!status.ok()) return "writing on in " + name + ": " + status.to_string();
    }
  }
  power_off();
  return {};
}

}  // namespace omendb::crash
