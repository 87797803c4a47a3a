#include "collection/read/row_filter.h"

#include "base/status_macros.h"

namespace omendb::collection {

Result<RowFilter> RowFilter::bind(const Filter& where, const column::Schema& columns) {
  RowFilter bound;
  if (where.empty()) return bound;
  OMEN_ASSIGN_OR_RETURN(bound.filter_, filter::bind_filter(where, columns));
  return bound;
}

Result<Bitmap> RowFilter::matches(const Part& part) const {
  const uint32_t rows = part.rows->rows();
  Bitmap result(rows, true);
  if (filter_) {
    OMEN_ASSIGN_OR_RETURN(result, filter::evaluate(*filter_, part.rows->columns(), rows));
  }
  if (part.dead != nullptr) part.dead->clear_dead(result.words());
  return result;
}

Result<std::optional<Bitmap>> RowFilter::mask(const Part& part) const {
  if (!filter_ && part.dead == nullptr) return std::optional<Bitmap>();
  OMEN_ASSIGN_OR_RETURN(Bitmap result, matches(part));
  return std::optional<Bitmap>(std::move(result));
}

}  // namespace omendb::collection
