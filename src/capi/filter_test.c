/* What filters mean through the C ABI: the text, with all of its grammar. */
#include "test_check.h"

enum { ROWS = 3 };

/* Three points: id 10..12, year 2000, 2001 and none; the first two have a dict. */
static void add_points(omendb_collection* docs) {
  static const float vectors[ROWS] = {0, 1, 2};
  static const uint64_t ids[ROWS] = {10, 11, 12};
  static const int64_t years[ROWS] = {2000, 2001, 0};
  static const uint8_t valid[ROWS] = {OMENDB_PRESENT, OMENDB_PRESENT, OMENDB_ABSENT};
  static const char docs_text[] = "{\"name\":\"Ada\"}[{\"name\":5}]";
  static const uint64_t doc_offsets[ROWS + 1] = {0, 14, 26, 26};
  const omendb_column columns[] = {{.name = "year",
                                    .type = OMENDB_COLUMN_I64,
                                    .rows = ROWS,
                                    .values = ROWS,
                                    .valid = valid,
                                    .ints = years},
                                   {.name = "doc",
                                    .type = OMENDB_COLUMN_JSON,
                                    .rows = ROWS,
                                    .values = ROWS,
                                    .valid = valid,
                                    .string_offsets = doc_offsets,
                                    .bytes = docs_text}};
  const omendb_batch batch = {
      .size = sizeof batch,
      .vectors = {.data = vectors, .count = ROWS, .dim = 1, .element = OMENDB_ELEMENT_F32},
      .ids = {.kind = OMENDB_ID_U64, .count = ROWS, .u64 = ids},
      .columns = columns,
      .column_count = sizeof columns / sizeof *columns};
  OK(omendb_collection_add(docs, &batch, NULL));
}

static uint64_t count_of(omendb_collection* docs, const char* where) {
  uint64_t count = 0;
  OK(omendb_collection_count(docs, where, &count));
  return count;
}

static void AMissingFieldIsNullUnlessTheTextSaysIsNotTrue(omendb_collection* docs) {
  CHECK(count_of(docs, "year != 2000") == 1);
  CHECK(count_of(docs, "not year = 2000") == 1);
  CHECK(count_of(docs, "(year = 2000) is not true") == 2);
  CHECK(count_of(docs, "id in (10, 12)") == 2);
}

static void APathLeadsIntoAJsonColumn(omendb_collection* docs) {
  CHECK(count_of(docs, "doc.name = 'Ada'") == 1);
  CHECK(count_of(docs, "\"doc.name\" >= 5") == 1);
  CHECK(count_of(docs, "doc.name is not null") == 2);
  CHECK(count_of(docs, "(doc.name = 'Ada') is not true") == 2);
}

static void WarningsNameWhatNoPointHas(omendb_collection* docs) {
  omendb_strings* warnings = NULL;
  OK(omendb_collection_filter_warnings(docs, "yaer = 1 and id > 0", &warnings));
  CHECK(warnings->count == 1 && strstr(warnings->items[0], "\"yaer\"") != NULL);
  omendb_strings_free(warnings);
  OK(omendb_collection_filter_warnings(docs, NULL, &warnings));
  CHECK(warnings->count == 0);
  omendb_strings_free(warnings);
  CHECK(count_of(docs, "yaer = 1") == 0);
  FAILS(OMENDB_INVALID_FILTER, "column 8",
        omendb_collection_filter_warnings(docs, "yaer = ?", &warnings));
  FAILS(OMENDB_INVALID_ARGUMENT, "collection is NULL",
        omendb_collection_filter_warnings(NULL, NULL, &warnings));
}

int main(void) {
  omendb_database* db = NULL;
  omendb_collection* docs = NULL;
  OK(omendb_database_open(":memory:", NULL, &db));
  OK(omendb_database_collection(db, "docs", NULL, &docs));
  add_points(docs);
  AMissingFieldIsNullUnlessTheTextSaysIsNotTrue(docs);
  APathLeadsIntoAJsonColumn(docs);
  WarningsNameWhatNoPointHas(docs);
  omendb_collection_free(docs);
  OK(omendb_database_close(db));
  omendb_database_free(db);
  return 0;
}
