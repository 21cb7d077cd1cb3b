/* Four threads at lease queues through the header: every task is completed once, whatever comes together, and handles
 * that are released under their feet answer as such. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

enum { THREADS = 4, TASKS = 20000, LIVES = 300 };

static meshkit_queue_t *new_queue(void) {
  meshkit_queue_options_t options = {.struct_size = sizeof options, .capacity = 64};
  meshkit_queue_t *queue = NULL;
  CHECK(meshkit_queue_create("threads", 7, &options, &queue, NULL) == MESHKIT_OK);
  return queue;
}

static meshkit_status_t put(meshkit_queue_t *queue, const uint32_t *number, int64_t timeout_ms) {
  meshkit_task_t task = {.struct_size = sizeof task, .payload = {(const char *)number, sizeof *number}};
  return meshkit_queue_enqueue_wait(queue, &task, timeout_ms, NULL, NULL);
}

static meshkit_queue_t *shared;
static atomic_uchar completions[TASKS];
static atomic_uint made, done;

static void *produce_and_consume(void *ctx) {
  (void)ctx;
  while (done < TASKS) {
    uint32_t number = made < TASKS ? made++ : TASKS;
    if (number < TASKS) {
      meshkit_status_t status;
      while ((status = put(shared, &number, 1)) != MESHKIT_OK) {
        CHECK(status == MESHKIT_E_TIMEOUT); /* then this thread works at what is there */
        meshkit_lease_t *lease = NULL;
        if (meshkit_queue_lease(shared, &lease) == MESHKIT_OK) {
          completions[*(const uint32_t *)(const void *)lease->payload.ptr]++;
          CHECK(meshkit_queue_complete(shared, &lease->token) == MESHKIT_OK);
          meshkit_lease_release(lease);
          done++;
        }
      }
    }
    meshkit_lease_t *leases[3];
    meshkit_token_t tokens[3];
    size_t count = 0, completed = 0;
    meshkit_status_t status = meshkit_queue_lease_batch_wait(shared, 1, leases, 1 + number % 3, &count);
    CHECK(status == MESHKIT_OK || status == MESHKIT_E_TIMEOUT);
    for (size_t i = 0; i < count; i++) {
      tokens[i] = leases[i]->token;
      completions[*(const uint32_t *)(const void *)leases[i]->payload.ptr]++;
    }
    if (count > 0) CHECK(meshkit_queue_complete_batch(shared, tokens, count, NULL, &completed) == MESHKIT_OK);
    CHECK(completed == count);
    for (size_t i = 0; i < count; i++) meshkit_lease_release(leases[i]);
    done += count;
  }
  return NULL;
}

static void every_task_is_completed_once(void) {
  shared = new_queue();
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, produce_and_consume, NULL) == 0);
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  for (int i = 0; i < TASKS; i++) CHECK(completions[i] == 1);
  meshkit_queue_counts_t counts = {.struct_size = sizeof counts};
  CHECK(meshkit_queue_counts(shared, &counts) == MESHKIT_OK);
  CHECK(counts.completed == TASKS && counts.pending == 0 && counts.leased == 0 && counts.expired == 0);
  meshkit_queue_release(shared);
}

static _Atomic(meshkit_queue_t *) present;
static atomic_int over;

static int is_fine(meshkit_status_t status) {
  return status == MESHKIT_OK || status == MESHKIT_E_CLOSED || status == MESHKIT_E_BUSY ||
         status == MESHKIT_E_TIMEOUT || status == MESHKIT_E_LEASE_INACTIVE;
}

static void *use_what_may_be_gone(void *ctx) {
  uint32_t number = (uint32_t)(uintptr_t)ctx;
  while (!over) {
    meshkit_queue_t *queue = present;
    CHECK(is_fine(put(queue, &number, number % 2)));
    meshkit_lease_t *lease = NULL;
    meshkit_status_t status = meshkit_queue_lease_wait(queue, number % 2, &lease);
    CHECK(is_fine(status) && (status == MESHKIT_OK) == (lease != NULL));
    if (lease == NULL) continue;
    CHECK(lease->payload.len == sizeof number);
    CHECK(is_fine(meshkit_queue_heartbeat(present, &lease->token, NULL)));
    CHECK(is_fine(meshkit_queue_complete(queue, &lease->token)));
    meshkit_lease_release(lease);
    number++;
  }
  return NULL;
}

/* A pump whose queue goes is made or refused, and then at its end; what it has brought is handed back. */
static void *pump_what_may_be_gone(void *ctx) {
  (void)ctx;
  meshkit_events_t *events = NULL;
  CHECK(meshkit_events_create(NULL, &events, NULL) == MESHKIT_OK);
  while (!over) {
    meshkit_pump_t *pump = NULL;
    meshkit_status_t status = meshkit_pump_create(present, events, NULL, &pump, NULL);
    CHECK(is_fine(status) && (status == MESHKIT_OK) == (pump != NULL));
    if (pump == NULL) continue;
    CHECK(is_fine(meshkit_pump_grant(pump, 1, NULL)));
    meshkit_pump_release(pump);
    meshkit_event_t *event = NULL;
    while (meshkit_events_next(events, 0, &event) == MESHKIT_OK) meshkit_event_release(event);
  }
  meshkit_events_release(events);
  return NULL;
}

static void released_queues_answer_as_such(void) {
  present = new_queue();
  pthread_t threads[THREADS], pumps;
  CHECK(pthread_create(&pumps, NULL, pump_what_may_be_gone, NULL) == 0);
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, use_what_may_be_gone, (void *)(uintptr_t)i) == 0);
  for (int life = 0; life < LIVES; life++) {
    usleep(300);
    meshkit_queue_t *old = present;
    present = new_queue();
    meshkit_queue_release(old);
    meshkit_queue_counts_t counts = {.struct_size = sizeof counts};
    CHECK(meshkit_queue_counts(old, &counts) == MESHKIT_E_CLOSED);
  }
  over = 1;
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(pthread_join(pumps, NULL) == 0);
  meshkit_queue_release(present);
}

int main(void) {
  every_task_is_completed_once();
  released_queues_answer_as_such();
  return 0;
}
