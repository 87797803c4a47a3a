/* Exercises every function of omendb.h (those that call back: async_test.c;
 * filters: filter_test.c) from plain C: what
 * works, what is refused, who owns what. Takes the path of a scratch folder that does not exist
 * yet. Run it under AddressSanitizer (the dev preset) to have the ownership rules checked as well.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "omendb/omendb.h"
#include "test_check.h"

enum { DIM = 4, ROWS = 5 };

static const float kVectors[ROWS][DIM] = {
    {0, 0, 0, 0}, {1, 0, 0, 0}, {2, 0, 0, 0}, {3, 0, 0, 0}, {4, 0, 0, 0}};
static const float kOrigin[DIM] = {0, 0, 0, 0};
static const uint64_t kIds[ROWS] = {10, 11, 12, 13, 14};

static omendb_vectors vectors_of(const void* data, size_t count, size_t dim) {
  omendb_vectors v = {.data = data, .count = count, .dim = dim, .element = OMENDB_ELEMENT_F32};
  return v;
}

static omendb_ids u64_ids(const uint64_t* ids, size_t count) {
  omendb_ids v = {.kind = OMENDB_ID_U64, .count = count, .u64 = ids};
  return v;
}

static void TheLibrarySaysWhatItIs(void) {
  CHECK(strlen(omendb_version()) >= 5);
  CHECK(strlen(omendb_active_isa()) >= 4);
  omendb_strings* isas = NULL;
  OK(omendb_supported_isas(&isas));
  CHECK(isas->count >= 1);
  int found = 0;
  for (size_t i = 0; i < isas->count; ++i) found |= !strcmp(isas->items[i], omendb_active_isa());
  CHECK(found);
  omendb_strings_free(isas);
  CHECK(!strcmp(omendb_status_name(OMENDB_OK), "ok"));
  CHECK(!strcmp(omendb_status_name(OMENDB_CLOSED), "closed"));
  CHECK(!strcmp(omendb_status_name(OMENDB_INTERNAL), "internal"));
  CHECK(!strcmp(omendb_status_name(OMENDB_CANCELLED), "cancelled"));
  CHECK(!strcmp(omendb_status_name(OMENDB_OUT_OF_MEMORY), "out_of_memory"));
  CHECK(!strcmp(omendb_status_name(-1), "unknown"));
  CHECK(!strcmp(omendb_status_name(21), "unknown"));
}

static void NullIsRefusedByNameAndFreeingItIsFine(void) {
  omendb_database_free(NULL);
  omendb_collection_free(NULL);
  omendb_points_free(NULL);
  omendb_result_free(NULL);
  omendb_scan_free(NULL);
  omendb_cancel_set(NULL);
  omendb_cancel_free(NULL);
  omendb_strings_free(NULL);
  omendb_collection_info_free(NULL);
  CHECK(omendb_points_count(NULL) == 0 && omendb_points_ids(NULL).kind == 0);
  CHECK(omendb_points_vectors(NULL, NULL) == NULL && omendb_points_column_count(NULL) == 0);
  CHECK(omendb_points_field_count(NULL) == 0 && omendb_points_field(NULL, 0) == NULL);
  CHECK(omendb_points_column(NULL, 0) == NULL && omendb_result_query_count(NULL) == 0);
  CHECK(omendb_result_offsets(NULL) == NULL && omendb_result_distances(NULL) == NULL);
  CHECK(omendb_result_points(NULL) == NULL && omendb_database_path(NULL) == NULL);

  omendb_database* db = NULL;
  omendb_points* points = NULL;
  omendb_result* result = NULL;
  omendb_scan* scan = NULL;
  uint64_t count = 0;
  FAILS(OMENDB_INVALID_ARGUMENT, "out is NULL", omendb_database_open("x", NULL, NULL));
  FAILS(OMENDB_INVALID_ARGUMENT, "path is NULL", omendb_database_open(NULL, NULL, &db));
  FAILS(OMENDB_INVALID_ARGUMENT, "db is NULL", omendb_database_close(NULL));
  FAILS(OMENDB_INVALID_ARGUMENT, "db is NULL", omendb_database_flush(NULL));
  FAILS(OMENDB_INVALID_ARGUMENT, "db is NULL", omendb_database_drop_collection(NULL, "x"));
  FAILS(OMENDB_INVALID_ARGUMENT, "out is NULL", omendb_supported_isas(NULL));
  FAILS(OMENDB_INVALID_ARGUMENT, "collection is NULL", omendb_collection_add(NULL, NULL, &points));
  FAILS(OMENDB_INVALID_ARGUMENT, "collection is NULL", omendb_collection_count(NULL, NULL, &count));
  FAILS(OMENDB_INVALID_ARGUMENT, "collection is NULL",
        omendb_collection_search(NULL, NULL, 1, NULL, &result));
  FAILS(OMENDB_INVALID_ARGUMENT, "collection is NULL",
        omendb_collection_scan(NULL, NULL, NULL, &scan));
  FAILS(OMENDB_INVALID_ARGUMENT, "collection is NULL", omendb_collection_compact(NULL));
  FAILS(OMENDB_INVALID_ARGUMENT, "scan is NULL", omendb_scan_next(NULL, &points));
}

static void OpeningRefusesOptionsThatMakeNoSense(const char* path) {
  omendb_database* db = NULL;
  omendb_open_options no_size = {.durability = OMENDB_DURABILITY_NONE};
  FAILS(OMENDB_INVALID_ARGUMENT, "sizeof", omendb_database_open(path, &no_size, &db));
  omendb_open_options odd = {.size = sizeof odd, .durability = 9};
  FAILS(OMENDB_INVALID_ARGUMENT, "durability is 9", omendb_database_open(path, &odd, &db));
  omendb_open_options must_exist = {.size = sizeof must_exist, .must_exist = 1};
  CHECK(omendb_database_open(path, &must_exist, &db) == OMENDB_NOT_FOUND);
  CHECK(db == NULL);
  CHECK(omendb_database_open("/dev/null", NULL, &db) == OMENDB_NOT_A_DATABASE);
}

/* Five points on a line: id 10..14, year 2000..2004, lang "en" (missing in the last), tags. */
static void add_line(omendb_collection* docs) {
  static const int64_t years[ROWS] = {2000, 2001, 2002, 2003, 2004};
  static const uint8_t lang_valid[ROWS] = {1, 1, 1, 1, 0};
  static const uint64_t lang_offsets[ROWS + 1] = {0, 2, 4, 6, 8, 8};
  static const uint64_t tag_lists[ROWS + 1] = {0, 2, 3, 3, 3, 4};
  static const int64_t tags[4] = {7, 8, 7, 9};
  static const double scores[ROWS] = {0.5, 1.5, 2.5, 3.5, 4.5};
  static const uint8_t flags[ROWS] = {1, 0, 1, 0, 1};
  static const uint8_t doc_valid[ROWS] = {OMENDB_PRESENT, OMENDB_ABSENT, OMENDB_EXPLICIT_NULL,
                                          OMENDB_ABSENT, OMENDB_ABSENT};
  static const uint64_t doc_offsets[ROWS + 1] = {0, 9, 9, 9, 9, 9};
  omendb_column columns[] = {
      {.name = "year", .type = OMENDB_COLUMN_I64, .rows = ROWS, .values = ROWS, .ints = years},
      {.name = "lang",
       .type = OMENDB_COLUMN_STRING,
       .rows = ROWS,
       .values = ROWS,
       .valid = lang_valid,
       .string_offsets = lang_offsets,
       .bytes = "enenenen"},
      {.name = "tags",
       .type = OMENDB_COLUMN_I64_ARRAY,
       .rows = ROWS,
       .values = 4,
       .ints = tags,
       .list_offsets = tag_lists},
      {.name = "score", .type = OMENDB_COLUMN_F64, .rows = ROWS, .values = ROWS, .doubles = scores},
      {.name = "doc",
       .type = OMENDB_COLUMN_JSON,
       .rows = ROWS,
       .values = ROWS,
       .valid = doc_valid,
       .string_offsets = doc_offsets,
       .bytes = "{\"a\":[1]}"},
      {.name = "flag", .type = OMENDB_COLUMN_BOOL, .rows = ROWS, .values = ROWS, .bools = flags},
      {.name = "at", .type = OMENDB_COLUMN_TIMESTAMP, .rows = ROWS, .values = ROWS, .ints = years},
  };
  omendb_batch batch = {.size = sizeof batch,
                        .vectors = vectors_of(kVectors, ROWS, DIM),
                        .ids = u64_ids(kIds, ROWS),
                        .columns = columns,
                        .column_count = sizeof columns / sizeof *columns};
  omendb_points* ids = NULL;
  OK(omendb_collection_add(docs, &batch, &ids));
  CHECK(omendb_points_count(ids) == ROWS);
  CHECK(omendb_points_ids(ids).kind == OMENDB_ID_U64);
  CHECK(!memcmp(omendb_points_ids(ids).u64, kIds, sizeof kIds));
  CHECK(omendb_points_column_count(ids) == 0 && omendb_points_vectors(ids, NULL) == NULL);
  omendb_points_free(ids);
  FAILS(OMENDB_ALREADY_EXISTS, "10", omendb_collection_add(docs, &batch, &ids));
  CHECK(ids == NULL);
}

