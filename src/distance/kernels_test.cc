#include "distance/kernels.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "distance/kernels_selfcheck.h"

namespace omendb::distance {
namespace {

class EveryIsa : public testing::TestWithParam<Isa> {};

TEST_P(EveryIsa, AgreesWithTheDoublePrecisionOracleAndWithItself) {
  const uint64_t seed = std::random_device{}();
  for (const std::string& failure : check_kernels(GetParam(), seed)) {
    ADD_FAILURE() << failure << " (seed " << seed << ")";
  }
}

// Each summation is within dim units of the exact sum of magnitudes, so two of them are within
// twice that of each other.
TEST_P(EveryIsa, AgreesWithScalarWithinTheBound) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 1);
  for (size_t dim = 1; dim < 300; ++dim) {
    std::vector<float> q(dim);
    std::vector<float> x(dim);
    double magnitude = 0;
    for (size_t d = 0; d < dim; ++d) {
      q[d] = normal(random);
      x[d] = normal(random);
      magnitude += (std::fabs(q[d]) + std::fabs(x[d])) * (std::fabs(q[d]) + std::fabs(x[d]));
    }
    const double bound = 2 * static_cast<double>(dim + 8) * 0x1p-24;
    for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
      const float here = kernels(GetParam(), metric, Element::kF32).pair(q.data(), x.data(), dim);
      const float oracle =
          kernels(Isa::kScalar, metric, Element::kF32).pair(q.data(), x.data(), dim);
      const double scale = metric == Metric::kCosine ? 2 : magnitude;
      EXPECT_NEAR(here, oracle, bound * scale) << metric_name(metric) << " dim " << dim;
    }
  }
}

TEST_P(EveryIsa, GivesIntegersAndBitsTheSameBitsAsScalar) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const size_t dim : {1, 7, 16, 31, 32, 33, 100, 1'000, 65'536}) {
    std::vector<int8_t> q(dim);
    std::vector<int8_t> x(dim);
    for (size_t d = 0; d < dim; ++d) {
      q[d] = static_cast<int8_t>(random());
      x[d] = static_cast<int8_t>(random());
    }
    for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
      EXPECT_EQ(kernels(GetParam(), metric, Element::kI8).pair(q.data(), x.data(), dim),
                kernels(Isa::kScalar, metric, Element::kI8).pair(q.data(), x.data(), dim));
    }
    const size_t bits = dim * 8;
    EXPECT_EQ(
        kernels(GetParam(), Metric::kHamming, Element::kBinary).pair(q.data(), x.data(), bits),
        kernels(Isa::kScalar, Metric::kHamming, Element::kBinary).pair(q.data(), x.data(), bits));
  }
}

TEST_P(EveryIsa, HoldsTheLargestIntegerSums) {
  const std::vector<int8_t> low(kMaxDimension, -128);
  const std::vector<int8_t> high(kMaxDimension, 127);
  EXPECT_EQ(
      kernels(GetParam(), Metric::kL2, Element::kI8).pair(low.data(), high.data(), kMaxDimension),
      65'536.0F * 65'025.0F);
  EXPECT_EQ(kernels(GetParam(), Metric::kInnerProduct, Element::kI8)
                .pair(low.data(), low.data(), kMaxDimension),
            -65'536.0F * 16'384.0F);
  EXPECT_EQ(kernels(GetParam(), Metric::kCosine, Element::kI8)
                .pair(low.data(), high.data(), kMaxDimension),
            2.0F);
}

INSTANTIATE_TEST_SUITE_P(Kernels, EveryIsa, testing::ValuesIn(supported_isas()),
                         [](const auto& isa) { return std::string(isa_name(isa.param)); });

// A fresh process chooses anew: this binary again, told to print what it uses.
std::string active_isa_of_a_child(const char* forced) {
  const std::string command = std::string("OMENDB_FORCE_ISA=") + forced +
                              " OMENDB_PRINT_ISA=1 /proc/" + std::to_string(getpid()) + "/exe 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  char buffer[256];
  while (pipe != nullptr && std::fgets(buffer, sizeof(buffer), pipe) != nullptr) output += buffer;
  if (pipe != nullptr) pclose(pipe);
  return output;
}

TEST(ForcedIsa, TakesEffectForEverySupportedName) {
  for (const Isa isa : supported_isas()) {
    EXPECT_EQ(active_isa_of_a_child(isa_name(isa).data()),
              std::string(isa_name(isa)) + " own kernels\n");
  }
}

TEST(ForcedIsa, ReportsAnUnknownNameOnceAndIgnoresIt) {
  const std::string output = active_isa_of_a_child("sse9");
  const std::string best(isa_name(supported_isas().back()));
  EXPECT_EQ(output.find("omendb: OMENDB_FORCE_ISA=sse9 is not one of scalar"), 0U) << output;
  EXPECT_NE(output.find("using " + best + "\n" + best + " own kernels\n"), std::string::npos)
      << output;
}

// Runs before any test: in a child of ForcedIsa, prints the set in use and whether the table that
// kernels() hands out is the one of that set, and is done.
const bool kPrintedAsChild = [] {
  if (std::getenv("OMENDB_PRINT_ISA") == nullptr) return false;
  bool own = true;
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    own = own && &kernels(metric, Element::kF32) == &kernels(active_isa(), metric, Element::kF32);
  }
  std::printf("%s %s kernels\n", isa_name(active_isa()).data(), own ? "own" : "other");
  std::exit(0);
}();

}  // namespace
}  // namespace omendb::distance
