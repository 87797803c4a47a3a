// repair(): copies the sound parts of a damaged database into a new one.
//
// It opens the damaged folder through an Env that keeps changes in memory. In that Env it removes
// files that cannot be opened from the manifest, and removes the log. Then it copies the rows of
// the segments, one by one where a file is damaged, and applies the whole records of the log to the
// copy.
#include <algorithm>
#include <map>
#include <new>
#include <numeric>
#include <tuple>
#include <utility>

#include "base/id_view.h"
#include "base/status_macros.h"
#include "collection/read/fetch.h"
#include "collection/write/operation.h"
#include "database/catalog.h"
#include "database/new_folder.h"
#include "database/untouched.h"
#include "omendb/check.h"
#include "storage/log/salvage.h"

namespace omendb::internal {

namespace {

using collection::CollectionCore;
using collection::RowAt;
using collection::Snapshot;
using storage::join;

constexpr size_t kRowsPerBatch = 1'024;
/// A sentence about lost points names at most this many of them.
constexpr size_t kNamedPoints = 20;

/// Gathers losses, so that a damaged page makes one sentence and not one for each point.
class Losses {
 public:
  explicit Losses(std::vector<std::string>& lost) : lost_(lost) {}

  void tell(std::string sentence) { lost_.push_back(std::move(sentence)); }
  /// `"file": <before>3 points<after>: 7, 8, 9`.
  /// @param point  its id, or its row where even that cannot be read.
  void add(const std::string& file, const std::string& before, const std::string& after,
           std::string point) {
    Group& group = groups_[{file, before, after}];
    if (group.named.size() < kNamedPoints) group.named.push_back(std::move(point));
    ++group.count;
  }
  void finish() {
    for (const auto& [key, group] : groups_) {
      const auto& [file, before, after] = key;
      std::string sentence = "\"" + file + "\": ";
      sentence += before + std::to_string(group.count) + (group.count == 1 ? " point" : " points");
      sentence += after + ": ";
      for (size_t i = 0; i < group.named.size(); ++i) {
        if (i > 0) sentence += ", ";
        sentence += group.named[i];
      }
      if (group.count > group.named.size()) sentence += ", …";
      lost_.push_back(std::move(sentence));
    }
  }

 private:
  struct Group {
    uint64_t count = 0;
    std::vector<std::string> named;
  };
  std::vector<std::string>& lost_;
  std::map<std::tuple<std::string, std::string, std::string>, Group> groups_;
};

// --- the segments --------------------------------------------------------------------------------

/// Opens the segments of a damaged database.
class Segments {
 public:
  Segments(const Untouched& folder, Losses& losses) : folder_(folder), losses_(losses) {}

  Result<std::shared_ptr<DatabaseImpl>> open(storage::Manifest manifest) {
    strike_unreadable(manifest);
    // The log goes, so the manifest must not name its files.
    manifest.log = {.trimmed = durable_mark(manifest), .epoch = manifest.log.epoch};
    OMEN_RETURN_IF_ERROR(remove_log());
    storage::ManifestStore store(folder_.env(), folder_.path());
    OMEN_RETURN_IF_ERROR(store.publish(manifest));
    return folder_.open();
  }

 private:
  void strike_unreadable(storage::Manifest& manifest) {
    segment::SegmentStore store(folder_.env(), folder_.segments());
    for (auto& meta : manifest.collections) {
      const auto state = state_from_meta(meta);
      std::erase_if(meta.segments, [&](storage::SegmentMeta& named) {
        const auto opened =
            store.open(named.name, state.fields, state.id_kind.value_or(IdKind::kU64));
        if (!opened.ok() || (*opened)->rows() != named.rows) {
          losses_.tell("collection \"" + meta.name + "\": a file of " + std::to_string(named.rows) +
                       " rows is lost: " +
                       (opened.ok() ? "it has other rows than the manifest says"
                                    : opened.status().message()));
          return true;
        }
        if (!has_tombstones(store, named)) {
          losses_.tell("collection \"" + meta.name + "\": which " +
                       std::to_string(named.dead_rows) + " rows of \"" + (*opened)->path() +
                       "\" were deleted is lost; those rows are back");
          named.tombstones.clear();
          named.dead_rows = 0;
        }
        return false;
      });
    }
  }

