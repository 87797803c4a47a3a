// Errors as values. Every fallible call of OmenDB returns a Status or a Result<T>, and the compiler
// warns if the caller ignores it. This API never throws.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace omendb {

/// The kind of an error, for callers to act on. The values are frozen: the C ABI exposes them.
enum class StatusCode : int32_t {
  kOk = 0,
  kInvalidArgument = 1,      ///< A parameter is malformed: k = 0, NaN, a bad name, duplicate ids.
  kDimensionMismatch = 2,    ///< The vectors' dimension differs from the collection's.
  kTypeMismatch = 3,         ///< Element type, id kind or column type conflicts with the schema.
  kNotFound = 4,             ///< No such database, collection or column.
  kAlreadyExists = 5,        ///< An id that add() gets exists, or a collection with another schema.
  kInvalidFilter = 6,        ///< A filter does not parse or does not fit the columns.
  kLocked = 7,               ///< Another writer holds the database.
  kCorruption = 8,           ///< Stored bytes fail their checksum or make no sense.
  kIoError = 9,              ///< The operating system refused a file operation.
  kNoSpace = 10,             ///< The disk is full; try again when it has space.
  kReadOnly = 11,            ///< Opened for reading, or a flush failed: reopen to write again.
  kUnsupportedVersion = 12,  ///< Written by a newer OmenDB.
  kNotADatabase = 13,        ///< The path is a file, or a folder that OmenDB did not make.
  kClosed = 14,              ///< The database was closed.
  kLimitExceeded = 15,       ///< A value is above its stated maximum (dimension, k, batch, name).
  kUnimplemented = 16,       ///< Not available in this build.
  kInternal = 17,            ///< A bug in OmenDB that did no damage; please report it.
  kDeadlineExceeded = 18,    ///< The call did not finish within the caller's timeout.
  kCancelled = 19,           ///< The caller stopped the call.
  kOutOfMemory = 20,         ///< The system gave no memory; the call changed nothing.
};

/// The frozen, lower-case name of a code, e.g. "invalid_argument".
std::string_view status_code_name(StatusCode code);

/// Success, or a code with a message that says what was wrong and what was expected.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok_status() { return {}; }

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }
  /// "invalid_argument: k is 0; expected 1..65536", or "ok".
  std::string to_string() const;

  /// Says at the call that a failure does not matter there.
  void ignore() const {}

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

/// A value, or the error that explains why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit by design
    if (status_.ok()) std::abort();                     // an ok Result needs a value
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  /// The value. The caller must have checked ok(): without a value these abort.
  T& value() & { return check(), *value_; }
  const T& value() const& { return check(), *value_; }
  T&& value() && { return check(), std::move(*value_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void check() const {
    if (!value_) std::abort();
  }

  Status status_;
  std::optional<T> value_;
};

}  // namespace omendb
