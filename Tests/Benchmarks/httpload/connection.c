#define _GNU_SOURCE
#include "connection.h"
#include "watch.h"

#include <string.h>
#include <time.h>

int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool connection_open(connection_t *connection, int64_t now) {
  connection->is_open = false;
  connection->opened_at = now;
  connection->asked = connection->in_flight = 0;
  memset(connection->requests, 0, sizeof connection->requests);
  return connection->kind->open(connection, now);
}

bool connection_ask(connection_t *connection, int64_t since) {
  request_t *request = connection->requests, *end = request + requests_max;
  while (request < end && request->is_used) request++;
  if (request == end || !connection->is_open) return false;
  *request = (request_t){.since = since, .is_used = true};
  if (connection->target->watches && !(request->watch = watch_new())) return false;
  if (!connection->kind->submit(connection, request)) {
    request->is_used = false;
    return false;
  }
  connection->asked++;
  connection->in_flight++;
  return true;
}

void connection_take(request_t *request, const uint8_t *bytes, size_t count) {
  if (request->watch && request->is_ok) watch_read(request->watch, bytes, count, now_ns());
}

void connection_tell(connection_t *connection, request_t *request, bool is_good) {
  if (request->is_told) return;
  request->is_told = true;
  connection->in_flight--;
  connection->answered(request->since, is_good);
}
