// How a new segment takes the place of what it was written from.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collection/state.h"
#include "segment/segment_store.h"

namespace omendb::collection {

/// Replaces the parts that a segment was written from by the segment, in any snapshot that is at
/// least as new as the state whose dead rows the segment lacks.
struct Replacement {
  /// The memtable that was sealed; null if segments were merged.
  std::shared_ptr<segment::Memtable> memtable;
  const std::vector<segment::WriteSource>& sources;
  const segment::WrittenSegment& written;
  const std::string& name;

  /// The same points from other parts.
  std::shared_ptr<const Snapshot> apply(const Snapshot& snapshot) const;
  /// Slots in the new segment of rows of source `s` that are dead in `dead` and were not yet when
  /// the segment was written.
  std::vector<uint32_t> died_since(size_t s,
                                   const std::shared_ptr<const segment::Tombstones>& dead) const;

 private:
  std::optional<size_t> source_of(const Part& part) const;
};

/// Files written for a manifest that is still to come; gone again unless it may be in force.
class NewFiles {
 public:
  explicit NewFiles(segment::SegmentStore& store) : store_(store) {}
  ~NewFiles();
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;

  void add_segment(const std::string& name) { segments_.push_back(name); }
  void add_tombstones(const std::string& name) { tombstones_.push_back(name); }
  /// A manifest that names them may be in force from now on.
  void keep() { kept_ = true; }
  /// It turned out that none was written.
  void give_up() { kept_ = false; }

 private:
  segment::SegmentStore& store_;
  std::vector<std::string> segments_;
  std::vector<std::string> tombstones_;
  bool kept_ = false;
};

}  // namespace omendb::collection
