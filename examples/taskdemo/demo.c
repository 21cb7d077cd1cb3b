/* demo: a lease queue under a storm, and a verifier that counts every task.
 *
 *     demo [TASKS]
 *
 * Four producers and four consumers share one queue. One consumer hangs: it takes leases and never says anything. One
 * fails at random. A monitor tells when the queue is overloaded, and the producers rest until it isn't. In the end
 * every task must be done exactly once or be a dead letter, and every signal of the monitor must be true to the depth
 * that it names.
 */
#include <meshkit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PRODUCERS = 4, CONSUMERS = 4, CAPACITY = 400, HIGH = 300, LOW = 100, LEASE_MS = 300 };

static meshkit_queue_t *queue;
static meshkit_backpressure_t *monitor;
static unsigned tasks_each = 5000;
/* How often each task was completed, by its number; written only by who completed it. */
static unsigned char *completed;
static unsigned rests;

static void must(const char *what, meshkit_status_t status) {
  if (status == MESHKIT_OK) return;
  fprintf(stderr, "demo: %s: %.*s\n", what, MESHKIT_PRINT(meshkit_status_name(status)));
  exit(1);
}

static void *produce(void *argument) {
  unsigned first = (unsigned)(size_t)argument * tasks_each;
  for (unsigned number = first; number < first + tasks_each; number++) {
    meshkit_task_t task = {.struct_size = sizeof task, .payload = {(const char *)&number, sizeof number}};
    if (meshkit_backpressure_wait(monitor, 0, 0) == MESHKIT_E_TIMEOUT) {
      __atomic_fetch_add(&rests, 1, __ATOMIC_RELAXED);
      must("rest", meshkit_backpressure_wait(monitor, 0, 60000));
    }
    must("enqueue", meshkit_queue_enqueue_wait(queue, &task, 60000, NULL, NULL));
  }
  return NULL;
}

/* 0 and 1 work, 2 fails at random, 3 hangs. */
static void *consume(void *argument) {
  size_t kind = (size_t)argument;
  unsigned seed = 1;
  meshkit_lease_t *lease;
  while (meshkit_queue_lease_wait(queue, -1, &lease) == MESHKIT_OK) {
    unsigned number;
    memcpy(&number, lease->payload.ptr, sizeof number);
    if (kind == 3) {
      usleep(2 * LEASE_MS * 1000);
      if (meshkit_queue_complete(queue, &lease->token) == MESHKIT_OK) completed[number] += 100; /* must never be */
    } else if (kind == 2 && rand_r(&seed) % 4 == 0) {
      must("fail", meshkit_queue_fail(queue, &lease->token, "at random", 9, MESHKIT_TASK_RETRY, 0));
    } else if (meshkit_queue_complete(queue, &lease->token) == MESHKIT_OK) {
      __atomic_fetch_add(&completed[number], 1, __ATOMIC_RELAXED);
    }
    meshkit_lease_release(lease);
  }
  return NULL;
}

static meshkit_queue_counts_t counts(void) {
  meshkit_queue_counts_t now = {.struct_size = sizeof now};
  must("counts", meshkit_queue_counts(queue, &now));
  return now;
}

/* What the events said; the stream's thread writes it, and main() reads it once the queue's last event is heard. */
static struct {
  unsigned signals, wrong, dead;
  uint64_t version;
  int was_active;
} told;
static pthread_barrier_t heard;

/* A signal names the depth at which it was told. It is told at most every 10 ms, so that the depth may be back
 * between the marks by then, but never beyond the other one. Its number follows the one before, and on and off
 * alternate. */
static void hear(void *context, meshkit_event_t *event) {
  const meshkit_queue_event_t *queue_event = event->payload;
  (void)context;
  if (event->type == MESHKIT_EVENT_QUEUE_DEAD) told.dead++;
  if (event->type == MESHKIT_EVENT_QUEUE_SIGNAL) {
    int is_active = queue_event->is_active;
    if (is_active ? queue_event->count <= LOW : queue_event->count >= HIGH) told.wrong++;
    if (queue_event->version <= told.version) told.wrong++;
    if (queue_event->version == told.version + 1 && told.version > 0 && is_active == told.was_active) told.wrong++;
    told.version = queue_event->version;
    told.was_active = is_active;
    told.signals++;
  }
  int is_last = event->type == MESHKIT_EVENT_QUEUE_CLOSED;
  meshkit_event_release(event);
  if (is_last) pthread_barrier_wait(&heard);
}

static uint64_t dead_letters;

