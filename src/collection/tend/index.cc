// Indexing: the indexes of a segment are files beside the segment.
//
// Seals and merges write the indexes that a new segment should have, and one manifest names the
// segment and them. To build, replace or drop an index of an existing segment, a manifest is
// published in which nothing else changes. The segment's file stays, and running searches go on
// with the indexes of their snapshot.
#include <algorithm>
#include <bit>
#include <utility>

#include "base/status_macros.h"
#include "collection/collection_core.h"
#include "collection/tend/replacement.h"
#include "segment/live_rows.h"

namespace omendb::collection {

using segment::IndexKind;
using segment::NamedIndex;
using segment::SegmentIndexes;

namespace {

bool is_of(const storage::IndexMeta& meta, const IndexOf& index) {
  return meta.field == index.field && meta.kind == static_cast<uint8_t>(index.kind) &&
         meta.version == segment::index_version(index.kind);
}

/// A segment of so many rows is merged so seldom that its partitions do not wait for merges.
constexpr uint64_t kSettledRows = 500'000;

Status no_segment(const std::string& collection, const std::string& segment) {
  return {StatusCode::kNotFound,
          "collection \"" + collection + "\" has no segment \"" + segment + "\" any more"};
}

/// How many times faster searches by a graph are, for ten rows at the recall that is asked for by
/// default, by the calibrations of both.
double speedup(const segment::SealedIndex& graph, const segment::SealedIndex& partitions,
               uint32_t rows) {
  constexpr size_t kNearest = 10;
  constexpr double kMisses = 0.05;
  const index::Scope all{0, 0, rows, nullptr, rows};
  const auto looked_at = [&](const index::PartIndex& index) {
    return index.rows_looked_at(all, kNearest, 1 - index.share_of_misses() * kMisses);
  };
  return looked_at(partitions.searcher()) / looked_at(graph.searcher());
}

}  // namespace

bool CollectionCore::should_have_codes(const segment::Field& field, uint64_t vectors) const {
  return segment::codes_pay(field.spec, vectors, options_.least_coded_vectors);
}

void CollectionCore::note_queries(uint64_t queries) const {
  // Whether that is enough for a graph is looked at whenever the number has doubled.
  const uint64_t before = queries_.fetch_add(queries, std::memory_order_relaxed);
  const uint64_t after = before + queries;
  if (after < options_.least_graph_vectors) return;
  if (std::bit_width(before) != std::bit_width(after)) host_.wake(Work::kIndex, name_);
}

/// A graph takes the time of some ten searches a row, on one core, and makes a search faster by a
/// half. Where so much is searched it will soon have paid; and after optimize(), one expects it to.
bool CollectionCore::graphs_pay(const segment::Field& field, uint64_t vectors) const {
  constexpr uint64_t kQueriesARow = 2;
  return segment::partitions_pay(field.spec, vectors, options_.least_graph_vectors) &&
         segment::graph_build_bytes(field.spec, vectors) <= options_.max_build_bytes &&
         (optimizing_ > 0 || queries_ >= kQueriesARow * vectors);
}

std::vector<IndexKind> CollectionCore::wanted_kinds(const segment::Field& field,
                                                    uint64_t vectors) const {
  std::vector<IndexKind> kinds;
  if (should_have_codes(field, vectors)) kinds.push_back(IndexKind::kCoded);
  if (segment::partitions_pay(field.spec, vectors, options_.least_partitioned_vectors) &&
      segment::partition_build_bytes(field.spec, vectors) <= options_.max_build_bytes) {
    kinds.push_back(IndexKind::kPartition);
    if (graphs_pay(field, vectors)) kinds.push_back(IndexKind::kGraph);
  }
  return kinds;
}

segment::WriteOptions CollectionCore::write_options(
    Jobs::Running& job, const segment::Fields& fields,
    std::span<const segment::WriteSource> sources) const {
  const uint64_t rows = segment::count_live_rows(sources);
  const auto coded = std::ranges::count_if(
      fields, [&](const segment::Field& field) { return should_have_codes(field, rows); });
  return {.control = &job.control, .passes_to_follow = static_cast<uint64_t>(coded)};
}

/// Writes the indexes that a segment should have from the start.
Result<std::shared_ptr<const SegmentIndexes>> CollectionCore::write_indexes(
    const segment::WrittenSegment& written, const segment::Fields& fields, Jobs::Running& job,
    NewFiles& files) {
  std::vector<NamedIndex> all;
  for (size_t f = 0; written.segment != nullptr && f < fields.size(); ++f) {
    if (!should_have_codes(fields[f], segment::count_vectors(written.segment->field(f)))) continue;
    const std::string name = host_.new_file_name();
    files.add_index(name);
    OMEN_ASSIGN_OR_RETURN(all.emplace_back(), host_.segments().write_index(
                                                  name, IndexKind::kCoded,
                                                  {*written.segment, fields[f], f}, job.control));
  }
  return std::shared_ptr<const SegmentIndexes>(std::make_shared<SegmentIndexes>(std::move(all)));
}

// --- of segments that are there ------------------------------------------------------------------

/// Whether segments are about to be merged: partitions of theirs would soon be thrown away.
bool CollectionCore::unsettled() const {
  return waiting_seals() > 0 || jobs_.any_that_makes_segments() ||
         !choose_merge(MergeLane::kEither).empty();
}

/// An index that a segment should have and lacks, or that cannot be used; none if all have theirs,
/// or if it is better built later.
std::optional<IndexOf> CollectionCore::choose_index() const {
  const CollectionState state = durable_state();
  const bool later = unsettled();
  const std::set<std::string> taken = jobs_.taken_segments();
  for (const SegmentState& named : state.segments) {
    if (taken.contains(named.name) || not_indexable_.contains(named.name)) continue;
    const DurablePart& part = durable_parts_.at(named.name);
    for (size_t f = 0; f < state.fields.size(); ++f) {
      const segment::Field& field = state.fields[f];
      const uint64_t vectors = segment::count_vectors(part.segment->field(f));
      for (const IndexKind kind : wanted_kinds(field, vectors)) {
        if (part.indexes->usable(field.id, kind) != nullptr) continue;
        if (kind != IndexKind::kCoded && later && named.rows < kSettledRows) continue;
        if (kind == IndexKind::kGraph && without_graph_.contains(named.name)) continue;
        return IndexOf{named.name, field.id, kind};
      }
    }
  }
  return std::nullopt;
}

std::unique_ptr<Jobs::Running> CollectionCore::begin_index(std::optional<IndexOf>& wanted) {
  const MutexLock lock(commit_mutex_);
  wanted = choose_index();
  if (!wanted) return nullptr;
  return jobs_.begin(JobKind::kIndex, Jobs::By::kBackground, {wanted->segment});
}

Result<bool> CollectionCore::index_next() {
  if (closed_ || dropped_ || !publication_.log_error().ok()) return false;
  Status built;
  {
    std::optional<IndexOf> wanted;
    const auto job = begin_index(wanted);
    if (job == nullptr) return false;
    built = build(*wanted, *job, true);
    // Of a damaged segment, or of rows that have no such index; searches do without.
    const bool never = built.code() == StatusCode::kInvalidArgument;
    if (never || built.code() == StatusCode::kCorruption) {
      const MutexLock lock(commit_mutex_);
      (wanted->kind == IndexKind::kGraph ? without_graph_ : not_indexable_).insert(wanted->segment);
      if (never) built = {};
    }
  }
  host_.wake(Work::kMerge, name_);  // merges left the segment alone during the build
  if (built.code() == StatusCode::kCancelled) return false;
  jobs_.report(built);
  if (!built.ok()) return built;
  return true;
}

Status CollectionCore::build_index(const IndexOf& wanted) {
  OMEN_RETURN_IF_ERROR(check_open());
  const auto job = jobs_.begin(JobKind::kIndex, Jobs::By::kCaller, {wanted.segment});
  if (job == nullptr) return {StatusCode::kClosed, "the database was closed"};
  return build(wanted, *job, false);
}

Status CollectionCore::build(const IndexOf& wanted, Jobs::Running& job, bool must_pay) {
  segment::Fields fields;
  std::shared_ptr<const segment::Segment> segment;
  std::shared_ptr<const SegmentIndexes> others;
  {
    const MutexLock lock(commit_mutex_);
    const auto part = durable_parts_.find(wanted.segment);
    if (part == durable_parts_.end()) return no_segment(name_, wanted.segment);
    segment = part->second.segment;
    others = part->second.indexes;
    fields = durable_state().fields;
  }
  const auto field = std::ranges::find(fields, wanted.field, &segment::Field::id);
  if (field == fields.end() || !field->spec.coded()) {
    return {StatusCode::kInvalidArgument, "collection \"" + name_ + "\" has no vector field " +
                                              std::to_string(to_int(wanted.field)) +
                                              " of which there could be such an index"};
  }
  segment::IndexedRows rows{*segment, *field, static_cast<size_t>(field - fields.begin())};
  const NamedIndex* const partitions = others->usable(field->id, IndexKind::kPartition);
  if (partitions != nullptr) rows.cells = partitions->opened->cells();
  const bool builds_partitions = wanted.kind == IndexKind::kGraph && rows.cells == nullptr;
  job.control.begin(segment->rows(), builds_partitions ? 2 : 1);
  const std::string name = host_.new_file_name();
  NewFiles files(host_.segments());
  files.add_index(name);
  OMEN_ASSIGN_OR_RETURN(const NamedIndex built,
                        host_.segments().write_index(name, wanted.kind, rows, job.control));
  if (must_pay && wanted.kind == IndexKind::kGraph && partitions != nullptr &&
      speedup(*built.opened, *partitions->opened, segment->rows()) < options_.least_graph_speedup) {
    return {StatusCode::kInvalidArgument,
            "a graph of segment \"" + wanted.segment + "\" would be no faster than its partitions"};
  }
  return commit_index(wanted, &built, files);
}

Status CollectionCore::drop_index(const IndexOf& unwanted) {
  OMEN_RETURN_IF_ERROR(check_open());
  const auto job = jobs_.begin(JobKind::kIndex, Jobs::By::kCaller, {unwanted.segment});
  if (job == nullptr) return {StatusCode::kClosed, "the database was closed"};
  NewFiles none(host_.segments());
  return commit_index(unwanted, nullptr, none);
}

/// @param built  null: the index is dropped.
Status CollectionCore::commit_index(const IndexOf& of, const NamedIndex* built, NewFiles& files) {
  const MutexLock commit_lock(commit_mutex_);
  OMEN_RETURN_IF_ERROR(publication_.log_error());
  CollectionState state = durable_state();
  const auto named = std::ranges::find(state.segments, of.segment, &SegmentState::name);
  if (named == state.segments.end()) return no_segment(name_, of.segment);  // merged meanwhile
  Superseded old;
  std::erase_if(named->indexes, [&](const storage::IndexMeta& meta) {
    if (!is_of(meta, of)) return false;
    old.indexes.push_back(meta.name);
    return true;
  });
  if (built == nullptr && old.indexes.empty()) {
    return {StatusCode::kNotFound,
            "segment \"" + of.segment + "\" of collection \"" + name_ + "\" has no such index"};
  }
  DurableParts parts = durable_parts_;
  DurablePart& part = parts.at(of.segment);
  std::vector<NamedIndex> all;
  std::ranges::copy_if(part.indexes->all(), std::back_inserter(all),
                       [&](const NamedIndex& index) { return !is_of(index.meta, of); });
  if (built != nullptr) {
    named->indexes.push_back(built->meta);
    all.push_back(*built);
  }
  const auto indexes = std::make_shared<const SegmentIndexes>(std::move(all));
  part.indexes = indexes;
  OMEN_RETURN_IF_ERROR(publish_state(std::move(state), std::move(parts), files));
  or_fail([&]() OMEN_REQUIRES(commit_mutex_) { install_indexes(of.segment, indexes); });
  host_.discard(old);
  return {};
}

std::vector<Status> CollectionCore::index_problems() const {
  std::vector<Status> problems;
  for (const Part& part : publication_.current()->parts) {
    if (part.indexes == nullptr) continue;
    for (const NamedIndex& index : part.indexes->all()) {
      if (!index.problem.ok()) problems.push_back(index.problem);
    }
  }
  return problems;
}

}  // namespace omendb::collection
