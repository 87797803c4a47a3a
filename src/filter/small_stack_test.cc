// Filters on threads whose stack is as small as an embedder may choose.
#include <gtest/gtest.h>
#include <pthread.h>

#include <functional>

#include "column/columns.h"
#include "filter/eval.h"
#include "filter/tree.h"

namespace omendb::filter {
namespace {

constexpr size_t kStackBytes = size_t{64} << 10;

/// Runs the work on a thread with a stack of kStackBytes.
void on_small_stack(std::function<void()> work) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, kStackBytes), 0);
  pthread_t thread;
  const auto run = [](void* work_in) -> void* {
    (*static_cast<std::function<void()>*>(work_in))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, &work), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

/// Everything that is ever done with a filter, down to freeing it. @return the rows that match, or
/// why there are none.
std::string use(const std::string& text) {
  const std::vector<Column> columns = {
      {.name = "a", .type = ColumnType::kI64, .valid = {1, 1, 0}, .ints = {1, 2, 0}}};
  column::GrowingColumns growing;
  const column::Schema schema = {{"a", ColumnType::kI64}};
  growing.append(columns, schema, 3);
  const auto filter = Filter::parse(text);
  if (!filter.ok()) return filter.status().message().substr(0, 200);
  if (Filter::parse(filter->to_string())->to_string() != filter->to_string()) return "no way back";
  const auto bound = bind_filter(Filter::all_of({*filter}), schema);
  if (!bound.ok()) return bound.status().message().substr(0, 200);
  const auto rows = evaluate(*bound, {3, growing});
  if (!rows.ok()) return rows.status().message();
  return std::string() + (rows->test(0) ? '1' : '0') + (rows->test(1) ? '1' : '0') +
         (rows->test(2) ? '1' : '0');
}

std::string repeated(const std::string& piece, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += piece;
  return out;
}

TEST(FilterOnASmallStack, TheDeepestFiltersAreParsedWrittenEvaluatedAndFreed) {
  std::string ladder = "a = 1";  // a level with every step
  for (int i = 0; i < 254; ++i) ladder = "(" + ladder + (i % 2 == 0 ? " and a < 3)" : " or a > 3)");
  on_small_stack([&] {
    EXPECT_EQ(use(repeated("(", 255) + "a = 1" + repeated(")", 255)), "100");
    EXPECT_EQ(use(repeated("not ", 254) + "a = 1"), "100");
    EXPECT_EQ(use(repeated("not (", 127) + "a = 1" + repeated(")", 127)), "010");
    EXPECT_EQ(use(ladder), "100");
  });
}

TEST(FilterOnASmallStack, DeeperFiltersAreRefused) {
  on_small_stack([] {
    for (const char* opening : {"(", "not ", "not (", "a = 1 and (", "a = 1 or not ("}) {
      const std::string refused = use(repeated(opening, 50'000));
      EXPECT_NE(refused.find("nested deeper than 256 levels"), std::string::npos) << refused;
    }
  });
}

TEST(FilterOnASmallStack, DeepTreesAreBuiltRefusedAndFreed) {
  on_small_stack([] {
    Filter filter = Filter::is_null("a");
    for (int i = 0; i < 100'000; ++i) {
      filter = i % 2 == 0 ? Filter::negate(filter) : Filter::any_of({filter, Filter::is_null("a")});
    }
    EXPECT_EQ(filter.to_string(), "<the filter is nested deeper than 256 levels>");
    EXPECT_EQ(bind_filter(filter, {{"a", ColumnType::kI64}}).status().message(),
              "the filter is nested deeper than 256 levels");
  });
}

}  // namespace
}  // namespace omendb::filter
