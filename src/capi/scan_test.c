/* Points by filter, in order, and neighbours of stored points, from plain C. */
#include "test_check.h"

#define ROWS 8

static omendb_ids u64_ids(const uint64_t* ids, size_t count) {
  omendb_ids v = {.kind = OMENDB_ID_U64, .count = count, .u64 = ids};
  return v;
}

static omendb_vectors f32(const float* data, size_t count, size_t dim) {
  omendb_vectors v = {.data = data, .count = count, .dim = dim, .element = OMENDB_ELEMENT_F32};
  return v;
}

/* Point i has the id 10 + i, the title [i, 0], the body [0, 0, -i], and the year 2000 + i % 4. */
static void fill(omendb_collection* docs) {
  float titles[ROWS][2] = {{0}};
  float bodies[ROWS][3] = {{0}};
  uint64_t ids[ROWS];
  int64_t years[ROWS];
  for (int i = 0; i < ROWS; ++i) {
    titles[i][0] = (float)i;
    bodies[i][2] = (float)-i;
    ids[i] = 10 + (uint64_t)i;
    years[i] = 2000 + i % 4;
  }
  const omendb_column year = {
      .name = "year", .type = OMENDB_COLUMN_I64, .rows = ROWS, .values = ROWS, .ints = years};
  const omendb_field_vectors vectors[] = {{"title", f32(titles[0], ROWS, 2), NULL},
                                          {"body", f32(bodies[0], ROWS, 3), NULL}};
  const omendb_batch batch = {.size = sizeof batch,
                              .ids = u64_ids(ids, ROWS),
                              .columns = &year,
                              .column_count = 1,
                              .fields = vectors,
                              .field_count = 2};
  OK(omendb_collection_add(docs, &batch, NULL));
}

static int ids_are(const omendb_points* points, const uint64_t* wanted, size_t count) {
  return omendb_points_count(points) == count &&
         !memcmp(omendb_points_ids(points).u64, wanted, count * sizeof *wanted);
}

static const omendb_order kNewest[] = {{"year", 1}, {"id", 0}};

/* In a writer and in a reader. */
static void PagesComeInOrder(omendb_collection* docs) {
  omendb_scan_options page = {.size = sizeof page,
                              .where = "year > 2000",
                              .has_limit = 1,
                              .limit = 3,
                              .offset = 1,
                              .order_by = kNewest,
                              .order_count = 2};
  const char* body[] = {"body"};
  const omendb_fields fields = {
      .size = sizeof fields, .vector_fields = body, .vector_field_count = 1};
  omendb_points* points = NULL;
  OK(omendb_collection_get_where(docs, &page, &fields, &points));
  const uint64_t wanted[] = {17, 12, 16};
  CHECK(ids_are(points, wanted, 3));
  CHECK(omendb_points_field_count(points) == 1);
  CHECK(((const float*)omendb_points_field(points, 0)->vectors.data)[2] == -7);
  omendb_points_free(points);

  omendb_scan* scan = NULL;
  page.batch_size = 2;
  OK(omendb_collection_scan(docs, &page, NULL, &scan));
  OK(omendb_scan_next(scan, &points));
  CHECK(ids_are(points, wanted, 2));
  omendb_points_free(points);
  OK(omendb_scan_next(scan, &points));
  CHECK(ids_are(points, wanted + 2, 1));
  omendb_points_free(points);
  OK(omendb_scan_next(scan, &points));
  CHECK(points == NULL);
  omendb_scan_free(scan);

  OK(omendb_collection_get_where(docs, NULL, NULL, &points)); /* every point */
  CHECK(omendb_points_count(points) == ROWS);
  omendb_points_free(points);
}

static void InvalidOrdersAreRefused(omendb_collection* docs) {
  omendb_points* points = NULL;
  omendb_scan* scan = NULL;
  const omendb_order nowhere[] = {{"nowhere", 0}};
  omendb_scan_options page = {.size = sizeof page, .order_by = nowhere, .order_count = 1};
  FAILS(OMENDB_NOT_FOUND, "nowhere", omendb_collection_get_where(docs, &page, NULL, &points));
  FAILS(OMENDB_NOT_FOUND, "nowhere", omendb_collection_scan(docs, &page, NULL, &scan));
  const omendb_order unnamed[] = {{NULL, 0}};
  page.order_by = unnamed;
  FAILS(OMENDB_INVALID_ARGUMENT, "order_by[0].column is NULL",
        omendb_collection_get_where(docs, &page, NULL, &points));
  page.order_by = NULL;
  FAILS(OMENDB_INVALID_ARGUMENT, "order_by is NULL",
        omendb_collection_get_where(docs, &page, NULL, &points));
}

