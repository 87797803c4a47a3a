// Any text: parse, write, parse again, bind, evaluate.
#include <cstdlib>
#include <random>
#include <string_view>

#include "column/columns.h"
#include "column/columns_test_util.h"
#include "filter/eval.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace omendb;
  const auto filter = Filter::parse({reinterpret_cast<const char*>(data), size});
  if (!filter.ok()) return 0;
  const auto again = Filter::parse(filter->to_string());
  if (!again.ok() || again->to_string() != filter->to_string()) std::abort();

  static const column::GrowingColumns* const columns = [] {
    std::mt19937 rng(1);
    std::vector<Column> batch;
    for (const auto& column : column::testing::every_type()) {
      batch.push_back(column::testing::random_column(column, 100, rng));
    }
    auto* filled = new column::GrowingColumns();
    filled->append(batch, 100);
    return filled;
  }();
  const auto bound = filter::bind_filter(*filter, column::testing::every_type());
  if (bound.ok() && !filter::evaluate(*bound, {100, *columns}).ok()) std::abort();
  return 0;
}
