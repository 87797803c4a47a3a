// The kernels of the 8-bit codes, written once and compiled for each instruction set:
// <isa>.cc includes codec_generic.inl, defines
//   code_sums(weights, rows, padded)   of four rows of codes, the sums of weight[i] * code[i]
//   square_root(Floats4)               correctly rounded
//   store_codes(codes, out)            sixteen integers of 0..255, as bytes
//   kCodeGroups                        groups of four rows that a scan sums before it finishes one
// and includes this file inside its anonymous namespace.
//
// Multiplications and additions are rounded one by one in a fixed order, in sixteen sums of which
// the i-th has every sixteenth value, so that codes and distances have the same bits everywhere.

typedef float FloatReg __attribute__((vector_size(sizeof(Reg))));
typedef float HalfReg __attribute__((vector_size(sizeof(Reg) / 2)));
typedef double DoubleReg __attribute__((vector_size(sizeof(Reg))));

template <class R>
OMEN_INLINE R load_as(const void* p) {
  R r;
  std::memcpy(&r, p, sizeof(r));
  return r;
}

struct Least {
  template <class R>
  OMEN_INLINE R of(R a, R b) {
    return b < a ? b : a;
  }
};
struct Greatest {
  template <class R>
  OMEN_INLINE R of(R a, R b) {
    return b > a ? b : a;
  }
};
struct Total {
  template <class R>
  OMEN_INLINE R of(R a, R b) {
    return a + b;
  }
};

/// Sixteen lanes to one, always by the same tree. Four holds four of them.
template <class Op, class Four, class R>
OMEN_INLINE Four fold(const R (&regs)[kSums]) {
  Four parts[4];
  std::memcpy(parts, regs, sizeof(parts));
  const Four pairs = Op::of(Op::of(parts[0], parts[2]), Op::of(parts[1], parts[3]));
  const Four halves = Op::of(pairs, __builtin_shufflevector(pairs, pairs, 2, 3, 0, 1));
  return Op::of(halves, __builtin_shufflevector(halves, halves, 1, 0, 3, 2));
}

/// In double precision no square of a float overflows or vanishes, and each is exact.
double square_sum(const float* values, size_t n) {
  constexpr size_t kDoubles = kLanes / 2;
  DoubleReg sums[2 * kSums] = {};
  for (size_t base = 0; base < n; base += 16) {
    OMEN_UNROLL
    for (size_t i = 0; i < 2 * kSums; ++i) {
      const HalfReg half = load_as<HalfReg>(values + base + i * kDoubles);
      const DoubleReg x = __builtin_convertvector(half, DoubleReg);
      sums[i] = sums[i] + x * x;
    }
  }
  double partial[16];
  std::memcpy(partial, sums, sizeof(partial));
  for (size_t h = 8; h > 0; h /= 2) {
    for (size_t i = 0; i < h; ++i) partial[i] += partial[i + h];
  }
  return partial[0];
}

void multiply(float* values, float factor, size_t n) {
  for (size_t i = 0; i < n; i += kLanes) {
    const FloatReg x = load_as<FloatReg>(values + i) * factor;
    std::memcpy(values + i, &x, sizeof(x));
  }
}

CodeRange range(const float* values, size_t n) {
  FloatReg low[kSums];
  FloatReg high[kSums];
  OMEN_UNROLL
  for (size_t i = 0; i < kSums; ++i) low[i] = high[i] = load_as<FloatReg>(values + i * kLanes);
  for (size_t base = 16; base < n; base += 16) {
    OMEN_UNROLL
    for (size_t i = 0; i < kSums; ++i) {
      const FloatReg x = load_as<FloatReg>(values + base + i * kLanes);
      low[i] = Least::of(low[i], x);
      high[i] = Greatest::of(high[i], x);
    }
  }
  return {fold<Least, Floats4>(low)[0], fold<Greatest, Floats4>(high)[0]};
}

CodeSums quantize(const float* values, size_t n, const CodeLevels& levels, std::byte* codes) {
  IntReg sums[kSums] = {};
  IntReg squares[kSums] = {};
  FloatReg misses[kSums] = {};
  for (size_t base = 0; base < n; base += 16) {
    IntReg code[kSums];
    OMEN_UNROLL
    for (size_t i = 0; i < kSums; ++i) {
      const FloatReg above = load_as<FloatReg>(values + base + i * kLanes) - levels.low;
      // At most 255 + 2^-13 + 0.5 in spite of all rounding.
      code[i] = __builtin_convertvector(above * levels.inverse + 0.5F, IntReg);
      const FloatReg miss = above - __builtin_convertvector(code[i], FloatReg) * levels.scale;
      misses[i] = misses[i] + miss * miss;
      sums[i] = sums[i] + code[i];
      squares[i] = squares[i] + code[i] * code[i];
    }
    store_codes(code, codes + base);
  }
  typedef uint32_t Uints4 __attribute__((vector_size(16)));
  return {fold<Total, Uints4>(sums)[0], fold<Total, Uints4>(squares)[0],
          static_cast<double>(fold<Total, Floats4>(misses)[0])};
}

/// The factors of four rows (see sq8.h), a lane each.
struct Factors4 {
  Floats4 scale;
  Floats4 mean;
  Floats4 square;
  Floats4 error;
};

