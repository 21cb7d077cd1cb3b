/* exit() while the library works: callbacks run, another thread waits, a node (when asked for) talks to a second one.
 * The exit code must be the one that was given, and no signal may end the process. */
#include <pthread.h>
#include <unistd.h>

#include "support.h"

static void on_event(void *ctx, meshkit_event_t *event) {
  (void)ctx;
  meshkit_event_release(event);
}

static void *wait_for_ever(void *events) {
  meshkit_event_t *event = NULL;
  while (meshkit_events_next(events, -1, &event) == MESHKIT_OK) meshkit_event_release(event);
  return NULL;
}

static void *inject_for_ever(void *events) {
  while (meshkit_unstable_events_inject_unknown(events) == MESHKIT_OK) {}
  return NULL;
}

int main(int count, char **arguments) {
  meshkit_callback_t callback = {sizeof callback, 0, on_event, NULL, NULL};
  meshkit_events_t *called = new_events(), *polled = new_events();
  pthread_t thread;
  int code = count > 1 ? atoi(arguments[1]) : 0;
  if (count > 2) {
    meshkit_node_t *first = new_node("a", 0);
    meshkit_node_t *second = new_node("b", meshkit_node_mesh_port(first));
    CHECK(meshkit_node_subscribe(first, called, MESHKIT_TOPIC_MEMBERS | MESHKIT_TOPIC_LOG, NULL) == MESHKIT_OK);
    CHECK(meshkit_node_subscribe(second, polled, MESHKIT_TOPIC_MEMBERS | MESHKIT_TOPIC_LOG, NULL) == MESHKIT_OK);
  }
  CHECK(meshkit_events_start_callback(called, &callback, NULL) == MESHKIT_OK);
  CHECK(pthread_create(&thread, NULL, wait_for_ever, polled) == 0);
  CHECK(pthread_create(&thread, NULL, inject_for_ever, called) == 0);
  usleep((useconds_t)(code % 10) * 20000);
  exit(code);
}
