// Recall and time of the coded scan with exact rerank over a file of vectors.
//
//   coded_scan_recall BASE.u8bin QUERY.u8bin TRUTH.ibin [queries]
//
// Files are u32 n, u32 d and n x d bytes; the truth is u32 n, u32 k and n x k ids. Runs once for
// each choice of center, on one thread; times are the best of three rounds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "codec/rabitq.h"
#include "distance/kernels.h"
#include "index/coded_scan.h"
#include "index/top_k.h"

namespace omendb::index {
namespace {

namespace rabitq = codec::rabitq;
using Clock = std::chrono::steady_clock;

constexpr size_t kNearest = 10;
constexpr size_t kRounds = 3;

template <class T>
struct Matrix {
  size_t rows = 0;
  size_t columns = 0;
  std::vector<T> values;
  const T* row(size_t i) const { return values.data() + i * columns; }
};

template <class T>
Matrix<T> read_matrix(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  uint32_t head[2] = {0, 0};
  Matrix<T> out;
  if (file == nullptr || std::fread(head, sizeof(head), 1, file) != 1) {
    std::fprintf(stderr, "cannot read %s\n", path);
    std::exit(1);
  }
  out.rows = head[0];
  out.columns = head[1];
  out.values.resize(out.rows * out.columns);
  const size_t read = std::fread(out.values.data(), sizeof(T), out.values.size(), file);
  std::fclose(file);
  if (read != out.values.size()) {
    std::fprintf(stderr, "%s is short: %zu values of %zu\n", path, read, out.values.size());
    std::exit(1);
  }
  return out;
}

Matrix<float> widen(const Matrix<uint8_t>& bytes) {
  return {bytes.rows, bytes.columns, {bytes.values.begin(), bytes.values.end()}};
}

std::vector<float> mean(const Matrix<float>& data, size_t rows) {
  std::vector<double> sums(data.columns, 0.0);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t d = 0; d < data.columns; ++d) sums[d] += static_cast<double>(data.row(i)[d]);
  }
  std::vector<float> out;
  out.reserve(sums.size());
  for (const double sum : sums) out.push_back(static_cast<float>(sum / static_cast<double>(rows)));
  return out;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::byte> encode(const rabitq::Encoder& encoder, const Matrix<float>& data) {
  std::vector<std::byte> blocks(rabitq::coded_bytes(data.columns, data.rows));
  const auto start = Clock::now();
  for (size_t i = 0; i < data.rows; i += rabitq::kBlockRows) {
    encoder.encode_block(data.row(i), data.columns * sizeof(float),
                         std::min(rabitq::kBlockRows, data.rows - i),
                         blocks.data() + i / rabitq::kBlockRows * encoder.block_bytes());
  }
  std::printf("  encoded %.2f million vectors/s\n",
              static_cast<double>(data.rows) / seconds_since(start) / 1e6);
  return blocks;
}

struct Times {
  double prepare = 0;
  double scan = 0;
  double rerank = 0;
  double total() const { return prepare + scan + rerank; }
};

class Run {
 public:
  Run(const Matrix<float>& base, const Matrix<float>& queries, const Matrix<uint32_t>& truth)
      : base_(base), queries_(queries), truth_(truth) {}

  void measure(const char* name, const std::vector<float>& center) {
    std::printf("center: %s\n", name);
    const rabitq::Encoder encoder({.metric = Metric::kL2, .dim = base_.columns, .seed = 42},
                                  center.data());
    const std::vector<std::byte> blocks = encode(encoder, base_);
    for (const size_t reranked : {100UL, 200UL, 300UL, 500UL, 1000UL}) {
      Times best;
      size_t found = 0;
      for (size_t round = 0; round < kRounds; ++round) {
        found = 0;
        const Times times = one_by_one(encoder, blocks, reranked, found);
        if (round == 0 || times.total() < best.total()) best = times;
      }
      const double per = 1e6 / static_cast<double>(queries_.rows);
      std::printf("  R %4zu: recall@10 %.4f; prepare %.1f + scan %.1f + rerank %.1f = %.1f us\n",
                  reranked,
                  static_cast<double>(found) / static_cast<double>(queries_.rows * kNearest),
                  best.prepare * per, best.scan * per, best.rerank * per, best.total() * per);
    }
    batches(encoder, blocks);
  }

