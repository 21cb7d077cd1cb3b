#include "latencies.h"

#include <math.h>
#include <stdlib.h>

static int64_t *all;
static size_t count, room;

bool latencies_add(int64_t nanoseconds) {
  if (count == room) {
    size_t wanted = room ? room * 2 : 1 << 16;
    int64_t *longer = realloc(all, wanted * sizeof *all);
    if (!longer) return false;
    all = longer;
    room = wanted;
  }
  all[count++] = nanoseconds;
  return true;
}

static int compare(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

uint64_t latencies_sort(void) {
  if (count) qsort(all, count, sizeof *all, compare);
  return count;
}

double latency_us(double share) {
  if (count == 0) return 0;
  double rank = ceil(share * (double)count);
  return (double)all[rank < 1 ? 0 : (size_t)rank - 1] / 1000;
}
