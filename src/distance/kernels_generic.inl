// The distance algorithms, written once and compiled for each instruction set: kernels_<isa>.cc
// opens its target, defines the element policies below, includes this file inside its anonymous
// namespace, and ends with OMEN_ISA_TABLE. Nothing here may be seen by two instruction sets.
//
// An element policy (Float32, Float16, Int8) has
//   Stored, Reg, Acc, Sum     a coordinate in memory; registers of coordinates and of sums; a sum
//   kStep                     coordinates in a Reg
//   load, load_partial        kStep coordinates; n < kStep of them and zeros, reading no further
//   sub, dot, add, zero       lane-wise; dot(a, b, acc) = acc + a * b
//   mul, fill                 lane-wise, and one value in all lanes; not of Int8
//   reduce4                   the totals of four Acc, each by the same tree of additions
//   saturating_distance       the rare path, see kernels_table.h
// and the file defines popcount_xor(), kPrefetchScans, and kTileVectors × kTileRows of the tile.

template <class E>
using Sums = typename E::Sum[4];

struct L2Step {
  static constexpr Metric kMetric = Metric::kL2;
  static constexpr size_t kSums = 1;
  template <class E>
  OMEN_INLINE void step(typename E::Reg q, typename E::Reg x, typename E::Acc* acc) {
    const typename E::Reg d = E::sub(q, x);
    acc[0] = E::dot(d, d, acc[0]);
  }
};

struct InnerProductStep {
  static constexpr Metric kMetric = Metric::kInnerProduct;
  static constexpr size_t kSums = 1;
  template <class E>
  OMEN_INLINE void step(typename E::Reg q, typename E::Reg x, typename E::Acc* acc) {
    acc[0] = E::dot(q, x, acc[0]);
  }
};

struct CosineStep {
  static constexpr Metric kMetric = Metric::kCosine;
  static constexpr size_t kSums = 2;  // <q, x> and |x|^2
  template <class E>
  OMEN_INLINE void step(typename E::Reg q, typename E::Reg x, typename E::Acc* acc) {
    acc[0] = E::dot(q, x, acc[0]);
    acc[1] = E::dot(x, x, acc[1]);
  }
};

// kRows rows against one query, kRows * kSums <= 4. Two accumulators a sum: even and odd registers
// of the row. The order of a row's additions depends on dim alone, never on kRows.
template <class E, class M, size_t kRows>
OMEN_INLINE void accumulate(const typename E::Stored* query,
                            const typename E::Stored* const (&rows)[kRows], size_t dim,
                            Sums<E>& out) {
  typename E::Acc even[4] = {E::zero(), E::zero(), E::zero(), E::zero()};
  typename E::Acc odd[4] = {E::zero(), E::zero(), E::zero(), E::zero()};
  size_t d = 0;
  for (; d + 2 * E::kStep <= dim; d += 2 * E::kStep) {
    const typename E::Reg q0 = E::load(query + d);
    const typename E::Reg q1 = E::load(query + d + E::kStep);
    OMEN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      M::template step<E>(q0, E::load(rows[r] + d), &even[r * M::kSums]);
      M::template step<E>(q1, E::load(rows[r] + d + E::kStep), &odd[r * M::kSums]);
    }
  }
  if (d + E::kStep <= dim) {
    const typename E::Reg q = E::load(query + d);
    OMEN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      M::template step<E>(q, E::load(rows[r] + d), &even[r * M::kSums]);
    }
    d += E::kStep;
  }
  if (d < dim) {
    const typename E::Reg q = E::load_partial(query + d, dim - d);
    OMEN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      M::template step<E>(q, E::load_partial(rows[r] + d, dim - d), &odd[r * M::kSums]);
    }
  }
  OMEN_UNROLL
  for (size_t i = 0; i < 4; ++i) even[i] = E::add(even[i], odd[i]);
  E::reduce4(even, out);
}

// f32 sums outside of this range are computed again in double precision. Below the lower end the
// squares of small coordinates may have vanished; above it something overflowed.
constexpr float kMinNorm = 0x1p-90F;
constexpr float kMaxSum = std::numeric_limits<float>::max();

template <class E>
OMEN_INLINE float finish_l2(const typename E::Stored* query, const typename E::Stored* row,
                            size_t dim, typename E::Sum sum) {
  if constexpr (std::is_same_v<typename E::Sum, float>) {
    if (!(sum <= kMaxSum)) return E::saturating_distance(Metric::kL2, query, row, dim);
  }
  return static_cast<float>(sum);
}