static const omendb_column* column_named(const omendb_points* points, const char* name) {
  for (size_t i = 0; i < omendb_points_column_count(points); ++i) {
    if (!strcmp(omendb_points_column(points, i)->name, name)) {
      return omendb_points_column(points, i);
    }
  }
  return NULL;
}

static void BadWritesChangeNothing(omendb_collection* docs) {
  float nan_row[DIM] = {0, NAN, 0, 0};
  float inf_row[DIM] = {0, INFINITY, 0, 0};
  uint64_t twice[2] = {90, 90};
  omendb_batch batch = {.size = sizeof batch, .vectors = vectors_of(nan_row, 1, DIM)};
  CHECK(omendb_collection_add(docs, &batch, NULL) == OMENDB_INVALID_ARGUMENT);
  batch.vectors.data = inf_row;
  CHECK(omendb_collection_add(docs, &batch, NULL) == OMENDB_INVALID_ARGUMENT);
  batch.vectors = vectors_of(kVectors, 1, DIM - 1);
  CHECK(omendb_collection_add(docs, &batch, NULL) == OMENDB_DIMENSION_MISMATCH);
  batch.vectors = vectors_of(kVectors, 0, DIM);
  OK(omendb_collection_add(docs, &batch, NULL));
  batch.vectors = vectors_of(kVectors, 2, DIM);
  batch.ids = u64_ids(twice, 2);
  FAILS(OMENDB_INVALID_ARGUMENT, "90", omendb_collection_add(docs, &batch, NULL));
  batch.vectors.element = 77;
  FAILS(OMENDB_INVALID_ARGUMENT, "77", omendb_collection_add(docs, &batch, NULL));
  batch.vectors = vectors_of(NULL, 2, DIM);
  FAILS(OMENDB_INVALID_ARGUMENT, "vectors.data", omendb_collection_add(docs, &batch, NULL));

  const char* words[2] = {"a", "b"};
  batch.vectors = vectors_of(kVectors, 2, DIM);
  batch.ids = (omendb_ids){.kind = OMENDB_ID_STRING, .count = 2, .strings = words};
  CHECK(omendb_collection_add(docs, &batch, NULL) == OMENDB_TYPE_MISMATCH);

  const uint64_t falling[3] = {0, 2, 1};
  omendb_column column = {.name = "lang",
                          .type = OMENDB_COLUMN_STRING,
                          .rows = 2,
                          .values = 2,
                          .string_offsets = falling,
                          .bytes = "ab"};
  batch.ids = (omendb_ids){0};
  batch.columns = &column;
  batch.column_count = 1;
  FAILS(OMENDB_INVALID_ARGUMENT, "never fall", omendb_collection_add(docs, &batch, NULL));
  column.values = 1;
  FAILS(OMENDB_INVALID_ARGUMENT, "1 values for 2 rows", omendb_collection_add(docs, &batch, NULL));
  column.type = 22;
  FAILS(OMENDB_INVALID_ARGUMENT, "type 22", omendb_collection_add(docs, &batch, NULL));
  uint64_t count = 0;
  OK(omendb_collection_count(docs, NULL, &count));
  CHECK(count == ROWS);
}

