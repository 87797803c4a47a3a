/* Writes that call back, from plain C. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "omendb/omendb.h"
#include "test_check.h"

enum { DIM = 4, ROWS = 5 };

static const float kVectors[ROWS][DIM] = {
    {0, 0, 0, 0}, {1, 0, 0, 0}, {2, 0, 0, 0}, {3, 0, 0, 0}, {4, 0, 0, 0}};
static const uint64_t kIds[ROWS] = {10, 11, 12, 13, 14};

/* What callbacks said. */
struct Heard {
  pthread_mutex_t mutex;
  pthread_cond_t came;
  int calls;
  omendb_status status;
  uint64_t count;
};

static void hear(struct Heard* heard, omendb_status status, uint64_t count) {
  pthread_mutex_lock(&heard->mutex);
  heard->calls++;
  if (status != OMENDB_OK) heard->status = status;
  heard->count += count;
  pthread_cond_signal(&heard->came);
  pthread_mutex_unlock(&heard->mutex);
}

static void hear_ids(void* context, omendb_status status, const char* message, omendb_points* ids) {
  hear(context, message == NULL ? OMENDB_INTERNAL : status, omendb_points_count(ids));
  omendb_points_free(ids);
}

static void hear_count(void* context, omendb_status status, const char* message, uint64_t count) {
  hear(context, message == NULL ? OMENDB_INTERNAL : status, count);
}

static void wait_for_calls(struct Heard* heard, int calls) {
  pthread_mutex_lock(&heard->mutex);
  while (heard->calls < calls) pthread_cond_wait(&heard->came, &heard->mutex);
  pthread_mutex_unlock(&heard->mutex);
}

/* An executor that starts a thread for each task, or refuses some. */
struct Spawner {
  pthread_mutex_t mutex;
  pthread_t threads[64];
  int spawned;
  int refuse; /* every task from now on */
  int refused;
};

struct Task {
  void (*run)(void* task);
  void* task;
};

static _Thread_local int is_spawned;

static void* run_task(void* argument) {
  struct Task task = *(struct Task*)argument;
  free(argument);
  is_spawned = 1;
  task.run(task.task);
  return NULL;
}

static int spawn(void* context, void (*run)(void* task), void* task) {
  struct Spawner* spawner = context;
  struct Task* owned = malloc(sizeof *owned);
  if (owned == NULL) return 1;
  *owned = (struct Task){run, task};
  pthread_mutex_lock(&spawner->mutex);
  const int refuse = spawner->refuse || spawner->spawned == 64 ||
                     pthread_create(&spawner->threads[spawner->spawned], NULL, run_task, owned);
  if (refuse) spawner->refused++;
  if (!refuse) spawner->spawned++;
  pthread_mutex_unlock(&spawner->mutex);
  if (refuse) free(owned);
  return refuse;
}

/* Where callbacks were called. */
struct Where {
  struct Heard heard;
  int on_spawned;
};

static void hear_where(void* context, omendb_status status, const char* message,
                       omendb_points* ids) {
  struct Where* where = context;
  pthread_mutex_lock(&where->heard.mutex);
  where->on_spawned += is_spawned;
  pthread_mutex_unlock(&where->heard.mutex);
  hear_ids(&where->heard, status, message, ids);
}

