// Early return for Status and Result<T>.
#pragma once

#include "omendb/status.h"

#define OMEN_RETURN_IF_ERROR(expr)                                                       \
  do {                                                                                   \
    if (::omendb::Status omen_status_ = (expr); !omen_status_.ok()) return omen_status_; \
  } while (false)

#define OMEN_CONCAT_INNER(a, b) a##b
#define OMEN_CONCAT(a, b) OMEN_CONCAT_INNER(a, b)

/// OMEN_ASSIGN_OR_RETURN(auto x, f()): x = the value of f(), or return its Status.
#define OMEN_ASSIGN_OR_RETURN(decl, expr) \
  OMEN_ASSIGN_OR_RETURN_INNER(OMEN_CONCAT(omen_result_, __LINE__), decl, expr)
#define OMEN_ASSIGN_OR_RETURN_INNER(result, decl, expr) \
  auto result = (expr);                                 \
  if (!result.ok()) return result.status();             \
  decl = std::move(result).value()
