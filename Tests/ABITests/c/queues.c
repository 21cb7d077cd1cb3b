/* Lease queues through the header: what calls answer, what a host may do wrong, and what must survive it. */
#include <pthread.h>
#include <unistd.h>

#include "support.h"

static meshkit_queue_t *new_queue(uint64_t epoch) {
  meshkit_queue_options_t options = {.struct_size = sizeof options, .capacity = 4, .attempts_max = 2, .epoch = epoch,
                                     .retry_first_ms = MESHKIT_QUEUE_NONE, .lease_duration_ms = 60000};
  meshkit_queue_t *queue = NULL;
  CHECK(meshkit_queue_create("abi", 3, &options, &queue, NULL) == MESHKIT_OK);
  return queue;
}

static meshkit_status_t put(meshkit_queue_t *queue, const char *text, const char *request) {
  meshkit_pair_t attribute = {{"colour", 6}, {"red", 3}};
  meshkit_task_t task = {.struct_size = sizeof task, .payload = {text, strlen(text)},
                         .request_id = {request, request ? strlen(request) : 0}, .content_type = {"text/plain", 10},
                         .attributes = &attribute, .attribute_count = 1};
  return meshkit_queue_enqueue(queue, &task, NULL, NULL);
}

static meshkit_lease_t *take(meshkit_queue_t *queue) {
  meshkit_lease_t *lease = NULL;
  CHECK(meshkit_queue_lease(queue, &lease) == MESHKIT_OK && lease->struct_size == sizeof *lease);
  return lease;
}

static meshkit_queue_counts_t counts(meshkit_queue_t *queue) {
  meshkit_queue_counts_t now = {.struct_size = sizeof now};
  CHECK(meshkit_queue_counts(queue, &now) == MESHKIT_OK && now.struct_size == sizeof now);
  return now;
}

static int is(meshkit_bytes_t bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.ptr, text, bytes.len) == 0;
}

static void a_task_goes_in_and_out(void) {
  meshkit_queue_t *queue = new_queue(0);
  meshkit_lease_t *lease = (void *)7;
  CHECK(meshkit_queue_lease(queue, &lease) == MESHKIT_E_TIMEOUT && lease == NULL);
  CHECK(put(queue, "a", "r1") == MESHKIT_OK && put(queue, "a", "r1") == MESHKIT_OK && counts(queue).admitted == 1);
  lease = take(queue);
  CHECK(is(lease->payload, "a") && is(lease->request_id, "r1") && is(lease->content_type, "text/plain"));
  CHECK(lease->attribute_count == 1 && is(lease->attributes[0].key, "colour") && is(lease->attributes[0].value, "red"));
  CHECK(lease->lasts_ms == 60000 && lease->token.attempt == 1 && lease->last_error.len == 0);
  int64_t lasts = 0;
  CHECK(meshkit_queue_heartbeat(queue, &lease->token, &lasts) == MESHKIT_OK && lasts == 60000);
  CHECK(meshkit_queue_heartbeat(queue, &lease->token, NULL) == MESHKIT_OK && counts(queue).heartbeats == 2);
  meshkit_token_t forged = lease->token;
  forged.lease_id ^= 1;
  CHECK(meshkit_queue_complete(queue, &forged) == MESHKIT_E_LEASE_INACTIVE);
  forged = lease->token;
  forged.task.epoch++;
  CHECK(meshkit_queue_complete(queue, &forged) == MESHKIT_E_LEASE_INACTIVE);
  forged = lease->token;
  forged.reserved = 1;
  CHECK(meshkit_queue_complete(queue, &forged) == MESHKIT_E_UNSUPPORTED);
  CHECK(meshkit_queue_complete(queue, &lease->token) == MESHKIT_OK);
  CHECK(meshkit_queue_complete(queue, &lease->token) == MESHKIT_E_LEASE_INACTIVE);
  CHECK(is(lease->payload, "a")); /* a lease can be read until it is released, also after its end and its queue's */
  meshkit_queue_release(queue);
  CHECK(is(lease->payload, "a"));
  CHECK(meshkit_queue_complete(queue, &lease->token) == MESHKIT_E_CLOSED);
  meshkit_lease_release(lease);
  meshkit_lease_release(lease); /* twice: ignored */
  meshkit_lease_release((void *)((char *)lease + 8));
  meshkit_lease_release((void *)&queue);
}

