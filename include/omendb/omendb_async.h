/*
 * Writes that call back, and the executor that runs the callbacks. Part of omendb.h, which includes
 * it.
 */
#ifndef OMENDB_OMENDB_ASYNC_H_
#define OMENDB_OMENDB_ASYNC_H_

#include "omendb/omendb.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs tasks on the program's own threads. A program that has a thread pool sets it in
 * omendb_open_options; then the database starts no pool, and callbacks of writes and the parallel
 * parts of searches and adds run on the program's. The struct is copied. `context` must stay valid
 * until the database and all its collections are freed.
 */
typedef struct omendb_executor {
  size_t size;
  /*
   * Sees to it that run(task) is called once, soon: on another thread, or before it returns. Tasks
   * take milliseconds and do not wait for other tasks. Any thread may call post. Returns 0; or 1 if
   * it refuses the task and will not run it: then the database runs a callback of a write on a
   * thread of its own. A task that was accepted and is not run keeps omendb_database_close()
   * waiting.
   */
  int (*post)(void* context, void (*run)(void* task), void* task);
  void* context;
  size_t threads; /* how many tasks may run at once; at least 1 */
} omendb_executor;

/*
 * The database calls it once with the outcome of a write that one of the functions below began: in
 * a task of the executor, or on a thread of the database. It may call the database. `message` says
 * what failed and is valid during the call; "" on success. `ids` holds the points' ids, which the
 * callback must free; NULL on failure. The callback must not take longer than milliseconds and must
 * not close the database: omendb_database_close() waits for it.
 */
typedef void (*omendb_ids_callback)(void* context, omendb_status status, const char* message,
                                    omendb_points* ids);
typedef void (*omendb_count_callback)(void* context, omendb_status status, const char* message,
                                      uint64_t count);

/*
 * The same writes for callers that must not wait for the disk. The caller may reuse the arguments
 * when these return. `callback` is called when the write is visible and durable, or has failed. If
 * they do not return OMENDB_OK, nothing was written and the callback is not called. They fail as
 * add and its siblings do for bad arguments, and with LIMIT_EXCEEDED if max_writes_in_flight writes
 * are in flight or too many full memtables wait for the disk; try again after the next callback.
 */
OMENDB_API omendb_status omendb_collection_add_async(omendb_collection* collection,
                                                     const omendb_batch* batch,
                                                     omendb_ids_callback callback,
                                                     void* context) OMENDB_NOEXCEPT;
OMENDB_API omendb_status omendb_collection_upsert_async(omendb_collection* collection,
                                                        const omendb_batch* batch,
                                                        omendb_ids_callback callback,
                                                        void* context) OMENDB_NOEXCEPT;
OMENDB_API omendb_status omendb_collection_delete_ids_async(omendb_collection* collection,
                                                            const omendb_ids* ids,
                                                            omendb_count_callback callback,
                                                            void* context) OMENDB_NOEXCEPT;
OMENDB_API omendb_status omendb_collection_delete_where_async(omendb_collection* collection,
                                                              const char* where,
                                                              omendb_count_callback callback,
                                                              void* context) OMENDB_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* OMENDB_OMENDB_ASYNC_H_ */
