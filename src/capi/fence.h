// The fence between C and C++: turns a status into a number and a text for the thread, and lets no
// exception through.
#pragma once

#include <iterator>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "omendb/omendb.h"
#include "omendb/status.h"

namespace omendb::capi {

/// Stores the message for omendb_last_error() of this thread and returns the code.
omendb_status fail(StatusCode code, std::string_view message) noexcept;

inline omendb_status report(const Status& status) noexcept {
  return status.ok() ? OMENDB_OK : fail(status.code(), status.message());
}

/// Runs `body`, a callable that returns a Status, and reports the result. Only allocation can throw
/// in it.
template <class Body>
omendb_status fenced(Body&& body) noexcept {
  try {
    return report(std::forward<Body>(body)());
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kOutOfMemory, "out of memory");
  } catch (...) {
    return fail(StatusCode::kInternal, "an unexpected exception; please report it");
  }
}

/// kInvalidArgument: "<name> is NULL".
Status null_argument(std::string_view name);

}  // namespace omendb::capi

/// Inside fenced(): refuses a NULL pointer by its name.
#define OMENDB_REQUIRE(pointer) \
  if ((pointer) == nullptr) return ::omendb::capi::null_argument(#pointer)
