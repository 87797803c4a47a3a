#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace omendb {

void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "omendb: broken invariant: %s (%s:%d)\n", what, file, line);
  std::abort();
}

}  // namespace omendb
