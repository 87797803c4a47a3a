#include "collection/read/scan_cursor.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/status_macros.h"
#include "collection/read/order.h"

namespace omendb::internal {

using collection::RowAt;
using collection::RowFilter;

Result<std::unique_ptr<ScanCursor>> ScanCursor::open(
    std::shared_ptr<const collection::Snapshot> snapshot, std::string_view collection,
    const ScanOptions& options) {
  if (options.batch_size == 0 || options.batch_size > kMaxK) {
    return Status(StatusCode::kInvalidArgument, "batch_size is " +
                                                    std::to_string(options.batch_size) +
                                                    "; expected 1.." + std::to_string(kMaxK));
  }
  OMEN_ASSIGN_OR_RETURN(RowFilter filter, RowFilter::bind(options.where, *snapshot));
  OMEN_RETURN_IF_ERROR(collection::choose_columns(*snapshot->columns, options.columns).status());
  OMEN_ASSIGN_OR_RETURN(auto fields,
                        collection::choose_fields(*snapshot->fields, options.with_vectors,
                                                  options.vector_fields, collection));
  std::unique_ptr<ScanCursor> cursor(
      new ScanCursor(std::move(snapshot), options, std::move(filter), std::move(fields)));
  if (!options.order_by.empty()) {
    OMEN_ASSIGN_OR_RETURN(
        cursor->ordered_,
        collection::choose_rows(*cursor->snapshot_, cursor->filter_, cursor->options_));
  }
  return cursor;
}

ScanCursor::ScanCursor(std::shared_ptr<const collection::Snapshot> snapshot,
                       const ScanOptions& options, RowFilter filter, std::vector<size_t> fields)
    : snapshot_(std::move(snapshot)),
      options_(options),
      filter_(std::move(filter)),
      fields_(std::move(fields)) {
  place_.skip = options.offset;
  place_.left = options.limit.value_or(std::numeric_limits<uint64_t>::max());
}

Result<std::vector<RowAt>> ScanCursor::next_rows(Place& place) {
  std::vector<RowAt> rows;
  const auto most = static_cast<size_t>(std::min<uint64_t>(options_.batch_size, place.left));
  while (rows.size() < most && place.part < snapshot_->parts.size()) {
    if (matched_part_ != place.part) {
      matched_part_.reset();
      OMEN_ASSIGN_OR_RETURN(matches_, filter_.matches(snapshot_->parts[place.part]));
      matched_part_ = place.part;
    }
    for (; place.slot < matches_.size() && rows.size() < most; ++place.slot) {
      if (!matches_.test(place.slot)) continue;
      if (place.skip > 0) {
        --place.skip;
      } else {
        rows.push_back({place.part, static_cast<uint32_t>(place.slot)});
      }
    }
    if (place.slot == matches_.size()) {
      ++place.part;
      place.slot = 0;
    }
  }
  place.left -= rows.size();
  return rows;
}

Result<Points> ScanCursor::next() {
  Place place = place_;
  std::vector<RowAt> found;
  std::span<const RowAt> rows;
  if (ordered_) {
    rows = std::span(*ordered_).subspan(place.slot);
    rows = rows.first(std::min(rows.size(), options_.batch_size));
    place.slot += rows.size();
  } else {
    OMEN_ASSIGN_OR_RETURN(found, next_rows(place));
    rows = found;
  }
  OMEN_ASSIGN_OR_RETURN(Points points,
                        collection::fetch(*snapshot_, rows, {fields_, options_.columns}));
  place_ = place;
  return points;
}

}  // namespace omendb::internal