template <class E>
OMEN_INLINE float finish_inner_product(const typename E::Stored* query,
                                       const typename E::Stored* row, size_t dim,
                                       typename E::Sum sum) {
  if constexpr (std::is_same_v<typename E::Sum, float>) {
    if (!(sum <= kMaxSum && sum >= -kMaxSum)) {
      return E::saturating_distance(Metric::kInnerProduct, query, row, dim);
    }
    return 0.0F - sum;
  } else {
    return 0.0F - static_cast<float>(static_cast<int32_t>(sum));
  }
}

// 1 - cos has the absolute rounding of its f32 sums, which near vectors do not survive: of vectors far
// from the origin all are near. Half the squared chord between the unit vectors is the same number
// and is rounded relative to itself, but for what the division by the lengths rounds (Kernels).
// Below the second number that shows too, and the chord is taken in double precision.
constexpr double kNearCosine = 0.125;
constexpr float kNearestCosine = 0x1p-20F;

template <class E>
OMEN_INLINE float half_squared_chord(const typename E::Stored* query,
                                     const typename E::Stored* row, size_t dim, float query_scale,
                                     float row_scale) {
  using Reg = typename E::Reg;
  const Reg qs = E::fill(query_scale);
  const Reg xs = E::fill(-row_scale);
  typename E::Acc acc[4] = {E::zero(), E::zero(), E::zero(), E::zero()};
  size_t d = 0;
  for (; d + 2 * E::kStep <= dim; d += 2 * E::kStep) {
    OMEN_UNROLL
    for (size_t i = 0; i < 2; ++i) {
      const Reg q = E::load(query + d + i * E::kStep);
      const Reg chord = E::dot(E::load(row + d + i * E::kStep), xs, E::mul(q, qs));
      acc[i] = E::dot(chord, chord, acc[i]);
    }
  }
  if (d + E::kStep <= dim) {
    const Reg chord = E::dot(E::load(row + d), xs, E::mul(E::load(query + d), qs));
    acc[0] = E::dot(chord, chord, acc[0]);
    d += E::kStep;
  }
  if (d < dim) {
    const Reg q = E::load_partial(query + d, dim - d);
    const Reg chord = E::dot(E::load_partial(row + d, dim - d), xs, E::mul(q, qs));
    acc[1] = E::dot(chord, chord, acc[1]);
  }
  acc[0] = E::add(acc[0], acc[1]);
  Sums<E> sums;
  E::reduce4(acc, sums);
  return sums[0] / 2;
}

template <class E>
OMEN_INLINE float finish_cosine(const typename E::Stored* query, const typename E::Stored* row,
                                size_t dim, typename E::Sum query_norm, typename E::Sum dot,
                                typename E::Sum row_norm) {
  double product = 0;
  if constexpr (std::is_same_v<typename E::Sum, float>) {
    const bool in_range = query_norm >= kMinNorm && query_norm <= kMaxSum && row_norm >= kMinNorm &&
                          row_norm <= kMaxSum;
    if (!in_range) return E::saturating_distance(Metric::kCosine, query, row, dim);
    product = static_cast<double>(dot);
  } else {
    if (query_norm == 0 || row_norm == 0) return 1.0F;
    product = static_cast<double>(static_cast<int32_t>(dot));
  }
  const double norms = static_cast<double>(query_norm) * static_cast<double>(row_norm);
  const double distance = 1.0 - product / std::sqrt(norms);
  if constexpr (std::is_same_v<typename E::Sum, float>) {
    if (distance < kNearCosine) {
      const float half = half_squared_chord<E>(
          query, row, dim, static_cast<float>(1 / std::sqrt(static_cast<double>(query_norm))),
          static_cast<float>(1 / std::sqrt(static_cast<double>(row_norm))));
      if (half >= kNearestCosine) return half;
      return E::saturating_distance(Metric::kCosine, query, row, dim);
    }
  }
  return static_cast<float>(distance < 0.0 ? 0.0 : (distance > 2.0 ? 2.0 : distance));
}

// Distances of one query, ready for any number of rows.
template <class E, class M>
class Query {
 public:
  using Stored = typename E::Stored;
  static constexpr size_t kRows = 4 / M::kSums;

  OMEN_INLINE_MEMBER Query(const void* query, size_t dim)
      : query_(static_cast<const Stored*>(query)), dim_(dim) {
    if constexpr (M::kMetric == Metric::kCosine) {
      const Stored* const self[1] = {query_};
      Sums<E> sums;
      accumulate<E, InnerProductStep, 1>(query_, self, dim, sums);
      norm_ = sums[0];
    }
  }

