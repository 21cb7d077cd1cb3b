/* Gates and pumps through the header: what calls answer, what a host may do wrong, and what must survive it. */
#include <pthread.h>
#include <unistd.h>

#include "support.h"

static meshkit_queue_t *new_queue(int64_t lease_ms) {
  meshkit_queue_options_t options = {.struct_size = sizeof options, .attempts_max = 1, .lease_duration_ms = lease_ms};
  meshkit_queue_t *queue = NULL;
  CHECK(meshkit_queue_create("gates", 5, &options, &queue, NULL) == MESHKIT_OK);
  return queue;
}

static void put(meshkit_queue_t *queue, const char *text) {
  meshkit_pair_t attribute = {{"colour", 6}, {"red", 3}};
  meshkit_task_t task = {.struct_size = sizeof task, .payload = {text, strlen(text)}, .key = {text, strlen(text)},
                         .attributes = &attribute, .attribute_count = 1};
  CHECK(meshkit_queue_enqueue(queue, &task, NULL, NULL) == MESHKIT_OK);
}

static meshkit_queue_counts_t counts(meshkit_queue_t *queue) {
  meshkit_queue_counts_t now = {.struct_size = sizeof now};
  CHECK(meshkit_queue_counts(queue, &now) == MESHKIT_OK);
  return now;
}

static int is(meshkit_bytes_t bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.ptr, text, bytes.len) == 0;
}

/* Whether the message of `error` names all of these; releases it. */
static int names(meshkit_error_t *error, const char *first, const char *second) {
  char text[1024] = {0};
  meshkit_bytes_t message = meshkit_error_message(error);
  memcpy(text, message.ptr, message.len < 1023 ? message.len : 1023);
  meshkit_error_release(error);
  if (strstr(text, first) && strstr(text, second)) return 1;
  fprintf(stderr, "%s\n", text);
  return 0;
}

static meshkit_gate_t *new_gate(meshkit_gate_limit_t normal, meshkit_gate_limit_t throttled) {
  meshkit_gate_options_t options = {.struct_size = sizeof options, .normal = normal, .throttled = throttled};
  meshkit_gate_t *gate = NULL;
  CHECK(meshkit_gate_create(&options, &gate, NULL) == MESHKIT_OK);
  return gate;
}

static meshkit_gate_state_t gate_state(meshkit_gate_t *gate) {
  meshkit_gate_state_t state = {.struct_size = sizeof state};
  CHECK(meshkit_gate_state(gate, &state) == MESHKIT_OK);
  return state;
}

static const meshkit_gate_limit_t none, three = {MESHKIT_GATE_CONCURRENCY, 3, 0, 0, 0},
                                        one = {MESHKIT_GATE_CONCURRENCY, 1, 0, 0, 0};

