// codec_selfcheck: compares every instruction set that this machine can run with the scalar one, to
// the bit where bits are stored. Needs no test framework, so that it also runs under an emulator
// for an instruction set that this machine lacks.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "codec/rabitq.h"
#include "codec/sq8.h"
#include "codec/table.h"

namespace omendb::codec {
namespace {

struct Blocks {
  std::vector<std::byte> bytes;
  rabitq::PreparedQuery query;
};

Blocks make_blocks(distance::Isa isa, Metric metric, size_t dim) {
  std::mt19937 random(static_cast<unsigned>(dim));
  std::normal_distribution<float> normal(0.3F);
  std::vector<float> rows(rabitq::kBlockRows * dim);
  for (float& x : rows) x = normal(random);
  const std::vector<float> center(dim, 0.3F);
  const rabitq::Encoder encoder({.metric = metric, .dim = dim, .seed = 7}, center.data());
  Blocks out{std::vector<std::byte>(2 * encoder.block_bytes()), encoder.prepare(rows.data())};
  encoder.encode_block(isa, rows.data(), dim * sizeof(float), 32, out.bytes.data());
  encoder.encode_block(isa, rows.data(), dim * sizeof(float), 5,
                       out.bytes.data() + encoder.block_bytes());
  return out;
}

bool same_estimates(distance::Isa isa, const Blocks& blocks) {
  float expected[64];
  float actual[64];
  uint32_t expected_hits[2];
  uint32_t hits[2];
  const float all = std::numeric_limits<float>::infinity();
  rabitq::block_scan(distance::Isa::kScalar)(blocks.query, blocks.bytes.data(), 2, all, expected,
                                             expected_hits);
  rabitq::block_scan(isa)(blocks.query, blocks.bytes.data(), 2, all, actual, hits);
  bool same = hits[0] == expected_hits[0] && hits[1] == expected_hits[1] && hits[1] == 31U;
  // Multiplied and added in one rounding or in two: the terms are about as large as dim.
  const float slack = 4e-6F * static_cast<float>(blocks.query.padded_dim);
  for (size_t i = 0; i < 37; ++i) same = same && std::fabs(actual[i] - expected[i]) <= slack;
  return same;
}

bool check(distance::Isa isa, Metric metric, size_t dim) {
  const Blocks expected = make_blocks(distance::Isa::kScalar, metric, dim);
  const Blocks actual = make_blocks(isa, metric, dim);
  uint32_t expected_sums[32];
  uint32_t sums[32];
  const auto& query = expected.query;
  internal::codec_table(distance::Isa::kScalar)
      .block_sums(query.tables(), query.padded_dim, expected.bytes.data(), expected_sums);
  internal::codec_table(isa).block_sums(query.tables(), query.padded_dim, expected.bytes.data(),
                                        sums);
  const bool codes = actual.bytes == expected.bytes;
  const bool same_sums = std::equal(sums, sums + 32, expected_sums);
  const bool estimates = same_estimates(isa, expected);
  if (codes && same_sums && estimates) return true;
  std::fprintf(stderr, "%s, %s, dim %zu: codes %s, sums %s, estimates %s\n",
               distance::isa_name(isa).data(), metric_name(metric).data(), dim,
               codes ? "ok" : "DIFFER", same_sums ? "ok" : "DIFFER", estimates ? "ok" : "DIFFER");
  return false;
}

/// Seven rows, so that a whole group and a part of one are compared.
bool check_sq8(distance::Isa isa, Metric metric, size_t dim) {
  std::mt19937 random(static_cast<unsigned>(dim));
  std::normal_distribution<float> normal(0.3F);
  std::vector<float> rows(7 * dim);
  for (float& x : rows) x = normal(random);
  const sq8::Encoder encoder({.metric = metric, .dim = dim});
  std::vector<std::byte> codes(7 * encoder.code_bytes());
  encoder.encode(distance::Isa::kScalar, rows.data(), dim * sizeof(float), 7, codes.data());
  std::vector<std::byte> same_codes(codes.size());
  encoder.encode(isa, rows.data(), dim * sizeof(float), 7, same_codes.data());
  const sq8::PreparedQuery query = encoder.prepare(rows.data());
  const uint32_t slots[7] = {6, 0, 3, 3, 5, 1, 2};
  float expected[7];
  float scanned[7];
  float gathered[7];
  sq8::kernels(distance::Isa::kScalar).scan(query, codes.data(), encoder.code_bytes(), 7, expected);
  sq8::kernels(isa).scan(query, codes.data(), encoder.code_bytes(), 7, scanned);
  sq8::kernels(isa).gather(query, codes.data(), encoder.code_bytes(), slots, 7, gathered);
  bool same = codes == same_codes;
  const auto compare = [&] {
    for (size_t i = 0; i < 7; ++i) {
      same = same && scanned[i] == expected[i] && gathered[i] == expected[slots[i]];
    }
  };
  compare();
  sq8::kernels(distance::Isa::kScalar)
      .bounds(query, codes.data(), encoder.code_bytes(), 7, expected);
  sq8::kernels(isa).bounds(query, codes.data(), encoder.code_bytes(), 7, scanned);
  sq8::kernels(isa).gather_bounds(query, codes.data(), encoder.code_bytes(), slots, 7, gathered);
  compare();
  if (same) return true;
  std::fprintf(stderr, "%s, %s, dim %zu: 8-bit codes, distances or bounds DIFFER\n",
               distance::isa_name(isa).data(), metric_name(metric).data(), dim);
  return false;
}

int run() {
  bool ok = true;
  for (const distance::Isa isa : distance::supported_isas()) {
    bool good = true;
    for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
      for (const size_t dim : {1UL, 64UL, 100UL, 128UL, 768UL, 1000UL, 4160UL, 20000UL}) {
        good = check(isa, metric, dim) && good;
        good = check_sq8(isa, metric, dim) && good;
      }
    }
    std::printf("%s: %s\n", distance::isa_name(isa).data(), good ? "ok" : "FAILED");
    ok = ok && good;
  }
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace omendb::codec

int main() {
  return omendb::codec::run();
}
