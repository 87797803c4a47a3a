/* Several vectors a point, each in a field with its own dimension and metric, from plain C. */
#include "test_check.h"

static omendb_vectors vectors_of(const void* data, size_t count, size_t dim) {
  omendb_vectors v = {.data = data, .count = count, .dim = dim, .element = OMENDB_ELEMENT_F32};
  return v;
}

static omendb_ids u64_ids(const uint64_t* ids, size_t count) {
  omendb_ids v = {.kind = OMENDB_ID_U64, .count = count, .u64 = ids};
  return v;
}

static void SeveralVectorsAPointAreAddedSearchedAndReadByTheirFields(omendb_database* db) {
  const omendb_vector_field declared[] = {
      {.name = "title", .dim = 2, .metric = OMENDB_METRIC_COSINE},
      {.name = "body", .dim = 3, .element = OMENDB_ELEMENT_I8}};
  omendb_collection_options options = {
      .size = sizeof options, .fields = declared, .field_count = 2};
  omendb_collection* docs = NULL;
  OK(omendb_database_collection(db, "fields", &options, &docs));

  const float titles[2][2] = {{1, 0}, {0, 1}};
  const float bodies[2][3] = {{9, 9, 9}, {1, 2, 3}};
  const uint64_t ids[2] = {5, 6};
  omendb_field_vectors vectors[] = {{.field = "body", .vectors = vectors_of(&bodies[0][0], 2, 3)},
                                    {.field = "title", .vectors = vectors_of(&titles[0][0], 2, 2)}};
  omendb_batch batch = {
      .size = sizeof batch, .ids = u64_ids(ids, 2), .fields = vectors, .field_count = 2};
  OK(omendb_collection_add(docs, &batch, NULL));

  const float query[3] = {1, 2, 4};
  const omendb_vectors queries = vectors_of(query, 1, 3);
  const char* wanted[] = {"title"};
  omendb_search_options search = {
      .size = sizeof search, .with_vectors = 1, .vector_fields = wanted, .vector_field_count = 1};
  omendb_result* found = NULL;
  FAILS(OMENDB_INVALID_ARGUMENT, "say which",
        omendb_collection_search(docs, &queries, 2, &search, &found));
  search.field = "body";
  OK(omendb_collection_search(docs, &queries, 2, &search, &found));
  const omendb_points* hits = omendb_result_points(found);
  CHECK(omendb_points_count(hits) == 2 && omendb_points_ids(hits).u64[0] == 6);
  CHECK(omendb_result_distances(found)[0] == 1);
  CHECK(omendb_points_field_count(hits) == 1 && omendb_points_vectors(hits, NULL) == NULL);
  const omendb_field_vectors* title = omendb_points_field(hits, 0);
  CHECK(!strcmp(title->field, "title") && title->vectors.count == 2 && title->vectors.dim == 2);
  CHECK(!memcmp(title->vectors.data, titles[1], sizeof titles[1]));
  CHECK(omendb_points_field(hits, 1) == NULL);
  omendb_result_free(found);

  omendb_points* points = NULL;
  OK(omendb_collection_get(docs, &batch.ids, NULL, NULL, &points));
  CHECK(omendb_points_field_count(points) == 2);
  const omendb_vectors body = omendb_points_field(points, 1)->vectors;
  CHECK(body.element == OMENDB_ELEMENT_I8 && ((const int8_t*)body.data)[5] == 3);
  omendb_points_free(points);

  omendb_collection_info* info = NULL;
  OK(omendb_collection_get_info(docs, &info));
  CHECK(info->field_count == 2 && info->dim == 0 && !strcmp(info->fields[1].name, "body"));
  CHECK(info->fields[0].metric == OMENDB_METRIC_COSINE && info->fields[1].dim == 3);
  omendb_collection_info_free(info);
  omendb_collection_free(docs);
}

static void APointMayLackAFieldInWhichItIsNoHitAndComesBackWithoutAVector(omendb_database* db) {
  const omendb_vector_field declared[] = {{.name = "title", .dim = 2}, {.name = "body"}};
  omendb_collection_options options = {
      .size = sizeof options, .fields = declared, .field_count = 2};
  omendb_collection* docs = NULL;
  OK(omendb_database_collection(db, "lacking", &options, &docs));
  const float titles[3][2] = {{1, 0}, {0, 1}, {5, 5}};
  const float bodies[3][3] = {{1, 1, 1}, {2, 2, 2}, {3, 3, 3}};
  const uint64_t ids[3] = {5, 6, 7};
  const uint8_t but_last[3] = {1, 1, 0};
  const uint8_t only_first[3] = {1, 0, 0};
  omendb_field_vectors vectors[] = {
      {.field = "title", .vectors = vectors_of(titles, 3, 2), .present = but_last},
      {.field = "body", .vectors = vectors_of(bodies, 3, 3), .present = only_first}};
  omendb_batch batch = {
      .size = sizeof batch, .ids = u64_ids(ids, 3), .fields = vectors, .field_count = 1};
  FAILS(OMENDB_INVALID_ARGUMENT, "point 2 has no vector",
        omendb_collection_add(docs, &batch, NULL));
  vectors[0].present = NULL;
  OK(omendb_collection_add(docs, &batch, NULL)); /* no point has a body */
  omendb_collection_info* info = NULL;
  OK(omendb_collection_get_info(docs, &info));
  CHECK(info->fields[1].dim == 0);
  omendb_collection_info_free(info);
  vectors[0].present = but_last;
  batch.field_count = 2;
  batch.ids.count = vectors[0].vectors.count = vectors[1].vectors.count = 2;
  OK(omendb_collection_upsert(docs, &batch, NULL)); /* of 5 and 6, the first alone */

  const omendb_vectors query = vectors_of(bodies[2], 1, 3);
  omendb_search_options search = {.size = sizeof search, .field = "body"};
  omendb_result* found = NULL;
  OK(omendb_collection_search(docs, &query, 3, &search, &found));
  const omendb_points* hits = omendb_result_points(found);
  CHECK(omendb_points_count(hits) == 1 && omendb_points_ids(hits).u64[0] == 5);
  omendb_result_free(found);

  batch.ids.count = 3;
  omendb_points* points = NULL;
  OK(omendb_collection_get(docs, &batch.ids, NULL, NULL, &points));
  CHECK(omendb_points_field_count(points) == 2 && omendb_points_field(points, 0)->present == NULL);
  const omendb_field_vectors* body = omendb_points_field(points, 1);
  CHECK(body->present != NULL && !memcmp(body->present, only_first, 3));
  const float stored[3][3] = {{1, 1, 1}};
  CHECK(body->vectors.count == 3 && !memcmp(body->vectors.data, stored, sizeof stored));
  omendb_points_free(points);
  omendb_collection_free(docs);
}

int main(void) {
  omendb_database* db = NULL;
  OK(omendb_database_open(":memory:", NULL, &db));
  SeveralVectorsAPointAreAddedSearchedAndReadByTheirFields(db);
  APointMayLackAFieldInWhichItIsNoHitAndComesBackWithoutAVector(db);
  OK(omendb_database_close(db));
  omendb_database_free(db);
  return 0;
}
