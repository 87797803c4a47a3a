// Any text: parse, write, parse again, bind, evaluate. What follows a NUL is the value of a JSON
// column that the filter may test.
#include <algorithm>
#include <random>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "column/columns.h"
#include "column/columns_test_util.h"
#include "column/json.h"
#include "filter/eval.h"
#include "filter/json_reader.h"

namespace omendb {
namespace {

using column::GrowingColumns;
using column::Schema;

const GrowingColumns& every_column() {
  static const GrowingColumns* const columns = [] {
    std::mt19937 rng(1);
    std::vector<Column> batch;
    for (const auto& column : column::testing::every_type()) {
      batch.push_back(column::testing::random_column(column, 100, rng));
    }
    auto* filled = new GrowingColumns();
    filled->append(batch, column::testing::every_type(), 100);
    return filled;
  }();
  return *columns;
}

void evaluate_on(const Filter& where, const Schema& schema, const GrowingColumns& columns,
                 uint32_t rows) {
  const auto bound = filter::bind_filter(where, schema);
  if (bound.ok()) OMEN_CHECK(filter::evaluate(*bound, {rows, columns}).ok());
}

/// Bytes that were damaged on the disk may be no JSON.
void read_anything(std::string_view bytes) {
  std::vector<std::string_view> found;
  std::string scratch;
  filter::JsonPathFinder finder;
  for (const std::string_view path : {"a", "a.b", "0.a.1", "$ref"}) {
    static_cast<void>(finder.find(bytes, path, found));
    for (const std::string_view value : found) filter::read_json_value(value, scratch);
  }
  filter::read_json_value(filter::trim_json(bytes), scratch);
}

void evaluate_on_json(const Filter& where, std::string_view json) {
  if (column::check_json(json)) return;
  Column column{.name = "j", .type = ColumnType::kJson, .string_offsets = {0, json.size()}};
  column.bytes = json;
  const Schema schema = {{"j", ColumnType::kJson}};
  GrowingColumns one;
  one.append(std::vector<Column>{column}, schema, 1);
  evaluate_on(where, schema, one, 1);
}

}  // namespace
}  // namespace omendb

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using omendb::Filter;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t text_size = std::min(input.find('\0'), size);
  const auto filter = Filter::parse(input.substr(0, text_size));
  if (!filter.ok()) return 0;
  const auto again = Filter::parse(filter->to_string());
  OMEN_CHECK(again.ok() && again->to_string() == filter->to_string());
  omendb::evaluate_on(*filter, omendb::column::testing::every_type(), omendb::every_column(), 100);
  if (text_size == size) return 0;
  omendb::read_anything(input.substr(text_size + 1));
  omendb::evaluate_on_json(*filter, input.substr(text_size + 1));
  return 0;
}
