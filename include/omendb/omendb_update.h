/*
 * Changing a part of points, and the columns of all points. Part of omendb.h, which includes it.
 */
#ifndef OMENDB_OMENDB_UPDATE_H_
#define OMENDB_OMENDB_UPDATE_H_

#include "omendb/omendb.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What changes of points that are there. Columns have one row a point, or one row for all points: a
 * PRESENT value takes the place of the old one, EXPLICIT_NULL removes the key, and ABSENT leaves
 * the key as it is. Vectors go by id alone, one a point.
 */
typedef struct omendb_update {
  size_t size;
  const omendb_column* columns;
  size_t column_count;
  omendb_vectors vectors; /* where there is one field; count 0 leaves them as they are */
  /* Of a collection with named fields: those that change, each once. */
  const omendb_field_vectors* fields;
  size_t field_count;
  int32_t skip_missing; /* 1: ids that do not exist are passed over, not NOT_FOUND */
} omendb_update;

/*
 * Changes points by id and leaves the rest of each point as it is. All of the points change or
 * none. `updated` (may be NULL) counts them. Fails with NOT_FOUND for an id that does not exist or
 * a field that the collection lacks; INVALID_ARGUMENT for an update of nothing, a wrong number of
 * rows, an id given twice; LIMIT_EXCEEDED if the updated points take more than 1 GiB; and as add
 * does.
 */
OMENDB_API omendb_status omendb_collection_update_ids(omendb_collection* collection,
                                                      const omendb_ids* ids,
                                                      const omendb_update* update,
                                                      uint64_t* updated) OMENDB_NOEXCEPT;

/* The same for every point that `where` matches, with columns of one row. NULL is refused. */
OMENDB_API omendb_status omendb_collection_update_where(omendb_collection* collection,
                                                        const char* where,
                                                        const omendb_update* update,
                                                        uint64_t* updated) OMENDB_NOEXCEPT;

/* The same for callers that wait for no disk, as omendb_collection_add_async says. */
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
 * Gives a metadata column another name, in every point. Durable and visible as an add is; nothing
 * is written anew, however many points there are. Fails with NOT_FOUND if there is no such column,
 * ALREADY_EXISTS if there is one of the new name, INVALID_ARGUMENT and LIMIT_EXCEEDED for a name
 * that no column may have.
 */
OMENDB_API omendb_status omendb_collection_rename_column(omendb_collection* collection,
                                                         const char* column,
                                                         const char* name) OMENDB_NOEXCEPT;

/*
 * Takes a metadata column from every point, in the same way. Its values never come back, also if
 * there is a column of that name later. Fails with NOT_FOUND if there is no such column.
 */
OMENDB_API omendb_status omendb_collection_drop_column(omendb_collection* collection,
                                                       const char* column) OMENDB_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* OMENDB_OMENDB_UPDATE_H_ */
