#include "collection/read/get.h"

#include "base/id_view.h"
#include "base/status_macros.h"
#include "collection/read/fetch.h"
#include "collection/read/row_filter.h"
#include "collection/write/batch_check.h"

namespace omendb::collection {

Result<std::vector<RowAt>> find_points(const Snapshot& snapshot, const IdsView& ids,
                                       std::vector<uint8_t>& found) {
  std::vector<RowAt> rows;
  found.assign(id_count(ids), 0);
  for (size_t i = 0; i < found.size(); ++i) {
    const IdView id = id_at(ids, i);
    for (auto p = static_cast<uint32_t>(snapshot.parts.size()); p-- > 0;) {
      const Part& part = snapshot.parts[p];
      OMEN_ASSIGN_OR_RETURN(const auto slot, part.rows->find(id));
      if (!slot || segment::is_dead(part.dead, *slot)) continue;
      rows.push_back({p, *slot});
      found[i] = 1;
      break;
    }
  }
  return rows;
}

Result<GetResult> get(const Snapshot& snapshot, std::string_view collection, const IdsView& ids,
                      const GetOptions& options) {
  OMEN_RETURN_IF_ERROR(check_id_values(ids));
  if (id_count(ids) > 0) {
    OMEN_RETURN_IF_ERROR(check_id_kind(ids, snapshot.id_kind, collection));
  }
  OMEN_ASSIGN_OR_RETURN(auto fields, choose_fields(*snapshot.fields, options.with_vectors,
                                                   options.vector_fields, collection));
  GetResult result;
  OMEN_ASSIGN_OR_RETURN(const std::vector<RowAt> rows, find_points(snapshot, ids, result.found));
  OMEN_ASSIGN_OR_RETURN(result.points, fetch(snapshot, rows, {std::move(fields), options.columns}));
  return result;
}

Result<uint64_t> count(const Snapshot& snapshot, const Filter& where) {
  if (where.empty()) return snapshot.live;
  OMEN_ASSIGN_OR_RETURN(const RowFilter filter, RowFilter::bind(where, snapshot));
  uint64_t total = 0;
  for (const Part& part : snapshot.parts) {
    OMEN_ASSIGN_OR_RETURN(const Bitmap matches, filter.matches(part));
    total += matches.count();
  }
  OMEN_RETURN_IF_ERROR(check_parts(snapshot));
  return total;
}

}  // namespace omendb::collection