static void SearchReturnsWhatWasAskedFor(omendb_collection* docs) {
  omendb_vectors query = vectors_of(kOrigin, 1, DIM);
  omendb_result* result = NULL;
  OK(omendb_collection_search(docs, &query, 100, NULL, &result));
  CHECK(omendb_result_query_count(result) == 1);
  CHECK(omendb_result_offsets(result)[0] == 0 && omendb_result_offsets(result)[1] == ROWS);
  CHECK(omendb_points_column_count(omendb_result_points(result)) == 0);
  omendb_result_free(result);

  const char* wanted[] = {"year", "lang"};
  omendb_search_options options = {.size = sizeof options,
                                   .where = "year >= 2002",
                                   .exact = 1,
                                   .with_vectors = 1,
                                   .columns = wanted,
                                   .column_count = 2};
  float two[2][DIM] = {{0, 0, 0, 0}, {4, 0, 0, 0}};
  omendb_vectors queries = vectors_of(two, 2, DIM);
  OK(omendb_collection_search(docs, &queries, 2, &options, &result));
  const uint64_t* offsets = omendb_result_offsets(result);
  CHECK(omendb_result_query_count(result) == 2 && offsets[1] == 2 && offsets[2] == 4);
  const omendb_points* hits = omendb_result_points(result);
  const uint64_t expected[4] = {12, 13, 14, 13};
  const float distances[4] = {4, 9, 0, 1};
  CHECK(!memcmp(omendb_points_ids(hits).u64, expected, sizeof expected));
  CHECK(!memcmp(omendb_result_distances(result), distances, sizeof distances));
  size_t bytes = 0;
  const float* found = omendb_points_vectors(hits, &bytes);
  CHECK(bytes == 4 * DIM * sizeof(float) && found[0] == 2 && found[DIM] == 3);
  CHECK(omendb_points_column_count(hits) == 2 && omendb_points_column(hits, 2) == NULL);
  CHECK(column_named(hits, "year")->ints[0] == 2002);
  const omendb_column* lang = column_named(hits, "lang");
  CHECK(lang->string_offsets[1] == 2 && !memcmp(lang->bytes, "en", 2));
  CHECK(lang->valid != NULL && lang->valid[0] == 1 && lang->valid[2] == 0);
  omendb_result_free(result);

  options = (omendb_search_options){.size = sizeof options,
                                    .has_radius = 1,
                                    .radius = 1.0,
                                    .all_columns = 1,
                                    .effort = 50,
                                    .recall = 0.9};
  OK(omendb_collection_search(docs, &query, 10, &options, &result));
  CHECK(omendb_points_count(omendb_result_points(result)) == 2);
  CHECK(omendb_points_column_count(omendb_result_points(result)) == 7);
  omendb_result_free(result);
}

