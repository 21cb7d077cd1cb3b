/* 04-pump: a consumer that is brought its tasks, and a gate that slows it down while the queue is overloaded.
 *
 *     04-pump
 *
 * Letters wait in a queue. A pump brings them as events, never more than two at a time. Before each is sent, a gate is
 * asked: usually it lets three through at once, and while too many letters wait, one in 20 ms. After four letters the
 * consumer goes home, and what it was brought and hasn't read goes back to the queue.
 */
#include <meshkit.h>
#include <stdio.h>

static int failed(const char *what, meshkit_status_t status, meshkit_error_t *error) {
  if (status == MESHKIT_OK) return 0;
  fprintf(stderr, "04-pump: %s: %.*s: %.*s\n", what, MESHKIT_PRINT(meshkit_status_name(status)),
          MESHKIT_PRINT(meshkit_error_message(error)));
  meshkit_error_release(error);
  return 1;
}

/* A gate counts what is through it: give each permit back. Where both limits are rates, nothing needs to be given back,
 * and doing so changes nothing. */
static int send_letter(meshkit_gate_t *gate, const meshkit_lease_t *lease) {
  meshkit_error_t *error = NULL;
  meshkit_gate_state_t state = {.struct_size = sizeof state};
  meshkit_gate_state(gate, &state);
  if (failed("gate", meshkit_gate_acquire_wait(gate, 1, 1000, &error), error)) return 1;
  printf("%.*s: sent%s\n", MESHKIT_PRINT(lease->payload), state.is_throttled ? ", throttled" : "");
  meshkit_gate_give_back(gate, 1);
  return 0;
}

/* Until the pump's last event. A lease lives as long as its event; its token, which ends the delivery, is plain
 * numbers. Completing by the pump gives the credit back, and the pump brings another letter. It renews the lease of
 * each while this works on it, so that nothing here needs to beat. */
static unsigned work(meshkit_events_t *events, meshkit_pump_t *pump, meshkit_gate_t *gate) {
  unsigned sent = 0;
  meshkit_event_t *event;
  while (meshkit_events_next(events, 5000, &event) == MESHKIT_OK) {
    int is_last = event->type == MESHKIT_EVENT_PUMP_ENDED;
    if (event->type == MESHKIT_EVENT_PUMP_LEASE) {
      const meshkit_lease_t *lease = event->payload;
      if (send_letter(gate, lease)) {
        meshkit_pump_fail(pump, &lease->token, "the gate", 8, MESHKIT_TASK_RETRY, 0);
      } else if (meshkit_pump_complete(pump, &lease->token) == MESHKIT_OK && ++sent == 4) {
        meshkit_pump_close(pump);
      }
    }
    meshkit_event_release(event);
    if (is_last) break;
  }
  return sent;
}

static int put(meshkit_queue_t *queue, unsigned number) {
  char text[32];
  int length = snprintf(text, sizeof text, "letter %u", number);
  meshkit_task_t task = {.struct_size = sizeof task, .payload = {text, (size_t)length}};
  meshkit_error_t *error = NULL;
  return failed("enqueue", meshkit_queue_enqueue(queue, &task, NULL, &error), error);
}

int main(void) {
  meshkit_error_t *error = NULL;
  meshkit_queue_t *queue = NULL;
  meshkit_events_t *events = NULL;
  if (failed("queue", meshkit_queue_create("letters", 7, NULL, &queue, &error), error)) return 1;
  if (failed("events", meshkit_events_create(NULL, &events, &error), error)) return 1;

  /* Overloaded from four waiting letters on, until there are only two. */
  meshkit_backpressure_options_t marks = {.struct_size = sizeof marks, .high_watermark = 4, .low_watermark = 2,
                                          .cooldown_ms = MESHKIT_QUEUE_NONE};
  meshkit_gate_options_t limits = {.struct_size = sizeof limits,
                                   .normal = {.kind = MESHKIT_GATE_CONCURRENCY, .permits = 3},
                                   .throttled = {.kind = MESHKIT_GATE_TOKEN_BUCKET, .permits = 1, .period_ms = 20}};
  meshkit_backpressure_t *monitor = NULL;
  meshkit_gate_t *gate = NULL;
  if (failed("monitor", meshkit_backpressure_create(queue, &marks, &monitor, &error), error)) return 1;
  if (failed("gate", meshkit_gate_create(&limits, &gate, &error), error)) return 1;
  if (failed("follow", meshkit_gate_follow(gate, monitor, &error), error)) return 1;

  for (unsigned number = 1; number <= 6; number++) {
    if (put(queue, number)) return 1;
  }
  meshkit_pump_t *pump = NULL;
  if (failed("pump", meshkit_pump_create(queue, events, NULL, &pump, &error), error)) return 1;
  if (failed("credit", meshkit_pump_grant(pump, 2, &error), error)) return 1;
  unsigned sent = work(events, pump, gate);

  meshkit_pump_state_t brought = {.struct_size = sizeof brought};
  meshkit_queue_counts_t counts = {.struct_size = sizeof counts};
  if (meshkit_pump_state(pump, &brought) != MESHKIT_OK || meshkit_queue_counts(queue, &counts) != MESHKIT_OK) return 1;
  printf("%u sent; %llu went back unread, %llu wait\n", sent, (unsigned long long)brought.handed_back,
         (unsigned long long)counts.pending);

  meshkit_pump_release(pump);
  meshkit_gate_release(gate);
  meshkit_backpressure_release(monitor);
  meshkit_events_release(events);
  meshkit_queue_release(queue);
  return 0;
}
