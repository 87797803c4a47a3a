#include "index/prepared_queries.h"

#include <algorithm>
#include <limits>

#include "distance/convert.h"

namespace omendb::index {

PreparedQueries::PreparedQueries(Metric metric, const VectorsView& queries, const Stop& stop)
    : metric_(metric),
      queries_(queries),
      kernels_(distance::kernels(metric, queries.element)),
      stop_(stop) {}

const BatchScan& PreparedQueries::for_exact_scan() {
  if (exact_ == nullptr) exact_ = std::make_unique<BatchScan>(metric_, queries_);
  return *exact_;
}

const PreparedQueries::Coded& PreparedQueries::for_codes(const codec::rabitq::Encoder& encoder) {
  for (const auto& [known, coded] : coded_) {
    if (known == &encoder) return *coded;
  }
  auto coded = std::make_unique<Coded>();
  coded->reserve(queries_.count);
  std::vector<float> widened(queries_.dim);
  for (size_t q = 0; q < queries_.count; ++q) {
    distance::to_f32(queries_.element, queries_.row(q), queries_.dim, widened.data());
    coded->push_back(encoder.prepare(widened.data()));
  }
  return *coded_.emplace_back(&encoder, std::move(coded)).second;
}

namespace {

/// Those made before, or new ones.
template <class Query, class Frame>
std::span<Query> prepared_for(const Frame& frame, const VectorsView& queries,
                              std::vector<std::pair<const Frame*, std::vector<Query>>>& made) {
  for (auto& [known, placed] : made) {
    if (known == &frame) return placed;
  }
  std::vector<Query>& placed = made.emplace_back(&frame, std::vector<Query>{}).second;
  placed.reserve(queries.count);
  for (size_t q = 0; q < queries.count; ++q) placed.emplace_back(frame, queries.row(q));
  return placed;
}

}  // namespace

std::span<partition::PlacedQuery> PreparedQueries::for_cells(const partition::Frame& frame) {
  return prepared_for(frame, queries_, placed_);
}

std::span<graph::GraphQuery> PreparedQueries::for_graph(const graph::Frame& frame) {
  return prepared_for(frame, queries_, for_graphs_);
}

uint32_t rows_between_checks(const PreparedQueries& queries, size_t row_bytes, size_t bytes) {
  if (!queries.stop().possible()) return std::numeric_limits<uint32_t>::max() / 64 * 64;
  // So many that the rows of a scan cost more than setting it up.
  constexpr size_t kLeast = 2'048;
  const size_t rows = bytes / std::max<size_t>(1, row_bytes * queries.size());
  return static_cast<uint32_t>(std::clamp<size_t>(rows, kLeast, size_t{1} << 24) / 64 * 64);
}

}  // namespace omendb::index
