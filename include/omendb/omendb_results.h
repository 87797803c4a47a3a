/*
 * Reads points and results. Part of omendb.h, which includes it.
 */
#ifndef OMENDB_OMENDB_RESULTS_H_
#define OMENDB_OMENDB_RESULTS_H_

#include "omendb/omendb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Points: ids, vectors and metadata, column by column ------------------------------------- */
/* Accessors accept NULL, and then return 0 or NULL. */

OMENDB_API size_t omendb_points_count(const omendb_points* points) OMENDB_NOEXCEPT;

/* A view of the ids; kind 0 for NULL. Valid until `points` is freed. */
OMENDB_API omendb_ids omendb_points_ids(const omendb_points* points) OMENDB_NOEXCEPT;

/*
 * The vectors, row after row without gaps, in the collection's element type; `bytes` (may be NULL)
 * receives their total size. NULL and 0 if they were not requested.
 */
OMENDB_API const void* omendb_points_vectors(const omendb_points* points,
                                             size_t* bytes) OMENDB_NOEXCEPT;

/* How many named vector fields the points carry. */
OMENDB_API size_t omendb_points_field_count(const omendb_points* points) OMENDB_NOEXCEPT;

/* The vectors of field i, or NULL when i is past the end. Valid until `points` is freed. */
OMENDB_API const omendb_field_vectors* omendb_points_field(const omendb_points* points,
                                                           size_t i) OMENDB_NOEXCEPT;

OMENDB_API size_t omendb_points_column_count(const omendb_points* points) OMENDB_NOEXCEPT;

/* Column i, or NULL when i is past the end. Valid until `points` is freed. */
OMENDB_API const omendb_column* omendb_points_column(const omendb_points* points,
                                                     size_t i) OMENDB_NOEXCEPT;

OMENDB_API void omendb_points_free(omendb_points* points) OMENDB_NOEXCEPT;

/* ---- Result: the hits of a batch of queries -------------------------------------------------- */

OMENDB_API size_t omendb_result_query_count(const omendb_result* result) OMENDB_NOEXCEPT;

/* query_count + 1 entries: query q owns the hits [offsets[q], offsets[q + 1]), nearest first. */
OMENDB_API const uint64_t* omendb_result_offsets(const omendb_result* result) OMENDB_NOEXCEPT;

/* One distance a hit. */
OMENDB_API const float* omendb_result_distances(const omendb_result* result) OMENDB_NOEXCEPT;

/* One row a hit: ids, and the requested vectors and columns. Belongs to `result`; do not free. */
OMENDB_API const omendb_points* omendb_result_points(const omendb_result* result) OMENDB_NOEXCEPT;

OMENDB_API void omendb_result_free(omendb_result* result) OMENDB_NOEXCEPT;

/*
 * Converts a distance to a similarity; larger is nearer in every metric. COSINE: the cosine.
 * INNER_PRODUCT: the inner product. L2: 1 / (1 + distance). HAMMING: the share of equal bits,
 * 1 - distance / dim. Returns 0 for a metric that does not exist.
 */
OMENDB_API double omendb_score(int32_t metric, size_t dim, float distance) OMENDB_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* OMENDB_OMENDB_RESULTS_H_ */
