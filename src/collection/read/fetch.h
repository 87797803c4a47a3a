// Turns rows of a snapshot into what a caller sees: ids, vectors and metadata.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collection/state.h"
#include "omendb/results.h"

namespace omendb::collection {

/// A row of a snapshot.
struct RowAt {
  uint32_t part = 0;
  uint32_t slot = 0;
};

struct FetchOptions {
  std::vector<size_t> vector_fields;  ///< places of those whose vectors to return
  std::vector<std::string> columns;   ///< {"*"} = all
};

/// @error kNotFound for a column that the collection lacks, before anything is read.
Result<column::Schema> choose_columns(const column::Schema& schema,
                                      const std::vector<std::string>& wanted);

/// Checks that no file of a part was cut or lost. An answer is valid only if this succeeds.
/// @error kIoError, kCorruption; each names the file that was cut or lost.
Status check_parts(const Snapshot& snapshot);

/// The places of the vector fields whose vectors a caller wants.
/// @param names  none = all of them.
/// @error kNotFound for a field that the collection lacks.
Result<std::vector<size_t>> choose_fields(const segment::Fields& fields, bool with_vectors,
                                          const std::vector<std::string>& names,
                                          std::string_view collection);

/// The rows' points, in the order of `rows`, after check_parts().
Result<Points> fetch(const Snapshot& snapshot, std::span<const RowAt> rows,
                     const FetchOptions& options);

}  // namespace omendb::collection