static void ACancelledSearchSaysSoAndAnAmpleTimeoutIsNoLimit(omendb_collection* docs) {
  omendb_vectors query = vectors_of(kOrigin, 1, DIM);
  omendb_result* result = NULL;
  omendb_cancel* cancel = NULL;
  OK(omendb_cancel_new(&cancel));
  omendb_search_options options = {
      .size = sizeof options, .timeout_ms = UINT64_MAX, .cancel = cancel};
  OK(omendb_collection_search(docs, &query, 1, &options, &result));
  omendb_result_free(result);
  omendb_cancel_set(cancel);
  FAILS(OMENDB_CANCELLED, "cancelled",
        omendb_collection_search(docs, &query, 1, &options, &result));
  CHECK(result == NULL);
  omendb_cancel_free(cancel);
}

static void BadSearchesSayWhy(omendb_collection* docs) {
  omendb_vectors query = vectors_of(kOrigin, 1, DIM);
  omendb_result* result = NULL;
  FAILS(OMENDB_INVALID_ARGUMENT, "k", omendb_collection_search(docs, &query, 0, NULL, &result));
  CHECK(omendb_collection_search(docs, &query, 65537, NULL, &result) == OMENDB_LIMIT_EXCEEDED);
  omendb_search_options options = {.size = sizeof options, .where = "year >"};
  CHECK(omendb_collection_search(docs, &query, 1, &options, &result) == OMENDB_INVALID_FILTER);
  options.where = "year = 'x'";
  CHECK(omendb_collection_search(docs, &query, 1, &options, &result) == OMENDB_INVALID_FILTER);
  options = (omendb_search_options){.size = sizeof options, .column_count = 1};
  FAILS(OMENDB_INVALID_ARGUMENT, "columns is NULL",
        omendb_collection_search(docs, &query, 1, &options, &result));
  omendb_vectors wrong = vectors_of(kOrigin, 1, DIM - 1);
  CHECK(omendb_collection_search(docs, &wrong, 1, NULL, &result) == OMENDB_DIMENSION_MISMATCH);
  CHECK(result == NULL);
}

