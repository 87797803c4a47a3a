#include "index/exact_scan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "index/row_cursor.h"

namespace omendb::index {
namespace {

using distance::Kernels;
using distance::TileHit;

// Rows looked at together: a multiple of the tiles' 12, 6 and 4 rows. The first chunks are smaller:
// while there is no threshold, every row of a chunk is a hit.
constexpr size_t kChunk = 252;
constexpr size_t kFirstChunk = 36;
constexpr size_t kChunkStep = 12;
constexpr size_t kRun = 1'024;               // rows scanned between offers where all take part
constexpr size_t kFirstRun = 128;            // and looked at by their codes, for the same reason
constexpr size_t kChunkBytes = 256 * 1'024;  // and at most this much of them: they stay in L2

// Calls look(i) for the i < n of every eight values one of which the threshold of `top` admits:
// once that is low, few are.
template <class Look>
void look_at_low(const float* values, size_t n, const TopK& top, Look look) {
  constexpr size_t kGroup = 8;
  size_t i = 0;
  for (; i + kGroup <= n; i += kGroup) {
    const float* d = values + i;
    const float least = std::min(std::min(std::min(d[0], d[1]), std::min(d[2], d[3])),
                                 std::min(std::min(d[4], d[5]), std::min(d[6], d[7])));
    if (!(least <= top.threshold())) continue;
    for (size_t j = 0; j < kGroup; ++j) look(i + j);
  }
  for (; i < n; ++i) look(i);
}

// Calls measure() for the hits that may get in. When there are many, the k of the least keys go
// first: they bring the threshold down, and with it limit(), to where few of the others are left.
template <auto kKey, class Hit, class Limit, class Measure>
void measure_best_first(std::span<Hit> hits, size_t k, Limit limit, Measure measure) {
  if (hits.size() > 2 * k) {
    std::nth_element(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(k), hits.end(),
                     [](const Hit& a, const Hit& b) { return a.*kKey < b.*kKey; });
    measure(hits.first(k));
    hits = hits.subspan(k);
    const auto rest = std::partition(hits.begin(), hits.end(),
                                     [now = limit()](const Hit& hit) { return hit.*kKey <= now; });
    hits = hits.first(static_cast<size_t>(rest - hits.begin()));
  }
  measure(hits);
}

void offer_run(const float* distances, size_t n, uint32_t first, TopK& top) {
  look_at_low(distances, n, top,
              [&](size_t i) { top.offer(distances[i], first + static_cast<uint32_t>(i)); });
}

// Measures and offers `n` ascending rows. If nearly all rows of the stretch take part, scans the
// whole stretch: reading on is cheaper than jumping.
void offer_rows(const Kernels& kernels, const void* query, size_t dim, const RowBlock& block,
                const uint32_t* rows, size_t n, TopK& top) {
  float distances[kChunk + kChunk / 3];
  const size_t span = rows[n - 1] - rows[0] + 1;
  if (span <= n + n / 3) {
    kernels.scan(query, block.rows + rows[0] * block.stride, block.stride, span, dim, distances);
    for (size_t i = 0; i < n; ++i) {
      top.offer(distances[rows[i] - rows[0]], block.first_slot + rows[i]);
    }
    return;
  }
  kernels.gather(query, block.rows, block.stride, rows, n, dim, distances);
  for (size_t i = 0; i < n; ++i) top.offer(distances[i], block.first_slot + rows[i]);
}

size_t chunk_rows(size_t bytes_per_row) {
  const size_t fit = kChunkBytes / std::max<size_t>(bytes_per_row, 1) / kChunkStep * kChunkStep;
  return std::clamp(fit, 2 * kChunkStep, kChunk);
}

// How a pair is judged without measuring it. With u = 2^-24, gamma_n = n u / (1 - n u) (Higham,
// Accuracy and Stability of Numerical Algorithms, 3.1) and n = dim, for any order of additions:
//   a computed <q, x>, of the tile or of pair(), is within gamma_n |q||x| of the true one;
//   a computed |x|^2 is within gamma_n |x|^2; pair()'s l2 is within gamma_{n+2} of itself.
// Let D^ be pair()'s distance. Then, writing S = |q|^2 + |x|^2 >= 2 |q||x|, and as l2 <= 2 S:
//   l2      D^ >= |q|^2 + |x|^2 - 2 dot - c S,   c >= 4 gamma_{n+2} + 4 u
//   ip      D^ >= -dot - c |q||x|,               c >= 2 gamma_n + 4 u
//   cosine  D^ >= 1 - dot / (|q||x|) - c,        c >= 4.2 gamma_n + 10 u
// where dot and the norms are the computed ones and the last terms pay for the roundings of the
// judgement itself. Where pair() takes half the squared chord for a cosine, it is off by less
// (sq8.cc). A row can be among the nearest only if D^ <= T, the threshold of its TopK; each right
// side above, with what depends on the query alone brought to the side of T, is a key
//   row_scale * dot + query_scale * row_offset <= threshold
// as TileTask wants it. n u <= 2^-8, hence the factor 1.01 on n u in place of gamma_n. Gradual
// underflow adds at most 2^-149 an operation: `tiny`. Where squares may overflow, or vanish under a
// quotient, the pair is never ruled out.
class Judge {
 public:
  Judge(Metric metric, size_t dim) : metric_(metric) {
    const double n = static_cast<double>(dim);
    const double factor = metric == Metric::kL2 ? 4 : (metric == Metric::kCosine ? 5 : 2);
    c_ = 1.01 * (factor * n + 64) * 0x1p-24;
    tiny_ = (8 * n + 64) * 0x1p-149;
  }

