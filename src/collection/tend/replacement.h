// A new segment replaces the memtable or the segments that it was written from.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collection/state.h"
#include "segment/segment_store.h"

namespace omendb::collection {

/// Replaces the parts that a segment was written from by the segment. The segment lacks the rows
/// that were dead in some state; the replacement works in every snapshot from that state on.
struct Replacement {
  /// The memtable that was sealed; null if segments were merged.
  std::shared_ptr<segment::Memtable> memtable;
  const std::vector<segment::WriteSource>& sources;
  const segment::WrittenSegment& written;
  const std::string& name;
  const std::shared_ptr<const segment::SegmentIndexes>& indexes;

  /// @return a snapshot of the same points, with the new segment.
  std::shared_ptr<const Snapshot> apply(const Snapshot& snapshot) const;
  /// @return the slots in the new segment of the rows of source `s` that are dead in `dead` and
  /// were
  ///         alive when the segment was written.
  std::vector<uint32_t> died_since(size_t s,
                                   const std::shared_ptr<const segment::Tombstones>& dead) const;

 private:
  std::optional<size_t> source_of(const Part& part) const;
};

/// Files that were written for a manifest to come. The destructor removes them, unless keep() was
/// called.
class NewFiles {
 public:
  explicit NewFiles(segment::SegmentStore& store) : store_(store) {}
  ~NewFiles();
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;

  void add_segment(const std::string& name) { segments_.push_back(name); }
  void add_tombstones(const std::string& name) { tombstones_.push_back(name); }
  void add_index(const std::string& name) { indexes_.push_back(name); }
  /// Call before publishing a manifest that names the files.
  void keep() { kept_ = true; }
  /// Call if that manifest was not written.
  void give_up() { kept_ = false; }

 private:
  segment::SegmentStore& store_;
  std::vector<std::string> segments_;
  std::vector<std::string> tombstones_;
  std::vector<std::string> indexes_;
  bool kept_ = false;
};

}  // namespace omendb::collection