static void GetScanAndCountAgree(omendb_collection* docs) {
  const uint64_t asked[3] = {13, 999, 10};
  uint8_t found[3] = {9, 9, 9};
  omendb_ids ids = u64_ids(asked, 3);
  omendb_points* points = NULL;
  OK(omendb_collection_get(docs, &ids, NULL, found, &points));
  CHECK(found[0] == 1 && found[1] == 0 && found[2] == 1);
  CHECK(omendb_points_count(points) == 2 && omendb_points_ids(points).u64[0] == 13);
  const omendb_column* tags = column_named(points, "tags");
  CHECK(tags->type == OMENDB_COLUMN_I64_ARRAY && tags->rows == 2 && tags->values == 2);
  CHECK(tags->list_offsets[1] == 0 && tags->list_offsets[2] == 2 && tags->ints[1] == 8);
  const omendb_column* doc = column_named(points, "doc");
  CHECK(doc->type == OMENDB_COLUMN_JSON && doc->valid != NULL);
  CHECK(doc->valid[0] == OMENDB_ABSENT && doc->valid[1] == OMENDB_PRESENT);
  CHECK(doc->string_offsets[1] == 0 && !memcmp(doc->bytes, "{\"a\":[1]}", 9));
  CHECK(((const float*)omendb_points_vectors(points, NULL))[0] == 3);
  omendb_points_free(points);

  omendb_fields ids_only = {.size = sizeof ids_only, .no_columns = 1, .no_vectors = 1};
  OK(omendb_collection_get(docs, &ids, &ids_only, NULL, &points));
  CHECK(omendb_points_column_count(points) == 0 && omendb_points_vectors(points, NULL) == NULL);
  omendb_points_free(points);

  const char* year[] = {"year"};
  omendb_fields one = {.size = sizeof one, .columns = year, .column_count = 1};
  omendb_scan* scan = NULL;
  omendb_scan_options recent = {.size = sizeof recent, .where = "year > 2000", .batch_size = 2};
  OK(omendb_collection_scan(docs, &recent, &one, &scan));
  uint64_t seen = 0;
  for (;;) {
    OK(omendb_scan_next(scan, &points));
    if (points == NULL) break;
    CHECK(omendb_points_count(points) <= 2 && omendb_points_column_count(points) == 1);
    seen += omendb_points_count(points);
    omendb_points_free(points);
  }
  omendb_scan_free(scan);
  uint64_t count = 0;
  OK(omendb_collection_count(docs, "year > 2000", &count));
  CHECK(seen == 4 && count == 4);
}

