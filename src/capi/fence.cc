#include "capi/fence.h"

namespace omendb::capi {
namespace {

thread_local std::string last_error;

}  // namespace

omendb_status fail(StatusCode code, std::string_view message) noexcept {
  try {
    last_error.assign(message);
  } catch (...) {
    last_error.clear();  // no memory for the text; the caller still gets the code
  }
  return static_cast<omendb_status>(code);
}

Status null_argument(std::string_view name) {
  return {StatusCode::kInvalidArgument, std::string(name) + " is NULL"};
}

namespace {

// omendb.h writes the C enumerators out for its readers. These checks keep them equal to the C++
// ones.
#define OMENDB_SAME(c, cpp) static_assert(int{c} == static_cast<int>(StatusCode::cpp))
OMENDB_SAME(OMENDB_OK, kOk);
OMENDB_SAME(OMENDB_INVALID_ARGUMENT, kInvalidArgument);
OMENDB_SAME(OMENDB_DIMENSION_MISMATCH, kDimensionMismatch);
OMENDB_SAME(OMENDB_TYPE_MISMATCH, kTypeMismatch);
OMENDB_SAME(OMENDB_NOT_FOUND, kNotFound);
OMENDB_SAME(OMENDB_ALREADY_EXISTS, kAlreadyExists);
OMENDB_SAME(OMENDB_INVALID_FILTER, kInvalidFilter);
OMENDB_SAME(OMENDB_LOCKED, kLocked);
OMENDB_SAME(OMENDB_CORRUPTION, kCorruption);
OMENDB_SAME(OMENDB_IO_ERROR, kIoError);
OMENDB_SAME(OMENDB_NO_SPACE, kNoSpace);
OMENDB_SAME(OMENDB_READ_ONLY, kReadOnly);
OMENDB_SAME(OMENDB_UNSUPPORTED_VERSION, kUnsupportedVersion);
OMENDB_SAME(OMENDB_NOT_A_DATABASE, kNotADatabase);
OMENDB_SAME(OMENDB_CLOSED, kClosed);
OMENDB_SAME(OMENDB_LIMIT_EXCEEDED, kLimitExceeded);
OMENDB_SAME(OMENDB_UNIMPLEMENTED, kUnimplemented);
OMENDB_SAME(OMENDB_INTERNAL, kInternal);
OMENDB_SAME(OMENDB_DEADLINE_EXCEEDED, kDeadlineExceeded);
OMENDB_SAME(OMENDB_CANCELLED, kCancelled);
OMENDB_SAME(OMENDB_OUT_OF_MEMORY, kOutOfMemory);
#undef OMENDB_SAME

constexpr const char* kStatusNames[] = {"ok",
                                        "invalid_argument",
                                        "dimension_mismatch",
                                        "type_mismatch",
                                        "not_found",
                                        "already_exists",
                                        "invalid_filter",
                                        "locked",
                                        "corruption",
                                        "io_error",
                                        "no_space",
                                        "read_only",
                                        "unsupported_version",
                                        "not_a_database",
                                        "closed",
                                        "limit_exceeded",
                                        "unimplemented",
                                        "internal",
                                        "deadline_exceeded",
                                        "cancelled",
                                        "out_of_memory"};
static_assert(std::size(kStatusNames) == OMENDB_OUT_OF_MEMORY + 1);

}  // namespace
}  // namespace omendb::capi

extern "C" {

const char* omendb_last_error(void) noexcept {
  return omendb::capi::last_error.c_str();
}

const char* omendb_status_name(omendb_status status) noexcept {
  using omendb::capi::kStatusNames;
  if (status < 0 || static_cast<size_t>(status) >= std::size(kStatusNames)) return "unknown";
  return kStatusNames[status];
}

}  // extern "C"
