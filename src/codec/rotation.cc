#include "codec/rotation.h"

#include <bit>
#include <cmath>

#include "base/check.h"
#include "codec/table.h"

namespace omendb::codec {
namespace {

// Powers of two need three rounds to mix any input (H D H D H D); windows meet each half only every
// other round and take four.
size_t round_count(size_t padded) {
  return std::has_single_bit(padded) ? 3 : 4;
}

/// splitmix64 (Steele, Lea & Flood 2014): frozen here, because the disk format depends on it.
uint64_t next_random(uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

Rotation::Rotation(size_t dim, uint64_t seed) : dim_(dim), padded_((dim + 63) / 64 * 64) {
  OMEN_CHECK(dim >= 1 && dim <= kMaxDimension);
  signs_.resize(round_count(padded_) * padded_);
  uint64_t state = seed;
  for (size_t i = 0; i < signs_.size(); i += 64) {
    const uint64_t bits = next_random(state);
    for (size_t b = 0; b < 64; ++b) signs_[i + b] = static_cast<uint32_t>(bits >> b & 1) << 31;
  }
}

RotationPlan Rotation::plan() const {
  const size_t window = std::bit_floor(padded_);
  return {.padded = padded_,
          .window = window,
          .rounds = round_count(padded_),
          .scale = 1.0F / std::sqrt(static_cast<float>(window)),
          .signs = signs_.data()};
}

void Rotation::apply(distance::Isa isa, float* values) const {
  internal::codec_table(isa).rotate(plan(), values);
}

}  // namespace omendb::codec