static void InfoDescribesTheCollection(omendb_collection* docs) {
  omendb_collection_info* info = NULL;
  OK(omendb_collection_get_info(docs, &info));
  CHECK(info->size == sizeof *info && !strcmp(info->name, "docs") && info->dim == DIM);
  CHECK(info->metric == OMENDB_METRIC_L2 && info->element == OMENDB_ELEMENT_F32);
  CHECK(info->id_kind == OMENDB_ID_U64 && info->points == ROWS && info->column_count == 7);
  int years = 0;
  for (size_t i = 0; i < info->column_count; ++i) {
    years += !strcmp(info->column_names[i], "year") && info->column_types[i] == OMENDB_COLUMN_I64;
  }
  CHECK(years == 1);
  for (size_t i = 0; i < info->job_count; ++i) {
    CHECK(info->jobs[i].kind == OMENDB_JOB_SEAL || info->jobs[i].kind == OMENDB_JOB_MERGE ||
          info->jobs[i].kind == OMENDB_JOB_INDEX);
    CHECK(info->jobs[i].rows_done <= info->jobs[i].rows_total);
  }
  omendb_collection_info_free(info);
}

static void DeletesCountWhatWasThere(omendb_database* db, omendb_collection* docs) {
  const uint64_t some[2] = {10, 999};
  omendb_ids ids = u64_ids(some, 2);
  uint64_t deleted = 7;
  OK(omendb_collection_delete_ids(docs, &ids, &deleted));
  CHECK(deleted == 1);
  FAILS(OMENDB_INVALID_ARGUMENT, "where is NULL",
        omendb_collection_delete_where(docs, NULL, &deleted));
  OK(omendb_collection_delete_where(docs, "year = 2001", &deleted));
  CHECK(deleted == 1);
  OK(omendb_collection_compact(docs));
  OK(omendb_collection_optimize(docs, 60000));
  OK(omendb_database_compact(db));
  FAILS(OMENDB_INVALID_ARGUMENT, "collection is NULL", omendb_collection_optimize(NULL, 0));
  OK(omendb_collection_delete_where(docs, "true", NULL));
  uint64_t count = 7;
  OK(omendb_collection_count(docs, "true", &count));
  CHECK(count == 0);
}

static void StringIdsComeBackAsTheyWere(omendb_database* db) {
  omendb_collection* words = NULL;
  omendb_collection_options options = {
      .size = sizeof options, .dim = DIM, .metric = OMENDB_METRIC_COSINE};
  OK(omendb_database_collection(db, "words", &options, &words));
  const char* names[2] = {"eins", "zwei and more"};
  const size_t lengths[2] = {4, 4};
  omendb_batch batch = {
      .size = sizeof batch,
      .vectors = vectors_of(kVectors[1], 2, DIM),
      .ids = {.kind = OMENDB_ID_STRING, .count = 2, .strings = names, .string_lengths = lengths}};
  omendb_points* ids = NULL;
  OK(omendb_collection_upsert(words, &batch, &ids));
  CHECK(omendb_points_ids(ids).kind == OMENDB_ID_STRING);
  CHECK(!strcmp(omendb_points_ids(ids).strings[1], "zwei"));
  CHECK(omendb_points_ids(ids).string_lengths[1] == 4);
  omendb_points_free(ids);
  OK(omendb_collection_upsert(words, &batch, NULL));
  omendb_collection* other = NULL;
  options.dim = DIM + 1;
  FAILS(OMENDB_ALREADY_EXISTS, "words", omendb_database_collection(db, "words", &options, &other));
  CHECK(other == NULL);
  omendb_collection_free(words);
}

static void* fail_elsewhere(void* other_message) {
  CHECK(!strcmp(omendb_last_error(), ""));
  CHECK(omendb_database_close(NULL) == OMENDB_INVALID_ARGUMENT);
  strncpy(other_message, omendb_last_error(), 99);
  return NULL;
}

static void ErrorTextBelongsToItsThread(void) {
  char theirs[100] = "";
  CHECK(omendb_database_open("x", NULL, NULL) == OMENDB_INVALID_ARGUMENT);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, fail_elsewhere, theirs) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(!strcmp(theirs, "db is NULL"));
  CHECK(!strcmp(omendb_last_error(), "out is NULL"));
}