  template <size_t kCount>
  OMEN_INLINE_MEMBER void distances(const Stored* const (&rows)[kCount], float* out) const {
    Sums<E> sums;
    accumulate<E, M, kCount>(query_, rows, dim_, sums);
    OMEN_UNROLL
    for (size_t r = 0; r < kCount; ++r) {
      if constexpr (M::kMetric == Metric::kL2) {
        out[r] = finish_l2<E>(query_, rows[r], dim_, sums[r]);
      } else if constexpr (M::kMetric == Metric::kInnerProduct) {
        out[r] = finish_inner_product<E>(query_, rows[r], dim_, sums[r]);
      } else {
        out[r] = finish_cosine<E>(query_, rows[r], dim_, norm_, sums[2 * r], sums[2 * r + 1]);
      }
    }
  }

 private:
  const Stored* query_;
  size_t dim_;
  typename E::Sum norm_{};
};

template <class E>
OMEN_INLINE const typename E::Stored* row_at(const void* rows, size_t stride, size_t i) {
  return reinterpret_cast<const typename E::Stored*>(static_cast<const std::byte*>(rows) +
                                                     i * stride);
}

template <class E, class M>
float pair(const void* query, const void* row, size_t dim) {
  const Query<E, M> prepared(query, dim);
  const typename E::Stored* const rows[1] = {static_cast<const typename E::Stored*>(row)};
  float out[1];
  prepared.template distances<1>(rows, out);
  return out[0];
}

// The first lines of a row that will be needed soon; the processor's own prefetcher follows them.
OMEN_INLINE void prefetch_row(const void* base, size_t stride, size_t i, size_t bytes) {
  constexpr size_t kMaxBytes = 512;
  const std::byte* row = static_cast<const std::byte*>(base) + i * stride;
  const size_t end = bytes < kMaxBytes ? bytes : kMaxBytes;
  for (size_t offset = 0; offset < end; offset += 64) __builtin_prefetch(row + offset);
}

template <class E, class M>
void scan(const void* query, const void* rows, size_t stride, size_t n, size_t dim, float* out) {
  using Q = Query<E, M>;
  constexpr size_t kAhead = 2 * Q::kRows;
  const Q prepared(query, dim);
  const size_t bytes = dim * sizeof(typename E::Stored);
  const typename E::Stored* group[Q::kRows];
  size_t i = 0;
  for (; i + Q::kRows <= n; i += Q::kRows) {
    OMEN_UNROLL
    for (size_t r = 0; r < Q::kRows; ++r) {
      if constexpr (kPrefetchScans) {
        if (i + kAhead + r < n) prefetch_row(rows, stride, i + kAhead + r, bytes);
      }
      group[r] = row_at<E>(rows, stride, i + r);
    }
    prepared.template distances<Q::kRows>(group, out + i);
  }
  for (; i < n; ++i) {
    const typename E::Stored* const last[1] = {row_at<E>(rows, stride, i)};
    prepared.template distances<1>(last, out + i);
  }
}

template <class E, class M>
void gather(const void* query, const void* base, size_t stride, const uint32_t* slots, size_t n,
            size_t dim, float* out) {
  using Q = Query<E, M>;
  constexpr size_t kAhead = 2 * Q::kRows;
  const Q prepared(query, dim);
  const size_t bytes = dim * sizeof(typename E::Stored);
  for (size_t i = 0; i < n && i < kAhead; ++i) prefetch_row(base, stride, slots[i], bytes);
  const typename E::Stored* group[Q::kRows];
  size_t i = 0;
  for (; i + Q::kRows <= n; i += Q::kRows) {
    for (size_t r = 0; r < Q::kRows; ++r) {
      const size_t next = i + kAhead + r;
      if (next < n) prefetch_row(base, stride, slots[next], bytes);
      group[r] = row_at<E>(base, stride, slots[i + r]);
    }
    prepared.template distances<Q::kRows>(group, out + i);
  }
  for (; i < n; ++i) {
    const typename E::Stored* const last[1] = {row_at<E>(base, stride, slots[i])};
    prepared.template distances<1>(last, out + i);
  }
}

float hamming_pair(const void* query, const void* row, size_t dim) {
  return static_cast<float>(popcount_xor(static_cast<const uint8_t*>(query),
                                         static_cast<const uint8_t*>(row), (dim + 7) / 8));
}

