// Chooses the center that a memtable's or segment's codes are relative to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codec/rabitq.h"
#include "omendb/status.h"
#include "segment/vector_spec.h"

namespace omendb::segment {

/// Seeds the random rotation. Frozen: stored codes depend on it.
inline constexpr uint64_t kRotationSeed = 0x4f4d454e44423031;

/// Sums up vectors as the encoder will see them (normalised under cosine), for their mean.
class CenterSum {
 public:
  explicit CenterSum(const VectorSpec& spec) : spec_(spec), sum_(spec.dim), row_(spec.dim) {}
  void add(const std::byte* row);
  /// The mean; zero if nothing was added.
  std::vector<float> mean() const;

 private:
  const VectorSpec spec_;
  std::vector<double> sum_;
  std::vector<float> row_;
  uint64_t count_ = 0;
};

/// An encoder centered on the mean of at most 2,048 of the rows in the given slots, evenly drawn.
std::shared_ptr<const codec::rabitq::Encoder> make_encoder(const VectorSpec& spec,
                                                           const std::byte* rows,
                                                           std::span<const uint32_t> slots);
std::shared_ptr<const codec::rabitq::Encoder> make_encoder(const VectorSpec& spec,
                                                           const std::vector<float>& center);

}  // namespace omendb::segment