static void read_beside_the_writer(omendb_database* db, const char* path) {
  omendb_database* reader = NULL;
  omendb_open_options options = {.size = sizeof options, .mode = 7};
  FAILS(OMENDB_INVALID_ARGUMENT, "mode is 7", omendb_database_open(path, &options, &reader));
  options.mode = OMENDB_MODE_READ;
  OK(omendb_database_open(path, &options, &reader));
  omendb_collection* written = NULL;
  omendb_collection* read = NULL;
  uint64_t count = 0;
  omendb_batch batch = {.size = sizeof batch, .vectors = vectors_of(kVectors, ROWS, DIM)};
  OK(omendb_database_collection(db, "followed", NULL, &written));
  OK(omendb_database_collection(reader, "followed", NULL, &read));
  OK(omendb_collection_add(written, &batch, NULL));
  OK(omendb_collection_count(read, NULL, &count));
  CHECK(count == ROWS);
  FAILS(OMENDB_READ_ONLY, "mode \"r\"", omendb_collection_add(read, &batch, NULL));
  OK(omendb_database_drop_collection(db, "followed"));
  omendb_collection_free(written);
  omendb_collection_free(read);
  omendb_database_free(reader);
}

static void WhatWasWrittenIsThereAfterReopening(const char* path) {
  omendb_database* db = NULL;
  omendb_open_options options = {.size = sizeof options,
                                 .durability = OMENDB_DURABILITY_INTERVAL,
                                 .interval_ms = 5,
                                 .must_exist = 1};
  OK(omendb_database_open(path, &options, &db));
  CHECK(!strcmp(omendb_database_path(db), path));
  omendb_strings* strings = NULL;
  OK(omendb_database_recovery_notes(db, &strings));
  CHECK(strings->count == 0);
  omendb_strings_free(strings);
  OK(omendb_database_collection_names(db, &strings));
  int words = 0;
  for (size_t i = 0; i < strings->count; ++i) words |= !strcmp(strings->items[i], "words");
  CHECK(words);
  omendb_strings_free(strings);
  omendb_collection* collection = NULL;
  OK(omendb_database_collection(db, "words", NULL, &collection));
  uint64_t count = 0;
  OK(omendb_collection_count(collection, NULL, &count));
  CHECK(count == 2);
  OK(omendb_database_drop_collection(db, "words"));
  CHECK(omendb_database_drop_collection(db, "words") == OMENDB_NOT_FOUND);
  FAILS(OMENDB_NOT_FOUND, "was dropped", omendb_collection_count(collection, NULL, &count));
  omendb_collection* again = NULL; /* the first handle follows the name */
  OK(omendb_database_collection(db, "words", NULL, &again));
  OK(omendb_collection_count(collection, NULL, &count));
  CHECK(count == 0);
  omendb_collection_free(again);
  omendb_collection_free(collection);

  omendb_database* second = NULL;
  omendb_open_options patient = {.size = sizeof patient, .lock_timeout_ms = 5};
  FAILS(OMENDB_LOCKED, "after 5 ms", omendb_database_open(path, &patient, &second));
  CHECK(second == NULL);
  read_beside_the_writer(db, path);
  omendb_database_free(db); /* closes */
  OK(omendb_database_open(path, NULL, &second));
  omendb_database_free(second);
}

static int count_calls(const omendb_snapshot_progress* progress, void* context) {
  CHECK(progress->files_done <= progress->files && progress->bytes_done <= progress->bytes);
  return ++*(int*)context;
}

static int give_up(const omendb_snapshot_progress* progress, void* context) {
  (void)context;
  return progress->files_done == progress->files ? 0 : 1;
}

