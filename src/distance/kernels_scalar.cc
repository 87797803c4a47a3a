// The kernels in plain C++. They are the oracle of the others, and run where no other set does.
#include "distance/kernels_isa.h"

namespace omendb::distance::internal {
namespace {

struct FloatLane {
  using Reg = float;
  using Acc = float;
  using Sum = float;
  static constexpr size_t kStep = 1;
  OMEN_INLINE Acc zero() { return 0.0F; }
  OMEN_INLINE Reg sub(Reg a, Reg b) { return a - b; }
  OMEN_INLINE Reg mul(Reg a, Reg b) { return a * b; }
  OMEN_INLINE Reg fill(float value) { return value; }
  OMEN_INLINE Acc dot(Reg a, Reg b, Acc acc) { return acc + a * b; }
  OMEN_INLINE Acc add(Acc a, Acc b) { return a + b; }
  OMEN_INLINE void reduce4(const Acc (&acc)[4], Sum* out) {
    for (size_t i = 0; i < 4; ++i) out[i] = acc[i];
  }
};

struct Float32 : FloatLane {
  using Stored = float;
  OMEN_INLINE Reg load(const float* p) { return *p; }
  OMEN_INLINE Reg load_partial(const float*, size_t) { return 0.0F; }
  OMEN_INLINE Reg broadcast(const float* p) { return *p; }
  OMEN_INLINE void store(Reg value, float* p) { *p = value; }
  OMEN_INLINE uint32_t not_greater(Reg a, Reg b) { return a > b ? 0U : 1U; }
  OMEN_INLINE float saturating_distance(Metric metric, const float* q, const float* x, size_t dim) {
    return wide_f32(metric, q, x, dim);
  }
};

struct Float16 : FloatLane {
  using Stored = uint16_t;
  OMEN_INLINE Reg load(const uint16_t* p) { return half_to_float(*p); }
  OMEN_INLINE Reg load_partial(const uint16_t*, size_t) { return 0.0F; }
  OMEN_INLINE float saturating_distance(Metric metric, const uint16_t* q, const uint16_t* x,
                                        size_t dim) {
    return wide_f16(metric, q, x, dim);
  }
};

// 65,536 squared differences of at most 255 stay below 2^32, so unsigned sums never wrap.
struct Int8 {
  using Stored = int8_t;
  using Reg = int32_t;
  using Acc = uint32_t;
  using Sum = uint32_t;
  static constexpr size_t kStep = 1;
  OMEN_INLINE Reg load(const int8_t* p) { return *p; }
  OMEN_INLINE Reg load_partial(const int8_t*, size_t) { return 0; }
  OMEN_INLINE Acc zero() { return 0; }
  OMEN_INLINE Reg sub(Reg a, Reg b) { return a - b; }
  OMEN_INLINE Acc dot(Reg a, Reg b, Acc acc) { return acc + static_cast<uint32_t>(a * b); }
  OMEN_INLINE Acc add(Acc a, Acc b) { return a + b; }
  OMEN_INLINE void reduce4(const Acc (&acc)[4], Sum* out) {
    for (size_t i = 0; i < 4; ++i) out[i] = acc[i];
  }
};

OMEN_INLINE uint32_t popcount_xor(const uint8_t* a, const uint8_t* b, size_t bytes) {
  uint32_t count = 0;
  for (size_t i = 0; i < bytes; ++i) {
    count += static_cast<uint32_t>(__builtin_popcount(static_cast<unsigned>(a[i] ^ b[i])));
  }
  return count;
}

constexpr size_t kTileVectors = 4;
constexpr size_t kTileRows = 2;
constexpr bool kPrefetchScans = false;

#include "distance/kernels_generic.inl"

}  // namespace

constinit const IsaTable kScalarTable = OMEN_ISA_TABLE;

}  // namespace omendb::distance::internal
