#include "collection/read/scan_cursor.h"

#include "base/status_macros.h"
#include "collection/read/fetch.h"

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
  return std::unique_ptr<ScanCursor>(
      new ScanCursor(std::move(snapshot), options, std::move(filter), std::move(fields)));
}

Result<Points> ScanCursor::next() {
  std::vector<RowAt> rows;
  uint32_t part = part_;
  size_t slot = slot_;
  while (rows.size() < options_.batch_size && part < snapshot_->parts.size()) {
    if (matched_part_ != part) {
      matched_part_.reset();
      OMEN_ASSIGN_OR_RETURN(matches_, filter_.matches(snapshot_->parts[part]));
      matched_part_ = part;
    }
    for (; slot < matches_.size() && rows.size() < options_.batch_size; ++slot) {
      if (matches_.test(slot)) rows.push_back({part, static_cast<uint32_t>(slot)});
    }
    if (slot == matches_.size()) {
      ++part;
      slot = 0;
    }
  }
  OMEN_ASSIGN_OR_RETURN(Points points,
                        collection::fetch(*snapshot_, rows, {fields_, options_.columns}));
  part_ = part;
  slot_ = slot;
  return points;
}

}  // namespace omendb::internal
