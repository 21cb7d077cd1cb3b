/* What lease queues cost through the C interface, in one process.
 *
 * usage: tasks cycles | latency | batches | threads | crowd | plain | memory | shapes | heartbeats | expiry
 * Prints one figure a line: its name, a tab, the value. */
#include <meshkit.h>

#include "bench.h"

enum { cycles = 500000, batch = 64, per_thread = 100000, many = 1000000, active = 100000 };

static char data[payload_bytes];

static meshkit_queue_t *queue_of(uint32_t capacity, int64_t lease_ms) {
  meshkit_queue_options_t options = {.struct_size = sizeof options, .capacity = capacity, .lease_duration_ms = lease_ms,
                                     .retry_first_ms = MESHKIT_QUEUE_NONE, .attempts_max = 1000};
  meshkit_queue_t *queue = NULL;
  must(meshkit_queue_create("bench", 5, &options, &queue, NULL) == MESHKIT_OK, "meshkit_queue_create");
  return queue;
}

static const meshkit_task_t task = {.struct_size = sizeof task, .payload = {data, payload_bytes}};

static void put(meshkit_queue_t *queue) {
  must(meshkit_queue_enqueue(queue, &task, NULL, NULL) == MESHKIT_OK, "meshkit_queue_enqueue");
}
static meshkit_lease_t *take(meshkit_queue_t *queue) {
  meshkit_lease_t *lease = NULL;
  must(meshkit_queue_lease(queue, &lease) == MESHKIT_OK, "meshkit_queue_lease");
  return lease;
}
static void complete(meshkit_queue_t *queue, meshkit_lease_t *lease) {
  must(meshkit_queue_complete(queue, &lease->token) == MESHKIT_OK, "meshkit_queue_complete");
  meshkit_lease_release(lease);
}
static void cycle(meshkit_queue_t *queue) {
  put(queue);
  complete(queue, take(queue));
}

/* One thread: enqueue, lease, complete, release. */
static void run_cycles(void) {
  meshkit_queue_t *queue = queue_of(4096, 30000);
  for (int i = 0; i < cycles / 10; i++) cycle(queue);
  unsigned long asked = bench_allocations ? bench_allocations() : 0;
  double began = now(), used = cpu();
  for (int i = 0; i < cycles; i++) cycle(queue);
  tell("rate", cycles / (now() - began));
  tell("cpu", (cpu() - used) / cycles * 1e9);
  if (bench_allocations) tell("allocations", (double)(bench_allocations() - asked) / cycles);
}

/* The same, each cycle by itself; reading the clock is in it. */
static void run_latency(void) {
  static double times[cycles];
  meshkit_queue_t *queue = queue_of(4096, 30000);
  double before = now();
  for (int i = 0; i < cycles; i++) {
    cycle(queue);
    double after = now();
    times[i] = after - before;
    before = after;
  }
  tell_quantiles("", times, cycles);
}

/* One thread, 64 tasks in each call. */
static void run_batches(void) {
  static meshkit_task_t tasks[batch];
  meshkit_token_t tokens[batch];
  meshkit_lease_t *leases[batch];
  size_t count = 0;
  meshkit_queue_t *queue = queue_of(4096, 30000);
  for (int i = 0; i < batch; i++) tasks[i] = task;
  double began = now();
  for (int i = 0; i < cycles / batch; i++) {
    must(meshkit_queue_enqueue_batch(queue, tasks, batch, NULL, NULL, NULL) == MESHKIT_OK, "enqueue_batch");
    must(meshkit_queue_lease_batch_wait(queue, 0, leases, batch, &count) == MESHKIT_OK, "lease_batch");
    must(count == batch, "a whole batch");
    for (int j = 0; j < batch; j++) tokens[j] = leases[j]->token;
    must(meshkit_queue_complete_batch(queue, tokens, batch, NULL, NULL) == MESHKIT_OK, "complete_batch");
    for (int j = 0; j < batch; j++) meshkit_lease_release(leases[j]);
  }
  tell("rate", cycles / batch * batch / (now() - began));
}

/* Producers and consumers. With `fails`, a consumer fails 35 % of the deliveries before the third. With `times`, it
 * notes how long each completion took: the one call that waits for nothing but the queue's lock. */
struct crew {
  meshkit_queue_t *queue;
  int items, fails;
  unsigned seed;
  double *times;
};

static void *produce(void *argument) {
  struct crew *crew = argument;
  for (int i = 0; i < crew->items; i++)
    must(meshkit_queue_enqueue_wait(crew->queue, &task, -1, NULL, NULL) == MESHKIT_OK, "meshkit_queue_enqueue_wait");
  return NULL;
}

