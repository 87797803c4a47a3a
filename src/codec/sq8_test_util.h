// Test support: what the tests of the 8-bit codes share.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "codec/sq8.h"

namespace omendb::codec::sq8 {

inline constexpr Metric kMetrics[] = {Metric::kL2, Metric::kCosine, Metric::kInnerProduct};
inline constexpr size_t kDims[] = {1,  3,   15,  16,  17,  31,   33,   48,
                                   64, 100, 128, 129, 768, 1536, 65536};

inline float float_at(const std::byte* p) {
  float value = 0;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

inline std::vector<std::byte> encode(const Encoder& encoder, const std::vector<float>& rows) {
  const size_t dim = encoder.options().dim;
  std::vector<std::byte> out(rows.size() / dim * encoder.code_bytes());
  encoder.encode(rows.data(), dim * sizeof(float), rows.size() / dim, out.data());
  return out;
}

inline std::string what(Metric metric, size_t dim) {
  return std::string(metric_name(metric)) + ", dim " + std::to_string(dim);
}

}  // namespace omendb::codec::sq8