/* One of them has a key, one can't be, and for one there is no place. */
static void many_go_in_and_out_at_once(void) {
  meshkit_queue_options_t options = {.struct_size = sizeof options, .capacity = 4};
  meshkit_queue_t *queue = NULL;
  CHECK(meshkit_queue_create("batch", 5, &options, &queue, NULL) == MESHKIT_OK);
  meshkit_task_t tasks[6];
  memset(tasks, 0, sizeof tasks);
  for (int i = 0; i < 6; i++) {
    tasks[i].struct_size = sizeof(meshkit_task_t);
    tasks[i].payload = (meshkit_bytes_t){"abcdef" + i, 1};
  }
  tasks[1].key = (meshkit_bytes_t){"k", 1};
  tasks[2].priority = 9;
  meshkit_task_id_t ids[6];
  meshkit_status_t statuses[6];
  size_t admitted = 7, completed = 7, count = 0;
  CHECK(meshkit_queue_enqueue_batch(queue, tasks, 6, ids, statuses, &admitted) == MESHKIT_E_ARGUMENT);
  CHECK(admitted == 4 && statuses[0] == MESHKIT_OK && statuses[1] == MESHKIT_OK && statuses[2] == MESHKIT_E_ARGUMENT);
  CHECK(statuses[4] == MESHKIT_OK && statuses[5] == MESHKIT_E_BUSY && ids[2].sequence == 0 && ids[4].sequence == 4);
  meshkit_lease_t *leases[8];
  CHECK(meshkit_queue_lease_batch_wait(queue, 0, leases, 8, &count) == MESHKIT_OK && count == 4 && leases[4] == NULL);
  CHECK(is(leases[0]->payload, "a") && is(leases[3]->payload, "e") && is(leases[1]->key, "k"));
  meshkit_token_t tokens[5];
  for (size_t i = 0; i < count; i++) tokens[i] = leases[i]->token;
  tokens[4] = tokens[0];
  CHECK(meshkit_queue_complete_batch(queue, tokens, 5, statuses, &completed) == MESHKIT_E_LEASE_INACTIVE);
  CHECK(completed == 4 && statuses[3] == MESHKIT_OK && statuses[4] == MESHKIT_E_LEASE_INACTIVE);
  for (size_t i = 0; i < count; i++) meshkit_lease_release(leases[i]);
  CHECK(meshkit_queue_complete_batch(queue, tokens, 0, NULL, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_queue_enqueue_batch(queue, tasks, 1025, NULL, NULL, &admitted) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_queue_enqueue_batch(queue, tasks + 3, 2, NULL, NULL, NULL) == MESHKIT_OK);
  CHECK(admitted == 0 && counts(queue).pending == 2 && counts(queue).completed == 4);
  tasks[5].struct_size = 8; /* those behind it would be read from its middle */
  CHECK(meshkit_queue_enqueue_batch(queue, tasks + 4, 2, NULL, statuses, &admitted) == MESHKIT_E_ARGUMENT);
  CHECK(admitted == 1 && statuses[0] == MESHKIT_OK && statuses[1] == MESHKIT_E_ARGUMENT);
  for (uint32_t size = 0; size < 10000; size += 5000) {
    tasks[0].struct_size = size;
    CHECK(meshkit_queue_enqueue_batch(queue, tasks, 5, NULL, statuses, &admitted) == MESHKIT_E_ARGUMENT);
    CHECK(admitted == 0 && statuses[0] == MESHKIT_E_ARGUMENT && statuses[4] == MESHKIT_E_ARGUMENT);
  }
  meshkit_queue_release(queue);
  CHECK(meshkit_queue_enqueue_batch(queue, tasks, 2, NULL, statuses, &admitted) == MESHKIT_E_CLOSED);
  CHECK(statuses[0] == MESHKIT_E_CLOSED && statuses[1] == MESHKIT_E_CLOSED);
}

/* The blocks of leases are used again, the oldest first: a lease that is released twice is met as such. */
static void a_lease_that_is_released_twice_ends_no_other(void) {
  meshkit_queue_t *queue = new_queue(0);
  CHECK(put(queue, "a", "") == MESHKIT_OK && put(queue, "b", "") == MESHKIT_OK);
  meshkit_lease_t *first = take(queue);
  meshkit_lease_release(first);
  meshkit_lease_t *second = take(queue);
  CHECK(second != first && is(second->payload, "b"));
  meshkit_lease_release(first);
  CHECK(is(second->payload, "b"));
  meshkit_lease_release(second);
  meshkit_queue_release(queue);
}

static void what_cannot_be_is_refused_by_name(void) {
  meshkit_queue_options_t options = {.struct_size = sizeof options, .heartbeat_interval_ms = 40000,
                                     .attempts_max = 5000};
  meshkit_queue_t *queue = (void *)7;
  meshkit_error_t *error = NULL;
  CHECK(meshkit_queue_create("q", 1, &options, &queue, &error) == MESHKIT_E_ARGUMENT && queue == NULL);
  meshkit_bytes_t message = meshkit_error_message(error);
  char text[512] = {0};
  memcpy(text, message.ptr, message.len < 511 ? message.len : 511);
  CHECK(strstr(text, "heartbeat interval") && strstr(text, "attempts"));
  meshkit_error_release(error);
  CHECK(meshkit_queue_create("", 0, NULL, &queue, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_queue_create("a\nb", 3, NULL, &queue, NULL) == MESHKIT_E_ARGUMENT);
  queue = new_queue(0);
  meshkit_task_t task = {.struct_size = sizeof task, .priority = 9};
  CHECK(meshkit_queue_enqueue(queue, &task, NULL, NULL) == MESHKIT_E_ARGUMENT);
  task = (meshkit_task_t){.struct_size = sizeof task, .payload = {NULL, 5}};
  CHECK(meshkit_queue_enqueue(queue, &task, NULL, NULL) == MESHKIT_E_ARGUMENT);
  task = (meshkit_task_t){.struct_size = sizeof task, .attribute_count = (size_t)-1};
  CHECK(meshkit_queue_enqueue(queue, &task, NULL, NULL) == MESHKIT_E_ARGUMENT);
  task = (meshkit_task_t){.struct_size = sizeof task, .key = {"\xff", 1}};
  CHECK(meshkit_queue_enqueue(queue, &task, NULL, NULL) == MESHKIT_E_ARGUMENT);
  for (int i = 0; i < 4; i++) CHECK(put(queue, "x", NULL) == MESHKIT_OK);
  CHECK(put(queue, "x", NULL) == MESHKIT_E_BUSY);
  task = (meshkit_task_t){.struct_size = sizeof task};
  CHECK(meshkit_queue_enqueue_wait(queue, &task, 20, NULL, NULL) == MESHKIT_E_TIMEOUT && counts(queue).admitted == 4);
  meshkit_queue_release(queue);
}

static void failures_end_in_dead_letters_that_can_be_read(void) {
  meshkit_queue_t *queue = new_queue(0);
  CHECK(put(queue, "poison", NULL) == MESHKIT_OK);
  for (int i = 0; i < 2; i++) {
    meshkit_lease_t *lease = take(queue);
    CHECK(i == 0 || is(lease->last_error, "broken"));
    CHECK(meshkit_queue_fail(queue, &lease->token, "broken", 6, 9, 0) == MESHKIT_E_ARGUMENT);
    CHECK(meshkit_queue_fail(queue, &lease->token, "broken", 6, MESHKIT_TASK_RETRY, 5) == MESHKIT_E_ARGUMENT);
    CHECK(meshkit_queue_fail(queue, &lease->token, "broken", 6, MESHKIT_TASK_RETRY, 0) == MESHKIT_OK);
    meshkit_lease_release(lease);
  }
  meshkit_dead_letters_t *letters = NULL;
  const meshkit_dead_letter_t *letter = NULL;
  CHECK(meshkit_queue_dead_letters(queue, NULL, 10, &letters) == MESHKIT_OK);
  CHECK(meshkit_dead_letters_count(letters) == 1);
  CHECK(meshkit_dead_letters_get(letters, 1, &letter) == MESHKIT_E_NOT_FOUND && letter == NULL);
  CHECK(meshkit_dead_letters_get(letters, 0, &letter) == MESHKIT_OK);
  CHECK(is(letter->payload, "poison") && letter->cause == MESHKIT_DEAD_FAILED && letter->attempt == 2);
  CHECK(meshkit_queue_redrive(queue, &letter->task) == MESHKIT_OK);
  CHECK(meshkit_queue_redrive(queue, &letter->task) == MESHKIT_E_NOT_FOUND);
  CHECK(meshkit_queue_purge(queue, &letter->task) == MESHKIT_E_NOT_FOUND);
  meshkit_dead_letters_release(letters);
  meshkit_lease_t *again = take(queue);
  CHECK(again->token.attempt == 3);
  CHECK(meshkit_queue_fail(queue, &again->token, NULL, 0, MESHKIT_TASK_DEAD_LETTER, 0) == MESHKIT_OK);
  CHECK(meshkit_queue_purge(queue, &again->token.task) == MESHKIT_OK && counts(queue).purged == 1);
  meshkit_lease_release(again);
  meshkit_queue_release(queue);
}

static void what_one_life_hands_back_the_next_takes_in_once(void) {
  meshkit_queue_t *first = new_queue(100), *second = new_queue(200);
  meshkit_text_t *snapshot = NULL;
  uint64_t count = 7;
  CHECK(put(first, "a", NULL) == MESHKIT_OK && put(first, "b", NULL) == MESHKIT_OK);
  meshkit_lease_t *lease = take(first);
  CHECK(meshkit_queue_close_wait(first, 3, 0, &snapshot, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_queue_close_wait(first, MESHKIT_CLOSE_REQUEUE_ACTIVE, 0, &snapshot, NULL) == MESHKIT_OK);
  CHECK(meshkit_queue_complete(first, &lease->token) == MESHKIT_E_CLOSED);
  meshkit_bytes_t bytes = meshkit_text_bytes(snapshot);
  CHECK(meshkit_queue_restore(second, bytes.ptr, bytes.len - 1, &count, NULL) == MESHKIT_E_ARGUMENT && count == 0);
  CHECK(meshkit_queue_restore(second, bytes.ptr, bytes.len, &count, NULL) == MESHKIT_OK && count == 2);
  CHECK(meshkit_queue_restore(second, bytes.ptr, bytes.len, &count, NULL) == MESHKIT_E_CONFLICT && count == 0);
  CHECK(meshkit_queue_complete(second, &lease->token) == MESHKIT_E_LEASE_INACTIVE);
  meshkit_lease_release(lease);
  lease = take(second);
  CHECK(lease->token.task.epoch == 100 && lease->token.attempt == 2 && is(lease->payload, "a"));
  meshkit_lease_release(lease);
  meshkit_text_release(snapshot);
  CHECK(meshkit_queue_drain_wait(second, 10, &snapshot, &count, NULL) == MESHKIT_OK && count == 1);
  CHECK(put(second, "c", NULL) == MESHKIT_E_DRAINING && meshkit_queue_resume(second) == MESHKIT_OK);
  bytes = meshkit_text_bytes(snapshot);
  CHECK(meshkit_queue_restore(second, bytes.ptr, bytes.len, NULL, NULL) == MESHKIT_OK && counts(second).pending == 1);
  meshkit_text_release(snapshot);
  meshkit_queue_release(first);
  meshkit_queue_release(second);
}

static void *wait_for_a_task(void *queue) {
  meshkit_lease_t *lease = NULL;
  return (void *)(intptr_t)meshkit_queue_lease_wait(queue, -1, &lease);
}

static void the_end_wakes_all(void) {
  meshkit_queue_t *queue = new_queue(0);
  meshkit_events_t *events = new_events();
  pthread_t threads[3];
  void *status;
  CHECK(meshkit_queue_subscribe(queue, events, 1u << 30, NULL) == MESHKIT_E_UNSUPPORTED);
  CHECK(meshkit_queue_subscribe(queue, events, 0, NULL) == MESHKIT_OK);
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, wait_for_a_task, queue);
  usleep(50000);
  CHECK(meshkit_queue_close_wait(queue, MESHKIT_CLOSE_DISCARD, 0, NULL, NULL) == MESHKIT_OK);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], &status);
    CHECK((intptr_t)status == MESHKIT_E_CLOSED);
  }
  meshkit_event_t *event = await_event(events, MESHKIT_EVENT_QUEUE_CLOSED);
  CHECK(is(((const meshkit_queue_event_t *)event->payload)->queue, "abi"));
  meshkit_event_release(event);
  meshkit_events_release(events);
  meshkit_queue_release(queue);
}