static void *consume(void *argument) {
  struct crew *crew = argument;
  for (int done = 0; done < crew->items;) {
    meshkit_lease_t *lease = NULL;
    must(meshkit_queue_lease_wait(crew->queue, -1, &lease) == MESHKIT_OK, "meshkit_queue_lease_wait");
    if (crew->fails && lease->token.attempt < 3 && rand_r(&crew->seed) % 100 < 35) {
      must(meshkit_queue_fail(crew->queue, &lease->token, "no", 2, MESHKIT_TASK_RETRY, 0) == MESHKIT_OK, "fail");
      meshkit_lease_release(lease);
    } else {
      double began = crew->times ? now() : 0;
      complete(crew->queue, lease);
      if (crew->times) crew->times[done] = now() - began;
      done++;
    }
  }
  return NULL;
}

/* Tasks a second of so many producers and as many consumers. `times`: NULL, or a place for each item. */
static double run_crew(meshkit_queue_t *queue, int pairs, int items, int fails, double *times) {
  pthread_t threads[16];
  struct crew crews[16];
  double began = now();
  for (int i = 0; i < 2 * pairs; i++) {
    double *own = times ? times + i / 2 * (items / pairs) : NULL;
    crews[i] = (struct crew){queue, items / pairs, fails, 17 + (unsigned)i, own};
    must(pthread_create(&threads[i], NULL, i % 2 ? consume : produce, &crews[i]) == 0, "pthread_create");
  }
  for (int i = 0; i < 2 * pairs; i++) pthread_join(threads[i], NULL);
  return items / (now() - began);
}

static void run_threads(void) {
  meshkit_queue_t *queue = queue_of(4096, 30000);
  double used = cpu();
  tell("rate", run_crew(queue, 4, 4 * per_thread, 0, NULL));
  tell("cpu", (cpu() - used) / (4 * per_thread) * 1e9);
}

/* The same, and what one call has to wait for the others. */
static void run_crowd(void) {
  static double times[4 * per_thread];
  run_crew(queue_of(4096, 30000), 4, 4 * per_thread, 0, times);
  tell_quantiles("", times, 4 * per_thread);
}

/* What the machine gives to as many threads: a ring of copies under one lock, which knows of no leases. Its three turns
 * of the lock are those of enqueue, lease and complete. */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t filled, emptied;
  void *items[4096];
  unsigned first, count;
  long completed;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .emptied = PTHREAD_COND_INITIALIZER};

static void *fill_ring(void *items) {
  for (int i = 0; i < *(int *)items; i++) {
    void *copy = memcpy(malloc(payload_bytes), data, payload_bytes);
    pthread_mutex_lock(&ring.lock);
    while (ring.count == 4096) pthread_cond_wait(&ring.emptied, &ring.lock);
    ring.items[(ring.first + ring.count++) % 4096] = copy;
    pthread_cond_signal(&ring.filled);
    pthread_mutex_unlock(&ring.lock);
  }
  return NULL;
}

static void *drain_ring(void *items) {
  for (int i = 0; i < *(int *)items; i++) {
    pthread_mutex_lock(&ring.lock);
    while (ring.count == 0) pthread_cond_wait(&ring.filled, &ring.lock);
    void *item = ring.items[ring.first++ % 4096];
    ring.count--;
    pthread_mutex_unlock(&ring.lock);
    pthread_mutex_lock(&ring.lock);
    ring.completed++;
    pthread_cond_signal(&ring.emptied);
    pthread_mutex_unlock(&ring.lock);
    free(item);
  }
  return NULL;
}

static void run_plain(void) {
  pthread_t threads[8];
  int items = per_thread;
  double began = now();
  for (int i = 0; i < 8; i++)
    must(pthread_create(&threads[i], NULL, i % 2 ? drain_ring : fill_ring, &items) == 0, "pthread_create");
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  must(ring.completed == 4 * per_thread, "the ring was drained");
  tell("rate", 4 * per_thread / (now() - began));
}

/* The shapes of Hugo's benchmarks, (a) to (c): nanoseconds a task, the queue's making and end included; then with an
 * event stream that hears of everything and that nobody reads. */
static void run_shapes(void) {
  static const struct { const char *name; int pairs, items, capacity, fails; } shapes[] = {
      {"a1024", 1, 1024, 128, 0}, {"a4096", 1, 4096, 128, 0}, {"b1024", 4, 1024, 128, 0}, {"b4096", 4, 4096, 128, 0},
      {"c512", 1, 512, 64, 1}, {"c4096", 1, 4096, 128, 1}};
  for (int listens = 0; listens < 2; listens++) {
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
      unsigned long asked = bench_allocations ? bench_allocations() : 0;
      double began = now();
      const int rounds = 20;
      for (int round = 0; round < rounds; round++) {
        meshkit_queue_t *queue = queue_of((uint32_t)shapes[i].capacity, 30000);
        meshkit_events_t *events = NULL;
        if (listens) {
          must(meshkit_events_create(NULL, &events, NULL) == MESHKIT_OK, "meshkit_events_create");
          must(meshkit_queue_subscribe(queue, events, 15, NULL) == MESHKIT_OK, "meshkit_queue_subscribe");
        }
        run_crew(queue, shapes[i].pairs, shapes[i].items, shapes[i].fails, NULL);
        meshkit_queue_release(queue);
        meshkit_events_release(events);
      }
      char name[64];
      snprintf(name, sizeof name, "%s%s", shapes[i].name, listens ? "_events" : "");
      tell(name, (now() - began) / rounds / shapes[i].items * 1e9);
      snprintf(name, sizeof name, "%s%s_allocations", shapes[i].name, listens ? "_events" : "");
      if (bench_allocations) tell(name, (double)(bench_allocations() - asked) / rounds / shapes[i].items);
    }
  }
}

