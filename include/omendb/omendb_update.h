/*
 * Changes parts of points, and the columns of all points. Part of omendb.h, which includes it.
 */
#ifndef OMENDB_OMENDB_UPDATE_H_
#define OMENDB_OMENDB_UPDATE_H_

#include "omendb/omendb.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A change of existing points. Columns have one row a point, or one row for all points: a PRESENT
 * value replaces the old one, EXPLICIT_NULL removes the key, and ABSENT leaves the key as it is.
 * Only an update by id takes vectors, one a point.
 */
typedef struct omendb_update {
  size_t size;
  const omendb_column* columns;
  size_t column_count;
  omendb_vectors vectors; /* for a collection without named fields; count 0 = no change */
  /* For a collection with named fields: the fields that change, each once. */
  const omendb_field_vectors* fields;
  size_t field_count;
  int32_t skip_missing; /* 1: skip ids that do not exist; 0: they fail with NOT_FOUND */
} omendb_update;

/*
 * Changes points by id and leaves the rest of each point as it is. All of the points change or
 * none. `updated` (may be NULL) counts them. Fails with NOT_FOUND for an id that does not exist or
 * a field that the collection lacks; with INVALID_ARGUMENT for an update that changes nothing, a
 * wrong number of rows, an id given twice; with LIMIT_EXCEEDED if the updated points take more than
 * 1 GiB; and as add does.
 */
OMENDB_API omendb_status omendb_collection_update_ids(omendb_collection* collection,
                                                      const omendb_ids* ids,
                                                      const omendb_update* update,
                                                      uint64_t* updated) OMENDB_NOEXCEPT;

/* Changes every point that `where` matches. Columns have one row. A NULL `where` is refused. */
OMENDB_API omendb_status omendb_collection_update_where(omendb_collection* collection,
                                                        const char* where,
                                                        const omendb_update* update,
                                                        uint64_t* updated) OMENDB_NOEXCEPT;

/* The same for callers that must not wait for the disk; see omendb_collection_add_async. */
OMENDB_API omendb_status omendb_collection_update_ids_async(omendb_collection* collection,
                                                            const omendb_ids* ids,
                                                            const omendb_update* update,
                                                            omendb_count_callback callback,
                                                            void* context) OMENDB_NOEXCEPT;
OMENDB_API omendb_status omendb_collection_update_where_async(omendb_collection* collection,
                                                              const char* where,
                                                              const omendb_update* update,
                                                              omendb_count_callback callback,
                                                              void* context) OMENDB_NOEXCEPT;

/*
 * Renames a metadata column in every point. Durable and visible like an add. Rewrites no point, so
 * it takes the same time for any number of them. Fails with NOT_FOUND if there is no such column,
 * ALREADY_EXISTS if a column has the new name, INVALID_ARGUMENT and LIMIT_EXCEEDED for a name that
 * is not allowed.
 */
OMENDB_API omendb_status omendb_collection_rename_column(omendb_collection* collection,
                                                         const char* column,
                                                         const char* name) OMENDB_NOEXCEPT;

/*
 * Removes a metadata column from every point, without rewriting them. Its values never come back,
 * even if a column gets that name later. Fails with NOT_FOUND if there is no such column.
 */
OMENDB_API omendb_status omendb_collection_drop_column(omendb_collection* collection,
                                                       const char* column) OMENDB_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* OMENDB_OMENDB_UPDATE_H_ */
