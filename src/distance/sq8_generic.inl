// The kernels of the 8-bit codes, written once and compiled for each instruction set:
// codec_<isa>.cc defines
//   code_sums(weights, rows, padded)   of four rows of codes, the sums of weight[i] * code[i]
// and includes this file inside its anonymous namespace.

typedef float Floats4 __attribute__((vector_size(16)));

OMEN_INLINE Floats4 load_floats(const std::byte* p) {
  Floats4 r;
  std::memcpy(&r, p, sizeof(r));
  return r;
}

// Multiplications and additions are rounded one by one in a fixed order, so that a distance has the
// same bits everywhere.
template <bool kInnerProduct>
OMEN_INLINE Floats4 code_distances(const sq8::PreparedQuery& query, const CodeRows& rows) {
  const Floats4 sums =
      __builtin_convertvector(code_sums(query.weights(), rows, query.padded_dim), Floats4);
  const Floats4 a = load_floats(rows.at[0]);
  const Floats4 b = load_floats(rows.at[1]);
  const Floats4 c = load_floats(rows.at[2]);
  const Floats4 d = load_floats(rows.at[3]);
  const Floats4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Floats4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Floats4 scale = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  const Floats4 mean = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  const Floats4 dot = sums * query.sum_scale * scale;
  Floats4 distance;
  if constexpr (kInnerProduct) {
    distance = mean * query.mean_scale - dot;
  } else {
    const Floats4 ab_upper = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Floats4 cd_upper = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const Floats4 square = __builtin_shufflevector(ab_upper, cd_upper, 0, 1, 4, 5);
    const Floats4 apart = query.mean - mean;
    distance = apart * query.mean_scale * apart + ((square + query.add) - dot);
  }
  // In this order NaN, which is what infinity less infinity gives, becomes the largest.
  const Floats4 smallest = Floats4{} + query.smallest;
  const Floats4 largest = Floats4{} + query.largest;
  distance = distance < largest ? distance : largest;
  return distance > smallest ? distance : smallest;
}

/// row(i) is the address of the i-th code. The last group is filled up with its last row.
template <bool kInnerProduct, class Row>
OMEN_INLINE void each_code(const sq8::PreparedQuery& query, size_t n, float* out, Row row) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const CodeRows rows = {{row(i), row(i + 1), row(i + 2), row(i + 3)}};
    const Floats4 distances = code_distances<kInnerProduct>(query, rows);
    std::memcpy(out + i, &distances, sizeof(distances));
  }
  if (i == n) return;
  const size_t last = n - 1;
  const CodeRows rows = {{row(i), row(i + 1 < last ? i + 1 : last), row(last), row(last)}};
  const Floats4 distances = code_distances<kInnerProduct>(query, rows);
  std::memcpy(out + i, &distances, (n - i) * sizeof(float));
}

void scan_codes(const sq8::PreparedQuery& query, const std::byte* codes, size_t stride, size_t n,
                float* out) {
  const auto row = [=](size_t i) { return codes + i * stride; };
  if (query.inner_product) return each_code<true>(query, n, out, row);
  each_code<false>(query, n, out, row);
}

void gather_codes(const sq8::PreparedQuery& query, const std::byte* base, size_t stride,
                  const uint32_t* slots, size_t n, float* out) {
  constexpr size_t kAhead = 8;
  constexpr size_t kMaxBytes = 512;  // the processor's own prefetcher goes on from there
  const size_t bytes = sizeof(sq8::Factors) + query.padded_dim;
  const size_t reach = bytes < kMaxBytes ? bytes : kMaxBytes;
  const auto prefetch = [=](size_t i) {
    const std::byte* at = base + slots[i] * stride;
    for (size_t offset = 0; offset < reach; offset += 64) __builtin_prefetch(at + offset);
  };
  for (size_t i = 0; i < n && i < kAhead; ++i) prefetch(i);
  const auto row = [=](size_t i) {
    if (i + kAhead < n) prefetch(i + kAhead);
    return base + slots[i] * stride;
  };
  if (query.inner_product) return each_code<true>(query, n, out, row);
  each_code<false>(query, n, out, row);
}
