/* The recall of searches, measured through the C ABI. */
#include "test_check.h"

enum { ROWS = 50, DIM = 4 };

/* Points on a line, so that everybody's neighbours are plain. */
static void add_points(omendb_collection* docs) {
  float vectors[ROWS][DIM] = {{0}};
  for (int i = 0; i < ROWS; ++i) vectors[i][0] = (float)(i * i);
  const omendb_batch batch = {
      .size = sizeof batch,
      .vectors = {.data = vectors, .count = ROWS, .dim = DIM, .element = OMENDB_ELEMENT_F32}};
  OK(omendb_collection_add(docs, &batch, NULL));
}

static void StoredPointsAreDrawnUnlessTheCallerHasQueries(omendb_collection* docs) {
  omendb_recall_report report;
  OK(omendb_collection_measure_recall(docs, 3, NULL, NULL, &report));
  CHECK(report.queries == ROWS); /* all, since there are fewer than 200 */
  CHECK(report.recall == 1 && report.k == 3);
  CHECK(report.low > 0.9 && report.low < 1 && report.high == 1);
  CHECK(report.exact_microseconds > 0);

  const omendb_recall_options few = {.size = sizeof few, .sample = 7, .seed = 9};
  OK(omendb_collection_measure_recall(docs, 3, NULL, &few, &report));
  CHECK(report.queries == 7);

  const float queries[2][DIM] = {{1}, {2}};
  const omendb_vectors view = {
      .data = queries, .count = 2, .dim = DIM, .element = OMENDB_ELEMENT_F32};
  const omendb_recall_options own = {.size = sizeof own, .queries = &view};
  const omendb_search_options effort = {.size = sizeof effort, .effort = 100};
  OK(omendb_collection_measure_recall(docs, 3, &effort, &own, &report));
  CHECK(report.queries == 2 && report.recall == 1);
}

static void WrongArgumentsAreRefusedAndLeaveZeros(omendb_collection* docs) {
  omendb_recall_report report = {.recall = 5};
  FAILS(OMENDB_INVALID_ARGUMENT, "k is 0",
        omendb_collection_measure_recall(docs, 0, NULL, NULL, &report));
  CHECK(report.recall == 0 && report.high == 0);
  FAILS(OMENDB_INVALID_ARGUMENT, "collection is NULL",
        omendb_collection_measure_recall(NULL, 3, NULL, NULL, &report));
  FAILS(OMENDB_INVALID_ARGUMENT, "out is NULL",
        omendb_collection_measure_recall(docs, 3, NULL, NULL, NULL));
  const omendb_recall_options many = {.size = sizeof many, .sample = 16777217};
  FAILS(OMENDB_LIMIT_EXCEEDED, "16777216",
        omendb_collection_measure_recall(docs, 3, NULL, &many, &report));
  const omendb_recall_options unsized = {.sample = 2};
  FAILS(OMENDB_INVALID_ARGUMENT, "omendb_recall_options.size is 0",
        omendb_collection_measure_recall(docs, 3, NULL, &unsized, &report));
  const float query[DIM + 1] = {1};
  const omendb_vectors view = {
      .data = query, .count = 1, .dim = DIM + 1, .element = OMENDB_ELEMENT_F32};
  const omendb_recall_options wide = {.size = sizeof wide, .queries = &view};
  FAILS(OMENDB_DIMENSION_MISMATCH, "query has 5 dimensions",
        omendb_collection_measure_recall(docs, 3, NULL, &wide, &report));
  omendb_cancel* cancel = NULL;
  OK(omendb_cancel_new(&cancel));
  omendb_cancel_set(cancel);
  const omendb_search_options cancelled = {.size = sizeof cancelled, .cancel = cancel};
  FAILS(OMENDB_CANCELLED, "cancelled",
        omendb_collection_measure_recall(docs, 3, &cancelled, NULL, &report));
  omendb_cancel_free(cancel);
}

int main(void) {
  omendb_database* db = NULL;
  omendb_collection* docs = NULL;
  omendb_recall_report report;
  OK(omendb_database_open(":memory:", NULL, &db));
  OK(omendb_database_collection(db, "docs", NULL, &docs));
  OK(omendb_collection_measure_recall(docs, 10, NULL, NULL, &report));
  CHECK(report.queries == 0 && report.recall == 1 && report.low == 0 && report.high == 1);
  add_points(docs);
  StoredPointsAreDrawnUnlessTheCallerHasQueries(docs);
  WrongArgumentsAreRefusedAndLeaveZeros(docs);
  OK(omendb_database_close(db));
  FAILS(OMENDB_CLOSED, "closed", omendb_collection_measure_recall(docs, 3, NULL, NULL, &report));
  omendb_collection_free(docs);
  omendb_database_free(db);
  return 0;
}
