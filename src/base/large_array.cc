#include "base/large_array.h"

#include <cstdint>

#include <sys/mman.h>

namespace omendb {

void populate(void* begin, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  const auto first = reinterpret_cast<uintptr_t>(begin) / kPageBytes * kPageBytes;
  const auto end = reinterpret_cast<uintptr_t>(begin) + bytes;
  ::madvise(reinterpret_cast<void*>(first), end - first, MADV_POPULATE_WRITE);
#else
  (void)begin, (void)bytes;
#endif
}

}  // namespace omendb