OMEN_INLINE Factors4 load_factors4(const CodeRows& rows) {
  const Floats4 a = load_as<Floats4>(rows.at[0]);
  const Floats4 b = load_as<Floats4>(rows.at[1]);
  const Floats4 c = load_as<Floats4>(rows.at[2]);
  const Floats4 d = load_as<Floats4>(rows.at[3]);
  const Floats4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Floats4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Floats4 ab_upper = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Floats4 cd_upper = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  return {__builtin_shufflevector(ab, cd, 0, 1, 4, 5), __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
          __builtin_shufflevector(ab_upper, cd_upper, 0, 1, 4, 5),
          __builtin_shufflevector(ab_upper, cd_upper, 2, 3, 6, 7)};
}

/// l2 and cosine, before anything is clamped.
OMEN_INLINE Floats4 square_distances(float query_mean, const sq8::DistanceTerms& terms,
                                     const Factors4& row, Floats4 sums) {
  const Floats4 dot = sums * terms.sum_scale * row.scale;
  const Floats4 apart = query_mean - row.mean;
  return apart * terms.mean_scale * apart + ((row.square + terms.add) - dot);
}

/// In this order NaN, which is what infinity less infinity gives, becomes the largest.
OMEN_INLINE Floats4 clamp(Floats4 x, float smallest, float largest) {
  x = x < Floats4{} + largest ? x : Floats4{} + largest;
  return x > Floats4{} + smallest ? x : Floats4{} + smallest;
}

template <bool kInnerProduct>
struct Distances {
  OMEN_INLINE Floats4 of(const sq8::PreparedQuery& query, const CodeRows& rows, Floats4 sums) {
    const Factors4 row = load_factors4(rows);
    Floats4 distance;
    if constexpr (kInnerProduct) {
      distance = row.mean * query.terms.mean_scale - sums * query.terms.sum_scale * row.scale;
    } else {
      distance = square_distances(query.mean, query.terms, row, sums);
    }
    return clamp(distance, query.smallest, query.largest);
  }
};

/// See sq8.cc on why these are bounds, every rounding here included.
template <bool kInnerProduct>
struct Bounds {
  OMEN_INLINE Floats4 of(const sq8::PreparedQuery& query, const CodeRows& rows, Floats4 sums) {
    const Factors4 row = load_factors4(rows);
    const sq8::BoundTerms& bound = query.bound;
    if constexpr (kInnerProduct) {
      const Floats4 distance =
          row.mean * query.terms.mean_scale - sums * query.terms.sum_scale * row.scale;
      const Floats4 slack = row.error * bound.error_scale + row.square * bound.error;
      const Floats4 least = (distance - slack) - bound.offset;
      // What overflowed, or is not a number, says nothing.
      const Floats4 none = Floats4{} - std::numeric_limits<float>::infinity();
      return least < Floats4{} + sq8::kMaxBound ? least : none;
    } else {
      const Floats4 least = square_distances(query.mean, bound.terms, row, sums);
      const Floats4 root = square_root(least > Floats4{} ? least : Floats4{}) * bound.root_scale;
      Floats4 apart = root - (row.error + bound.error);
      apart = apart > Floats4{} ? apart : Floats4{};
      return apart * apart * bound.square_scale - bound.offset;
    }
  }
};

OMEN_INLINE Floats4 code_sums_of(const sq8::PreparedQuery& query, const CodeRows& rows) {
  return __builtin_convertvector(code_sums(query.weights(), rows, query.padded_dim), Floats4);
}

/// row(i) is the address of the i-th code; the last group is filled up with its last row.
template <class What, size_t kGroups, class Row>
OMEN_INLINE void each_code(const sq8::PreparedQuery& query, size_t n, float* out, Row row) {
  CodeRows rows[kGroups];
  Floats4 sums[kGroups];
  size_t i = 0;
  for (; i + 4 * kGroups <= n; i += 4 * kGroups) {
    for (size_t g = 0; g < kGroups; ++g) {
      const size_t at = i + 4 * g;
      rows[g] = {{row(at), row(at + 1), row(at + 2), row(at + 3)}};
      sums[g] = code_sums_of(query, rows[g]);
    }
    for (size_t g = 0; g < kGroups; ++g) {
      const Floats4 values = What::of(query, rows[g], sums[g]);
      std::memcpy(out + i + 4 * g, &values, sizeof(values));
    }
  }
  for (; i < n; i += 4) {
    const size_t last = n - 1;
    const CodeRows rest = {{row(i), row(i + 1 < last ? i + 1 : last),
                            row(i + 2 < last ? i + 2 : last), row(i + 3 < last ? i + 3 : last)}};
    const Floats4 values = What::of(query, rest, code_sums_of(query, rest));
    std::memcpy(out + i, &values, (n - i < 4 ? n - i : 4) * sizeof(float));
  }
}

template <template <bool> class What>
void scan_codes(const sq8::PreparedQuery& query, const std::byte* codes, size_t stride, size_t n,
                float* out) {
  const auto row = [=](size_t i) { return codes + i * stride; };
  if (query.inner_product) return each_code<What<true>, kCodeGroups>(query, n, out, row);
  each_code<What<false>, kCodeGroups>(query, n, out, row);
}

template <template <bool> class What>
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
  if (query.inner_product) return each_code<What<true>, 1>(query, n, out, row);
  each_code<What<false>, 1>(query, n, out, row);
}

constexpr sq8::Kernels kSq8Kernels = {scan_codes<Distances>, gather_codes<Distances>,
                                      scan_codes<Bounds>, gather_codes<Bounds>};
constexpr Sq8Coding kSq8Coding = {square_sum, multiply, range, quantize};
