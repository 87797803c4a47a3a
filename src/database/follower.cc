#include "database/follower.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "database/catalog.h"
#include "database/database_impl.h"

namespace omendb::internal {

using storage::LogReader;

namespace {

/// How often a view is built anew because the writer has published in between. Each time the writer
/// has written a segment, which takes longer than opening it.
constexpr int kMaxAttempts = 1'000;

// Whether a manifest is a later one of the writer that published the other. A copy of the folder
// has the same UUID; then its generation is not higher, or it holds all that the other one holds.
bool continues(const storage::Manifest& manifest, const std::array<uint8_t, 16>& opening_uuid,
               uint64_t generation) {
  return manifest.opening_uuid == opening_uuid && manifest.generation > generation;
}

Status read_only() {
  return {StatusCode::kReadOnly, "the database was opened with mode \"r\", for reading only"};
}

}  // namespace

Follower::Follower(std::shared_ptr<storage::Env> env, std::string path,
                   std::shared_ptr<storage::LogStore> log, const collection::CoreOptions& options,
                   ThreadPool& pool)
    : env_(std::move(env)),
      path_(std::move(path)),
      log_(std::move(log)),
      options_(options),
      pool_(pool),
      segments_(env_, storage::join(path_, kSegmentsFolder)),
      manifests_(env_, path_) {}

Result<Lsn> Follower::append(std::span<const std::span<const std::byte>> /*parts*/) {
  return read_only();
}

collection::Published Follower::publish(const collection::CollectionState& /*state*/) {
  return {read_only(), false};
}

std::vector<std::shared_ptr<collection::CollectionCore>> Follower::cores() const {
  MutexLock lock(map_mutex_);
  std::vector<std::shared_ptr<Core>> result;
  for (const auto& [name, core] : by_name_) result.push_back(core);
  return result;
}

std::shared_ptr<collection::CollectionCore> Follower::find(std::string_view name) const {
  MutexLock lock(map_mutex_);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second;
  return name == default_->name() ? default_ : nullptr;
}

// Callers that wait here while another thread looks share the next look.
Status Follower::refresh() {
  const uint64_t arrival = ++arrivals_;
  MutexLock lock(mutex_);
  if (looked_for_ >= arrival) return {};
  const uint64_t arrived = arrivals_;
  OMEN_RETURN_IF_ERROR(look());
  looked_for_ = arrived;
  return {};
}

// Asks the log first: records that it loses after that are in a manifest by then.
Status Follower::look() {
  if (!settled_) return build();
  OMEN_ASSIGN_OR_RETURN(const bool news, view_.log->has_news());
  OMEN_ASSIGN_OR_RETURN(const bool in_force, current_->still_named());
  if (!news && in_force) return {};
  settled_ = false;
  const Lsn catalogue = view_.replay.catalogue();
  OMEN_ASSIGN_OR_RETURN(const bool kept_up, keep_up(in_force));
  if (!kept_up) return build();
  if (view_.replay.catalogue() != catalogue) show();
  settled_ = true;
  return {};
}

// @return false if the view has to be built anew.
Result<bool> Follower::keep_up(bool in_force) {
  std::optional<storage::Manifest> manifest;
  if (!in_force) {
    OMEN_ASSIGN_OR_RETURN(InForce loaded, load_manifest());
    if (!continues(loaded.manifest, view_.opening_uuid, view_.generation)) return false;
    current_ = std::move(loaded.current);
    manifest = std::move(loaded.manifest);
    view_.generation = manifest->generation;
  }
  // Read the log to its end before taking over the manifest: a merge leaves out rows that died
  // after the manifest's state, and the records that say so are in the log by now.
  const auto outcome = follow_log(view_);
  if (outcome.status().code() == StatusCode::kCorruption) return false;
  OMEN_RETURN_IF_ERROR(outcome.status());
  if (*outcome == LogReader::Outcome::kLost) return false;
  if (!manifest) return true;
  // Build anew if the log ends before the manifest, or if a file cannot be opened. A file that was
  // merged away is not in the next manifest; damage is found again and reported.
  return view_.log->position() >= durable_mark(*manifest) && adopt(*manifest).ok();
}

// Loads the manifest that is in force, with the CURRENT that names it.
Result<Follower::InForce> Follower::load_manifest() {
  const std::string path = manifests_.current_path();
  for (int attempt = 0;; ++attempt) {
    auto file = env_->open_file(path);
    if (!file.ok() && file.status().code() != StatusCode::kNotFound) return file.status();
    auto manifest = manifests_.load();
    if (manifest.ok() && !*manifest) {
      return Status(StatusCode::kNotFound, "there is no database at \"" + path_ + "\"");
    }
    const bool last = attempt >= kMaxAttempts;
    if (file.ok()) {
      OMEN_ASSIGN_OR_RETURN(const bool in_force, (*file)->still_named());
      if (in_force && !manifest.ok()) return manifest.status();
      if ((in_force || last) && manifest.ok()) {
        return InForce{**std::move(manifest), *std::move(file)};
      }
    }
    if (last) return manifest.ok() ? file.status() : manifest.status();
  }
}

// Files are opened by their paths. Finds out whether those that were opened until now belong to the
// view's database.
// @error kCorruption if the path leads to another database, or to another state of this one.
Status Follower::check_same_database(const View& view) {
  OMEN_ASSIGN_OR_RETURN(const bool in_force, current_->still_named());
  if (in_force) return {};
  OMEN_ASSIGN_OR_RETURN(const InForce loaded, load_manifest());
  if (continues(loaded.manifest, view.opening_uuid, view.generation)) return {};
  return {StatusCode::kCorruption,
          "\"" + path_ + "\" was exchanged for another database while it was read"};
}

// Opens the database anew: the first time, when records were lost on the way, and when the path
// leads to another database.
Status Follower::build() {
  if (empty_default_ == nullptr) {
    OMEN_ASSIGN_OR_RETURN(empty_default_, open_core({.name = "default"}));
  }
  for (int attempt = 0;; ++attempt) {
    OMEN_ASSIGN_OR_RETURN(InForce loaded, load_manifest());
    current_ = std::move(loaded.current);
    auto view = view_of(loaded.manifest);
    if (view.ok()) {
      view_ = *std::move(view);
      show();
      settled_ = true;
      return {};
    }
    OMEN_ASSIGN_OR_RETURN(const bool in_force, current_->still_named());
    if (in_force || attempt >= kMaxAttempts) return view.status();
  }
}

Result<Follower::View> Follower::view_of(const storage::Manifest& manifest) {
  View view;
  view.opening_uuid = manifest.opening_uuid;
  view.generation = manifest.generation;
  OMEN_ASSIGN_OR_RETURN(
      view.replay, Replay::of(manifest, [this](const auto& state) { return open_core(state); }));
  view.log = log_->read(manifest.log.trimmed);
  OMEN_ASSIGN_OR_RETURN(const auto outcome, follow_log(view));
  if (outcome == LogReader::Outcome::kUpToDate) {
    storage::LogMark mark = manifest.log;
    mark.durable = durable_mark(manifest);
    OMEN_RETURN_IF_ERROR(view.log->check_end(mark));
    OMEN_RETURN_IF_ERROR(check_same_database(view));
    return view;
  }
  return Status(StatusCode::kCorruption, log_->describe() + " lacks records after number " +
                                             std::to_string(to_int(view.log->position())) +
                                             ", which no segment holds");
}

Result<std::shared_ptr<collection::CollectionCore>> Follower::open_core(
    const collection::CollectionState& state) {
  OMEN_ASSIGN_OR_RETURN(std::shared_ptr<Core> core, Core::open(*this, options_, state));
  core->follow();
  return core;
}

// Applies the records that are new, those of another database never.
Result<LogReader::Outcome> Follower::follow_log(View& view) {
  uint64_t checked = view.log->parts_opened();
  return view.log->read([&](const storage::LogRecord& record) OMEN_REQUIRES(mutex_) -> Status {
    if (view.log->parts_opened() != checked) {
      OMEN_RETURN_IF_ERROR(check_same_database(view));
      checked = view.log->parts_opened();
    }
    return view.replay.apply(record);
  });
}

// Every record that the manifest's segments hold was applied by now.
Status Follower::adopt(const storage::Manifest& manifest) {
  const auto& cores = view_.replay.collections();
  for (const storage::CollectionMeta& meta : manifest.collections) {
    const auto core = cores.find(meta.id);
    if (core == cores.end()) continue;  // dropped, by a record that the manifest is without
    if (meta_from_state(core->second->durable_state()) == meta) continue;
    OMEN_RETURN_IF_ERROR(core->second->adopt(state_from_meta(meta), [this]() OMEN_REQUIRES(mutex_) {
      return check_same_database(view_);
    }));
  }
  return {};
}

// Lets readers find the collections.
void Follower::show() {
  std::map<std::string, std::shared_ptr<Core>, std::less<>> by_name;
  for (const auto& [id, core] : view_.replay.collections()) {
    by_name.insert_or_assign(core->name(), core);
  }
  MutexLock lock(map_mutex_);
  by_name_ = std::move(by_name);
  default_ = empty_default_;
}

}  // namespace omendb::internal
