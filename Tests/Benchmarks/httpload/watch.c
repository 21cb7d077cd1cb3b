#include "watch.h"
#include "latencies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line of a change is shorter; of a longer one the beginning is enough. */
enum { line_max = 4096, watches_max = 4096 };

/* Where a change says when it was made, in nanoseconds of the monotonic clock. */
static const char stamp_name[] = "\"trial\":\"";

struct watch_t {
  bool is_change, is_snapshot, is_ready;
  uint64_t in_time;
  size_t length;
  char line[line_max + 1];
};

static watch_t *all[watches_max];
static unsigned count, ready;
static bool is_counting;
static int64_t in_time_until;
static uint64_t changes, snapshots, resyncs, unstamped;

watch_t *watch_new(void) {
  if (count == watches_max) return NULL;
  watch_t *watch = calloc(1, sizeof *watch);
  if (watch) all[count++] = watch;
  return watch;
}

static void take_change(watch_t *watch, int64_t now) {
  changes++;
  watch->in_time += now <= in_time_until;
  const char *stamp = strstr(watch->line, stamp_name);
  long long made = stamp ? strtoll(stamp + sizeof stamp_name - 1, NULL, 10) : 0;
  if (made <= 0 || !latencies_add(now - made)) unstamped++;
}

static bool begins(const watch_t *watch, const char *text) { return strncmp(watch->line, text, strlen(text)) == 0; }

static void end_line(watch_t *watch, int64_t now) {
  watch->line[watch->length] = 0;
  if (begins(watch, "event: ")) {
    watch->is_change = begins(watch, "event: members.change");
    watch->is_snapshot = begins(watch, "event: members.snapshot");
    if (is_counting && begins(watch, "event: members.resync")) resyncs++;
  } else if (begins(watch, "data: ")) {
    if (is_counting && watch->is_change) take_change(watch, now);
    if (is_counting && watch->is_snapshot) snapshots++;
    if (watch->is_snapshot && !watch->is_ready && strstr(watch->line, "\"complete\":true")) {
      watch->is_ready = true;
      ready++;
    }
  }
  watch->length = 0;
}

void watch_read(watch_t *watch, const uint8_t *bytes, size_t size, int64_t now) {
  while (size > 0) {
    const uint8_t *end = memchr(bytes, '\n', size);
    size_t piece = end ? (size_t)(end - bytes) : size, room = line_max - watch->length;
    memcpy(watch->line + watch->length, bytes, piece < room ? piece : room);
    watch->length += piece < room ? piece : room;
    if (!end) return;
    end_line(watch, now);
    bytes += piece + 1;
    size -= piece + 1;
  }
}

unsigned watch_ready(void) { return ready; }

void watch_begin(int64_t until) {
  is_counting = true;
  in_time_until = until;
}

static int compare(const void *left, const void *right) {
  uint64_t a = (*(watch_t *const *)left)->in_time, b = (*(watch_t *const *)right)->in_time;
  return (a > b) - (a < b);
}

void watch_report(uint64_t ended) {
  uint64_t in_time = 0;
  for (unsigned i = 0; i < count; i++) in_time += all[i]->in_time;
  qsort(all, count, sizeof *all, compare);
  latencies_sort();
  printf("{\"watches\": %u, \"changes\": %llu, \"in_time\": %llu, \"least\": %llu, \"median\": %llu, "
         "\"snapshots\": %llu, \"resyncs\": %llu, \"ended\": %llu, \"unstamped\": %llu, "
         "\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}\n",
         count, (unsigned long long)changes, (unsigned long long)in_time,
         (unsigned long long)(count ? all[0]->in_time : 0), (unsigned long long)(count ? all[count / 2]->in_time : 0),
         (unsigned long long)snapshots, (unsigned long long)resyncs, (unsigned long long)ended,
         (unsigned long long)unstamped, latency_us(0.5), latency_us(0.99), latency_us(1));
}