static void a_release_wakes_who_waits(void) {
  meshkit_queue_t *queue = new_queue(0);
  pthread_t thread;
  void *status;
  pthread_create(&thread, NULL, wait_for_a_task, queue);
  usleep(50000);
  meshkit_queue_release(queue);
  pthread_join(thread, &status);
  CHECK((intptr_t)status == MESHKIT_E_CLOSED);
}

static void a_closed_queue_gives_no_snapshot(void) {
  meshkit_queue_t *queue = new_queue(0);
  meshkit_text_t *snapshot = NULL;
  meshkit_dead_letters_t *letters = NULL;
  CHECK(meshkit_queue_close_wait(queue, MESHKIT_CLOSE_DISCARD, 0, NULL, NULL) == MESHKIT_OK);
  CHECK(meshkit_queue_snapshot(queue, &snapshot, NULL) == MESHKIT_E_CLOSED && snapshot == NULL);
  CHECK(meshkit_queue_dead_letters(queue, NULL, 1, &letters) == MESHKIT_E_CLOSED && counts(queue).admitted == 0);
  meshkit_queue_release(queue);
}

static void signals_are_numbered_and_the_level_can_be_waited_for(void) {
  meshkit_queue_t *queue = new_queue(0);
  meshkit_backpressure_options_t options = {.struct_size = sizeof options, .high_watermark = 2, .low_watermark = 3};
  meshkit_backpressure_t *monitor = (void *)7;
  CHECK(meshkit_backpressure_create(queue, &options, &monitor, NULL) == MESHKIT_E_ARGUMENT && monitor == NULL);
  options.low_watermark = MESHKIT_QUEUE_NONE;
  options.cooldown_ms = MESHKIT_QUEUE_NONE;
  CHECK(meshkit_backpressure_create(queue, &options, &monitor, NULL) == MESHKIT_OK);
  CHECK(meshkit_backpressure_wait(monitor, 2, 0) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_backpressure_wait(monitor, 0, 0) == MESHKIT_OK);
  CHECK(meshkit_backpressure_wait(monitor, 1, 10) == MESHKIT_E_TIMEOUT);
  CHECK(put(queue, "a", NULL) == MESHKIT_OK && put(queue, "b", NULL) == MESHKIT_OK);
  CHECK(meshkit_backpressure_wait(monitor, 1, 0) == MESHKIT_OK);
  meshkit_backpressure_signal_t signal = {.struct_size = sizeof signal};
  uint64_t missed = 7;
  CHECK(meshkit_backpressure_latest(monitor, &signal) == MESHKIT_OK && signal.is_active == 1 && signal.version == 2);
  CHECK(signal.monitor == 1 && signal.pending_count == 2 && signal.high_watermark == 2 && signal.low_watermark == 0);
  CHECK(meshkit_backpressure_next(monitor, 0, &signal, &missed) == MESHKIT_OK && signal.version == 1 && missed == 0);
  CHECK(meshkit_backpressure_next(monitor, 2, &signal, &missed) == MESHKIT_E_NOT_FOUND && signal.version == 0);
  /* A host that knows less of the struct gets what it knows, and nothing beyond. */
  struct { meshkit_backpressure_signal_t signal; uint64_t guard; } old = {{.struct_size = 16}, 42};
  old.signal.pending_count = 42;
  CHECK(meshkit_backpressure_latest(monitor, &old.signal) == MESHKIT_OK);
  CHECK(old.signal.version == 2 && old.signal.pending_count == 42 && old.guard == 42);
  meshkit_queue_release(queue); /* the monitor keeps its queue */
  CHECK(meshkit_backpressure_latest(monitor, &signal) == MESHKIT_OK);
  meshkit_backpressure_release(monitor);
  CHECK(meshkit_backpressure_latest(monitor, &signal) == MESHKIT_E_CLOSED);
}