static void NeighboursOfAPointAreThoseOfItsVectorInTheFieldThatIsSearched(omendb_collection* docs) {
  const uint64_t asked[2] = {10, 17};
  omendb_ids ids = u64_ids(asked, 2);
  omendb_search_options options = {.size = sizeof options, .exact = 1};
  omendb_result* result = NULL;
  FAILS(OMENDB_INVALID_ARGUMENT, "say which",
        omendb_collection_search_ids(docs, &ids, 2, &options, &result));
  options.field = "body";
  OK(omendb_collection_search_ids(docs, &ids, 2, &options, &result));
  const uint64_t wanted[] = {11, 12, 16, 15};
  CHECK(ids_are(omendb_result_points(result), wanted, 4));
  CHECK(omendb_result_distances(result)[3] == 4);
  omendb_result_free(result);
  const uint64_t gone[1] = {99};
  ids = u64_ids(gone, 1);
  FAILS(OMENDB_NOT_FOUND, "no point has the id 99",
        omendb_collection_search_ids(docs, &ids, 2, &options, &result));
}

static void EachQueryHasAFilterOfItsOwn(omendb_collection* docs) {
  const float two[2][2] = {{0, 0}, {7, 0}};
  const omendb_vectors queries = f32(two[0], 2, 2);
  const char* each[2] = {"year = 2002", NULL};
  omendb_search_options options = {
      .size = sizeof options, .field = "title", .where_each = each, .where_each_count = 2};
  omendb_result* result = NULL;
  OK(omendb_collection_search(docs, &queries, 1, &options, &result));
  const uint64_t wanted[] = {12, 17};
  CHECK(ids_are(omendb_result_points(result), wanted, 2));
  omendb_result_free(result);
  options.where_each_count = 1;
  FAILS(OMENDB_INVALID_ARGUMENT, "1 filters for 2 queries",
        omendb_collection_search(docs, &queries, 1, &options, &result));
  options.where_each = NULL;
  FAILS(OMENDB_INVALID_ARGUMENT, "where_each is NULL",
        omendb_collection_search(docs, &queries, 1, &options, &result));
}

static void ABatchOfNothingIsNoMistake(omendb_collection* docs) {
  const omendb_batch nothing = {.size = sizeof nothing};
  omendb_points* ids = NULL;
  uint64_t points = 0;
  OK(omendb_collection_add(docs, &nothing, &ids));
  CHECK(omendb_points_count(ids) == 0);
  omendb_points_free(ids);
  OK(omendb_collection_count(docs, NULL, &points));
  CHECK(points == ROWS);
}

static void ScoresAreLargerForWhatIsNearer(void) {
  CHECK(omendb_score(OMENDB_METRIC_COSINE, 2, 0.25F) == 0.75);
  CHECK(omendb_score(OMENDB_METRIC_INNER_PRODUCT, 2, -3) == 3);
  CHECK(omendb_score(OMENDB_METRIC_L2, 2, 3) == 0.25);
  CHECK(omendb_score(OMENDB_METRIC_HAMMING, 8, 2) == 0.75);
  CHECK(omendb_score(77, 8, 2) == 0);
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  omendb_database* db = NULL;
  omendb_collection* docs = NULL;
  OK(omendb_database_open(argv[1], NULL, &db));
  const omendb_vector_field declared[] = {{.name = "title", .dim = 2}, {.name = "body", .dim = 3}};
  const omendb_collection_options schema = {
      .size = sizeof schema, .fields = declared, .field_count = 2};
  OK(omendb_database_collection(db, "docs", &schema, &docs));
  omendb_collection* found = NULL;
  FAILS(OMENDB_NOT_FOUND, "there is no collection \"dogs\"",
        omendb_database_find_collection(db, "dogs", NULL, &found));
  OK(omendb_database_find_collection(db, "docs", &schema, &found));
  omendb_collection_free(found);
  fill(docs);
  PagesComeInOrder(docs);
  InvalidOrdersAreRefused(docs);
  NeighboursOfAPointAreThoseOfItsVectorInTheFieldThatIsSearched(docs);
  EachQueryHasAFilterOfItsOwn(docs);
  ABatchOfNothingIsNoMistake(docs);
  ScoresAreLargerForWhatIsNearer();

  const omendb_open_options read = {.size = sizeof read, .mode = OMENDB_MODE_READ};
  omendb_database* reader = NULL;
  omendb_collection* seen = NULL;
  OK(omendb_database_open(argv[1], &read, &reader));
  OK(omendb_database_collection(reader, "docs", NULL, &seen));
  PagesComeInOrder(seen);
  NeighboursOfAPointAreThoseOfItsVectorInTheFieldThatIsSearched(seen);
  FAILS(OMENDB_READ_ONLY, "read", omendb_database_compact(reader));
  omendb_collection_free(seen);
  omendb_database_free(reader);

  omendb_collection_free(docs);
  omendb_database_free(db);
  puts("scan_test: ok");
  return 0;
}