  static bool has_tombstones(segment::SegmentStore& store, const storage::SegmentMeta& named) {
    if (named.tombstones.empty()) return true;
    return store.read_tombstones(named.tombstones, static_cast<uint32_t>(named.rows)).ok();
  }

  Status remove_log() {
    const std::string folder = join(folder_.path(), kLogFolder);
    OMEN_ASSIGN_OR_RETURN(const bool there, folder_.env()->exists(folder));
    if (!there) return {};
    OMEN_ASSIGN_OR_RETURN(const auto names, folder_.env()->list(folder));
    for (const std::string& name : names) {
      OMEN_RETURN_IF_ERROR(folder_.env()->remove_file(join(folder, name)));
    }
    return {};
  }

  const Untouched& folder_;
  Losses& losses_;
};

// --- copying -------------------------------------------------------------------------------------

/// Copies one collection, point by point where need be.
class CollectionCopy {
 public:
  CollectionCopy(const Snapshot& from, CollectionCore& to, Losses& losses)
      : from_(from), to_(to), losses_(losses) {}

  Status run() {
    for (uint32_t p = 0; p < from_.parts.size(); ++p) {
      std::vector<RowAt> rows;
      for (uint32_t slot = 0; slot < from_.parts[p].watermark; ++slot) {
        if (!segment::is_dead(from_.parts[p].dead, slot)) rows.push_back({p, slot});
        if (rows.size() < kRowsPerBatch && slot + 1 < from_.parts[p].watermark) continue;
        OMEN_RETURN_IF_ERROR(copy(rows));
        rows.clear();
      }
    }
    return {};
  }

 private:
  /// Copies rows. If they cannot be read, copies each half of them, down to single points.
  Status copy(std::span<const RowAt> rows) {
    if (rows.empty()) return {};
    auto points = collection::fetch(from_, rows, {all_fields(), {"*"}});
    if (points.ok()) return write(*points);
    if (rows.size() == 1) return copy_partly(rows);
    OMEN_RETURN_IF_ERROR(copy(rows.first(rows.size() / 2)));
    return copy(rows.subspan(rows.size() / 2));
  }

  /// A point without the columns that cannot be read.
  Status copy_partly(std::span<const RowAt> row) {
    const collection::Part& part = from_.parts[row[0].part];
    const std::string file = part.segment == nullptr ? "memory" : part.segment->path();
    const auto id = part.rows->id(row[0].slot);
    if (!id.ok()) {
      losses_.add(file, "", " lost, as the ids cannot be read",
                  "row " + std::to_string(row[0].slot));
      return {};
    }
    auto points = collection::fetch(from_, row, {all_fields(), {}});
    if (!points.ok()) {
      losses_.add(file, "", " lost, as the vectors cannot be read", describe(*id));
      return {};
    }
    for (const auto& column : *from_.columns) {
      auto with_column = collection::fetch(from_, row, {.columns = {column.name}});
      if (with_column.ok()) {
        points->metadata.push_back(std::move(with_column->metadata[0]));
      } else {
        losses_.add(file, "column \"" + column.name + "\" of ", " lost", describe(*id));
      }
    }
    return write(*points);
  }

  std::vector<size_t> all_fields() const {
    std::vector<size_t> places(from_.fields->size());
    std::iota(places.begin(), places.end(), 0);
    return places;
  }

  Status write(const Points& points) {
    const size_t count = id_count(points.ids);
    WriteBatch batch{.metadata = points.metadata};
    std::vector<FieldVectors> fields;
    if (points.fields.empty()) {
      batch.vectors = {points.vectors.data(), count, from_.spec(0).dim, from_.spec(0).element};
    } else {
      for (const PointVectors& f : points.fields) {
        fields.push_back({f.field, {f.vectors.data(), count, f.dim, f.element}, f.present});
      }
      batch.fields = fields;
    }
    std::vector<std::string_view> strings;
    if (const auto* names = std::get_if<std::vector<std::string>>(&points.ids)) {
      strings.assign(names->begin(), names->end());
      batch.ids = std::span<const std::string_view>(strings);
    } else {
      batch.ids = std::span<const uint64_t>(std::get<std::vector<uint64_t>>(points.ids));
    }
    // If a list of dead rows was lost, an id may be there twice: the newer point counts.
    return to_.put(batch, CollectionCore::PutMode::kUpsert).status();
  }