static void a_wait_on_a_thread_of_the_library_is_refused(void *queue, meshkit_event_t *event) {
  if (event->type != MESHKIT_EVENT_QUEUE_READY) { /* the drain below is told of too */
    meshkit_event_release(event);
    return;
  }
  meshkit_lease_t *lease;
  /* The drain below is told as well. */
  if (event->type != MESHKIT_EVENT_QUEUE_READY) {
    meshkit_event_release(event);
    return;
  }
  CHECK(meshkit_queue_lease_wait(queue, 1000, &lease) == MESHKIT_E_WOULD_DEADLOCK);
  CHECK(meshkit_queue_lease_wait(queue, 0, &lease) == MESHKIT_OK);
  meshkit_text_t *snapshot = NULL;
  CHECK(meshkit_queue_drain_wait(queue, 1, &snapshot, NULL, NULL) == MESHKIT_E_WOULD_DEADLOCK);
  CHECK(meshkit_queue_drain_wait(queue, 0, &snapshot, NULL, NULL) == MESHKIT_OK);
  CHECK(meshkit_queue_resume(queue) == MESHKIT_OK);
  meshkit_text_release(snapshot);
  meshkit_lease_release(lease);
  meshkit_event_release(event);
}

static pthread_barrier_t dropped;
static void on_drop(void *queue) {
  (void)queue;
  pthread_barrier_wait(&dropped);
}

