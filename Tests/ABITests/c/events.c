/* Streams: three doors that give the same events, unknown types, closing, and what a callback may call. */
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "support.h"

static meshkit_events_t *stream;
static atomic_int calls, drops, complaints;

static void poll_gives_unknown_events_that_can_be_released_twice(void) {
  meshkit_events_t *events = new_events();
  meshkit_event_t *event = NULL;
  CHECK(meshkit_events_next(events, 0, &event) == MESHKIT_E_TIMEOUT && event == NULL);
  CHECK(meshkit_unstable_events_inject_unknown(events) == MESHKIT_OK);
  CHECK(meshkit_events_next(events, -1, &event) == MESHKIT_OK);
  CHECK(event->type == MESHKIT_UNSTABLE_EVENT_UNKNOWN && event->payload == NULL && event->time_unix_ns > 0);
  meshkit_events_release(events);
  CHECK(event->type == MESHKIT_UNSTABLE_EVENT_UNKNOWN); /* an event outlives its stream */
  meshkit_event_release(event);
  meshkit_event_release(event);
}

static void a_batch_takes_what_is_there(void) {
  meshkit_events_t *events = new_events();
  meshkit_event_t *batch[8];
  size_t count = 0;
  for (int i = 0; i < 5; i++) CHECK(meshkit_unstable_events_inject_unknown(events) == MESHKIT_OK);
  CHECK(meshkit_events_next_batch(events, 0, batch, 3, &count) == MESHKIT_OK && count == 3);
  for (size_t i = 0; i < count; i++) meshkit_event_release(batch[i]);
  CHECK(meshkit_events_next_batch(events, 0, batch, 8, &count) == MESHKIT_OK && count == 2 && batch[2] == NULL);
  for (size_t i = 0; i < count; i++) meshkit_event_release(batch[i]);
  CHECK(meshkit_events_next_batch(events, 0, batch, 8, &count) == MESHKIT_E_TIMEOUT && count == 0);
  CHECK(meshkit_events_next_batch(events, 0, batch, 0, &count) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_events_next_batch(events, 0, NULL, 8, &count) == MESHKIT_E_ARGUMENT);
  meshkit_events_release(events);
}

static void the_descriptor_is_readable_while_an_event_waits(void) {
  meshkit_events_t *events = new_events();
  struct pollfd entry = {meshkit_events_fd(events), POLLIN, 0};
  meshkit_event_t *event = NULL;
  CHECK(entry.fd >= 0 && poll(&entry, 1, 0) == 0);
  CHECK(meshkit_unstable_events_inject_unknown(events) == MESHKIT_OK);
  CHECK(poll(&entry, 1, 0) == 1 && poll(&entry, 1, 0) == 1);
  CHECK(meshkit_events_next(events, 0, &event) == MESHKIT_OK && poll(&entry, 1, 0) == 0);
  meshkit_event_release(event);
  CHECK(meshkit_events_close(events) == MESHKIT_OK);
  CHECK(meshkit_events_next(events, -1, &event) == MESHKIT_E_CLOSED && event == NULL);
  CHECK(meshkit_events_fd(events) == MESHKIT_E_CLOSED);
  meshkit_events_release(events);
}

/* From the callback: everything that is @callback-safe works, waiting for this stream is refused. */
static void on_event(void *ctx, meshkit_event_t *event) {
  meshkit_event_t *other = NULL;
  meshkit_config_t *config = NULL;
  if (ctx != &calls || event->type != MESHKIT_UNSTABLE_EVENT_UNKNOWN) complaints++;
  if (meshkit_events_next(stream, 0, &other) != MESHKIT_E_WOULD_DEADLOCK || other != NULL) complaints++;
  if (meshkit_config_create(&config, NULL) != MESHKIT_OK) complaints++;
  meshkit_config_release(config);
  meshkit_event_release(event);
  if (++calls == 3) meshkit_events_release(stream); /* releasing the stream from its own callback */
}

static void on_drop(void *ctx) {
  if (ctx != &calls || calls != 3) complaints++;
  drops++;
}

static void the_callback_is_called_until_the_stream_ends_and_then_dropped_once(void) {
  meshkit_callback_t callback = {sizeof callback, 0, on_event, on_drop, &calls};
  meshkit_callback_t empty = {sizeof empty, 0, NULL, on_drop, &calls};
  stream = new_events();
  CHECK(meshkit_events_start_callback(stream, &empty, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_events_start_callback(stream, &callback, NULL) == MESHKIT_OK);
  CHECK(meshkit_events_start_callback(stream, &callback, NULL) < 0);
  for (int i = 0; i < 3; i++) CHECK(meshkit_unstable_events_inject_unknown(stream) == MESHKIT_OK);
  for (int tries = 0; tries < 1000 && drops == 0; tries++) usleep(10000);
  CHECK(calls == 3 && drops == 1 && complaints == 0);
  CHECK(meshkit_events_close(stream) == MESHKIT_E_CLOSED);
}

int main(void) {
  poll_gives_unknown_events_that_can_be_released_twice();
  a_batch_takes_what_is_there();
  the_descriptor_is_readable_while_an_event_waits();
  the_callback_is_called_until_the_stream_ends_and_then_dropped_once();
  return 0;
}