  const Snapshot& from_;
  CollectionCore& to_;
  Losses& losses_;
};

Status copy_segments(DatabaseImpl& from, DatabaseImpl& to, Losses& losses) {
  for (const auto& core : from.cores()) {
    OMEN_ASSIGN_OR_RETURN(const auto snapshot, core->snapshot());
    OMEN_ASSIGN_OR_RETURN(const auto copy,
                          to.collection(core->name(), options_from_fields(*snapshot->fields)));
    OMEN_RETURN_IF_ERROR(CollectionCopy(*snapshot, *copy, losses).run());
  }
  return {};
}

/// Applies the operations of the log that are not in the segments.
class LogCopy {
 public:
  LogCopy(const storage::Manifest& manifest, DatabaseImpl& to, Losses& losses)
      : to_(to),
        losses_(losses),
        mark_(manifest.log),
        catalogue_(manifest.catalogue),
        next_id_(manifest.next_collection_id) {
    mark_.durable = durable_mark(manifest);
    for (const auto& meta : manifest.collections) known_[meta.id] = {meta.name, meta.flushed};
  }

  Status run(const Untouched& folder) {
    std::vector<std::string> gaps;
    const Status read = storage::salvage_log(
        *folder.env(), join(folder.path(), kLogFolder), mark_,
        [&](const storage::LogRecord& record) {
          const Status done = apply(record);
          if (!done.ok()) {
            losses_.tell("record " + std::to_string(to_int(record.position)) +
                         " of the log is lost: " + done.message());
          }
          return Status();
        },
        gaps);
    for (std::string& gap : gaps) losses_.tell(std::move(gap));
    return read.code() == StatusCode::kNotFound ? Status() : read;
  }

 private:
  struct Known {
    std::string name;
    Lsn flushed{};
  };

  Status apply(const storage::LogRecord& record) {
    collection::DecodedOperation decoded;
    OMEN_ASSIGN_OR_RETURN(const uint32_t id, collection::operation_collection(record.payload));
    if (collection::is_catalogue_operation(record.payload)) {
      if (record.position <= catalogue_) return {};
      OMEN_RETURN_IF_ERROR(collection::decode_operation(record.payload, decoded));
      if (const auto* create = std::get_if<collection::CreateOperation>(&decoded.operation)) {
        return this->create(*create);
      }
      return drop(id);
    }
    const auto known = known_.find(id);
    if (known == known_.end() && id >= next_id_) {
      return {StatusCode::kCorruption, "it is of collection number " + std::to_string(id) +
                                           ", and the record that creates that is lost"};
    }
    if (known == known_.end() || record.position <= known->second.flushed) return {};
    OMEN_RETURN_IF_ERROR(collection::decode_operation(record.payload, decoded));
    OMEN_ASSIGN_OR_RETURN(const auto core, to_.collection(known->second.name, std::nullopt));
    return write(*core, decoded.operation);
  }

  Status create(const collection::CreateOperation& create) {
    OMEN_RETURN_IF_ERROR(to_.collection(create.name, options_from_fields(create.fields)).status());
    known_[create.collection_id] = {std::string(create.name), Lsn{}};
    next_id_ = std::max(next_id_, create.collection_id + 1);
    return {};
  }

  Status drop(uint32_t id) {
    const auto known = known_.find(id);
    if (known == known_.end()) return {};
    const std::string name = known->second.name;
    known_.erase(known);
    return to_.drop_collection(name);
  }

  static Status write(CollectionCore& core, const collection::Operation& operation) {
    if (const auto* erase = std::get_if<collection::DeleteOperation>(&operation)) {
      return core.delete_ids(erase->ids).status();
    }
    if (const auto* alter = std::get_if<collection::AlterOperation>(&operation)) {
      return core.alter(alter->change);
    }
    const auto& put = std::get<collection::PutOperation>(operation);
    OMEN_ASSIGN_OR_RETURN(const auto now, core.snapshot());
    WriteBatch batch{.ids = put.ids, .metadata = put.columns};
    std::vector<FieldVectors> fields;
    std::vector<std::vector<uint8_t>> present(put.fields.size());
    OMEN_RETURN_IF_ERROR(name_fields(put, *now->fields, batch.vectors, fields, present));
    batch.fields = fields;
    std::vector<uint64_t> generated;
    if (std::holds_alternative<std::monostate>(put.ids)) {
      for (uint64_t i = 0; i < put.rows; ++i) generated.push_back(put.first_id + i);
      batch.ids = std::span<const uint64_t>(generated);
    }
    return core.put(batch, CollectionCore::PutMode::kUpsert).status();
  }