static void ASnapshotIsADatabaseOfItsOwn(const char* folder) {
  char path[1024];
  char repaired[2048];
  snprintf(path, sizeof path, "%s.copy", folder);
  omendb_database* db = NULL;
  omendb_collection* collection = NULL;
  int calls = 0;
  uint64_t count = 0;
  OK(omendb_database_open(":memory:", NULL, &db));
  OK(omendb_database_collection(db, NULL, NULL, &collection));
  omendb_batch batch = {.size = sizeof batch, .vectors = vectors_of(kVectors, ROWS, DIM)};
  OK(omendb_collection_add(collection, &batch, NULL));
  CHECK(omendb_database_snapshot(db, path, give_up, NULL) == OMENDB_CANCELLED);
  OK(omendb_database_snapshot(db, path, count_calls, &calls));
  CHECK(calls > 0);
  CHECK(omendb_database_snapshot(db, path, NULL, NULL) == OMENDB_ALREADY_EXISTS);
  omendb_collection_free(collection);
  omendb_database_free(db);

  omendb_strings* problems = NULL;
  omendb_strings* lost = NULL;
  omendb_check_counts counts;
  OK(omendb_check(path, &problems, NULL, &counts));
  CHECK(problems->count == 0 && counts.points == ROWS && counts.collections == 1);
  omendb_strings_free(problems);
  snprintf(repaired, sizeof repaired, "%s.repaired", path);
  OK(omendb_repair(path, repaired, &lost, &count));
  CHECK(lost->count == 0 && count == ROWS);
  omendb_strings_free(lost);
  CHECK(omendb_repair(path, repaired, &lost, NULL) == OMENDB_ALREADY_EXISTS);
  CHECK(omendb_check("no such folder", &problems, NULL, NULL) == OMENDB_NOT_FOUND);

  OK(omendb_database_open(path, NULL, &db));
  OK(omendb_database_collection(db, NULL, NULL, &collection));
  OK(omendb_collection_count(collection, NULL, &count));
  CHECK(count == ROWS);
  omendb_collection_free(collection);
  omendb_database_free(db);
}

static void HandlesOutliveTheDatabaseSafely(void) {
  omendb_database* db = NULL;
  omendb_collection* collection = NULL;
  omendb_result* result = NULL;
  omendb_scan* scan = NULL;
  OK(omendb_database_open(":memory:", NULL, &db));
  OK(omendb_database_collection(db, NULL, NULL, &collection));
  omendb_batch batch = {.size = sizeof batch, .vectors = vectors_of(kVectors, ROWS, DIM)};
  OK(omendb_collection_add(collection, &batch, NULL));
  omendb_vectors query = vectors_of(kOrigin, 1, DIM);
  OK(omendb_collection_search(collection, &query, 1, NULL, &result));
  OK(omendb_collection_scan(collection, NULL, NULL, &scan));
  OK(omendb_database_flush(db));
  OK(omendb_database_close(db));
  OK(omendb_database_close(db));
  CHECK(omendb_database_flush(db) == OMENDB_CLOSED);
  omendb_database_free(db);
  uint64_t count = 0;
  CHECK(omendb_collection_count(collection, NULL, &count) == OMENDB_CLOSED);
  CHECK(omendb_collection_add(collection, &batch, NULL) == OMENDB_CLOSED);
  CHECK(omendb_result_distances(result)[0] == 0);
  omendb_collection_free(collection);
  omendb_scan_free(scan);
  omendb_result_free(result);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  const char* path = argv[1];
  TheLibrarySaysWhatItIs();
  NullIsRefusedByNameAndFreeingItIsFine();
  OpeningRefusesOptionsThatMakeNoSense(path);

  omendb_database* db = NULL;
  OK(omendb_database_open(path, NULL, &db));
  omendb_collection* docs = NULL;
  OK(omendb_database_collection(db, "docs", NULL, &docs));
  add_line(docs);
  BadWritesChangeNothing(docs);
  SearchReturnsWhatWasAskedFor(docs);
  BadSearchesSayWhy(docs);
  ACancelledSearchSaysSoAndAnAmpleTimeoutIsNoLimit(docs);
  GetScanAndCountAgree(docs);
  InfoDescribesTheCollection(docs);
  DeletesCountWhatWasThere(db, docs);
  StringIdsComeBackAsTheyWere(db);
  ErrorTextBelongsToItsThread();
  omendb_collection_free(docs);
  OK(omendb_database_close(db));
  omendb_database_free(db);

  WhatWasWrittenIsThereAfterReopening(path);
  ASnapshotIsADatabaseOfItsOwn(argv[1]);
  HandlesOutliveTheDatabaseSafely();
  puts("every function of omendb.h did what it says");
  return 0;
}
