/*
 * omendb.h - the C ABI of OmenDB, an embedded vector database. C11, no other header needed.
 *
 *   omendb_database* db = NULL;
 *   omendb_collection* docs = NULL;
 *   omendb_result* found = NULL;
 *   if (omendb_database_open("./vectors.db", NULL, &db) ||
 *       omendb_database_collection(db, "docs", NULL, &docs) ||
 *       omendb_collection_search(docs, &query, 10, NULL, &found)) {
 *     fprintf(stderr, "%s\n", omendb_last_error());
 *   }
 *   omendb_result_free(found);
 *   omendb_collection_free(docs);
 *   omendb_database_free(db);
 *
 * Ownership
 *   - The library borrows arguments for the call and never keeps them: vectors, ids, columns,
 *     names, filters, options.
 *   - You own what a function returns through a `T**`: pass it to the `_free` function of its type,
 *     once. Every `_free` accepts NULL. On failure `*out` is set to NULL.
 *   - A `const` pointer that an accessor returns belongs to the handle that it came from, and is
 *     valid until that handle is freed.
 *
 * Life cycle
 *   - Collections, scans and results may outlive omendb_database_close() and
 *     omendb_database_free(): they stay safe to free, results stay readable, and every call that
 *     needs the database fails with OMENDB_CLOSED. Handles may be freed in any order.
 *   - omendb_database_free() closes an open database and drops the errors of closing; call
 *     omendb_database_close() first to see them.
 *
 * Threads
 *   - Any number of threads may use a database or a collection at once. Writers take turns;
 *     searches and writers never wait for each other.
 *   - A scan belongs to one thread at a time. Results are immutable: share them freely.
 *   - The caller must not free a handle while another thread uses it.
 *
 * Errors
 *   - Each fallible function returns an omendb_status: OMENDB_OK (0) or the reason. A failed
 *     write changes nothing.
 *   - omendb_last_error() then returns a sentence that says what was wrong and what was expected.
 *     It belongs to the calling thread and is valid until that thread's next failing call.
 *   - No C++ exception leaves this library, and bad input does not abort it.
 *
 * Compatibility
 *   - Numbers here are frozen. Structs that begin with `size` may gain members at the end: set
 *     `size` to sizeof the struct, and zero the members that you do not use; zero is the default.
 *     Structs without `size` never change.
 */
#ifndef OMENDB_OMENDB_H_
#define OMENDB_OMENDB_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define OMENDB_API __declspec(dllexport)
#elif defined(__GNUC__)
#define OMENDB_API __attribute__((visibility("default")))
#else
#define OMENDB_API
#endif

