/* Changing a part of points that are there, from plain C. */
#include "test_check.h"

static omendb_ids u64_ids(const uint64_t* ids, size_t count) {
  omendb_ids v = {.kind = OMENDB_ID_U64, .count = count, .u64 = ids};
  return v;
}

static omendb_vectors f32(const float* data, size_t count, size_t dim) {
  omendb_vectors v = {.data = data, .count = count, .dim = dim, .element = OMENDB_ELEMENT_F32};
  return v;
}

static omendb_column years(const int64_t* year, size_t rows) {
  omendb_column column = {
      .name = "year", .type = OMENDB_COLUMN_I64, .rows = rows, .values = rows, .ints = year};
  return column;
}

static const omendb_column* column_named(const omendb_points* points, const char* name) {
  for (size_t i = 0; i < omendb_points_column_count(points); ++i) {
    const omendb_column* column = omendb_points_column(points, i);
    if (!strcmp(column->name, name)) return column;
  }
  return NULL;
}

static const float kRows[2][2] = {{1, 2}, {3, 4}};
static const uint64_t kIds[3] = {12, 13, 999};

static omendb_collection* two_points(omendb_database* db) {
  static const int64_t year[2] = {2002, 2003};
  static const double score[2] = {2.5, 3.5};
  const omendb_column columns[2] = {
      years(year, 2),
      {.name = "score", .type = OMENDB_COLUMN_F64, .rows = 2, .values = 2, .doubles = score}};
  omendb_collection* docs = NULL;
  OK(omendb_database_collection(db, "docs", NULL, &docs));
  omendb_batch batch = {.size = sizeof batch,
                        .vectors = f32(kRows[0], 2, 2),
                        .ids = u64_ids(kIds, 2),
                        .columns = columns,
                        .column_count = 2};
  OK(omendb_collection_add(docs, &batch, NULL));
  return docs;
}

static void AnUpdateByIdReplacesOneKeyRemovesAnotherAndLeavesTheVector(omendb_collection* docs) {
  const int64_t year = 1900;
  const uint8_t removed = OMENDB_EXPLICIT_NULL;
  const double nothing = 0;
  const omendb_column columns[2] = {years(&year, 1),
                                    {.name = "score",
                                     .type = OMENDB_COLUMN_F64,
                                     .rows = 1,
                                     .values = 1,
                                     .valid = &removed,
                                     .doubles = &nothing}};
  omendb_update update = {.size = sizeof update, .columns = columns, .column_count = 2};
  const omendb_ids ids = u64_ids(kIds, 1);
  uint64_t updated = 9;
  OK(omendb_collection_update_ids(docs, &ids, &update, &updated));
  CHECK(updated == 1);
  omendb_points* points = NULL;
  const omendb_ids both = u64_ids(kIds, 2);
  OK(omendb_collection_get(docs, &both, NULL, NULL, &points));
  CHECK(column_named(points, "year")->ints[0] == 1900);
  CHECK(column_named(points, "year")->ints[1] == 2003);
  CHECK(column_named(points, "score")->valid[0] == OMENDB_ABSENT);
  CHECK(column_named(points, "score")->doubles[1] == 3.5);
  CHECK(!memcmp(omendb_points_vectors(points, NULL), kRows, sizeof kRows));
  omendb_points_free(points);
}

static void AnUpdateByFilterAndOneOfVectorsChangeWhatTheyName(omendb_collection* docs) {
  const int64_t year = 2010;
  const omendb_column column = years(&year, 1);
  omendb_update update = {.size = sizeof update, .columns = &column, .column_count = 1};
  uint64_t updated = 9;
  OK(omendb_collection_update_where(docs, "year = 1900", &update, &updated));
  CHECK(updated == 1);
  const float fresh[2] = {7, 8};
  omendb_update vector = {.size = sizeof vector, .vectors = f32(fresh, 1, 2)};
  const omendb_ids ids = u64_ids(kIds, 1);
  OK(omendb_collection_update_ids(docs, &ids, &vector, NULL));
  omendb_points* points = NULL;
  OK(omendb_collection_get(docs, &ids, NULL, NULL, &points));
  CHECK(column_named(points, "year")->ints[0] == 2010);
  CHECK(!memcmp(omendb_points_vectors(points, NULL), fresh, sizeof fresh));
  omendb_points_free(points);
}