 private:
  Times one_by_one(const rabitq::Encoder& encoder, const std::vector<std::byte>& blocks,
                   size_t reranked, size_t& found) {
    Times times;
    CandidateQueue queue(reranked);
    std::vector<uint32_t> slots(reranked);
    std::vector<float> distances(reranked);
    const distance::Kernels& kernels = distance::kernels(Metric::kL2, Element::kF32);
    for (size_t q = 0; q < queries_.rows; ++q) {
      auto start = Clock::now();
      const rabitq::PreparedQuery query = encoder.prepare(queries_.row(q));
      times.prepare += seconds_since(start);
      start = Clock::now();
      queue.reset(reranked);
      coded_scan(query, {.blocks = blocks.data(), .count = base_.rows}, queue);
      const auto candidates = queue.sorted();
      times.scan += seconds_since(start);
      start = Clock::now();
      const size_t n = candidates.size();
      for (size_t i = 0; i < n; ++i) slots[i] = candidates[i].slot;
      kernels.gather(queries_.row(q), base_.values.data(), base_.columns * sizeof(float),
                     slots.data(), n, base_.columns, distances.data());
      TopK top(kNearest);
      for (size_t i = 0; i < n; ++i) top.offer(distances[i], slots[i]);
      const std::vector<Neighbor> hits = std::move(top).sorted();
      times.rerank += seconds_since(start);
      for (const Neighbor& hit : hits) {
        const uint32_t* ids = truth_.row(q);
        found += std::find(ids, ids + kNearest, hit.slot) != ids + kNearest ? 1 : 0;
      }
    }
    return times;
  }

  void batches(const rabitq::Encoder& encoder, const std::vector<std::byte>& blocks) {
    for (const size_t size : {4UL, 16UL}) {
      if (queries_.rows < size) return;
      std::vector<rabitq::PreparedQuery> prepared;
      std::vector<CandidateQueue> queues;
      for (size_t q = 0; q < size; ++q) {
        prepared.push_back(encoder.prepare(queries_.row(q)));
        queues.emplace_back(500);
      }
      double best = 0;
      for (size_t round = 0; round < kRounds; ++round) {
        std::vector<QueryScan> scans;
        for (size_t q = 0; q < size; ++q) {
          queues[q].reset(500);
          scans.push_back({&prepared[q], &queues[q]});
        }
        const auto start = Clock::now();
        coded_scan(scans, {.blocks = blocks.data(), .count = base_.rows});
        const double took = seconds_since(start) / static_cast<double>(size);
        if (round == 0 || took < best) best = took;
      }
      std::printf("  batch of %zu: scan %.1f us a query\n", size, best * 1e6);
    }
  }

  const Matrix<float>& base_;
  const Matrix<float>& queries_;
  const Matrix<uint32_t>& truth_;
};

int run(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s BASE.u8bin QUERY.u8bin TRUTH.ibin [queries]\n", argv[0]);
    return 2;
  }
  const Matrix<float> base = widen(read_matrix<uint8_t>(argv[1]));
  Matrix<float> queries = widen(read_matrix<uint8_t>(argv[2]));
  const Matrix<uint32_t> truth = read_matrix<uint32_t>(argv[3]);
  queries.rows = std::min(queries.rows, argc > 4 ? std::stoul(argv[4]) : 200UL);
  std::printf("%zu x %zu, %zu queries, %s\n", base.rows, base.columns, queries.rows,
              std::string(distance::isa_name(distance::active_isa())).c_str());
  Run all(base, queries, truth);
  all.measure("mean", mean(base, base.rows));
  all.measure("mean of the first 1,000", mean(base, std::min<size_t>(base.rows, 1000)));
  all.measure("zero", std::vector<float>(base.columns, 0.0F));
  return 0;
}

}  // namespace
}  // namespace omendb::index

int main(int argc, char** argv) {
  return omendb::index::run(argc, argv);
}