  void prepare_row(float squared_norm, float& scale, float& offset) const {
    const double norm = squared_norm;
    scale = metric_ == Metric::kL2 ? -2.0F : -1.0F;
    offset = std::numeric_limits<float>::quiet_NaN();
    if (!(norm <= kMaxNorm)) return;
    if (metric_ == Metric::kL2) {
      offset = static_cast<float>((1 - c_) * norm);
    } else if (metric_ == Metric::kInnerProduct) {
      offset = static_cast<float>(-c_ * std::sqrt(std::max(norm, kMinNorm)));
    } else if (norm >= kMinNorm) {
      scale = static_cast<float>(-1 / std::sqrt(norm));
      offset = 0;
    }
  }

  float query_scale(float squared_norm) const {
    if (metric_ != Metric::kInnerProduct) return 1;
    const double norm = squared_norm;
    return norm <= kMaxNorm ? static_cast<float>(std::sqrt(std::max(norm, kMinNorm))) : 1;
  }

  /// The greatest key of a row that may be at a distance <= `limit`.
  float key_limit(float squared_norm, float limit) const {
    const double norm = squared_norm;
    const bool in_range = norm <= kMaxNorm && (metric_ != Metric::kCosine || norm >= kMinNorm);
    if (!in_range || limit == std::numeric_limits<float>::infinity()) {
      return std::numeric_limits<float>::infinity();
    }
    double key = static_cast<double>(limit) + tiny_;
    if (metric_ == Metric::kL2) key -= (1 - c_) * norm;
    if (metric_ == Metric::kCosine) key = (key - 1 + c_) * std::sqrt(norm);
    return std::nextafter(static_cast<float>(key), std::numeric_limits<float>::infinity());
  }

 private:
  // Well inside of what pair() computes without its double-precision path.
  static constexpr double kMaxNorm = 0x1p123;
  static constexpr double kMinNorm = 0x1p-88;

  Metric metric_;
  double c_;
  double tiny_;
};

// An exact scan that reads the codes of all rows, and the vectors of those few whose codes do not
// prove them too far away.
class CoarseScan {
 public:
  CoarseScan(const Kernels& kernels, const void* query, size_t dim, const RowBlock& block,
             TopK& top)
      : kernels_(kernels),
        coarse_(codec::sq8::kernels()),
        query_(query),
        dim_(dim),
        block_(block),
        code_bytes_(block.coarse.encoder->code_bytes()),
        top_(top),
        prepared_(prepare(query, dim, *block.coarse.encoder)) {}

  void run() {
    if (block_.mask == nullptr) {
      size_t run = kFirstRun;
      for (size_t first = 0; first < block_.count; first += run, run = kRun) {
        const size_t n = std::min(run, block_.count - first);
        coarse_.bounds(prepared_, block_.coarse.bytes + first * code_bytes_, code_bytes_, n,
                       bounds_);
        offer_likely(n, [first](size_t i) { return static_cast<uint32_t>(first + i); });
      }
      return;
    }
    RowCursor cursor(block_);
    size_t run = kFirstRun;
    for (size_t n = 0; (n = cursor.next(rows_, run)) != 0; run = kRun) {
      coarse_.gather_bounds(prepared_, block_.coarse.bytes, code_bytes_, rows_, n, bounds_);
      offer_likely(n, [this](size_t i) { return rows_[i]; });
    }
  }

 private:
  static codec::sq8::PreparedQuery prepare(const void* query, size_t dim,
                                           const codec::sq8::Encoder& encoder) {
    std::vector<float> aligned(dim);  // queries need not be
    std::memcpy(aligned.data(), query, dim * sizeof(float));
    return encoder.prepare(aligned.data());
  }

  struct Likely {
    float bound;
    uint32_t row;
  };