static void BadUpdatesSayWhyAndChangeNothing(omendb_collection* docs) {
  const int64_t year = 1;
  const omendb_column column = years(&year, 1);
  omendb_update update = {.size = sizeof update, .columns = &column, .column_count = 1};
  const uint64_t asked[2] = {13, 999};
  const omendb_ids ids = u64_ids(asked, 2);
  uint64_t updated = 9;
  FAILS(OMENDB_NOT_FOUND, "id 999", omendb_collection_update_ids(docs, &ids, &update, &updated));
  CHECK(updated == 0);
  uint64_t count = 9;
  OK(omendb_collection_count(docs, "year = 1", &count));
  CHECK(count == 0);
  update.skip_missing = 1;
  OK(omendb_collection_update_ids(docs, &ids, &update, &updated));
  CHECK(updated == 1);
  update.column_count = 0;
  FAILS(OMENDB_INVALID_ARGUMENT, "an update of nothing",
        omendb_collection_update_ids(docs, &ids, &update, NULL));
  FAILS(OMENDB_INVALID_ARGUMENT, "update is NULL",
        omendb_collection_update_ids(docs, &ids, NULL, NULL));
  FAILS(OMENDB_INVALID_ARGUMENT, "where is NULL",
        omendb_collection_update_where(docs, NULL, &update, NULL));
  const float row[2] = {1, 2};
  const omendb_field_vectors unknown = {.field = "body", .vectors = f32(row, 1, 2)};
  const omendb_update wrong = {.size = sizeof wrong, .fields = &unknown, .field_count = 1};
  const omendb_ids one = u64_ids(kIds, 1);
  FAILS(OMENDB_NOT_FOUND, "unknown vector field",
        omendb_collection_update_ids(docs, &one, &wrong, NULL));
}

static void AColumnIsRenamedAndDroppedInAllPoints(omendb_collection* docs) {
  uint64_t count = 9;
  OK(omendb_collection_count(docs, "year is not null", &count));
  CHECK(count == 2);
  OK(omendb_collection_rename_column(docs, "year", "published"));
  OK(omendb_collection_count(docs, "published is not null and year is null", &count));
  CHECK(count == 2);
  FAILS(OMENDB_NOT_FOUND, "unknown column \"year\"",
        omendb_collection_rename_column(docs, "year", "published"));
  FAILS(OMENDB_ALREADY_EXISTS, "there is a column \"score\" already",
        omendb_collection_rename_column(docs, "published", "score"));
  FAILS(OMENDB_INVALID_ARGUMENT, "empty name",
        omendb_collection_rename_column(docs, "published", ""));
  FAILS(OMENDB_INVALID_ARGUMENT, "name is NULL",
        omendb_collection_rename_column(docs, "published", NULL));
  OK(omendb_collection_drop_column(docs, "published"));
  OK(omendb_collection_count(docs, "published is null", &count));
  CHECK(count == 2);
  FAILS(OMENDB_NOT_FOUND, "unknown column \"published\"; columns: score",
        omendb_collection_drop_column(docs, "published"));
  FAILS(OMENDB_INVALID_ARGUMENT, "column is NULL", omendb_collection_drop_column(docs, NULL));
}

int main(void) {
  omendb_database* db = NULL;
  OK(omendb_database_open(":memory:", NULL, &db));
  omendb_collection* docs = two_points(db);
  AnUpdateByIdReplacesOneKeyRemovesAnotherAndLeavesTheVector(docs);
  AnUpdateByFilterAndOneOfVectorsChangeWhatTheyName(docs);
  BadUpdatesSayWhyAndChangeNothing(docs);
  AColumnIsRenamedAndDroppedInAllPoints(docs);
  omendb_collection_free(docs);
  OK(omendb_database_close(db));
  omendb_database_free(db);
  return 0;
}
