#include "omendb/status.h"

namespace omendb {

std::string_view status_code_name(StatusCode code) {
  switch (code) {
    case StatusCode::kOk: return "ok";
    case StatusCode::kInvalidArgument: return "invalid_argument";
    case StatusCode::kDimensionMismatch: return "dimension_mismatch";
    case StatusCode::kTypeMismatch: return "type_mismatch";
    case StatusCode::kNotFound: return "not_found";
    case StatusCode::kAlreadyExists: return "already_exists";
    case StatusCode::kInvalidFilter: return "invalid_filter";
    case StatusCode::kLocked: return "locked";
    case StatusCode::kCorruption: return "corruption";
    case StatusCode::kIoError: return "io_error";
    case StatusCode::kNoSpace: return "no_space";
    case StatusCode::kReadOnly: return "read_only";
    case StatusCode::kUnsupportedVersion: return "unsupported_version";
    case StatusCode::kNotADatabase: return "not_a_database";
    case StatusCode::kClosed: return "closed";
    case StatusCode::kLimitExceeded: return "limit_exceeded";
    case StatusCode::kUnimplemented: return "unimplemented";
    case StatusCode::kInternal: return "internal";
    case StatusCode::kDeadlineExceeded: return "deadline_exceeded";
    case StatusCode::kCancelled: return "cancelled";
    case StatusCode::kOutOfMemory: return "out_of_memory";
  }
  return "unknown";
}

std::string Status::to_string() const {
  if (ok()) return "ok";
  return std::string(status_code_name(code_)) + ": " + message_;
}

}  // namespace omendb