  /// Measures those of n rows that may get in.
  template <class RowOf>
  void offer_likely(size_t n, RowOf row_of) {
    size_t count = 0;
    const float threshold = top_.threshold();
    look_at_low(bounds_, n, top_, [&](size_t i) {
      likely_[count] = {bounds_[i], row_of(i)};
      count += bounds_[i] <= threshold ? 1 : 0;
    });
    measure_best_first<&Likely::bound>(
        std::span<Likely>(likely_, count), top_.k(), [this] { return top_.threshold(); },
        [this](std::span<const Likely> some) { measure(some); });
  }

  void measure(std::span<const Likely> some) {
    for (size_t i = 0; i < some.size(); ++i) slots_[i] = some[i].row;
    kernels_.gather(query_, block_.rows, block_.stride, slots_, some.size(), dim_, distances_);
    for (size_t i = 0; i < some.size(); ++i) {
      top_.offer(distances_[i], block_.first_slot + slots_[i]);
    }
  }

  const Kernels& kernels_;
  const codec::sq8::Kernels& coarse_;
  const void* query_;
  const size_t dim_;
  const RowBlock& block_;
  const size_t code_bytes_;
  TopK& top_;
  const codec::sq8::PreparedQuery prepared_;
  float bounds_[kRun];
  uint32_t rows_[kRun];
  Likely likely_[kRun];
  uint32_t slots_[kRun];  // what measure() works on
  float distances_[kRun];
};

}  // namespace

void exact_scan(const Kernels& kernels, const void* query, size_t dim, const RowBlock& block,
                TopK& top) {
  if (block.coarse.bytes != nullptr) {
    CoarseScan(kernels, query, dim, block, top).run();
    return;
  }
  if (block.mask == nullptr) {
    float distances[kRun];
    for (size_t first = 0; first < block.count; first += kRun) {
      const size_t n = std::min(kRun, block.count - first);
      kernels.scan(query, block.rows + first * block.stride, block.stride, n, dim, distances);
      offer_run(distances, n, block.first_slot + static_cast<uint32_t>(first), top);
    }
    return;
  }
  uint32_t rows[kChunk];
  RowCursor cursor(block);
  while (const size_t n = cursor.next(rows, kChunk)) {
    offer_rows(kernels, query, dim, block, rows, n, top);
  }
}

// A tile of few queries is mostly padding, yet it reads the rows once where single scans read them
// once a query. 10,000 rows, 4 queries: 128-d 138 us a query against 104 us one by one, 768-d 889
// against 1,666; 8 queries: 72 against 103, 453 against 1,581 (BM_BatchScan, BM_ExactScan).
bool tile_pays(size_t queries, size_t dim) {
  return queries >= (dim < 256 ? 8 : 4);
}

BatchScan::BatchScan(Metric metric, const VectorsView& queries)
    : metric_(metric),
      queries_(queries),
      kernels_(distance::kernels(metric, queries.element)),
      tile_(distance::tile_kernel()) {
  if (queries.element != Element::kF32 || !tile_pays(queries.count, queries.dim)) return;
  const Kernels& products = distance::kernels(Metric::kInnerProduct, Element::kF32);
  for (size_t q = 0; q < queries.count; ++q) {
    squared_norms_.push_back(-products.pair(queries.row(q), queries.row(q), queries.dim));
  }
  size_t floats = 0;
  for (size_t q = 0; q < queries.count; q += tile_.max_width) {
    const size_t count = std::min(tile_.max_width, queries.count - q);
    const size_t width = (count + tile_.step - 1) / tile_.step * tile_.step;
    panels_.push_back({q, count, width, floats});
    floats += width * queries.dim;
  }
  packed_.resize(floats);
  for (const Panel& panel : panels_) pack(panel);
}

void BatchScan::pack(const Panel& panel) {
  float* out = packed_.data() + panel.coordinates;
  for (size_t q = 0; q < panel.count; ++q) {
    const std::byte* query = queries_.row(panel.first + q);
    for (size_t d = 0; d < queries_.dim; ++d) {
      std::memcpy(out + d * panel.width + q, query + d * sizeof(float), sizeof(float));
    }
  }
}

// The working memory of one scan() over f32 rows.
class BatchScan::TiledScan {
 public:
  TiledScan(const BatchScan& batch, const RowBlock& block, std::span<TopK> tops)
      : batch_(batch),
        block_(block),
        tops_(tops),
        judge_(batch.metric_, batch.queries_.dim),
        products_(distance::kernels(Metric::kInnerProduct, Element::kF32)),
        hits_(batch.tile_.max_width * kChunk),
        hit_counts_(batch.tile_.max_width),
        query_scales_(batch.tile_.max_width),
        key_limits_(batch.tile_.max_width) {}

