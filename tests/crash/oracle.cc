#include "oracle.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace omendb::crash {

namespace {

constexpr uint32_t kFirstBatchWithLabel = 4;

Status wrong(std::string what) {
  return {StatusCode::kInternal, std::move(what)};
}

std::string label_of(uint64_t id, uint32_t batch) {
  return "point " + std::to_string(id) + " of batch " + std::to_string(batch);
}

uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

const Column* find_column(const std::vector<Column>& columns, const char* name) {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

Status check_search(const Collection& collection, const State& state, size_t dim) {
  constexpr size_t kK = 12;
  const auto query = vector_of(424'242, 7, dim);
  std::vector<std::pair<double, uint64_t>> expected;
  for (const auto& [id, batch] : state) {
    const auto row = vector_of(id, batch, dim);
    double sum = 0;
    for (size_t i = 0; i < dim; ++i) sum += (row[i] - query[i]) * (row[i] - query[i]);
    expected.emplace_back(sum, id);
  }
  std::sort(expected.begin(), expected.end());
  expected.resize(std::min(expected.size(), kK));
  const auto found = collection.search({query.data(), 1, dim}, {.k = kK, .exact = true});
  if (!found.ok()) return found.status();
  const auto& ids = std::get<std::vector<uint64_t>>(found->points.ids);
  if (ids.size() != expected.size()) return wrong("search found " + std::to_string(ids.size()));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] != expected[i].second || found->distances[i] != expected[i].first) {
      return wrong("hit " + std::to_string(i) + " is id " + std::to_string(ids[i]) +
                   "; brute force says " + std::to_string(expected[i].second));
    }
  }
  return {};
}

/// get() of every id and of some that are not there.
Status check_get(const Collection& collection, const State& state, size_t dim) {
  std::vector<uint64_t> ids;
  for (const auto& [id, batch] : state) ids.push_back(id);
  const size_t there = ids.size();
  for (uint64_t id = 0; id < 400; ++id) {
    if (!state.contains(id)) ids.push_back(id);
  }
  const auto got = collection.get(std::span<const uint64_t>(ids));
  if (!got.ok()) return got.status();
  for (size_t i = 0; i < ids.size(); ++i) {
    if ((got->found[i] != 0) != (i < there)) {
      return wrong("get() and scan() disagree on id " + std::to_string(ids[i]));
    }
  }
  State again;
  if (Status read = read_points(got->points, dim, again); !read.ok()) return read;
  return again == state ? Status() : wrong("get() and scan() disagree on values");
}

}  // namespace

std::vector<float> vector_of(uint64_t id, uint32_t batch, size_t dim) {
  std::vector<float> values(dim);
  uint64_t bits = 0;
  for (size_t i = 0; i < dim; ++i) {
    if (i % 8 == 0) bits = mix(id * 0x10001 + batch * 0x1000003ULL + i);
    values[i] = static_cast<float>(static_cast<int>(bits % 19) - 9);
    bits >>= 8;
  }
  return values;
}

std::vector<Column> metadata_of(const std::vector<uint64_t>& ids, uint32_t batch) {
  std::vector<Column> columns(1);
  columns[0].name = "batch";
  columns[0].type = ColumnType::kI64;
  columns[0].ints.assign(ids.size(), batch);
  if (batch < kFirstBatchWithLabel) return columns;
  Column& labels = columns.emplace_back();
  labels.name = "label";
  labels.type = ColumnType::kString;
  labels.string_offsets.push_back(0);
  for (const uint64_t id : ids) {
    labels.bytes += label_of(id, batch);
    labels.string_offsets.push_back(labels.bytes.size());
  }
  return columns;
}

Status read_points(const Points& points, size_t dim, State& state) {
  const auto& ids = std::get<std::vector<uint64_t>>(points.ids);
  if (ids.empty()) return {};
  const Column* batches = find_column(points.metadata, "batch");
  const Column* labels = find_column(points.metadata, "label");
  if (batches == nullptr) return wrong("column \"batch\" is missing");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!batches->is_valid(i)) return wrong("id " + std::to_string(ids[i]) + " has no batch");
    const auto batch = static_cast<uint32_t>(batches->ints[i]);
    const std::string name = label_of(ids[i], batch);
    if (!state.emplace(ids[i], batch).second) return wrong(name + " is there twice");
    const auto expected = vector_of(ids[i], batch, dim);
    if (points.vectors.size() < (i + 1) * dim * sizeof(float) ||
        std::memcmp(points.vectors.data() + i * dim * sizeof(float), expected.data(),
                    dim * sizeof(float)) != 0) {
      return wrong(name + " has another vector");
    }
    const bool labelled = labels != nullptr && labels->is_valid(i);
    if (labelled != (batch >= kFirstBatchWithLabel)) return wrong(name + " lost its label");
    if (labelled && labels->string_at(i) != name) return wrong(name + " has another label");
  }
  return {};
}

