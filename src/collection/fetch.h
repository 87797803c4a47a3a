// Turns rows of a snapshot into what a caller sees: ids, vectors and metadata.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collection/match.h"
#include "omendb/database.h"

namespace omendb::collection {

/// A row of a snapshot.
struct RowAt {
  uint32_t part = 0;
  uint32_t slot = 0;
};

struct FetchOptions {
  bool with_vectors = false;
  std::vector<std::string> columns;  ///< {"*"} = all
};

/// @error kNotFound for a column that the collection lacks, before anything is read.
Result<column::Schema> choose_columns(const column::Schema& schema,
                                      const std::vector<std::string>& wanted);

/// The rows' points, in the order of `rows`.
Result<Points> fetch(const Snapshot& snapshot, std::span<const RowAt> rows,
                     const FetchOptions& options);

Result<GetResult> get(const Snapshot& snapshot, std::string_view collection, const IdsView& ids,
                      const GetOptions& options);
Result<uint64_t> count(const Snapshot& snapshot, const Filter& where);

}  // namespace omendb::collection

namespace omendb::internal {

/// Where a Scan stands in its snapshot, which it keeps alive.
class ScanCursor {
 public:
  /// @error kInvalidFilter, kInvalidArgument, kNotFound.
  static Result<std::unique_ptr<ScanCursor>> open(
      std::shared_ptr<const collection::Snapshot> snapshot, const ScanOptions& options);
  /// After an error it stands where it stood: no row is passed over.
  Result<Points> next();

 private:
  ScanCursor(std::shared_ptr<const collection::Snapshot> snapshot, const ScanOptions& options,
             collection::Matcher matcher)
      : snapshot_(std::move(snapshot)), options_(options), matcher_(std::move(matcher)) {}

  const std::shared_ptr<const collection::Snapshot> snapshot_;
  const ScanOptions options_;
  const collection::Matcher matcher_;
  uint32_t part_ = 0;  // the next row to look at
  size_t slot_ = 0;
  Bitmap matches_;  // of matched_part_
  std::optional<uint32_t> matched_part_;
};

}  // namespace omendb::internal
