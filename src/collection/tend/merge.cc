// Merging: writes small segments into large ones, without their dead rows.
//
// The manifest describes the state after one operation, CollectionState::flushed: the segments, and
// which of their rows are dead by then. A merge begins from that state, not from the one that
// readers see: it leaves out the rows that are dead on the disk already. Rows that die while it
// runs, on the disk by a seal or in memory alone, are marked dead in the new segment when it is
// committed. So a merge waits for no writer and no seal, and every snapshot that it is installed in
// is at least as new as the state that it began from.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "collection/collection_core.h"
#include "collection/tend/replacement.h"
#include "segment/live_rows.h"

namespace omendb::collection {

using segment::WriteSource;
using segment::WrittenSegment;

namespace {

/// Segments of up to this many live rows are of the lowest size class; each class above spans a
/// factor of kMergeFanIn.
constexpr uint64_t kSmallSegmentRows = 32'768;
constexpr size_t kMergeFanIn = 4;
/// Merging larger segments would take minutes and gain little in search.
constexpr uint64_t kMaxMergedRows = 16'000'000;
/// A segment with a larger share of dead rows is written anew.
constexpr double kMaxDeadShare = 0.3;
/// Merges of more vectors than this take long enough to have a lane of their own.
constexpr uint64_t kLongMergeBytes = uint64_t{256} << 20;

int size_class(uint64_t rows) {
  int result = 0;
  for (uint64_t limit = kSmallSegmentRows; rows > limit; limit *= kMergeFanIn) ++result;
  return result;
}

using Names = std::vector<std::string>;

/// Groups of segments that are worth merging, in the order in which to merge them.
std::vector<Names> worthwhile_merges(std::span<const SegmentState> segments, uint64_t max_rows) {
  std::vector<Names> merges;
  std::vector<std::vector<const SegmentState*>> classes;
  for (const SegmentState& segment : segments) {
    const uint64_t live = segment.rows - segment.dead_rows;
    if (static_cast<double>(segment.dead_rows) >
        kMaxDeadShare * static_cast<double>(segment.rows)) {
      if (live <= max_rows) merges.push_back({segment.name});
      continue;
    }
    const auto size = static_cast<size_t>(size_class(live));
    if (classes.size() <= size) classes.resize(size + 1);
    classes[size].push_back(&segment);
  }
  for (const auto& same : classes) {
    Names names;
    uint64_t rows = 0;
    for (const SegmentState* segment : same) {
      if (rows + segment->rows > max_rows) continue;
      rows += segment->rows;
      names.push_back(segment->name);
    }
    if (names.size() >= kMergeFanIn) merges.push_back(std::move(names));
  }
  return merges;
}

/// Groups of neighbouring segments that together have at most `max_rows` live rows. A single
/// segment without dead rows makes no group: it can stay as it is.
std::vector<Names> full_merges(std::span<const SegmentState> segments, uint64_t max_rows) {
  std::vector<Names> groups;
  Names names;
  uint64_t live = 0;
  bool any_dead = false;
  const auto finish_group = [&] {
    if (names.size() > 1 || any_dead) groups.push_back(std::move(names));
    names.clear();
    live = 0;
    any_dead = false;
  };
  for (const SegmentState& segment : segments) {
    const uint64_t rows = segment.rows - segment.dead_rows;
    if (!names.empty() && live + rows > max_rows) finish_group();
    names.push_back(segment.name);
    live += rows;
    any_dead = any_dead || segment.dead_rows > 0;
  }
  finish_group();
  return groups;
}

}  // namespace

/// Rows that a merge may have for its share of memory.
uint64_t CollectionCore::max_merged_rows(const column::Schema& columns) const {
  return options_.max_build_bytes / 2 / segment::write_bytes_per_row(columns);
}

/// The segments that the next merge of the lane should be of; none if it has nothing to do.
std::vector<std::string> CollectionCore::choose_merge(MergeLane lane) const {
  CollectionState state = durable_state();
  const std::set<std::string> taken = jobs_.taken_segments();
  std::erase_if(state.segments, [&](const SegmentState& s) { return taken.contains(s.name); });
  const uint64_t max_rows = std::min(max_merged_rows(state.columns), kMaxMergedRows);
  for (Names& names : worthwhile_merges(state.segments, max_rows)) {
    uint64_t rows = 0;
    for (const SegmentState& s : state.segments) {
      if (std::ranges::count(names, s.name) > 0) rows += s.rows - s.dead_rows;
    }
    const bool is_long = rows * segment::row_bytes(state.fields) > kLongMergeBytes;
    if (lane == MergeLane::kEither || is_long == (lane == MergeLane::kLong)) return names;
  }
  return {};
}

std::unique_ptr<Jobs::Running> CollectionCore::begin_merge(MergeLane lane) {
  const MutexLock lock(commit_mutex_);
  Names names = choose_merge(lane);
  if (names.empty()) return nullptr;
  return jobs_.begin(JobKind::kMerge, Jobs::By::kBackground, std::move(names));
}

Result<bool> CollectionCore::merge_next(MergeLane lane) {
  if (closed_ || dropped_ || !publication_.log_error().ok()) return false;
  const auto job = begin_merge(lane);
  if (job == nullptr) {
    host_.wake(Work::kIndex, name_);  // which waits for merges
    return false;
  }
  const Status merged = merge(*job);
  if (merged.code() == StatusCode::kCancelled) return false;
  jobs_.report(merged);
  if (!merged.ok()) return merged;
  return true;
}

Status CollectionCore::merge(Jobs::Running& job) {
  std::vector<WriteSource> sources;
  CollectionState at;
  {
    const MutexLock lock(commit_mutex_);
    at = durable_state();
    for (const std::string& name : job.segments) {
      const DurablePart& part = durable_parts_.at(name);
      sources.push_back({part.segment, part.dead});
    }
  }
  const uint64_t rows = segment::count_live_rows(sources);
  if (rows > max_merged_rows(at.columns)) {
    return {StatusCode::kLimitExceeded,
            "collection \"" + name_ + "\": a segment of " + std::to_string(rows) +
                " points is too large to be written anew with max_build_bytes = " +
                std::to_string(options_.max_build_bytes)};
  }
  const std::string name = host_.new_file_name();
  NewFiles files(host_.segments());
  files.add_segment(name);
  OMEN_ASSIGN_OR_RETURN(const WrittenSegment written,
                        host_.segments().write(name, at.fields, *at.id_kind, at.columns, sources,
                                               write_options(job, at.fields, sources)));
  OMEN_ASSIGN_OR_RETURN(const auto indexes, write_indexes(written, at.fields, job, files));
  return commit_merge(job, {nullptr, sources, written, name, indexes}, files);
}

Status CollectionCore::commit_merge(const Jobs::Running& job, const Replacement& replacement,
                                    NewFiles& files) {
  const MutexLock commit_lock(commit_mutex_);
  OMEN_RETURN_IF_ERROR(publication_.log_error());
  // Rows that a seal has made dead on the disk since the merge began.
  std::vector<uint32_t> died;
  for (size_t s = 0; s < job.segments.size(); ++s) {
    const auto some = replacement.died_since(s, durable_parts_.at(job.segments[s]).dead);
    died.insert(died.end(), some.begin(), some.end());
  }
  const auto dead = segment::Tombstones::with(nullptr, died);
  CollectionState state = durable_state();
  DurableParts parts = durable_parts_;
  Superseded old;
  std::erase_if(state.segments, [&](const SegmentState& segment) {
    if (std::ranges::count(job.segments, segment.name) == 0) return false;
    old.segments.push_back(segment.name);
    if (!segment.tombstones.empty()) old.tombstones.push_back(segment.tombstones);
    for (const storage::IndexMeta& index : segment.indexes) old.indexes.push_back(index.name);
    return true;
  });
  for (const std::string& name : job.segments) parts.erase(name);
  add_segment(replacement, dead, state, parts);
  if (dead != nullptr) {
    OMEN_RETURN_IF_ERROR(write_tombstones(dead, state.segments.back(), files));
  }
  OMEN_RETURN_IF_ERROR(publish_state(std::move(state), std::move(parts), files));
  or_fail([&]() OMEN_REQUIRES(commit_mutex_) { install(replacement, /*sealed=*/false); });
  host_.discard(old);
  return {};
}

Status CollectionCore::merge_all() {
  const CollectionState state = durable_state();
  const uint64_t limit = max_merged_rows(state.columns);
  for (Names& names : full_merges(state.segments, std::min(options_.max_segment_rows, limit))) {
    const auto job = jobs_.begin(JobKind::kMerge, Jobs::By::kCaller, std::move(names));
    const Status merged = job == nullptr ? Status(StatusCode::kCancelled, "stopped") : merge(*job);
    if (merged.code() != StatusCode::kCancelled) {
      OMEN_RETURN_IF_ERROR(merged);
      continue;
    }
    OMEN_RETURN_IF_ERROR(check_open());
    return {StatusCode::kClosed, "the database was closed"};
  }
  return {};
}

Status CollectionCore::compact() {
  OMEN_RETURN_IF_ERROR(check_open());
  const MutexLock one_at_a_time(compact_mutex_);
  {
    const MutexLock lock(seal_mutex_);
    OMEN_RETURN_IF_ERROR(check_open());
    freeze();
    OMEN_RETURN_IF_ERROR(seal_all());
  }
  Status merged;
  {
    const Jobs::Alone alone(jobs_);  // cancels merges of the background: all is merged here
    merged = merge_all();
  }
  host_.wake(Work::kMerge, name_);  // segments may have been sealed during the call
  return merged;
}

}  // namespace omendb::collection