static unsigned verify(unsigned total) {
  meshkit_queue_counts_t end = counts();
  dead_letters = end.dead;
  unsigned once = 0, never = 0, more = 0;
  for (unsigned number = 0; number < total; number++) {
    if (completed[number] == 0) never++;
    else if (completed[number] == 1) once++;
    else more++;
  }
  printf("tasks: %u admitted, %u done once, %u done more often, %llu dead letters\n", total, once, more,
         (unsigned long long)end.dead);
  printf("deliveries: %llu, of them %llu again; leases that ran out: %llu, failures: %llu\n",
         (unsigned long long)end.grants, (unsigned long long)end.redeliveries, (unsigned long long)end.expired,
         (unsigned long long)end.failed);
  int is_conserved = end.admitted == total && end.completed == once && end.dead == never && end.pending == 0 &&
                     end.delayed == 0 && end.leased == 0;
  return more + !is_conserved;
}

int main(int count, char **arguments) {
  if (count > 1) tasks_each = (unsigned)strtoul(arguments[1], NULL, 10) / PRODUCERS;
  if (tasks_each < 500 || tasks_each > 4000000) return fprintf(stderr, "demo: TASKS: 2000 to 16000000\n"), 1;
  unsigned total = tasks_each * PRODUCERS;
  completed = calloc(total, 1);
  if (!completed) return 1;

  meshkit_queue_options_t options = {.struct_size = sizeof options, .capacity = CAPACITY, .attempts_max = 3,
                                     .lease_duration_ms = LEASE_MS, .retry_first_ms = 5,
                                     .dead_letters_max = (int32_t)total, .request_window = MESHKIT_QUEUE_NONE};
  meshkit_backpressure_options_t marks = {.struct_size = sizeof marks, .high_watermark = HIGH, .low_watermark = LOW,
                                          .cooldown_ms = 10};
  meshkit_events_options_t places = {.struct_size = sizeof places, .capacity = 65536};
  meshkit_events_t *events;
  must("create", meshkit_queue_create("storm", 5, &options, &queue, NULL));
  must("monitor", meshkit_backpressure_create(queue, &marks, &monitor, NULL));
  must("events", meshkit_events_create(&places, &events, NULL));
  meshkit_callback_t callback = {.struct_size = sizeof callback, .call = hear};
  pthread_barrier_init(&heard, NULL, 2);
  must("callback", meshkit_events_start_callback(events, &callback, NULL));
  must("subscribe", meshkit_queue_subscribe(
      queue, events, MESHKIT_QUEUE_TOPIC_BACKPRESSURE | MESHKIT_QUEUE_TOPIC_DEAD_LETTERS, NULL));

  printf("%d producers, %d consumers (one hangs, one fails at random), %u tasks\n", PRODUCERS, CONSUMERS, total);
  pthread_t producers[PRODUCERS], consumers[CONSUMERS];
  for (size_t index = 0; index < PRODUCERS; index++) pthread_create(&producers[index], NULL, produce, (void *)index);
  for (size_t index = 0; index < CONSUMERS; index++) pthread_create(&consumers[index], NULL, consume, (void *)index);
  for (size_t index = 0; index < PRODUCERS; index++) pthread_join(producers[index], NULL);
  for (meshkit_queue_counts_t now = counts(); now.pending + now.delayed + now.leased > 0; now = counts()) usleep(10000);

  unsigned problems = verify(total);
  /* Nothing is pending any more: the last signal must come to say so, at the end of its cooldown. */
  meshkit_backpressure_signal_t last = {.struct_size = sizeof last, .is_active = 1};
  for (int tries = 0; tries < 1000 && last.is_active; tries++) {
    must("latest", meshkit_backpressure_latest(monitor, &last));
    usleep(10000);
  }
  must("close", meshkit_queue_close_wait(queue, MESHKIT_CLOSE_DISCARD, 0, NULL, NULL));
  for (size_t index = 0; index < CONSUMERS; index++) pthread_join(consumers[index], NULL);
  pthread_barrier_wait(&heard); /* the queue's last event is heard */
  meshkit_events_release(events);
  printf("backpressure: %u signals, %u wrong; producers rested %u times\n", told.signals, told.wrong, rests);
  problems += told.wrong + (told.signals < 3) + told.was_active + last.is_active + (told.dead != dead_letters);
  meshkit_backpressure_release(monitor);
  meshkit_queue_release(queue);
  free(completed);
  puts(problems ? "demo: FAILED" : "demo: every task is accounted for");
  return problems != 0;
}
