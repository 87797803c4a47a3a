/*
 * Reads the points that a filter matches, in an order, in batches. Part of omendb.h, which includes
 * it.
 */
#ifndef OMENDB_OMENDB_SCAN_H_
#define OMENDB_OMENDB_SCAN_H_

#include "omendb/omendb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One of the columns that points are sorted by. */
typedef struct omendb_order {
  const char* column; /* bool, i64, f64, string or timestamp; "id" is the point's id */
  int32_t descending; /* 1: the largest first */
} omendb_order;

/*
 * Which points a scan or a get returns. Points are sorted by the first order, then by the next;
 * ties by id. A missing value or NaN comes last, also in descending order; strings compare by their
 * bytes. Without an order, points come as they are stored, which later writes and merges may
 * change.
 */
typedef struct omendb_scan_options {
  size_t size;
  const char* where; /* a filter; NULL = every point */
  size_t batch_size; /* points that one omendb_scan_next returns, 1..65,536; 0 = 1,000 */
  int32_t has_limit; /* 1: at most `limit` points in all */
  uint64_t limit;
  uint64_t offset; /* points to skip first */
  const omendb_order* order_by;
  size_t order_count;
} omendb_scan_options;

/*
 * Returns the points that a filter matches, all at once. `options` and `fields` may be NULL; it
 * ignores batch_size.
 * Fails with INVALID_FILTER, INVALID_ARGUMENT, NOT_FOUND for a column or a field that the
 * collection lacks, TYPE_MISMATCH for an order by a column whose type has none, CORRUPTION, CLOSED.
 */
OMENDB_API omendb_status omendb_collection_get_where(const omendb_collection* collection,
                                                     const omendb_scan_options* options,
                                                     const omendb_fields* fields,
                                                     omendb_points** out) OMENDB_NOEXCEPT;

/*
 * Walks one snapshot in batches; it does not see later writes. `options` and `fields` may be NULL.
 * Fails as omendb_collection_get_where does.
 */
OMENDB_API omendb_status omendb_collection_scan(const omendb_collection* collection,
                                                const omendb_scan_options* options,
                                                const omendb_fields* fields,
                                                omendb_scan** out) OMENDB_NOEXCEPT;

/* The next batch; OMENDB_OK with *out NULL at the end. */
OMENDB_API omendb_status omendb_scan_next(omendb_scan* scan, omendb_points** out) OMENDB_NOEXCEPT;
OMENDB_API void omendb_scan_free(omendb_scan* scan) OMENDB_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* OMENDB_OMENDB_SCAN_H_ */