static void use_an_executor(void) {
  static struct Spawner spawner = {.mutex = PTHREAD_MUTEX_INITIALIZER};
  struct Where where = {{PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, OMENDB_OK, 0}, 0};
  omendb_executor executor = {.size = sizeof executor, .post = spawn, .context = &spawner};
  omendb_open_options options = {.size = sizeof options, .executor = &executor};
  omendb_database* db = NULL;
  CHECK(omendb_database_open(":memory:", &options, &db) == OMENDB_INVALID_ARGUMENT);
  CHECK(strstr(omendb_last_error(), "omendb_executor.threads is 0") != NULL);
  executor.threads = 1;
  executor.post = NULL;
  CHECK(omendb_database_open(":memory:", &options, &db) == OMENDB_INVALID_ARGUMENT);
  CHECK(strstr(omendb_last_error(), "omendb_executor.post is NULL") != NULL);
  executor.post = spawn;
  executor.size = 3;
  CHECK(omendb_database_open(":memory:", &options, &db) == OMENDB_INVALID_ARGUMENT);
  CHECK(strstr(omendb_last_error(), "omendb_executor.size is 3") != NULL);
  executor.size = sizeof executor;
  OK(omendb_database_open(":memory:", &options, &db));
  memset(&executor, 0, sizeof executor); /* it was copied */

  omendb_collection* docs = NULL;
  OK(omendb_database_collection(db, "docs", NULL, &docs));
  omendb_batch batch = {
      .size = sizeof batch,
      .vectors = {.data = kVectors, .count = ROWS, .dim = DIM, .element = OMENDB_ELEMENT_F32},
      .ids = {.kind = OMENDB_ID_U64, .count = ROWS, .u64 = kIds}};
  for (int i = 0; i < 3; ++i) {
    OK(omendb_collection_upsert_async(docs, &batch, hear_where, &where));
    wait_for_calls(&where.heard, i + 1);
  }
  CHECK(where.on_spawned == 3); /* each in a task of the executor */
  pthread_mutex_lock(&spawner.mutex);
  spawner.refuse = 1;
  pthread_mutex_unlock(&spawner.mutex);
  for (int i = 0; i < 3; ++i) {
    OK(omendb_collection_upsert_async(docs, &batch, hear_where, &where));
  }
  OK(omendb_database_close(db)); /* waits for the callbacks */
  CHECK(where.heard.calls == 6 && where.heard.status == OMENDB_OK);
  CHECK(where.on_spawned == 3); /* refused tasks ran on a thread of the database */
  CHECK(spawner.refused >= 3);
  for (int i = 0; i < spawner.spawned; ++i) pthread_join(spawner.threads[i], NULL);
  omendb_collection_free(docs);
  omendb_database_free(db);
}

int main(void) {
  use_an_executor();
  omendb_database* db = NULL;
  omendb_collection* later = NULL;
  OK(omendb_database_open(":memory:", NULL, &db));
  OK(omendb_database_collection(db, "later", NULL, &later));
  struct Heard heard = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, OMENDB_OK, 0};
  omendb_batch batch = {
      .size = sizeof batch,
      .vectors = {.data = kVectors, .count = ROWS, .dim = DIM, .element = OMENDB_ELEMENT_F32},
      .ids = {.kind = OMENDB_ID_U64, .count = ROWS, .u64 = kIds}};
  OK(omendb_collection_add_async(later, &batch, hear_ids, &heard));
  OK(omendb_collection_upsert_async(later, &batch, hear_ids, &heard));
  wait_for_calls(&heard, 2);
  CHECK(heard.status == OMENDB_OK && heard.count == 2 * ROWS);
  omendb_ids one = {.kind = OMENDB_ID_U64, .count = 1, .u64 = kIds};
  heard.count = 0;
  const int64_t year = 2020;
  const omendb_column column = {
      .name = "year", .type = OMENDB_COLUMN_I64, .rows = 1, .values = 1, .ints = &year};
  omendb_update update = {.size = sizeof update, .columns = &column, .column_count = 1};
  OK(omendb_collection_update_ids_async(later, &one, &update, hear_count, &heard));
  OK(omendb_collection_update_where_async(later, "year is null", &update, hear_count, &heard));
  wait_for_calls(&heard, 4);
  CHECK(heard.status == OMENDB_OK && heard.count == ROWS);
  heard.count = 0;
  OK(omendb_collection_delete_ids_async(later, &one, hear_count, &heard));
  OK(omendb_collection_delete_where_async(later, "true", hear_count, &heard));
  wait_for_calls(&heard, 6);
  CHECK(heard.status == OMENDB_OK && heard.count == ROWS);
  CHECK(omendb_collection_add_async(later, &batch, NULL, NULL) == OMENDB_INVALID_ARGUMENT);
  CHECK(strstr(omendb_last_error(), "callback is NULL") != NULL);
  CHECK(omendb_collection_delete_where_async(later, "a =", hear_count, &heard) ==
        OMENDB_INVALID_FILTER);
  CHECK(heard.calls == 6);
  omendb_collection_free(later);
  omendb_database_free(db);
  return 0;
}