void hamming_scan(const void* query, const void* rows, size_t stride, size_t n, size_t dim,
                  float* out) {
  const std::byte* row = static_cast<const std::byte*>(rows);
  for (size_t i = 0; i < n; ++i) out[i] = hamming_pair(query, row + i * stride, dim);
}

void hamming_gather(const void* query, const void* base, size_t stride, const uint32_t* slots,
                    size_t n, size_t dim, float* out) {
  constexpr size_t kAhead = 8;
  const std::byte* rows = static_cast<const std::byte*>(base);
  const size_t bytes = (dim + 7) / 8;
  for (size_t i = 0; i < n; ++i) {
    if (i + kAhead < n) prefetch_row(base, stride, slots[i + kAhead], bytes);
    out[i] = hamming_pair(query, rows + slots[i] * stride, dim);
  }
}

// One group of kTileRows rows against a panel of kVectors registers of queries. Lanes are queries,
// so rows are read where they lie: one broadcast serves kVectors multiplications.
template <size_t kVectors>
OMEN_INLINE void tile_group(const TileTask& task, size_t first) {
  using E = Float32;
  const float* rows[kTileRows];
  for (size_t r = 0; r < kTileRows; ++r) {
    const size_t row = first + r < task.count ? first + r : task.count - 1;
    rows[r] = task.rows[row];
  }
  typename E::Acc acc[kTileRows][kVectors];
  OMEN_UNROLL
  for (size_t r = 0; r < kTileRows; ++r) {
    OMEN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) acc[r][v] = E::zero();
  }
  const float* panel = task.panel;
  for (size_t d = 0; d < task.dim; ++d, panel += kVectors * E::kStep) {
    typename E::Reg q[kVectors];
    OMEN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) q[v] = E::load(panel + v * E::kStep);
    OMEN_UNROLL
    for (size_t r = 0; r < kTileRows; ++r) {
      const typename E::Reg x = E::broadcast(rows[r] + d);
      OMEN_UNROLL
      for (size_t v = 0; v < kVectors; ++v) acc[r][v] = E::dot(x, q[v], acc[r][v]);
    }
  }
  OMEN_UNROLL
  for (size_t r = 0; r < kTileRows; ++r) {
    if (first + r >= task.count) break;
    const typename E::Reg scale = E::broadcast(task.row_scale + first + r);
    const typename E::Reg offset = E::broadcast(task.row_offset + first + r);
    OMEN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      const typename E::Reg shift = E::mul(E::load(task.query_scale + v * E::kStep), offset);
      const typename E::Reg key = E::dot(scale, acc[r][v], shift);
      uint32_t mask = E::not_greater(key, E::load(task.threshold + v * E::kStep));
      if (mask == 0) continue;
      float keys[E::kStep];
      E::store(key, keys);
      for (; mask != 0; mask &= mask - 1) {
        const size_t lane = static_cast<size_t>(__builtin_ctz(mask));
        const size_t query = v * E::kStep + lane;
        const uint32_t place = task.hit_counts[query]++;
        task.hits[query * task.hit_capacity + place] = {keys[lane],
                                                        static_cast<uint32_t>(first + r)};
      }
    }
  }
}

template <size_t kVectors>
void tile_panel(const TileTask& task) {
  for (size_t first = 0; first < task.count; first += kTileRows) tile_group<kVectors>(task, first);
}

void run_tile(const TileTask& task) {
  const size_t vectors = task.width / Float32::kStep;
  if constexpr (kTileVectors >= 4) {
    if (vectors == 4) return tile_panel<4>(task);
  }
  if constexpr (kTileVectors >= 3) {
    if (vectors == 3) return tile_panel<3>(task);
  }
  return vectors == 2 ? tile_panel<2>(task) : tile_panel<1>(task);
}

#define OMEN_ISA_KERNELS(element, metric)                                 \
  Kernels {                                                               \
    pair<element, metric>, scan<element, metric>, gather<element, metric> \
  }
#define OMEN_ISA_METRIC(metric)                                           \
  {                                                                       \
    OMEN_ISA_KERNELS(Float32, metric), OMEN_ISA_KERNELS(Float16, metric), \
        OMEN_ISA_KERNELS(Int8, metric)                                    \
  }
#define OMEN_ISA_TABLE                                                                         \
  IsaTable {                                                                                   \
    {OMEN_ISA_METRIC(L2Step), OMEN_ISA_METRIC(CosineStep), OMEN_ISA_METRIC(InnerProductStep)}, \
        {hamming_pair, hamming_scan, hamming_gather},                                          \
        {Float32::kStep, kTileVectors * Float32::kStep, run_tile},                             \
  }
