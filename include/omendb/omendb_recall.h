/*
 * Measures how much of the truth searches find. Part of omendb.h, which includes it.
 */
#ifndef OMENDB_OMENDB_RECALL_H_
#define OMENDB_OMENDB_RECALL_H_

#include "omendb/omendb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whose neighbours are looked for. */
typedef struct omendb_recall_options {
  size_t size;
  /* How many stored points to search for, drawn at random from those with a vector in the field,
   * each at most once: 1..16,777,216; 0 = 200. More than there are: all of them. */
  uint64_t sample;
  uint64_t seed; /* of the draw; the same points come again while nothing is written */
  const omendb_vectors* queries; /* the caller's own queries instead; NULL = a sample */
} omendb_recall_options;

typedef struct omendb_recall_report {
  /* The mean share of a query's true neighbours that its search found; 1 if no query has any. */
  double recall;
  /* The range in which the mean of many such queries lies, with a probability of 95 %. */
  double low;
  double high;
  uint64_t queries;          /* that have a true neighbour, and so are in the mean */
  size_t k;                  /* neighbours asked for */
  double microseconds;       /* median time of one search */
  double exact_microseconds; /* mean time of one exact answer in a batch of many */
} omendb_recall_report;

/*
 * Searches for stored points, or for the caller's queries, and compares the hits with those of an
 * exact search of the same snapshot. A stored point is not its own neighbour. The searches run one
 * after the other; the exact answers, which take most of the time, run in batches on all
 * processors.
 * k: as in omendb_collection_search; with a sample at most 65,535. `search` says which searches to
 * judge and may be NULL; its timeout and its cancel hold for the whole call, and where_each must be
 * NULL. `options` may be NULL.
 * Fails as omendb_collection_search does. After a failure `out` is all zero.
 */
OMENDB_API omendb_status omendb_collection_measure_recall(
    const omendb_collection* collection, size_t k, const omendb_search_options* search,
    const omendb_recall_options* options, omendb_recall_report* out) OMENDB_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* OMENDB_OMENDB_RECALL_H_ */
