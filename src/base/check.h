// Assert programmers, report users: a broken invariant aborts with its text and place.
#pragma once

namespace omendb {
[[noreturn]] void check_failed(const char* what, const char* file, int line);
}  // namespace omendb

/// Always on; for invariants whose breach would put data at risk.
#define OMEN_CHECK(condition) \
  ((condition) ? (void)0 : ::omendb::check_failed(#condition, __FILE__, __LINE__))

/// On in debug and sanitizer builds; for invariants in hot paths.
#ifdef NDEBUG
#define OMEN_DCHECK(condition) ((void)0)
#else
#define OMEN_DCHECK(condition) OMEN_CHECK(condition)
#endif
