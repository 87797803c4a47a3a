// Chooses the instruction set once, and holds the code that all sets share.
#include "distance/kernels.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "base/check.h"
#include "distance/kernels_table.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace omendb::distance {
namespace {

#if defined(__x86_64__)
bool has_f16c() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
bool has_avx2() {
  // The built-in also asks whether the operating system saves the registers.
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("popcnt") && has_f16c();
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

struct Supported {
  std::array<Isa, 4> isas{Isa::kScalar};
  size_t count = 1;
  Supported() {
#if defined(__x86_64__)
    if (has_avx2()) isas[count++] = Isa::kAvx2;
    if (has_avx512()) isas[count++] = Isa::kAvx512;
#elif defined(__aarch64__)
    isas[count++] = Isa::kNeon;
#endif
  }
};

Isa choose_isa() {
  const std::span<const Isa> supported = supported_isas();
  const char* forced = std::getenv("OMENDB_FORCE_ISA");
  if (forced == nullptr || *forced == '\0') return supported.back();
  for (const Isa isa : supported) {
    if (isa_name(isa) == forced) return isa;
  }
  const std::string_view best = isa_name(supported.back());
  std::fprintf(stderr, "omendb: OMENDB_FORCE_ISA=%s is not one of", forced);
  for (const Isa isa : supported) std::fprintf(stderr, " %s", isa_name(isa).data());
  std::fprintf(stderr, ", which this machine can run; using %s\n", best.data());
  return supported.back();
}

const internal::IsaTable& table(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return internal::kScalarTable;
#if defined(__x86_64__)
    case Isa::kAvx2: return internal::kAvx2Table;
    case Isa::kAvx512: return internal::kAvx512Table;
    case Isa::kNeon: break;
#elif defined(__aarch64__)
    case Isa::kNeon: return internal::kNeonTable;
    case Isa::kAvx2:
    case Isa::kAvx512: break;
#else
    case Isa::kNeon:
    case Isa::kAvx2:
    case Isa::kAvx512: break;
#endif
  }
  check_failed("this machine can run the instruction set", __FILE__, __LINE__);
}

template <class T, class Load>
float wide_distance(Metric metric, const T* query, const T* row, size_t dim, Load load) {
  double dot = 0;
  double query_norm = 0;
  double row_norm = 0;
  double squares = 0;
  for (size_t d = 0; d < dim; ++d) {
    const double q = load(query[d]);
    const double x = load(row[d]);
    dot += q * x;
    query_norm += q * q;
    row_norm += x * x;
    squares += (q - x) * (q - x);
  }
  constexpr double kMax = std::numeric_limits<float>::max();
  if (metric == Metric::kL2) return static_cast<float>(std::fmin(squares, kMax));
  if (metric == Metric::kInnerProduct) {
    return static_cast<float>(std::fmax(-kMax, std::fmin(0.0 - dot, kMax)));
  }
  if (query_norm == 0 || row_norm == 0) return 1.0F;  // no angle; callers refuse zero vectors
  const double query_length = std::sqrt(query_norm);
  const double row_length = std::sqrt(row_norm);
  const double distance = 1.0 - dot / (query_length * row_length);
  constexpr double kNear = 0x1p-18;  // see half_squared_chord() in kernels_generic.inl
  if (distance < kNear) {
    double chord = 0;
    for (size_t d = 0; d < dim; ++d) {
      const double part = load(query[d]) / query_length - load(row[d]) / row_length;
      chord += part * part;
    }
    return static_cast<float>(chord / 2);
  }
  return static_cast<float>(std::fmax(0.0, std::fmin(distance, 2.0)));
}

}  // namespace

namespace internal {

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000U) << 16;
  const uint32_t exponent = (half >> 10) & 31U;
  const uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, exact in f32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t wide_exponent = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

float wide_f32(Metric metric, const float* query, const float* row, size_t dim) {
  return wide_distance(metric, query, row, dim, [](float x) { return static_cast<double>(x); });
}

float wide_f16(Metric metric, const uint16_t* query, const uint16_t* row, size_t dim) {
  return wide_distance(metric, query, row, dim,
                       [](uint16_t x) { return static_cast<double>(half_to_float(x)); });
}

}  // namespace internal

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return "scalar";
    case Isa::kNeon: return "neon";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
  }
  return "unknown";
}

std::span<const Isa> supported_isas() {
  static const Supported supported;
  return {supported.isas.data(), supported.count};
}

Isa active_isa() {
  static const Isa isa = choose_isa();
  return isa;
}

const Kernels& kernels(Isa isa, Metric metric, Element element) {
  const internal::IsaTable& all = table(isa);
  if (metric == Metric::kHamming || element == Element::kBinary) {
    OMEN_CHECK(metric == Metric::kHamming && element == Element::kBinary);
    return all.hamming;
  }
  return all.dense[static_cast<size_t>(metric) - 1][static_cast<size_t>(element) - 1];
}

const Kernels& kernels(Metric metric, Element element) {
  return kernels(active_isa(), metric, element);
}

const TileKernel& tile_kernel(Isa isa) {
  return table(isa).tile;
}
const TileKernel& tile_kernel() {
  return tile_kernel(active_isa());
}

}  // namespace omendb::distance
