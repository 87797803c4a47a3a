// Any bytes as JSON: what is taken is taken again with space around it, and reading one value stops
// where the whole text does.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "column/json.h"
#include "omendb/types.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace omendb;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool fine = !column::check_json(text);
  OMEN_CHECK(!column::check_json(" " + text + "\n") == fine);
  size_t at = 0;
  if (fine) OMEN_CHECK(!column::skip_json_value(text, at) && at <= size);
  if (fine) OMEN_CHECK(!column::check_json("[" + text + "]") || text.size() >= 2 * kMaxJsonDepth);
  return 0;
}
