#include "distance/kernels_selfcheck.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>

#include "distance/tile.h"

namespace omendb::distance {
namespace {

constexpr size_t kRows = 11;  // not a multiple of any kernel's group
constexpr size_t kMaxFailures = 20;
constexpr double kUnit = 0x1p-24;  // half an ulp of 1 in f32

// By the definition of the format, not by the library's own conversion.
double decode_half(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 0x3ff;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

double coordinate(Element element, const std::byte* row, size_t d) {
  switch (element) {
    case Element::kF32: {
      float value = 0;
      std::memcpy(&value, row + 4 * d, 4);
      return value;
    }
    case Element::kF16: {
      uint16_t value = 0;
      std::memcpy(&value, row + 2 * d, 2);
      return decode_half(value);
    }
    case Element::kI8: return static_cast<double>(static_cast<int8_t>(row[d]));
    case Element::kBinary: return static_cast<double>((static_cast<int>(row[d / 8]) >> d % 8) & 1);
  }
  return 0;
}

struct Truth {
  double distance = 0;
  double bound = 0;  // on |computed - distance|
};

// gamma_n style bounds (Higham, Accuracy and Stability, 3.1): a sum of n products is off by at most
// about n units of the sum of their magnitudes, in whatever order it is added.
Truth oracle(Metric metric, Element element, const std::byte* q, const std::byte* x, size_t dim) {
  double dot = 0;
  double magnitude = 0;
  double q_norm = 0;
  double x_norm = 0;
  double squares = 0;
  for (size_t d = 0; d < dim; ++d) {
    const double a = coordinate(element, q, d);
    const double b = coordinate(element, x, d);
    dot += a * b;
    magnitude += std::fabs(a * b);
    q_norm += a * a;
    x_norm += b * b;
    squares += (a - b) * (a - b);
  }
  const bool exact = element == Element::kI8 || element == Element::kBinary;
  const double units = exact ? kUnit : static_cast<double>(dim + 8) * kUnit;
  const double vanishing = static_cast<double>(dim) * std::numeric_limits<float>::denorm_min();
  switch (metric) {
    case Metric::kL2: return {squares, 2 * units * squares + vanishing};
    case Metric::kInnerProduct: return {-dot, units * magnitude + vanishing};
    case Metric::kHamming: return {squares, 0};
    case Metric::kCosine: break;
  }
  const double norms = std::sqrt(q_norm) * std::sqrt(x_norm);
  if (norms == 0) return {1, 0};  // as the kernels have it; one random byte in 256 is zero
  return {1 - dot / norms, 2 * units + 4 * kUnit};
}

class Checker {
 public:
  Checker(Isa isa, uint64_t seed) : isa_(isa), random_(seed) {}

  void dense(Metric metric, Element element, size_t dim, double scale);
  void near_cosines(size_t dim);
  void extremes();
  void every_half();
  void tile(size_t dim, size_t width, size_t count);
  std::vector<std::string> failures() && { return std::move(failures_); }

 private:
  void fill(Element element, std::byte* row, size_t dim, double scale);
  void expect(bool ok, const char* what, const std::string& context, double got, double want);
  std::string context(Metric metric, Element element, size_t dim) const {
    return std::string(isa_name(isa_)) + " " + std::string(metric_name(metric)) + " " +
           std::string(element_name(element)) + " dim " + std::to_string(dim);
  }

  Isa isa_;
  std::mt19937_64 random_;
  std::vector<std::string> failures_;
};

void Checker::expect(bool ok, const char* what, const std::string& context, double got,
                     double want) {
  if (ok || failures_.size() >= kMaxFailures) return;
  char numbers[96];
  std::snprintf(numbers, sizeof(numbers), ": got %.9g, expected %.9g", got, want);
  failures_.push_back(context + ": " + what + numbers);
}

void Checker::fill(Element element, std::byte* row, size_t dim, double scale) {
  std::normal_distribution<double> normal(0, scale);
  for (size_t d = 0; d < dim; ++d) {
    if (element == Element::kF32) {
      const float value = static_cast<float>(normal(random_));
      std::memcpy(row + 4 * d, &value, 4);
    } else if (element == Element::kF16) {
      const uint64_t bits = random_();  // any sign and fraction, exponents 2^-15..2^4
      const uint16_t value = static_cast<uint16_t>((bits & 0x83ff) | ((bits >> 20) % 20) << 10);
      std::memcpy(row + 2 * d, &value, 2);
    } else if (element == Element::kI8) {
      row[d] = static_cast<std::byte>(random_());
    } else {
      const std::byte bit{static_cast<uint8_t>(random_() % 2 << d % 8)};
      row[d / 8] = (d % 8 == 0 ? std::byte{0} : row[d / 8]) | bit;
    }
  }
}

// Rows start one element off any alignment and are one element further apart than they need be.
// The buffer ends with the last row, so that a sanitizer sees any read beyond it.
void Checker::dense(Metric metric, Element element, size_t dim, double scale) {
  const size_t bytes = vector_bytes(element, dim);
  const size_t unit = element == Element::kBinary ? 1 : vector_bytes(element, 1);
  const size_t stride = bytes + unit;
  std::vector<std::byte> buffer(unit + kRows * stride - unit);
  std::vector<std::byte> query(unit + bytes);
  std::byte* q = query.data() + unit;
  std::byte* rows = buffer.data() + unit;
  fill(element, q, dim, scale);
  for (size_t r = 0; r < kRows; ++r) fill(element, rows + r * stride, dim, scale);
  std::memcpy(rows + 3 * stride, q, bytes);

  const Kernels& k = kernels(isa_, metric, element);
  const std::string where = context(metric, element, dim);
  float pairs[kRows];
  for (size_t r = 0; r < kRows; ++r) {
    pairs[r] = k.pair(q, rows + r * stride, dim);
    const Truth truth = oracle(metric, element, q, rows + r * stride, dim);
    expect(std::fabs(pairs[r] - truth.distance) <= truth.bound, "pair", where, pairs[r],
           truth.distance);
  }
  const uint32_t slots[kRows] = {10, 0, 3, 3, 1, 9, 2, 8, 4, 7, 5};
  for (size_t n = 0; n <= kRows; ++n) {
    float scanned[kRows];
    float gathered[kRows];
    k.scan(q, rows, stride, n, dim, scanned);
    k.gather(q, rows, stride, slots, n, dim, gathered);
    for (size_t i = 0; i < n; ++i) {
      expect(std::bit_cast<uint32_t>(scanned[i]) == std::bit_cast<uint32_t>(pairs[i]), "scan",
             where, scanned[i], pairs[i]);
      const float want = pairs[slots[i]];
      expect(std::bit_cast<uint32_t>(gathered[i]) == std::bit_cast<uint32_t>(want), "gather", where,
             gathered[i], want);
    }
  }
}

// Vectors that nearly agree in direction: 1 - cos in f32 would be mostly rounding.
void Checker::near_cosines(size_t dim) {
  const Kernels& k = kernels(isa_, Metric::kCosine, Element::kF32);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> q(dim);
  for (float& value : q) value = normal(random_);
  constexpr size_t kNearRows = 26;  // from far to equal but for their lengths
  std::vector<float> rows(kNearRows * dim);
  for (size_t r = 0; r < kNearRows; ++r) {
    const float noise = r + 1 == kNearRows ? 0.0F : std::ldexp(1.0F, 1 - static_cast<int>(r));
    for (size_t d = 0; d < dim; ++d) {
      rows[r * dim + d] = std::ldexp(q[d] + noise * normal(random_), static_cast<int>(r % 5) - 2);
    }
  }
  float scanned[kNearRows];
  k.scan(q.data(), rows.data(), dim * sizeof(float), kNearRows, dim, scanned);
  const auto length = [dim](const float* x) {
    double sum = 0;
    for (size_t d = 0; d < dim; ++d) sum += static_cast<double>(x[d]) * x[d];
    return std::sqrt(sum);
  };
  for (size_t r = 0; r < kNearRows; ++r) {
    const float* row = rows.data() + r * dim;
    const float got = k.pair(q.data(), row, dim);
    double squares = 0;
    const double lengths[] = {length(q.data()), length(row)};
    for (size_t d = 0; d < dim; ++d) {
      const double part = q[d] / lengths[0] - row[d] / lengths[1];
      squares += part * part;
    }
    const double chord = std::sqrt(squares);
    const double units = static_cast<double>(dim + 8) * kUnit;
    double bound = units * chord + 4 * kUnit;
    if (squares / 2 >= 0.124) bound = (2.1 * static_cast<double>(dim) + 16) * kUnit / chord;
    if (squares / 2 <= 0x1p-21) bound = 2 * kUnit * chord + 0x1p-50;
    const double root = std::sqrt(2 * static_cast<double>(got));
    const std::string where = context(Metric::kCosine, Element::kF32, dim);
    expect(std::fabs(root - chord) <= bound, "chord", where, root, chord);
    expect(std::bit_cast<uint32_t>(scanned[r]) == std::bit_cast<uint32_t>(got), "scan", where,
           scanned[r], got);
  }
}

// Values whose squares overflow or vanish in f32: distances stay finite and as exact as f32 can be.
void Checker::extremes() {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  const float values[] = {kMax, -kMax, 1e30F, -1e20F, 1e19F, 1.0F, 0.0F, -1e-20F, 1e-30F, kTiny};
  const Metric metrics[] = {Metric::kL2, Metric::kCosine, Metric::kInnerProduct};
  for (size_t trial = 0; trial < 300; ++trial) {
    const size_t dim = 1 + trial % 40;
    std::vector<float> q(dim);
    std::vector<float> x(dim);
    const size_t spread = trial % 2 == 0 ? std::size(values) : 1;
    const size_t base = random_() % std::size(values);
    for (size_t d = 0; d < dim; ++d) {
      q[d] = values[(base + random_() % spread) % std::size(values)];
      x[d] = values[(base + random_() % spread) % std::size(values)];
    }
    q[0] = x[0] = 3 * kTiny;  // no zero vectors: they have no cosine
    const auto* q_bytes = reinterpret_cast<const std::byte*>(q.data());
    const auto* x_bytes = reinterpret_cast<const std::byte*>(x.data());
    for (const Metric metric : metrics) {
      const float got = kernels(isa_, metric, Element::kF32).pair(q.data(), x.data(), dim);
      Truth truth = oracle(metric, Element::kF32, q_bytes, x_bytes, dim);
      const double want =
          std::clamp(truth.distance, -static_cast<double>(kMax), static_cast<double>(kMax));
      expect(std::isfinite(got) && std::fabs(got - want) <= truth.bound, "extreme",
             context(metric, Element::kF32, dim), got, want);
    }
  }
}

void Checker::every_half() {
  const uint16_t one = 0x3c00;
  const Kernels& k = kernels(isa_, Metric::kInnerProduct, Element::kF16);
  for (uint32_t bits = 0; bits < 65'536; ++bits) {
    if (((bits >> 10) & 31) == 31) continue;  // callers refuse infinities and NaNs
    const uint16_t half = static_cast<uint16_t>(bits);
    const float got = k.pair(&one, &half, 1);
    expect(got == -decode_half(half), "half", std::string(isa_name(isa_)), got, -decode_half(half));
  }
}

void Checker::tile(size_t dim, size_t width, size_t count) {
  std::vector<float> panel(dim * width);
  std::vector<float> rows(dim * count);
  std::vector<const float*> pointers(count);
  std::normal_distribution<float> normal(0, 1);
  for (float& value : panel) value = normal(random_);
  for (float& value : rows) value = normal(random_);
  for (size_t r = 0; r < count; ++r) pointers[r] = rows.data() + r * dim;
  std::vector<float> row_scale(count);
  std::vector<float> row_offset(count);
  std::vector<float> query_scale(width);
  std::vector<float> threshold(width);
  for (float& value : row_scale) value = normal(random_);
  for (float& value : row_offset) value = normal(random_);
  for (float& value : query_scale) value = normal(random_);
  for (float& value : threshold) value = normal(random_);
  threshold[width - 1] = std::numeric_limits<float>::infinity();
  row_offset[count / 2] = std::numeric_limits<float>::quiet_NaN();
  std::vector<TileHit> hits(width * count);
  std::vector<uint32_t> hit_counts(width);
  tile_kernel(isa_).run({panel.data(), width, dim, pointers.data(), count, row_scale.data(),
                         row_offset.data(), query_scale.data(), threshold.data(), hits.data(),
                         count, hit_counts.data()});
  const std::string where = context(Metric::kL2, Element::kF32, dim) + " tile";
  for (size_t q = 0; q < width; ++q) {
    std::vector<bool> hit(count, false);
    std::vector<float> keys(count);
    for (size_t i = 0; i < hit_counts[q]; ++i) {
      const TileHit& found = hits[q * count + i];
      hit[found.row] = true;
      keys[found.row] = found.key;
    }
    for (size_t r = 0; r < count; ++r) {
      double dot = 0;
      double magnitude = 0;
      for (size_t d = 0; d < dim; ++d) {
        const double product = static_cast<double>(panel[d * width + q]) * rows[r * dim + d];
        dot += product;
        magnitude += std::fabs(product);
      }
      const double shift = static_cast<double>(query_scale[q]) * row_offset[r];
      const double key = row_scale[r] * dot + shift;
      const double slack = (static_cast<double>(dim + 4) * std::fabs(row_scale[r]) * magnitude +
                            4 * std::fabs(shift)) *
                           kUnit;
      if (std::isnan(key)) {
        expect(hit[r], "unjudged pair kept", where, 0, 1);
        continue;
      }
      if (hit[r]) {
        expect(std::fabs(keys[r] - key) <= slack, "key", where, keys[r], key);
        expect(key <= threshold[q] + slack, "reported", where, key, threshold[q]);
      } else {
        expect(key >= threshold[q] - slack, "left out", where, key, threshold[q]);
      }
    }
  }
}

}  // namespace

std::vector<std::string> check_kernels(Isa isa, uint64_t seed) {
  Checker checker(isa, seed);
  std::vector<size_t> dims;
  for (size_t dim = 1; dim <= 130; ++dim) dims.push_back(dim);
  for (const size_t dim : {255, 256, 257, 768, 1'000, 1'536, 65'536}) dims.push_back(dim);
  for (const size_t dim : dims) {
    for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
      for (const double scale : {1.0, 1e-6, 1e9}) {
        checker.dense(metric, Element::kF32, dim, scale);
      }
      checker.dense(metric, Element::kF16, dim, 1);
      checker.dense(metric, Element::kI8, dim, 1);
    }
    checker.dense(Metric::kHamming, Element::kBinary, dim, 1);
    checker.near_cosines(dim);
  }
  checker.extremes();
  checker.every_half();
  const TileKernel& tile = tile_kernel(isa);
  for (size_t width = tile.step; width <= tile.max_width; width += tile.step) {
    for (const size_t count : {1, 5, 6, 7, 12, 13, 40}) {
      for (const size_t dim : {1, 3, 128, 333}) checker.tile(dim, width, count);
    }
  }
  return std::move(checker).failures();
}

}  // namespace omendb::distance
