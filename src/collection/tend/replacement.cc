#include "collection/tend/replacement.h"

#include <algorithm>
#include <utility>

namespace omendb::collection {

std::vector<uint32_t> Replacement::died_since(
    size_t s, const std::shared_ptr<const segment::Tombstones>& dead) const {
  std::vector<uint32_t> result;
  if (dead == nullptr || dead == sources[s].dead) return result;
  for (const uint32_t slot : dead->slots()) {
    if (!segment::is_dead(sources[s].dead, slot)) result.push_back(written.new_slots[s][slot]);
  }
  return result;
}

std::optional<size_t> Replacement::source_of(const Part& part) const {
  for (size_t s = 0; s < sources.size(); ++s) {
    const bool same =
        memtable == nullptr ? part.segment == sources[s].rows : part.memtable == memtable;
    if (same) return s;
  }
  return std::nullopt;
}

std::shared_ptr<const Snapshot> Replacement::apply(const Snapshot& snapshot) const {
  auto result = std::make_shared<Snapshot>(snapshot);
  result->parts.clear();
  std::vector<uint32_t> dead;
  size_t place = snapshot.parts.size();
  for (const Part& part : snapshot.parts) {
    const auto source = source_of(part);
    if (!source) {
      result->parts.push_back(part);
      continue;
    }
    place = std::min(place, result->parts.size());
    const auto died = died_since(*source, part.dead);
    dead.insert(dead.end(), died.begin(), died.end());
  }
  if (written.segment == nullptr || place == snapshot.parts.size()) return result;
  Part part;
  part.segment = written.segment;
  part.rows = written.segment;
  part.dead = segment::Tombstones::with(nullptr, dead);
  part.segment_name = name;
  part.indexes = indexes;
  part.watermark = written.segment->rows();
  result->parts.insert(result->parts.begin() + static_cast<ptrdiff_t>(place), std::move(part));
  return result;
}

NewFiles::~NewFiles() {
  if (kept_) return;
  for (const std::string& name : segments_) store_.remove_segment(name);
  for (const std::string& name : tombstones_) store_.remove_tombstones(name);
  for (const std::string& name : indexes_) store_.remove_index(name);
}

}  // namespace omendb::collection
