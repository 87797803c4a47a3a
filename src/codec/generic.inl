// The rotation and the row kernels of the codecs, written once. Each <isa>.cc opens its
// target, defines the policy `Lane` (below), and includes this file inside its anonymous namespace:
//   Reg                    a vector of kLanes floats with operators + - *
//   load, store            aligned to the vector's size
//   broadcast(x)
//   flip(reg, signs)       xor with kLanes sign words
//   swap<h>(reg)           lane i <- lane i ^ h, for h < kLanes
//   alternate<h>(reg)      negates the lanes with bit h set
//   absolute(reg), positive_bits(reg)
// Additions happen in the same order whatever kLanes is, so all sets agree to the bit.

using Reg = Lane::Reg;
constexpr size_t kLanes = Lane::kLanes;
constexpr size_t kRegs = 64 / kLanes;  // that hold 64 coordinates
constexpr size_t kSums = 16 / kLanes;  // that hold sixteen partial sums

typedef int32_t IntReg __attribute__((vector_size(sizeof(Reg))));
typedef float Floats4 __attribute__((vector_size(16)));

template <size_t h>
OMEN_INLINE Reg butterfly_within(Reg x) {
  return Lane::template swap<h>(x) + Lane::template alternate<h>(x);
}

/// Hadamard transform of 64 floats in registers, after sign flips and scaling.
OMEN_INLINE void hadamard64(float* values, const uint32_t* signs, float scale) {
  Reg r[kRegs];
  const Reg factor = Lane::broadcast(scale);
  OMEN_UNROLL
  for (size_t i = 0; i < kRegs; ++i) {
    Reg x = Lane::flip(Lane::load(values + i * kLanes), signs + i * kLanes) * factor;
    x = butterfly_within<1>(x);
    x = butterfly_within<2>(x);
    if constexpr (kLanes > 4) x = butterfly_within<4>(x);
    if constexpr (kLanes > 8) x = butterfly_within<8>(x);
    r[i] = x;
  }
  OMEN_UNROLL
  for (size_t h = 1; h < kRegs; h *= 2) {
    OMEN_UNROLL
    for (size_t i = 0; i < kRegs; ++i) {
      if ((i & h) != 0) continue;
      const Reg a = r[i];
      const Reg b = r[i + h];
      r[i] = a + b;
      r[i + h] = a - b;
    }
  }
  OMEN_UNROLL
  for (size_t i = 0; i < kRegs; ++i) Lane::store(r[i], values + i * kLanes);
}

/// The stages of stride 64 and more, two at a time.
OMEN_INLINE void hadamard_strides(float* values, size_t n) {
  size_t h = 64;
  for (; h * 2 < n; h *= 4) {
    for (size_t base = 0; base < n; base += 4 * h) {
      float* p = values + base;
      for (size_t i = 0; i < h; i += kLanes) {
        const Reg a = Lane::load(p + i);
        const Reg b = Lane::load(p + h + i);
        const Reg c = Lane::load(p + 2 * h + i);
        const Reg d = Lane::load(p + 3 * h + i);
        const Reg ab = a + b;
        const Reg a_b = a - b;
        const Reg cd = c + d;
        const Reg c_d = c - d;
        Lane::store(ab + cd, p + i);
        Lane::store(a_b + c_d, p + h + i);
        Lane::store(ab - cd, p + 2 * h + i);
        Lane::store(a_b - c_d, p + 3 * h + i);
      }
    }
  }
  if (h >= n) return;
  for (size_t i = 0; i < h; i += kLanes) {
    const Reg a = Lane::load(values + i);
    const Reg b = Lane::load(values + h + i);
    Lane::store(a + b, values + i);
    Lane::store(a - b, values + h + i);
  }
}

/// One Kac step: a butterfly between the two halves. n is a multiple of 64.
OMEN_INLINE void mix_halves(float* values, size_t n) {
  const Reg factor = Lane::broadcast(0.70710678118654752F);
  float* upper = values + n / 2;
  for (size_t i = 0; i < n / 2; i += kLanes) {
    const Reg a = Lane::load(values + i);
    const Reg b = Lane::load(upper + i);
    Lane::store((a + b) * factor, values + i);
    Lane::store((a - b) * factor, upper + i);
  }
}

void rotate(const RotationPlan& plan, float* values) {
  const uint32_t* signs = plan.signs;
  for (size_t round = 0; round < plan.rounds; ++round, signs += plan.padded) {
    const size_t begin = round % 2 == 0 ? 0 : plan.padded - plan.window;
    const size_t end = begin + plan.window;
    for (size_t i = 0; i < begin; i += kLanes) {
      Lane::store(Lane::flip(Lane::load(values + i), signs + i), values + i);
    }
    for (size_t i = begin; i < end; i += 64) hadamard64(values + i, signs + i, plan.scale);
    for (size_t i = end; i < plan.padded; i += kLanes) {
      Lane::store(Lane::flip(Lane::load(values + i), signs + i), values + i);
    }
    hadamard_strides(values + begin, plan.window);
    if (plan.window != plan.padded) mix_halves(values, plan.padded);
  }
}

OMEN_INLINE float total(const Reg (&sums)[kSums]) {
  alignas(64) float partial[16];
  OMEN_UNROLL
  for (size_t i = 0; i < kSums; ++i) Lane::store(sums[i], partial + i * kLanes);
  return sum16(partial);
}

RowSums residual(float* values, const float* center, float scale, size_t n) {
  Reg squares[kSums];
  Reg dots[kSums];
  OMEN_UNROLL
  for (size_t i = 0; i < kSums; ++i) squares[i] = dots[i] = Lane::broadcast(0);
  const Reg factor = Lane::broadcast(scale);
  for (size_t base = 0; base < n; base += 16) {
    OMEN_UNROLL
    for (size_t i = 0; i < kSums; ++i) {
      const size_t at = base + i * kLanes;
      const Reg c = Lane::load(center + at);
      const Reg x = Lane::load(values + at) * factor - c;
      Lane::store(x, values + at);
      squares[i] = squares[i] + x * x;
      dots[i] = dots[i] + x * c;
    }
  }
  return {total(squares), total(dots)};
}

float sign_bits(const float* values, size_t n, uint8_t* bits) {
  Reg sums[kSums];
  OMEN_UNROLL
  for (size_t i = 0; i < kSums; ++i) sums[i] = Lane::broadcast(0);
  for (size_t base = 0; base < n; base += 16) {
    uint32_t word = 0;
    OMEN_UNROLL
    for (size_t i = 0; i < kSums; ++i) {
      const Reg x = Lane::load(values + base + i * kLanes);
      sums[i] = sums[i] + Lane::absolute(x);
      word |= Lane::positive_bits(x) << (i * kLanes);
    }
    bits[base / 8] = static_cast<uint8_t>(word);
    bits[base / 8 + 1] = static_cast<uint8_t>(word >> 8);
  }
  return total(sums);
}

float signed_sum(const float* values, const float* signs, size_t n) {
  Reg sums[kSums];
  OMEN_UNROLL
  for (size_t i = 0; i < kSums; ++i) sums[i] = Lane::broadcast(0);
  for (size_t base = 0; base < n; base += 16) {
    OMEN_UNROLL
    for (size_t i = 0; i < kSums; ++i) {
      const size_t at = base + i * kLanes;
      const IntReg sign = reinterpret_cast<IntReg>(Lane::load(signs + at)) & INT32_MIN;
      const IntReg value = reinterpret_cast<IntReg>(Lane::load(values + at));
      sums[i] = sums[i] + reinterpret_cast<Reg>(value ^ sign);
    }
  }
  return total(sums);
}