  /// Converts the fields of a put, which are known by their ids, to those of a batch.
  /// @param present  what `named` borrows from; one a field.
  static Status name_fields(const collection::PutOperation& put, const segment::Fields& known,
                            VectorsView& unnamed, std::vector<FieldVectors>& named,
                            std::vector<std::vector<uint8_t>>& present) {
    for (size_t f = 0; f < put.fields.size(); ++f) {
      const collection::PutField& field = put.fields[f];
      const auto found = std::ranges::find(known, field.id, &segment::Field::id);
      if (found == known.end()) {
        return {StatusCode::kCorruption,
                "its collection has no vector field " + std::to_string(to_int(field.id))};
      }
      if (found->name.empty()) {
        unnamed = field.vectors;
      } else {
        if (field.present != nullptr) {
          present[f].resize(put.rows);
          field.present->for_each_set([&](size_t row) { present[f][row] = 1; });
        }
        named.push_back({found->name, field.vectors, present[f]});
      }
    }
    return {};
  }

  DatabaseImpl& to_;
  Losses& losses_;
  storage::LogMark mark_;
  const Lsn catalogue_;
  uint32_t next_id_;
  std::map<uint32_t, Known> known_;
};

Status count_points(DatabaseImpl& database, RepairReport& report) {
  for (const auto& core : database.cores()) {
    OMEN_ASSIGN_OR_RETURN(const auto snapshot, core->snapshot());
    ++report.collections;
    report.points += snapshot->live;
  }
  return {};
}

/// The manifest in force; if that cannot be read, the newest one that can.
Result<storage::Manifest> find_manifest(const Untouched& folder, Losses& losses) {
  auto in_force = folder.manifest();
  if (in_force.ok() || in_force.status().code() != StatusCode::kCorruption) return in_force;
  storage::ManifestStore store(folder.env(), folder.path());
  OMEN_ASSIGN_OR_RETURN(auto older, store.newest_sound());
  if (!older) {
    return Status(StatusCode::kCorruption,
                  in_force.status().message() +
                      "; no other manifest is sound, and without one nothing says which "
                      "collections there are and which files are theirs: restore a snapshot");
  }
  losses.tell("which manifest is in force is lost: " + in_force.status().message() +
              "; the copy is of generation " + std::to_string(older->generation));
  return *std::move(older);
}

Result<RepairReport> repair(const std::string& path, const std::string& into) {
  OMEN_ASSIGN_OR_RETURN(const Untouched log_folder, Untouched::find(path));
  OMEN_ASSIGN_OR_RETURN(const Untouched segments_folder, Untouched::find(path));
  RepairReport report;
  Losses losses(report.lost);
  OMEN_ASSIGN_OR_RETURN(const storage::Manifest manifest, find_manifest(log_folder, losses));
  const auto env = storage::Env::posix();
  OMEN_ASSIGN_OR_RETURN(NewFolder target, NewFolder::create(env, into, log_folder.path()));
  {
    OMEN_ASSIGN_OR_RETURN(const auto damaged, Segments(segments_folder, losses).open(manifest));
    OMEN_ASSIGN_OR_RETURN(
        const auto whole,
        DatabaseImpl::open(target.staging(), {.durability = Durability::kNone}, env));
    OMEN_RETURN_IF_ERROR(copy_segments(*damaged, *whole, losses));
    OMEN_RETURN_IF_ERROR(LogCopy(manifest, *whole, losses).run(log_folder));
    OMEN_RETURN_IF_ERROR(count_points(*whole, report));
    OMEN_RETURN_IF_ERROR(whole->close());
  }
  OMEN_RETURN_IF_ERROR(target.publish());
  losses.finish();
  return report;
}

}  // namespace

}  // namespace omendb::internal

namespace omendb {

Result<RepairReport> repair(std::string_view path, std::string_view into) {
  try {
    return internal::repair(std::string(path), std::string(into));
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "out of memory");
  }
}

}  // namespace omendb