static void callbacks_may_lease_and_never_wait(void) {
  meshkit_queue_t *queue = new_queue(0);
  meshkit_events_t *events = new_events();
  meshkit_callback_t callback = {.struct_size = sizeof callback, .ctx = queue, .drop = on_drop,
                                 .call = a_wait_on_a_thread_of_the_library_is_refused};
  pthread_barrier_init(&dropped, NULL, 2);
  CHECK(meshkit_queue_subscribe(queue, events, MESHKIT_QUEUE_TOPIC_READY, NULL) == MESHKIT_OK);
  CHECK(meshkit_events_start_callback(events, &callback, NULL) == MESHKIT_OK);
  CHECK(put(queue, "a", NULL) == MESHKIT_OK);
  for (int tries = 0; tries < 3000 && counts(queue).leased == 0; tries++) usleep(1000);
  CHECK(counts(queue).leased == 1);
  meshkit_events_release(events);
  pthread_barrier_wait(&dropped);
  meshkit_queue_release(queue);
}

int main(void) {
  a_task_goes_in_and_out();
  many_go_in_and_out_at_once();
  a_lease_that_is_released_twice_ends_no_other();
  what_cannot_be_is_refused_by_name();
  failures_end_in_dead_letters_that_can_be_read();
  what_one_life_hands_back_the_next_takes_in_once();
  the_end_wakes_all();
  a_release_wakes_who_waits();
  a_closed_queue_gives_no_snapshot();
  signals_are_numbered_and_the_level_can_be_waited_for();
  callbacks_may_lease_and_never_wait();
  return 0;
}
