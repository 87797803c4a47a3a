// Distances between vectors, one table of kernels an instruction set, chosen once at start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "omendb/types.h"

namespace omendb::distance {

enum class Isa : uint8_t { kScalar = 0, kNeon = 1, kAvx2 = 2, kAvx512 = 3 };
std::string_view isa_name(Isa isa);

/// The kernels of one (metric, element) pair. Both sides have the given element type; `dim` counts
/// coordinates, 1..kMaxDimension (bits for kBinary, whose padding bits are zero). Distances are as
/// omendb::Metric states them, and finite for finite vectors: what overflows f32 saturates at
/// +-FLT_MAX, and cosine lies in [0, 2]. f32 and f16 accumulate in f32, i8 exactly in integers.
///
/// Rounding of cosine, with u = 2^-24. From 1/8 on, a distance d is within (2.1 dim + 16) u. Below,
/// it is half the squared chord of the unit vectors, and sqrt(2 d) is within (dim + 8) u of itself
/// plus 4 u; where d is below 2^-20, within 2 u of itself plus 2^-50. So near vectors come in the
/// order that float64 gives them, unless their chords differ by less than that.
///
/// Pointers need only the alignment of the element. All are pure and may run on any thread.
struct Kernels {
  /// One pair. Every other kernel returns, for each pair, the same bits as this one: a row's
  /// coordinates are summed in one order, however many rows are computed at once.
  float (*pair)(const void* query, const void* row, size_t dim);
  /// One query against n rows, `stride` bytes apart; out[i] = pair(query, row i).
  void (*scan)(const void* query, const void* rows, size_t stride, size_t n, size_t dim,
               float* out);
  /// One query against the n rows at base + slots[i] * stride; prefetches ahead.
  void (*gather)(const void* query, const void* base, size_t stride, const uint32_t* slots,
                 size_t n, size_t dim, float* out);
};

/// The kernels of the active instruction set. Fetch once, outside the loop.
/// kHamming goes with kBinary, the other metrics with the other elements; the rest aborts.
const Kernels& kernels(Metric metric, Element element);
/// The kernels of a given set that this machine can run; for tests and benchmarks.
const Kernels& kernels(Isa isa, Metric metric, Element element);

/// Chosen at the first call: the best that runs here, or OMENDB_FORCE_ISA (an unknown or
/// unsupported name is reported once on stderr and ignored).
Isa active_isa();
/// Every set that runs here, best last.
std::span<const Isa> supported_isas();

}  // namespace omendb::distance