Status write_batch(Collection& collection, const std::vector<uint64_t>& ids, uint32_t batch,
                   size_t dim, Put put) {
  std::vector<float> vectors;
  vectors.reserve(ids.size() * dim);
  for (const uint64_t id : ids) {
    const auto row = vector_of(id, batch, dim);
    vectors.insert(vectors.end(), row.begin(), row.end());
  }
  const auto metadata = metadata_of(ids, batch);
  WriteBatch write{.vectors = {vectors.data(), ids.size(), dim}, .ids = {}, .metadata = metadata};
  if (put == Put::kUpdate) {
    return collection
        .update_ids(std::span<const uint64_t>(ids),
                    {.metadata = metadata, .vectors = write.vectors, .all_must_exist = false})
        .status();
  }
  if (put != Put::kAddGenerated) write.ids = std::span<const uint64_t>(ids);
  const auto written = put == Put::kUpsert ? collection.upsert(write) : collection.add(write);
  if (!written.ok()) return written.status();
  if (std::get<std::vector<uint64_t>>(*written) == ids) return {};
  return wrong("ids from " + std::to_string(ids.front()) + " were expected; got from " +
               std::to_string(std::get<std::vector<uint64_t>>(*written).front()));
}

Result<State> read_state(Collection& collection, size_t dim) {
  State state;
  auto scan = collection.scan({.batch_size = 37});
  if (!scan.ok()) return scan.status();
  while (true) {
    const auto points = scan->next();
    if (!points.ok()) return points.status();
    if (id_count(points->ids) == 0) break;
    if (Status read = read_points(*points, dim, state); !read.ok()) return read;
  }
  const auto count = collection.count();
  if (!count.ok()) return count.status();
  if (*count != state.size()) {
    return wrong("count() is " + std::to_string(*count) + "; scan() found " +
                 std::to_string(state.size()));
  }
  if (Status got = check_get(collection, state, dim); !got.ok()) return got;
  if (Status found = check_search(collection, state, dim); !found.ok()) return found;
  return state;
}

std::string describe(const State& state) {
  std::map<uint32_t, size_t> batches;
  for (const auto& [id, batch] : state) ++batches[batch];
  std::string text = std::to_string(state.size()) + " points {";
  for (const auto& [batch, rows] : batches) {
    text += " " + std::to_string(batch) + "x" + std::to_string(rows);
  }
  return text + " }";
}

// --- History -----------------------------------------------------------------------------------

void History::issue(const std::string& name, Candidate candidate) {
  auto& candidates = candidates_[name];
  if (candidates.empty()) candidates.push_back({});
  candidates.push_back(std::move(candidate));
}

void History::issue(const std::string& name, State after) {
  issue(name, Candidate{++operation_, std::move(after)});
}

void History::issue_create(const std::string& name) {
  issue(name, Candidate{++operation_, State{}});
}

void History::issue_drop(const std::string& name) {
  issue(name, Candidate{++operation_, std::nullopt});
}

void History::acknowledge(const std::string& name) {
  if (durable_) return acknowledge_durable(name);
  candidates_[name].back().acknowledged = true;
  visible_[name] = candidates_[name].back().state;
}

void History::acknowledge_durable(const std::string& name) {
  auto& candidates = candidates_[name];
  visible_[name] = candidates.back().state;
  candidates.erase(candidates.begin(), candidates.end() - 1);
}

// What failed after the last acknowledged operation may or may not have happened, as before.
void History::flushed() {
  for (auto& [name, candidates] : candidates_) {
    const auto last = std::find_if(candidates.rbegin(), candidates.rend(),
                                   [](const Candidate& one) { return one.acknowledged; });
    if (last != candidates.rend()) candidates.erase(candidates.begin(), last.base() - 1);
  }
}

bool History::fits(uint64_t operation, const std::map<std::string, State>& recovered) const {
  for (const auto& [name, candidates] : candidates_) {
    const auto found = recovered.find(name);
    const auto is = [&](const Candidate& candidate) {
      return found == recovered.end() ? !candidate.state : candidate.state == found->second;
    };
    const Candidate* at = &candidates.front();
    for (const Candidate& candidate : candidates) {
      if (candidate.operation <= operation) at = &candidate;
    }
    if (!is(*at)) return false;
  }
  return true;
}

std::string History::explain(const std::map<std::string, State>& recovered) const {
  for (const auto& [name, state] : recovered) {
    if (!candidates_.contains(name)) return "collection \"" + name + "\" came from nowhere";
  }
  for (uint64_t operation = 0; operation <= operation_; ++operation) {
    if (fits(operation, recovered)) return {};
  }
  std::string why = "no prefix explains:";
  for (const auto& [name, candidates] : candidates_) {
    const auto found = recovered.find(name);
    why += " " + name + " is " + (found == recovered.end() ? "absent" : describe(found->second));
    why += ", expected";
    for (const Candidate& candidate : candidates) {
      why += " [" + std::to_string(candidate.operation) + ": " +
             (candidate.state ? describe(*candidate.state) : "absent") + "]";
    }
    why += ";";
  }
  return why;
}

void History::restart(const std::map<std::string, State>& recovered) {
  for (auto& [name, candidates] : candidates_) {
    const auto found = recovered.find(name);
    visible_[name] = found == recovered.end() ? std::nullopt : std::optional(found->second);
    candidates = {{operation_, visible_[name]}};
  }
}

}  // namespace omendb::crash