#ifdef __cplusplus
#define OMENDB_NOEXCEPT noexcept
extern "C" {
#else
#define OMENDB_NOEXCEPT
#endif

/* ---- Status ---------------------------------------------------------------------------------- */

/* The same numbers as omendb::StatusCode. */
typedef int32_t omendb_status;
enum {
  OMENDB_OK = 0,
  OMENDB_INVALID_ARGUMENT = 1,     /* a parameter is malformed: k = 0, NaN, NULL, duplicate ids */
  OMENDB_DIMENSION_MISMATCH = 2,   /* the vectors' dimension differs from the collection's */
  OMENDB_TYPE_MISMATCH = 3,        /* element type, id kind or column type conflicts */
  OMENDB_NOT_FOUND = 4,            /* no such database, collection or column */
  OMENDB_ALREADY_EXISTS = 5,       /* an id, a path, or a collection with another schema exists */
  OMENDB_INVALID_FILTER = 6,       /* a filter does not parse or does not fit the columns */
  OMENDB_LOCKED = 7,               /* another writer holds the database */
  OMENDB_CORRUPTION = 8,           /* stored bytes fail their checksum or make no sense */
  OMENDB_IO_ERROR = 9,             /* the operating system refused a file operation */
  OMENDB_NO_SPACE = 10,            /* the disk is full; try again later */
  OMENDB_READ_ONLY = 11,           /* opened for reading, or a flush failed: reopen to write */
  OMENDB_UNSUPPORTED_VERSION = 12, /* written by a newer OmenDB */
  OMENDB_NOT_A_DATABASE = 13,      /* the path is a file, or a folder that OmenDB did not make */
  OMENDB_CLOSED = 14,              /* the database was closed */
  OMENDB_LIMIT_EXCEEDED = 15,      /* a value is above its stated maximum */
  OMENDB_UNIMPLEMENTED = 16,       /* not available in this build */
  OMENDB_INTERNAL = 17,            /* a bug in OmenDB that did no damage; please report it */
  OMENDB_DEADLINE_EXCEEDED = 18,   /* the call did not finish within the caller's timeout */
  OMENDB_CANCELLED = 19,           /* the caller stopped the call */
  OMENDB_OUT_OF_MEMORY = 20        /* the system gave no memory */
};

/* The message of this thread's last failing call; "" before the first. Never NULL. */
OMENDB_API const char* omendb_last_error(void) OMENDB_NOEXCEPT;

/* "invalid_argument" for 1, and so on; "unknown" for a number that is no status. Static. */
OMENDB_API const char* omendb_status_name(omendb_status status) OMENDB_NOEXCEPT;

/* ---- Words ----------------------------------------------------------------------------------- */

/* The distance between two vectors. Smaller is nearer in every metric. */
enum {
  OMENDB_METRIC_L2 = 1,            /* squared Euclidean distance */
  OMENDB_METRIC_COSINE = 2,        /* 1 - cos(q, x); zero vectors are refused */
  OMENDB_METRIC_INNER_PRODUCT = 3, /* -<q, x> */
  OMENDB_METRIC_HAMMING = 4        /* number of differing bits; only for binary vectors */
};

/* The type of one coordinate. Binary: eight to a byte, lowest bit first; dim counts bits. */
enum {
  OMENDB_ELEMENT_F32 = 1,
  OMENDB_ELEMENT_F16 = 2,
  OMENDB_ELEMENT_I8 = 3,
  OMENDB_ELEMENT_BINARY = 4
};

enum { OMENDB_ID_U64 = 1, OMENDB_ID_STRING = 2 };

enum {
  OMENDB_COLUMN_BOOL = 1,
  OMENDB_COLUMN_I64 = 2,
  OMENDB_COLUMN_F64 = 3,
  OMENDB_COLUMN_STRING = 4,
  OMENDB_COLUMN_TIMESTAMP = 5, /* microseconds since 1970-01-01T00:00:00Z */
  OMENDB_COLUMN_JSON = 6,      /* any JSON value (RFC 8259), as UTF-8 text; no arrays of it */
  OMENDB_COLUMN_BOOL_ARRAY = 17,
  OMENDB_COLUMN_I64_ARRAY = 18,
  OMENDB_COLUMN_F64_ARRAY = 19,
  OMENDB_COLUMN_STRING_ARRAY = 20,
  OMENDB_COLUMN_TIMESTAMP_ARRAY = 21
};

/* Whether a point has a value in a column. Filters treat ABSENT and EXPLICIT_NULL as NULL. */
enum {
  OMENDB_ABSENT = 0,       /* the point does not have the key */
  OMENDB_PRESENT = 1,      /* the point has a value */
  OMENDB_EXPLICIT_NULL = 2 /* the point has the key, and its value is null */
};

enum {
  OMENDB_DURABILITY_SYNC = 1,     /* a returned write survives a power cut */
  OMENDB_DURABILITY_INTERVAL = 2, /* a power cut loses at most the last interval_ms, a suffix */
  OMENDB_DURABILITY_NONE = 3      /* nothing is promised until flush or close */
};

typedef struct omendb_database omendb_database;
typedef struct omendb_collection omendb_collection;
typedef struct omendb_points omendb_points;
typedef struct omendb_result omendb_result;
typedef struct omendb_scan omendb_scan;

/* ---- What crosses the fence ------------------------------------------------------------------ */

/* Row-major vectors, `count` rows of `dim` coordinates. */
typedef struct omendb_vectors {
  const void* data;
  size_t count;
  size_t dim;
  int32_t element; /* OMENDB_ELEMENT_* */
  size_t stride;   /* bytes from one row to the next; 0 = no gaps */
} omendb_vectors;

/* A named vector field. */
typedef struct omendb_vector_field {
  const char* name; /* [A-Za-z0-9_-]{1,64} */
  size_t dim;       /* 1..65,536; 0 = taken from the first add */
  int32_t metric;   /* OMENDB_METRIC_*; 0 = L2 */
  int32_t element;  /* OMENDB_ELEMENT_*; 0 = F32 */
} omendb_vector_field;

/* The vectors of a batch of points in one field. */
typedef struct omendb_field_vectors {
  const char* field;      /* its name */
  omendb_vectors vectors; /* one row a point */
  /* One byte a point: 0 = the point has no vector in this field; then its row above is ignored (in
   * results: holds zeros). NULL: every point has one. */
  const uint8_t* present;
} omendb_field_vectors;

/* Ids of one kind. `kind` 0 (or a NULL omendb_ids*) asks an add for generated ids. */
typedef struct omendb_ids {
  int32_t kind; /* OMENDB_ID_*, or 0 */
  size_t count;
  const uint64_t* u64;          /* kind U64: count numbers */
  const char* const* strings;   /* kind STRING: count UTF-8 strings */
  const size_t* string_lengths; /* bytes of each; NULL = each ends with NUL */
} omendb_ids;

/*
 * One metadata column, in Arrow's layout but with 64-bit offsets and one validity byte a row. Only
 * the members for its type are read:
 *   BOOL: bools. I64, TIMESTAMP: ints. F64: doubles. STRING, JSON: string_offsets and bytes.
 * An array column holds its elements in the same members, and row r owns the elements
 * [list_offsets[r], list_offsets[r + 1]).
 */
typedef struct omendb_column {
  const char* name;
  int32_t type; /* OMENDB_COLUMN_* */
  size_t rows;
  size_t values;         /* rows; for an array column, the elements of all rows */
  const uint8_t* valid;  /* rows bytes, OMENDB_PRESENT, …; NULL = every row has a value */
  const uint8_t* bools;  /* values bytes, 0 or 1 */
  const int64_t* ints;   /* values */
  const double* doubles; /* values */
  const uint64_t* string_offsets; /* values + 1, the first 0 */
  const char* bytes;              /* string_offsets[values] bytes of UTF-8 */
  const uint64_t* list_offsets;   /* rows + 1, the first 0; arrays only */
} omendb_column;

/* Read-only strings, made by the library. */
typedef struct omendb_strings {
  size_t count;
  const char* const* items; /* each ends with NUL */
} omendb_strings;
OMENDB_API void omendb_strings_free(omendb_strings* strings) OMENDB_NOEXCEPT;

/* ---- The library ----------------------------------------------------------------------------- */

/* "0.1.0". Static. */
OMENDB_API const char* omendb_version(void) OMENDB_NOEXCEPT;

/* The instruction set in use: "scalar", "avx2", "avx512" or "neon". Static. */
OMENDB_API const char* omendb_active_isa(void) OMENDB_NOEXCEPT;

/* Every instruction set that this machine can run, best last. */
OMENDB_API omendb_status omendb_supported_isas(omendb_strings** out) OMENDB_NOEXCEPT;

/* ---- Database -------------------------------------------------------------------------------- */

enum {
  OMENDB_MODE_READ_WRITE = 1, /* one process at a time */
  OMENDB_MODE_READ = 2        /* any number of processes, also beside a writer; writes nothing */
};

typedef struct omendb_open_options {
  size_t size;
  int32_t durability;           /* OMENDB_DURABILITY_*; 0 = SYNC */
  int32_t must_exist;           /* 1: fail with NOT_FOUND rather than create */
  uint64_t interval_ms;         /* 1..60,000 for DURABILITY_INTERVAL; 0 = 100 */
  size_t memtable_bytes;        /* 64 KiB..4 GiB gathered before a seal; 0 = 64 MiB */
  size_t max_sealing_memtables; /* 1..64: full ones, before writers wait for the disk; 0 = 4 */
  int32_t mode;                 /* OMENDB_MODE_*; 0 = READ_WRITE */
  uint64_t lock_timeout_ms;     /* 0..86,400,000: how long to wait while another holds the lock */
  size_t max_build_bytes;       /* 1 MiB..1 TiB for one merge or build; 0 = a quarter of memory */
  size_t max_writes_in_flight;  /* 1..1,048,576 writes whose callback has not come; 0 = 1,024 */
  const struct omendb_executor* executor; /* omendb_async.h; NULL = threads of the database's own */
} omendb_open_options;

/*
 * Opens the folder `path`, and makes it if it is missing. ":memory:" is a database without one.
 * Fails with LOCKED, NOT_A_DATABASE, NOT_FOUND, UNSUPPORTED_VERSION, CORRUPTION, IO_ERROR or
 * INVALID_ARGUMENT. `options` may be NULL; options.h describes each in more words.
 */
OMENDB_API omendb_status omendb_database_open(const char* path, const omendb_open_options* options,
                                              omendb_database** out) OMENDB_NOEXCEPT;

/* Seals the points in memory and releases the folder. A second close does nothing. */
OMENDB_API omendb_status omendb_database_close(omendb_database* db) OMENDB_NOEXCEPT;

/* Closes the database if it is open, and frees it. */
OMENDB_API void omendb_database_free(omendb_database* db) OMENDB_NOEXCEPT;

/* Makes every returned write durable, in any durability mode. */
OMENDB_API omendb_status omendb_database_flush(omendb_database* db) OMENDB_NOEXCEPT;

/* The progress of omendb_database_snapshot(). */
typedef struct omendb_snapshot_progress {
  uint64_t files_done;
  uint64_t files;
  uint64_t bytes_done; /* linked or copied */
  uint64_t bytes;
} omendb_snapshot_progress;

/* Called on the calling thread. If it returns 0, the snapshot stops and fails with CANCELLED. */
typedef int (*omendb_snapshot_callback)(const omendb_snapshot_progress* progress, void* context);

/*
 * Makes a complete copy of the database, a folder that opens like any other, while reads and writes
 * go on. The copy holds every write that had returned before the call. Files are linked if the file
 * system can do so, and copied otherwise; the folder gets its name when all of it is on the disk.
 * `progress` may be NULL. Fails with ALREADY_EXISTS if something exists at `path`.
 */
OMENDB_API omendb_status omendb_database_snapshot(omendb_database* db, const char* path,
                                                  omendb_snapshot_callback progress,
                                                  void* context) OMENDB_NOEXCEPT;

/* Calls omendb_collection_compact for each collection. */
OMENDB_API omendb_status omendb_database_compact(omendb_database* db) OMENDB_NOEXCEPT;

/* The path that the database was opened with; valid until `db` is freed. NULL for NULL. */
OMENDB_API const char* omendb_database_path(const omendb_database* db) OMENDB_NOEXCEPT;

/* What recovery found at open, e.g. a torn tail that it dropped. Empty after a clean start. */
OMENDB_API omendb_status omendb_database_recovery_notes(const omendb_database* db,
                                                        omendb_strings** out) OMENDB_NOEXCEPT;

OMENDB_API omendb_status omendb_database_collection_names(const omendb_database* db,
                                                          omendb_strings** out) OMENDB_NOEXCEPT;

/* The counts of omendb_check(). */
typedef struct omendb_check_counts {
  uint64_t collections;
  uint64_t points; /* live points, in segments and in the log */
  uint64_t files;  /* files that were read whole */
  uint64_t bytes;  /* bytes of those files */
} omendb_check_counts;

/*
 * Reads every byte of a database that no writer has open, verifies every checksum, and compares the
 * files with each other. Writes nothing. Damage is not an error of the call: `problems` gets one
 * sentence for each, which names the file, and is empty if the database is sound. `notes` (findings
 * that are not damage) and `counts` may be NULL.
 */
OMENDB_API omendb_status omendb_check(const char* path, omendb_strings** problems,
                                      omendb_strings** notes,
                                      omendb_check_counts* counts) OMENDB_NOEXCEPT;

/*
 * Copies the sound parts of a damaged database into a new one at `into`. Does not change the
 * damaged folder. `lost` gets one sentence for each loss; `points` (may be NULL) receives how many
 * points the new database holds. Fails with CORRUPTION if the manifest itself is damaged, and with
 * ALREADY_EXISTS if something exists at `into`.
 */
OMENDB_API omendb_status omendb_repair(const char* path, const char* into, omendb_strings** lost,
                                       uint64_t* points) OMENDB_NOEXCEPT;

typedef struct omendb_collection_options {
  size_t size;
  size_t dim;      /* 1..65,536; 0 = taken from the first add */
  int32_t metric;  /* OMENDB_METRIC_*; 0 = L2 */
  int32_t element; /* OMENDB_ELEMENT_*; 0 = F32 */
  /* Declares several vectors a point, each in a named field, at most 16; dim, metric and element
   * above must be 0 then. None: one vector a point, without a name. */
  const omendb_vector_field* fields;
  size_t field_count;
} omendb_collection_options;

/*
 * Gets the collection, or creates it. A NULL `name` is "default", which always exists. NULL
 * `options` accept an existing collection as it is. Fails with ALREADY_EXISTS if the collection
 * exists with another dimension, metric or element type, or with other fields, than `options` say.
 * The handle goes by the name: calls fail with NOT_FOUND while the collection is dropped, and act
 * on the new one once a collection of that name is created again.
 */
OMENDB_API omendb_status omendb_database_collection(omendb_database* db, const char* name,
                                                    const omendb_collection_options* options,
                                                    omendb_collection** out) OMENDB_NOEXCEPT;

/* Gets the collection if it exists, and fails with NOT_FOUND otherwise. */
OMENDB_API omendb_status omendb_database_find_collection(omendb_database* db, const char* name,
                                                         const omendb_collection_options* options,
                                                         omendb_collection** out) OMENDB_NOEXCEPT;

/* Drops the collection and everything in it. */
OMENDB_API omendb_status omendb_database_drop_collection(omendb_database* db,
                                                         const char* name) OMENDB_NOEXCEPT;

/* ---- Collection ------------------------------------------------------------------------------ */

OMENDB_API void omendb_collection_free(omendb_collection* collection) OMENDB_NOEXCEPT;

/* Points to write. Columns have one row a point. */
typedef struct omendb_batch {
  size_t size;
  omendb_vectors vectors; /* for a collection without named fields */
  omendb_ids ids;         /* one a point, or kind 0 */
  const omendb_column* columns;
  size_t column_count;
  /* For a collection with named fields: each field at most once, in any order. If a field is left
   * out, no point of the batch has a vector in it. Each point needs a vector in at least one. */
  const omendb_field_vectors* fields;
  size_t field_count;
} omendb_batch;

/*
 * Adds new points: all of them or none. When it returns OMENDB_OK, every later search sees the
 * write, and the write is as durable as omendb_open_options.durability says. `out_ids` (may be
 * NULL) receives points that hold only the ids, in order. An empty batch writes nothing.
 * Fails with ALREADY_EXISTS if an id exists; INVALID_ARGUMENT for NaN, Inf, ids given twice, a zero
 * vector under cosine or a point without a vector; NOT_FOUND for a field that the collection lacks;
 * DIMENSION_MISMATCH, TYPE_MISMATCH, LIMIT_EXCEEDED, READ_ONLY, NO_SPACE, IO_ERROR, CLOSED.
 */
OMENDB_API omendb_status omendb_collection_add(omendb_collection* collection,
                                               const omendb_batch* batch,
                                               omendb_points** out_ids) OMENDB_NOEXCEPT;

/* Like add, but a point whose id exists is replaced whole. */
OMENDB_API omendb_status omendb_collection_upsert(omendb_collection* collection,
                                                  const omendb_batch* batch,
                                                  omendb_points** out_ids) OMENDB_NOEXCEPT;

/* Deletes by id. Skips ids that do not exist. `deleted` (may be NULL) counts the deleted points. */
OMENDB_API omendb_status omendb_collection_delete_ids(omendb_collection* collection,
                                                      const omendb_ids* ids,
                                                      uint64_t* deleted) OMENDB_NOEXCEPT;

/*
 * Deletes every point that `where` matches. NULL is refused, so that nobody empties a collection by
 * mistake; "true" matches every point.
 */
OMENDB_API omendb_status omendb_collection_delete_where(omendb_collection* collection,
                                                        const char* where,
                                                        uint64_t* deleted) OMENDB_NOEXCEPT;

/* Chooses which columns and vectors points carry. All columns: columns = NULL, no_columns = 0. */
typedef struct omendb_fields {
  size_t size;
  const char* const* columns; /* names; NULL = every column */
  size_t column_count;        /* ignored when columns is NULL */
  int32_t no_columns;         /* 1: no metadata at all */
  int32_t no_vectors;         /* 1: no vectors */
  /* For a collection with named fields: the fields whose vectors to return; NULL = all. */
  const char* const* vector_fields;
  size_t vector_field_count;
} omendb_fields;

/*
 * Looks up points by id. `found` (ids->count bytes that the caller provides, or NULL) receives 1
 * for each id that exists, 0 for the others. `out` holds one row for each id that exists, in the
 * order of the request. `fields` may be NULL.
 */
OMENDB_API omendb_status omendb_collection_get(const omendb_collection* collection,
                                               const omendb_ids* ids, const omendb_fields* fields,
                                               uint8_t* found, omendb_points** out) OMENDB_NOEXCEPT;

/* Counts the points that `where` matches; NULL matches all. */
OMENDB_API omendb_status omendb_collection_count(const omendb_collection* collection,
                                                 const char* where, uint64_t* out) OMENDB_NOEXCEPT;

/*
 * A filter is text everywhere in this header; docs/filters.md describes it. A path such as
 * author.name leads into a JSON column. The text has SQL's logic: a test of a missing field is
 * NULL, and neither it nor its negation matches. The operators of Python's dict filters have these
 * forms: $ne, $nin and $not are `(...) is not true`, $exists is `is not null`, $size is size(...),
 * $all is `contains all (...)`, $any is `in`.
 *
 * omendb_collection_filter_warnings finds columns in the filter that no point has, and which are
 * therefore NULL in all points: one sentence for each. It does not evaluate the filter; it is
 * useful before a call whose filter a person typed.
 */
OMENDB_API omendb_status omendb_collection_filter_warnings(const omendb_collection* collection,
                                                           const char* where,
                                                           omendb_strings** out) OMENDB_NOEXCEPT;

/*
 * Stops the calls that it was passed to, from any thread: they fail with CANCELLED. Once set it
 * stays set; make a new one for the next call. Free it when no call uses it any more.
 */
typedef struct omendb_cancel omendb_cancel;
OMENDB_API omendb_status omendb_cancel_new(omendb_cancel** out) OMENDB_NOEXCEPT;
OMENDB_API void omendb_cancel_set(omendb_cancel* cancel) OMENDB_NOEXCEPT;
OMENDB_API void omendb_cancel_free(omendb_cancel* cancel) OMENDB_NOEXCEPT;

typedef struct omendb_search_options {
  size_t size;
  const char* where;    /* a filter; NULL = every point */
  int32_t exact;        /* 1: equal to brute force, ties by id */
  int32_t with_vectors; /* 1: hits carry their vectors */
  double recall;        /* 0 < recall <= 1: wanted share of true neighbours; 0 = 0.95 */
  size_t effort;        /* candidates to rerank for a query; 0 = chosen from recall */
  int32_t has_radius;   /* 1: only hits with distance <= radius */
  int32_t all_columns;  /* 1: hits carry every metadata column */
  double radius;
  const char* const* columns; /* names of the metadata columns that hits carry */
  size_t column_count;
  uint64_t timeout_ms;         /* the search fails with DEADLINE_EXCEEDED after it; 0 = no limit */
  const omendb_cancel* cancel; /* borrowed; NULL = the search cannot be cancelled */
  const char* field;           /* the vector field to search; NULL only if there is just one */
  const char* const* vector_fields; /* fields that with_vectors returns; NULL = all */
  size_t vector_field_count;
  const char* const* where_each; /* one filter a query, instead of `where`; NULL = none */
  size_t where_each_count;       /* as many as there are queries */
} omendb_search_options;

/*
 * Finds the k nearest live points to each query.
 * queries: n x dim, row-major; f32 for f32, f16 and i8 vectors, or the field's own element type.
 * k: 1..65,536; if fewer points match, all of them are hits. `options` may be NULL.
 * Fails with INVALID_ARGUMENT, DIMENSION_MISMATCH, TYPE_MISMATCH, INVALID_FILTER, LIMIT_EXCEEDED,
 * DEADLINE_EXCEEDED, CANCELLED, CORRUPTION, CLOSED.
 */
OMENDB_API omendb_status omendb_collection_search(const omendb_collection* collection,
                                                  const omendb_vectors* queries, size_t k,
                                                  const omendb_search_options* options,
                                                  omendb_result** out) OMENDB_NOEXCEPT;

/*
 * Finds the k nearest other points to each of these points, by its vector in the searched field. A
 * point is not its own hit.
 * k: 1..65,535. Fails as omendb_collection_search does, with NOT_FOUND for an id that no point has,
 * and with INVALID_ARGUMENT for a point that has no vector in the field. `options` may be NULL.
 */
OMENDB_API omendb_status omendb_collection_search_ids(const omendb_collection* collection,
                                                      const omendb_ids* ids, size_t k,
                                                      const omendb_search_options* options,
                                                      omendb_result** out) OMENDB_NOEXCEPT;

enum {
  OMENDB_JOB_SEAL = 1,  /* moves points from memory to a segment */
  OMENDB_JOB_MERGE = 2, /* merges segments into one, without deleted points */
  OMENDB_JOB_INDEX = 3  /* builds an index of a segment */
};

/* A job that runs in the background or in a compact. */
typedef struct omendb_job {
  int32_t kind; /* OMENDB_JOB_* */
  uint64_t rows_done;
  uint64_t rows_total;
} omendb_job;

/* The state of a collection in one snapshot. Made by the library; may gain members. */
typedef struct omendb_collection_info {
  size_t size;
  const char* name;
  size_t dim; /* 0 until the first add */
  int32_t metric;
  int32_t element;
  int32_t id_kind; /* 0 until the first add */
  size_t column_count;
  const char* const* column_names;
  const int32_t* column_types;
  uint64_t points;         /* live points */
  uint64_t memory_points;  /* rows in memtables, dead ones included */
  uint64_t segments;       /* files */
  uint64_t segment_points; /* rows in segments, dead ones included */
  uint64_t indexed_points; /* of those, rows with an index of at least one vector field */
  uint64_t segment_bytes;  /* on disk, indexes included */
  uint64_t waiting_seals;  /* full memtables that are not segments yet */
  size_t job_count;
  const omendb_job* jobs;
  size_t field_count; /* named vector fields; each has its own dim, metric and element */
  const omendb_vector_field* fields;
} omendb_collection_info;

OMENDB_API omendb_status omendb_collection_get_info(const omendb_collection* collection,
                                                    omendb_collection_info** out) OMENDB_NOEXCEPT;
OMENDB_API void omendb_collection_info_free(omendb_collection_info* info) OMENDB_NOEXCEPT;

/*
 * Waits until the background work for the collection is done: no full memtable waits for its seal,
 * no merge would pay, and no index is missing, graphs among them. `timeout_ms` 0 is no limit; while
 * others write, that may be for ever. Fails with DEADLINE_EXCEEDED, with the error of the work if
 * that fails while it waits, or with CLOSED.
 */
OMENDB_API omendb_status omendb_collection_optimize(omendb_collection* collection,
                                                    uint64_t timeout_ms) OMENDB_NOEXCEPT;

/*
 * Seals the points in memory and merges all segments into one without deleted points; into several
 * if there are more than 2,147,483,647 points or more than max_build_bytes allows. Returns when
 * that is done; a close or a drop ends it early.
 */
OMENDB_API omendb_status omendb_collection_compact(omendb_collection* collection) OMENDB_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#include "omendb/omendb_async.h"
#include "omendb/omendb_recall.h"
#include "omendb/omendb_results.h"
#include "omendb/omendb_scan.h"
#include "omendb/omendb_update.h"

#endif /* OMENDB_OMENDB_H_ */