  BatchStats run() {
    RowCursor cursor(block_);
    const size_t most = chunk_rows(batch_.queries_.dim * sizeof(float));
    size_t chunk = std::min(kFirstChunk, most);
    while ((count_ = cursor.next(rows_, chunk)) != 0) {
      chunk = std::min(2 * chunk, most);
      prepare_rows();
      for (const Panel& panel : batch_.panels_) run_panel(panel);
      stats_.pairs += count_ * batch_.size();
    }
    return stats_;
  }

 private:
  void prepare_rows() {
    for (size_t i = 0; i < count_; ++i) {
      const std::byte* row = block_.rows + rows_[i] * block_.stride;
      pointers_[i] = reinterpret_cast<const float*>(row);
      const float norm = block_.squared_norms != nullptr
                             ? block_.squared_norms[rows_[i]]
                             : -products_.pair(row, row, batch_.queries_.dim);
      judge_.prepare_row(norm, row_scales_[i], row_offsets_[i]);
    }
  }

  void run_panel(const Panel& panel) {
    for (size_t q = 0; q < panel.width; ++q) {
      hit_counts_[q] = 0;
      query_scales_[q] = 0;
      key_limits_[q] = -std::numeric_limits<float>::infinity();
      if (q >= panel.count) continue;
      const float norm = batch_.squared_norms_[panel.first + q];
      query_scales_[q] = judge_.query_scale(norm);
      key_limits_[q] = judge_.key_limit(norm, tops_[panel.first + q].threshold());
    }
    batch_.tile_.run({batch_.packed_.data() + panel.coordinates, panel.width, batch_.queries_.dim,
                      pointers_, count_, row_scales_, row_offsets_, query_scales_.data(),
                      key_limits_.data(), hits_.data(), kChunk, hit_counts_.data()});
    for (size_t q = 0; q < panel.count; ++q) {
      if (hit_counts_[q] != 0) settle(panel.first + q, {&hits_[q * kChunk], hit_counts_[q]});
    }
  }

  // Measures the hits of a query.
  void settle(size_t query, std::span<TileHit> hits) {
    const TopK& top = tops_[query];
    if (hits.size() > 2 * top.k()) {  // they will be ordered
      for (TileHit& hit : hits) {
        if (std::isnan(hit.key)) hit.key = -std::numeric_limits<float>::infinity();
      }
    }
    measure_best_first<&TileHit::key>(
        hits, top.k(),
        [&] { return judge_.key_limit(batch_.squared_norms_[query], top.threshold()); },
        [&](std::span<const TileHit> some) { measure(query, some); });
  }

  void measure(size_t query, std::span<const TileHit> hits) {
    for (size_t i = 0; i < hits.size(); ++i) slots_[i] = rows_[hits[i].row];
    batch_.kernels_.gather(batch_.queries_.row(query), block_.rows, block_.stride, slots_,
                           hits.size(), batch_.queries_.dim, distances_);
    for (size_t i = 0; i < hits.size(); ++i) {
      tops_[query].offer(distances_[i], block_.first_slot + slots_[i]);
    }
    stats_.measured += hits.size();
  }

  const BatchScan& batch_;
  const RowBlock& block_;
  std::span<TopK> tops_;
  Judge judge_;
  const Kernels& products_;
  BatchStats stats_;

  size_t count_ = 0;  // rows of the chunk
  uint32_t rows_[kChunk];
  const float* pointers_[kChunk];
  float row_scales_[kChunk];
  float row_offsets_[kChunk];
  uint32_t slots_[kChunk];  // what measure() works on
  float distances_[kChunk];
  std::vector<TileHit> hits_;  // kChunk a lane
  std::vector<uint32_t> hit_counts_;
  std::vector<float> query_scales_;
  std::vector<float> key_limits_;
};

void BatchScan::scan_in_blocks(const RowBlock& block, std::span<TopK> tops) const {
  if (block.coarse.bytes != nullptr) {
    for (size_t q = 0; q < queries_.count; ++q) {
      exact_scan(kernels_, queries_.row(q), queries_.dim, block, tops[q]);
    }
    return;
  }
  uint32_t rows[kChunk];
  const size_t chunk = chunk_rows(vector_bytes(queries_.element, queries_.dim));
  RowCursor cursor(block);
  while (const size_t n = cursor.next(rows, chunk)) {
    for (size_t q = 0; q < queries_.count; ++q) {
      offer_rows(kernels_, queries_.row(q), queries_.dim, block, rows, n, tops[q]);
    }
  }
}

void BatchScan::scan(const RowBlock& block, std::span<TopK> tops, BatchStats* stats) const {
  OMEN_CHECK(tops.size() == queries_.count);
  if (panels_.empty()) {
    scan_in_blocks(block, tops);
    return;
  }
  const BatchStats work = TiledScan(*this, block, tops).run();
  if (stats != nullptr) {
    stats->pairs += work.pairs;
    stats->measured += work.measured;
  }
}

}  // namespace omendb::index
