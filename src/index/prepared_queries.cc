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

std::span<partition::PlacedQuery> PreparedQueries::for_cells(const partition::Frame& frame) {
  for (auto& [known, placed] : placed_) {
    if (known == &frame) return placed;
  }
  std::vector<partition::PlacedQuery>& placed =
      placed_.emplace_back(&frame, std::vector<partition::PlacedQuery>{}).second;
  placed.reserve(queries_.count);
  for (size_t q = 0; q < queries_.count; ++q) placed.emplace_back(frame, queries_.row(q));
  return placed;
}

uint32_t rows_between_checks(const PreparedQueries& queries, size_t row_bytes, size_t bytes) {
  if (!queries.stop().possible()) return std::numeric_limits<uint32_t>::max() / 64 * 64;
  // So many that the rows of a scan cost more than setting it up.
  constexpr size_t kLeast = 2'048;
  const size_t rows = bytes / std::max<size_t>(1, row_bytes * queries.size());
  return static_cast<uint32_t>(std::clamp<size_t>(rows, kLeast, size_t{1} << 24) / 64 * 64);
}

}  // namespace omendb::index
