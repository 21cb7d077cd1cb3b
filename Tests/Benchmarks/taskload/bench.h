/* What the programs of `make bench-tasks` share. */
#ifndef BENCH_H
#define BENCH_H
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { payload_bytes = 256 };

/* How often memory was asked for, where allocations.c is loaded before the C library; else NULL. */
extern unsigned long bench_allocations(void) __attribute__((weak));

static inline double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
static inline double now(void) { return seconds_of(CLOCK_MONOTONIC); }
static inline double cpu(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

/* One figure; the Python side gives it its name, unit and goal. */
static inline void tell(const char *name, double value) { printf("%s\t%.9g\n", name, value); }

static inline void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

/* Anonymous memory of a process, in bytes; 0 is the caller's own. */
static inline double anonymous_memory(long process) {
  char path[64], line[256];
  if (process) snprintf(path, sizeof path, "/proc/%ld/status", process);
  else snprintf(path, sizeof path, "/proc/self/status");
  FILE *file = fopen(path, "r");
  double kilobytes = 0;
  while (file && fgets(line, sizeof line, file)) sscanf(line, "RssAnon: %lf", &kilobytes);
  if (file) fclose(file);
  return kilobytes * 1024;
}

static int by_size(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* The median and the 99th and 99.9th percentile of times in seconds, as nanoseconds. */
static inline void tell_quantiles(const char *prefix, double *times, size_t count) {
  char name[64];
  qsort(times, count, sizeof *times, by_size);
  const struct { const char *name; double share; } all[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "%s%s", prefix, all[i].name);
    tell(name, times[(size_t)(all[i].share * (double)(count - 1))] * 1e9);
  }
}
#endif
