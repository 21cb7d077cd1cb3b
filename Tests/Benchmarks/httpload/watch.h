/* Answers of `GET /v1/members?watch=true`, read as they come, and what all of them together have told. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct watch_t watch_t;

/* One more answer to read; NULL when there is no memory or there are too many. */
watch_t *watch_new(void);

/* Takes a piece of it that came at `now`. */
void watch_read(watch_t *watch, const uint8_t *bytes, size_t count, int64_t now);

/* How many have had a whole snapshot. */
unsigned watch_ready(void);

/* From now on events count; those that come until `until` are in time. */
void watch_begin(int64_t until);

/* Prints one line of JSON: what came since, and the time from the making of each change to here. */
void watch_report(uint64_t ended);
