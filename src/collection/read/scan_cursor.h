// Walking all points of a snapshot, batch by batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "collection/read/fetch.h"
#include "collection/read/row_filter.h"
#include "omendb/options.h"
#include "omendb/results.h"

namespace omendb::internal {

/// Where a Scan stands in its snapshot, which it keeps alive.
class ScanCursor {
 public:
  /// @error kInvalidFilter, kInvalidArgument, kNotFound.
  static Result<std::unique_ptr<ScanCursor>> open(
      std::shared_ptr<const collection::Snapshot> snapshot, std::string_view collection,
      const ScanOptions& options);
  /// After an error the cursor stays where it was, so no row is skipped.
  Result<Points> next();

 private:
  /// Where the next batch begins, and what is left to do.
  struct Place {
    uint32_t part = 0;  // the next row to look at
    size_t slot = 0;
    uint64_t skip = 0;  // matching rows to leave out
    uint64_t left = 0;  // rows to return
  };

  ScanCursor(std::shared_ptr<const collection::Snapshot> snapshot, const ScanOptions& options,
             collection::RowFilter filter, std::vector<size_t> fields);
  Result<std::vector<collection::RowAt>> next_rows(Place& place);

  const std::shared_ptr<const collection::Snapshot> snapshot_;
  const ScanOptions options_;
  const collection::RowFilter filter_;
  const std::vector<size_t> fields_;  // whose vectors to return
  Place place_;
  /// With an order: all rows, of which place_.slot is the next.
  std::optional<std::vector<collection::RowAt>> ordered_;
  Bitmap matches_;  // of matched_part_
  std::optional<uint32_t> matched_part_;
};

}  // namespace omendb::internal