static void a_gate_lets_through_what_its_limit_says(void) {
  meshkit_gate_t *gate = new_gate(three, none);
  CHECK(meshkit_gate_acquire(gate, 2, NULL) == MESHKIT_OK && meshkit_gate_acquire(gate, 2, NULL) == MESHKIT_E_BUSY);
  CHECK(meshkit_gate_acquire_wait(gate, 2, 20, NULL) == MESHKIT_E_TIMEOUT);
  CHECK(meshkit_gate_acquire(gate, 4, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_gate_acquire(gate, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_gate_give_back(gate, 3) == MESHKIT_E_ARGUMENT && meshkit_gate_give_back(gate, 2) == MESHKIT_OK);
  CHECK(meshkit_gate_acquire_wait(gate, 3, -1, NULL) == MESHKIT_OK);
  meshkit_gate_state_t state = gate_state(gate);
  CHECK(state.held == 3 && state.admitted == 5 && state.refused == 1 && state.waiting == 0 && state.version == 0);
  meshkit_gate_release(gate);
  CHECK(meshkit_gate_acquire(gate, 1, NULL) == MESHKIT_E_CLOSED && meshkit_gate_give_back(gate, 1) == MESHKIT_E_CLOSED);
  gate = new_gate((meshkit_gate_limit_t){MESHKIT_GATE_TOKEN_BUCKET, 1, 3600000, 0, 0}, none);
  meshkit_error_t *error = NULL;
  CHECK(meshkit_gate_acquire(gate, 1, NULL) == MESHKIT_OK && meshkit_gate_acquire(gate, 1, &error) == MESHKIT_E_BUSY);
  CHECK(meshkit_error_retry_after_ms(error) > 3500000 && meshkit_error_retry_after_ms(error) <= 3600000);
  meshkit_error_release(error);
  meshkit_gate_release(gate);
  gate = new_gate((meshkit_gate_limit_t){MESHKIT_GATE_SLIDING_WINDOW, 2, 20, 0, 0}, none);
  for (int i = 0; i < 5; i++) CHECK(meshkit_gate_acquire_wait(gate, 1, 10000, NULL) == MESHKIT_OK);
  CHECK(gate_state(gate).held == 0 && meshkit_gate_give_back(gate, 9) == MESHKIT_OK);
  meshkit_gate_release(gate);
}

static meshkit_status_t try_gate(meshkit_gate_limit_t normal, meshkit_gate_limit_t throttled, meshkit_error_t **error) {
  meshkit_gate_options_t options = {.struct_size = sizeof options, .normal = normal, .throttled = throttled};
  meshkit_gate_t *gate = (void *)7;
  meshkit_status_t status = meshkit_gate_create(&options, &gate, error);
  CHECK(gate == NULL);
  return status;
}

static void limits_that_cannot_be_are_refused_by_name(void) {
  meshkit_error_t *error = NULL;
  CHECK(try_gate((meshkit_gate_limit_t){MESHKIT_GATE_TOKEN_BUCKET, 0, -5, UINT32_MAX, 0},
                 (meshkit_gate_limit_t){MESHKIT_GATE_SLIDING_WINDOW, 1, INT64_MAX, 0, 65},
                 &error) == MESHKIT_E_ARGUMENT);
  CHECK(try_gate((meshkit_gate_limit_t){.kind = MESHKIT_GATE_CONCURRENCY, .permits = 1},
                 (meshkit_gate_limit_t){.permits = 5}, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(names(error, "normal burst: 4294967295; allowed is 1 to 1000000", "throttled segments: 65; allowed is 1"));
  CHECK(try_gate(none, three, &error) == MESHKIT_E_ARGUMENT && names(error, "normal", "kind"));
  CHECK(try_gate(three, (meshkit_gate_limit_t){9, 1, 0, 0, 0}, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(try_gate((meshkit_gate_limit_t){MESHKIT_GATE_CONCURRENCY, 1, 5, 0, 0}, none, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(try_gate((meshkit_gate_limit_t){MESHKIT_GATE_TOKEN_BUCKET, 1, 5, 0, 1}, none, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(try_gate((meshkit_gate_limit_t){MESHKIT_GATE_SLIDING_WINDOW, 1, 5, 1, 0}, none, NULL) == MESHKIT_E_ARGUMENT);
  meshkit_gate_t *gate = NULL;
  CHECK(meshkit_gate_create(NULL, &gate, NULL) == MESHKIT_E_ARGUMENT);
}

static void a_gate_follows_a_monitor_while_there_is_one(void) {
  meshkit_queue_t *queue = new_queue(60000);
  meshkit_backpressure_options_t marks = {.struct_size = sizeof marks, .high_watermark = 2,
                                          .low_watermark = MESHKIT_QUEUE_NONE, .cooldown_ms = MESHKIT_QUEUE_NONE};
  meshkit_backpressure_t *monitor = NULL;
  CHECK(meshkit_backpressure_create(queue, &marks, &monitor, NULL) == MESHKIT_OK);
  meshkit_gate_t *gate = new_gate(three, one);
  CHECK(meshkit_gate_follow(gate, monitor, NULL) == MESHKIT_OK && gate_state(gate).version == 1);
  put(queue, "a");
  put(queue, "b");
  CHECK(gate_state(gate).is_throttled == 1 && gate_state(gate).version == 2 && gate_state(gate).swaps == 1);
  CHECK(meshkit_gate_acquire(gate, 1, NULL) == MESHKIT_OK && meshkit_gate_acquire(gate, 1, NULL) == MESHKIT_E_BUSY);
  CHECK(meshkit_gate_follow(gate, NULL, NULL) == MESHKIT_OK && gate_state(gate).is_throttled == 0);
  CHECK(meshkit_gate_acquire(gate, 1, NULL) == MESHKIT_OK);
  CHECK(meshkit_gate_follow(gate, monitor, NULL) == MESHKIT_OK && gate_state(gate).is_throttled == 1);
  meshkit_backpressure_release(monitor);
  CHECK(gate_state(gate).is_throttled == 0 && meshkit_gate_follow(gate, monitor, NULL) == MESHKIT_E_CLOSED);
  meshkit_queue_release(queue);
  meshkit_gate_release(gate);
}

static void *wait_at(void *gate) { return (void *)(intptr_t)meshkit_gate_acquire_wait(gate, 1, -1, NULL); }

static void a_release_wakes_who_waits_at_a_gate(void) {
  meshkit_gate_t *gate = new_gate(one, none);
  pthread_t threads[3];
  void *status;
  CHECK(meshkit_gate_acquire(gate, 1, NULL) == MESHKIT_OK);
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, wait_at, gate);
  while (gate_state(gate).waiting < 3) usleep(1000);
  meshkit_gate_release(gate);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], &status);
    CHECK((intptr_t)status == MESHKIT_E_CLOSED);
  }
}

static meshkit_pump_state_t pump_state(meshkit_pump_t *pump) {
  meshkit_pump_state_t state = {.struct_size = sizeof state};
  CHECK(meshkit_pump_state(pump, &state) == MESHKIT_OK);
  return state;
}

static meshkit_pump_t *new_pump(meshkit_queue_t *queue, meshkit_events_t *events, int64_t hold_ms) {
  meshkit_pump_options_t options = {.struct_size = sizeof options, .token = 9, .hold_max_ms = hold_ms};
  meshkit_pump_t *pump = NULL;
  CHECK(meshkit_pump_create(queue, events, &options, &pump, NULL) == MESHKIT_OK);
  return pump;
}

static void a_pump_brings_what_there_is_credit_for(void) {
  meshkit_queue_t *queue = new_queue(60000);
  meshkit_events_t *events = new_events();
  meshkit_pump_t *pump = new_pump(queue, events, 0);
  put(queue, "a");
  put(queue, "b");
  CHECK(counts(queue).leased == 0 && meshkit_pump_grant(pump, 1, NULL) == MESHKIT_OK && counts(queue).leased == 1);
  meshkit_event_t *event = await_event(events, MESHKIT_EVENT_PUMP_LEASE);
  const meshkit_lease_t *lease = event->payload;
  CHECK(event->token == 9 && event->status == MESHKIT_OK && lease->struct_size == sizeof *lease);
  CHECK(is(lease->payload, "a") && is(lease->key, "a") && lease->lasts_ms == 60000 && lease->token.attempt == 1);
  CHECK(lease->attribute_count == 1 && is(lease->attributes[0].value, "red") && lease->age_ms >= 0);
  meshkit_lease_release((meshkit_lease_t *)(uintptr_t)lease); /* not a lease of its own: ignored */
  CHECK(pump_state(pump).unsettled == 1 && meshkit_pump_complete(pump, &lease->token) == MESHKIT_OK);
  CHECK(meshkit_pump_complete(pump, &lease->token) == MESHKIT_E_LEASE_INACTIVE && is(lease->payload, "a"));
  meshkit_event_release(event);
  event = await_event(events, MESHKIT_EVENT_PUMP_LEASE);
  meshkit_token_t token = ((const meshkit_lease_t *)event->payload)->token;
  meshkit_event_release(event); /* the token is plain numbers */
  CHECK(meshkit_pump_fail(pump, &token, "no", 2, 9, 0) == MESHKIT_E_ARGUMENT && pump_state(pump).unsettled == 1);
  CHECK(meshkit_pump_hand_back(pump, &token) == MESHKIT_OK && pump_state(pump).credit == 0);
  CHECK(counts(queue).pending == 1 && meshkit_pump_grant(pump, 1, NULL) == MESHKIT_OK);
  event = await_event(events, MESHKIT_EVENT_PUMP_LEASE);
  token = ((const meshkit_lease_t *)event->payload)->token;
  CHECK(meshkit_pump_fail(pump, &token, "no", 2, MESHKIT_TASK_DEAD_LETTER, 0) == MESHKIT_OK);
  CHECK(counts(queue).dead == 1 && pump_state(pump).delivered == 3 && pump_state(pump).settled == 3);
  meshkit_queue_release(queue);
  meshkit_pump_release(pump);
  CHECK(meshkit_pump_grant(pump, 1, NULL) == MESHKIT_E_CLOSED);
  CHECK(is(((const meshkit_lease_t *)event->payload)->payload, "b"));
  meshkit_event_release(event);
  meshkit_events_release(events);
}

static void pumps_that_cannot_be_are_refused_by_name(void) {
  meshkit_queue_t *queue = new_queue(1000);
  meshkit_events_options_t few = {.struct_size = sizeof few, .capacity = 16};
  meshkit_events_t *events = NULL;
  CHECK(meshkit_events_create(&few, &events, NULL) == MESHKIT_OK);
  meshkit_pump_options_t options = {.struct_size = sizeof options, .heartbeat_interval_ms = 501, .hold_max_ms = 999};
  meshkit_pump_t *pump = (void *)7;
  meshkit_error_t *error = NULL;
  CHECK(meshkit_pump_create(queue, events, &options, &pump, &error) == MESHKIT_E_ARGUMENT && pump == NULL);
  CHECK(names(error, "heartbeat interval: 501 ms", "longest hold: 999 ms"));
  options = (meshkit_pump_options_t){.struct_size = sizeof options, .reserved = 1};
  CHECK(meshkit_pump_create(queue, events, &options, &pump, NULL) == MESHKIT_E_UNSUPPORTED);
  pump = new_pump(queue, events, 0);
  CHECK(meshkit_pump_grant(pump, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_pump_grant(pump, MESHKIT_PUMP_CREDIT_MAX + 1, NULL) == MESHKIT_E_ARGUMENT);
  /* A quarter of the places is for completions, and one of them for the pump's end. */
  CHECK(meshkit_pump_grant(pump, 4, NULL) == MESHKIT_E_BUSY && meshkit_pump_grant(pump, 3, NULL) == MESHKIT_OK);
  CHECK(pump_state(pump).credit == 3);
  meshkit_pump_release(pump);
  meshkit_events_release(events);
  CHECK(meshkit_pump_create(queue, events, NULL, &pump, NULL) == MESHKIT_E_CLOSED);
  meshkit_queue_release(queue);
}

static void the_end_of_a_pump_is_told_and_unread_tasks_go_back(void) {
  for (int way = 0; way < 3; way++) {
    meshkit_queue_t *queue = new_queue(60000);
    meshkit_events_t *events = new_events();
    meshkit_pump_t *pump = new_pump(queue, events, 0);
    put(queue, "a");
    put(queue, "b");
    CHECK(meshkit_pump_grant(pump, 2, NULL) == MESHKIT_OK);
    meshkit_event_t *mine = await_event(events, MESHKIT_EVENT_PUMP_LEASE), *end, *more;
    if (way == 0) CHECK(meshkit_pump_close(pump) == MESHKIT_OK);
    if (way == 1) meshkit_pump_release(pump);
    if (way == 2) CHECK(meshkit_queue_close_wait(queue, MESHKIT_CLOSE_REQUEUE_ACTIVE, 0, NULL, NULL) == MESHKIT_OK);
    CHECK(meshkit_events_next(events, 10000, &end) == MESHKIT_OK && end->type == MESHKIT_EVENT_PUMP_ENDED);
    CHECK(end->token == 9 && end->status == (way == 2 ? MESHKIT_E_CLOSED : MESHKIT_OK));
    CHECK(meshkit_events_next(events, 0, &more) == MESHKIT_E_TIMEOUT);
    if (way < 2) CHECK(counts(queue).pending == 1 && counts(queue).leased == 1);
    const meshkit_lease_t *lease = mine->payload;
    if (way == 0) CHECK(meshkit_pump_complete(pump, &lease->token) == MESHKIT_OK && pump_state(pump).is_open == 0);
    if (way == 1) CHECK(meshkit_queue_complete(queue, &lease->token) == MESHKIT_OK);
    if (way == 2) CHECK(meshkit_pump_complete(pump, &lease->token) == MESHKIT_E_CLOSED);
    meshkit_event_release(mine);
    meshkit_event_release(end);
    meshkit_pump_release(pump);
    meshkit_events_release(events);
    meshkit_queue_release(queue);
  }
}

static void leases_are_renewed_for_a_while(void) {
  meshkit_queue_t *queue = new_queue(1000);
  meshkit_events_t *events = new_events();
  meshkit_pump_t *pump = new_pump(queue, events, 2500);
  put(queue, "a");
  CHECK(meshkit_pump_grant(pump, 1, NULL) == MESHKIT_OK);
  meshkit_event_release(await_event(events, MESHKIT_EVENT_PUMP_LEASE));
  /* A sixth of a lease lies between them: it lasts longer than a lease does. */
  for (int tries = 0; tries < 10000 && counts(queue).heartbeats < 7; tries++) usleep(1000);
  CHECK(counts(queue).expired == 0 && counts(queue).heartbeats >= 7);
  for (int tries = 0; tries < 10000 && counts(queue).expired == 0; tries++) usleep(1000);
  CHECK(counts(queue).expired == 1 && counts(queue).dead == 1 && pump_state(pump).over == 1);
  CHECK(pump_state(pump).unsettled == 1); /* a consumer that hangs gets no other task */
  meshkit_pump_release(pump);
  meshkit_events_release(events);
  meshkit_queue_release(queue);
}

int main(void) {
  a_gate_lets_through_what_its_limit_says();
  limits_that_cannot_be_are_refused_by_name();
  a_gate_follows_a_monitor_while_there_is_one();
  a_release_wakes_who_waits_at_a_gate();
  a_pump_brings_what_there_is_credit_for();
  pumps_that_cannot_be_are_refused_by_name();
  the_end_of_a_pump_is_told_and_unread_tasks_go_back();
  leases_are_renewed_for_a_while();
  return 0;
}
