#include "index/prepared_queries.h"

#include "distance/convert.h"

namespace omendb::index {

PreparedQueries::PreparedQueries(Metric metric, const VectorsView& queries)
    : metric_(metric), queries_(queries), kernels_(distance::kernels(metric, queries.element)) {}

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

}  // namespace omendb::index
