/* All latencies of a run, so that percentiles are exact. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* False when memory is short. */
bool latencies_add(int64_t nanoseconds);

/* Puts them in order, and gives their number. */
uint64_t latencies_sort(void);

/* The latency at or below which `share` of all lie, in microseconds; 0 when there are none. Sorted before. */
double latency_us(double share);
