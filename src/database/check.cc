// check(): reads every file of a database, and compares the files with each other.
#include "omendb/check.h"

#include <algorithm>
#include <functional>
#include <new>
#include <optional>
#include <queue>
#include <set>

#include "base/id_view.h"
#include "base/status_macros.h"
#include "database/untouched.h"

namespace omendb::internal {

namespace {

using collection::CollectionCore;
using collection::Part;
using storage::join;

/// A row on its way through the merge of all segments by id.
struct Head {
  IdView id;
  const Part* part = nullptr;
  uint32_t slot = 0;
  bool operator>(const Head& other) const { return id > other.id; }
};

class Check {
 public:
  explicit Check(Untouched folder) : folder_(std::move(folder)) {}

  CheckReport run() {
    const auto manifest = folder_.manifest();
    if (!manifest.ok()) {
      problem(manifest.status());
      return std::move(report_);
    }
    report_.collections = manifest->collections.size();
    for (const auto& collection : manifest->collections) {
      for (const auto& segment : collection.segments) check_files(segment);
    }
    note_unnamed_files();
    const auto database = folder_.open();
    if (!database.ok()) {
      problem(database.status());
      return std::move(report_);
    }
    for (const std::string& note : (*database)->recovery_notes()) report_.notes.push_back(note);
    report_.collections = (*database)->cores().size();  // the log may create and drop some
    for (const auto& core : (*database)->cores()) check_collection(*core);
    return std::move(report_);
  }

 private:
  /// Reports a problem once: the check of the page and the check that needs the page both find it.
  void problem(const Status& status) {
    if (known_.insert(status.message()).second) report_.problems.push_back(status.message());
  }

  void check_files(const storage::SegmentMeta& segment) {
    using segment::SegmentStore;
    check_file(SegmentStore::segment_file(segment.name), segment::kSegmentFileKind);
    for (const auto& index : segment.indexes) {
      check_file(SegmentStore::index_file(index.name), segment::kIndexFileKind);
    }
    if (segment.tombstones.empty()) return;
    check_file(SegmentStore::tombstone_file(segment.tombstones), segment::kTombstoneFileKind);
  }

  void check_file(const std::string& name, uint32_t kind) {
    named_.insert(name);
    const auto file =
        storage::SectionFile::open(folder_.env(), join(folder_.segments(), name), kind);
    if (!file.ok()) return problem(file.status());
    ++report_.files;
    report_.bytes += (*file)->file_bytes();
    for (const Status& finding : (*file)->find_damage()) problem(finding);
  }

  void note_unnamed_files() {
    const auto names = folder_.env()->list(folder_.segments());
    if (!names.ok()) return problem(names.status());
    for (const std::string& name : *names) {
      if (named_.contains(name)) continue;
      report_.notes.push_back("\"" + join(folder_.segments(), name) +
                              "\": no manifest names it; the next opening removes it");
    }
  }

  void check_collection(const CollectionCore& core) {
    const auto snapshot = core.snapshot();
    if (!snapshot.ok()) return problem(snapshot.status());
    report_.points += (*snapshot)->live;
    for (const Part& part : (*snapshot)->parts) {
      for (const auto& column : *(*snapshot)->columns) check_column(part, column.id);
    }
    check_ids(core.name(), **snapshot);
    for (const Status& index : core.index_problems()) {
      // An index of a newer build is no problem, since this build cannot judge it; a note names it.
      if (index.code() != StatusCode::kUnsupportedVersion) problem(index);
    }
  }

  void check_column(const Part& part, ColumnId id) {
    const column::ColumnReader* reader = part.rows->columns().find(id);
    if (reader == nullptr) return;
    column::ColumnBatch batch;
    for (uint32_t first = 0; first < part.watermark; first += column::kBatchRows) {
      const Status read =
          reader->read(first, std::min(column::kBatchRows, part.watermark - first), batch);
      if (!read.ok()) return problem(read);
    }
  }

  /// Ids rise within a segment, and each is alive in one of them at most.
  void check_ids(const std::string& collection, const collection::Snapshot& snapshot) {
    std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
    const auto push = [&](const Part& part, uint32_t slot, const IdView* before) {
      if (slot == part.watermark) return;
      const auto id = part.rows->id(slot);
      if (!id.ok()) return problem(id.status());
      if (before != nullptr && !(*before < *id)) {
        return problem(
            {StatusCode::kCorruption, "\"" + part.segment->path() + "\": row " +
                                          std::to_string(slot) + " has id " + describe(*id) +
                                          ", which does not come after " + describe(*before)});
      }
      heads.push({*id, &part, slot});
    };
    for (const Part& part : snapshot.parts) {
      if (part.segment != nullptr) push(part, 0, nullptr);
    }
    std::optional<Head> alive;  // the last row alive
    while (!heads.empty()) {
      const Head head = heads.top();
      heads.pop();
      push(*head.part, head.slot + 1, &head.id);
      if (segment::is_dead(head.part->dead, head.slot)) continue;
      if (alive && alive->id == head.id) {
        problem({StatusCode::kCorruption, "collection \"" + collection + "\": id " +
                                              describe(head.id) + " is alive in \"" +
                                              alive->part->segment->path() + "\" and in \"" +
                                              head.part->segment->path() + "\""});
      }
      alive = head;
    }
  }

  Untouched folder_;
  CheckReport report_;
  std::set<std::string> named_;
  std::set<std::string> known_;
};

}  // namespace

}  // namespace omendb::internal

namespace omendb {

Result<CheckReport> check(std::string_view path) {
  try {
    OMEN_ASSIGN_OR_RETURN(auto folder, internal::Untouched::find(std::string(path)));
    return internal::Check(std::move(folder)).run();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "out of memory");
  }
}

}  // namespace omendb