/* What a million pending tasks take beside their payloads, and what taking them down costs those who work meanwhile. */
static void *snapshot(void *queue) {
  meshkit_text_t *bytes = NULL;
  double began = now();
  must(meshkit_queue_snapshot(queue, &bytes, NULL) == MESHKIT_OK, "meshkit_queue_snapshot");
  tell("snapshot", (now() - began) * 1e3);
  meshkit_text_release(bytes);
  return NULL;
}

static void run_memory(void) {
  meshkit_queue_t *queue = queue_of(2 * many, 30000);
  cycle(queue);
  double before = anonymous_memory(0), began = now();
  for (int i = 0; i < many; i++) put(queue);
  tell("enqueue", (now() - began) / many * 1e9);
  tell("bytes", (anonymous_memory(0) - before) / many - payload_bytes);
  began = now();
  for (int i = 0; i < cycles; i++) cycle(queue);
  tell("cycle", (now() - began) / cycles * 1e9);
  pthread_t thread;
  must(pthread_create(&thread, NULL, snapshot, queue) == 0, "pthread_create");
  double longest = 0, until = now() + 3;
  while (now() < until) {
    double start = now();
    cycle(queue);
    if (now() - start > longest) longest = now() - start;
  }
  pthread_join(thread, NULL);
  tell("held", longest * 1e3);
}

/* (d): a heartbeat, with so many leases. */
static void run_heartbeats(void) {
  static meshkit_lease_t *leases[active];
  const int counts[] = {256, active};
  for (int i = 0; i < 2; i++) {
    meshkit_queue_t *queue = queue_of(active, 30000);
    for (int j = 0; j < counts[i]; j++) put(queue);
    for (int j = 0; j < counts[i]; j++) leases[j] = take(queue);
    double began = now();
    const int beats = 500000;
    for (int j = 0; j < beats; j++)
      must(meshkit_queue_heartbeat(queue, &leases[j % counts[i]]->token, NULL) == MESHKIT_OK, "heartbeat");
    tell(i ? "beats100k" : "beats256", (now() - began) / beats * 1e9);
    for (int j = 0; j < counts[i]; j++) complete(queue, leases[j]);
    meshkit_queue_release(queue);
  }
}

static uint64_t expired(meshkit_queue_t *queue) {
  meshkit_queue_counts_t counts = {.struct_size = sizeof counts};
  must(meshkit_queue_counts(queue, &counts) == MESHKIT_OK, "meshkit_queue_counts");
  return counts.expired;
}

/* (e): processor time for each lease that runs out, of `first` among `others` that go on, with a million pending. */
static void expire(const char *name, int first, int others, int lease_ms) {
  meshkit_queue_t *queue = queue_of(1 << 24, lease_ms);
  for (int i = 0; i < first + others; i++) put(queue);
  for (int i = 0; i < many; i++) put(queue);
  for (int i = 0; i < first; i++) meshkit_lease_release(take(queue));
  double began = now();
  usleep((useconds_t)lease_ms * 300);
  for (int i = 0; i < others; i++) meshkit_lease_release(take(queue));
  double left = began + lease_ms / 1e3 - 0.05 - now();
  must(left > 0, "leasing all before the first runs out");
  usleep((useconds_t)(left * 1e6));
  double used = cpu();
  while (expired(queue) < (uint64_t)first) usleep(2000);
  tell(name, (cpu() - used) / first * 1e9);
  must(meshkit_queue_close_wait(queue, MESHKIT_CLOSE_DISCARD, 0, NULL, NULL) == MESHKIT_OK, "meshkit_queue_close_wait");
  meshkit_queue_release(queue);
}

static void run_expiry(void) {
  expire("all100k", active, 0, 2000);
  expire("some4096", 4096, active, 3000);
  expire("of1m", active, many, 6000);
}

int main(int count, char **words) {
  static const struct { const char *name; void (*run)(void); } parts[] = {
      {"cycles", run_cycles}, {"latency", run_latency}, {"batches", run_batches}, {"threads", run_threads},
      {"crowd", run_crowd}, {"plain", run_plain}, {"memory", run_memory}, {"shapes", run_shapes},
      {"heartbeats", run_heartbeats}, {"expiry", run_expiry}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (count == 2 && strcmp(words[1], parts[i].name) == 0) return parts[i].run(), 0;
  fprintf(stderr, "usage: tasks cycles | latency | batches | threads | crowd | plain | memory | shapes |"
                  " heartbeats | expiry\n");
  return 2;
}
