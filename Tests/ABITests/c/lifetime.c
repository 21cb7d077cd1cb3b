/* The lives of nodes: 200 that are opened and released at once leave no thread, descriptor or memory; a node may be
 * opened, subscribed to, stopped and released from a callback; a stop goes on after the release. */
#include <dirent.h>
#include <stdatomic.h>
#include <unistd.h>

#include "support.h"

static int entries(const char *folder) {
  int count = 0;
  DIR *list = opendir(folder);
  CHECK(list != NULL);
  while (readdir(list)) count++;
  closedir(list);
  return count;
}

static long resident_pages(void) {
  long all = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &all, &resident) == 2);
  fclose(file);
  return resident;
}

static void await_entries(const char *folder, int most) {
  for (int tries = 0; tries < 3000 && entries(folder) > most; tries++) usleep(10000);
  CHECK(entries(folder) <= most);
}

static void open_and_release(int times) {
  for (int i = 0; i < times; i++) {
    meshkit_node_t *node = new_node("a", 0);
    meshkit_events_t *events = new_events();
    CHECK(meshkit_node_subscribe(node, events, MESHKIT_TOPIC_MEMBERS | MESHKIT_TOPIC_LOG, NULL) == MESHKIT_OK);
    meshkit_node_release(node);
    meshkit_event_t *event = await_event(events, MESHKIT_EVENT_NODE_STOPPED);
    CHECK(event->status == MESHKIT_OK);
    meshkit_event_release(event);
    meshkit_events_release(events);
  }
}

static void abandoned_nodes_leave_nothing(void) {
  open_and_release(20);
  await_entries("/proc/self/task", 3); /* ".", "..", and the only thread */
  int descriptors = entries("/proc/self/fd");
  long pages = resident_pages();
  open_and_release(200);
  await_entries("/proc/self/task", 3);
  await_entries("/proc/self/fd", descriptors);
  CHECK((resident_pages() - pages) * sysconf(_SC_PAGESIZE) < 32L << 20);
}

static void streams_leave_no_descriptor_while_their_node_lives(void) {
  meshkit_node_t *node = new_node("a", 0);
  int descriptors = entries("/proc/self/fd");
  for (int i = 0; i < 60; i++) {
    meshkit_events_t *events = new_events();
    CHECK(meshkit_node_subscribe(node, events, MESHKIT_TOPIC_LOG, NULL) == MESHKIT_OK);
    meshkit_events_release(events);
  }
  await_entries("/proc/self/fd", descriptors);
  CHECK(meshkit_node_stop_wait(node, 10000, NULL) == MESHKIT_OK);
  meshkit_node_release(node);
}

static meshkit_events_t *outer;
static meshkit_node_t *inner;
static atomic_int completions, drops;

static void on_event(void *ctx, meshkit_event_t *event) {
  (void)ctx;
  if (event->type == MESHKIT_UNSTABLE_EVENT_UNKNOWN) {
    inner = new_node("a", 0);
    CHECK(meshkit_node_subscribe(inner, outer, MESHKIT_TOPIC_NODE, NULL) == MESHKIT_OK);
    CHECK(meshkit_node_stop(inner, outer, 9, NULL) == MESHKIT_OK);
    meshkit_node_release(inner); /* the stop goes on, and completes */
  }
  if (event->type == MESHKIT_EVENT_COMPLETED && event->token == 9) completions++;
  if (event->type == MESHKIT_EVENT_NODE_STOPPED) meshkit_events_release(outer);
  meshkit_event_release(event);
}

static void on_drop(void *ctx) {
  (void)ctx;
  drops++;
}

static void a_callback_may_open_and_end_a_node(void) {
  meshkit_callback_t callback = {sizeof callback, 0, on_event, on_drop, NULL};
  outer = new_events();
  CHECK(meshkit_events_start_callback(outer, &callback, NULL) == MESHKIT_OK);
  CHECK(meshkit_unstable_events_inject_unknown(outer) == MESHKIT_OK);
  for (int tries = 0; tries < 1000 && drops == 0; tries++) usleep(10000);
  CHECK(completions == 1 && drops == 1);
}

static void a_goodbye_survives_the_release(void) {
  meshkit_node_t *first = new_node("a", 0);
  meshkit_node_t *second = new_node("b", meshkit_node_mesh_port(first));
  meshkit_events_t *events = new_events();
  CHECK(meshkit_node_subscribe(first, events, MESHKIT_TOPIC_MEMBERS, NULL) == MESHKIT_OK);
  meshkit_event_release(await_event(events, MESHKIT_EVENT_MEMBER_JOINED));
  CHECK(meshkit_node_stop(second, NULL, 0, NULL) == MESHKIT_OK);
  meshkit_node_release(second);
  meshkit_event_t *event = await_event(events, MESHKIT_EVENT_MEMBER_LEFT);
  CHECK(((const meshkit_member_event_t *)event->payload)->member->is_dead == 0);
  meshkit_event_release(event);
  CHECK(meshkit_node_stop_wait(first, 10000, NULL) == MESHKIT_OK);
  meshkit_event_t *last = NULL; /* the stop is over, so its event is there */
  do {
    meshkit_event_release(last);
    CHECK(meshkit_events_next(events, 0, &last) == MESHKIT_OK);
  } while (last->type != MESHKIT_EVENT_NODE_STOPPED);
  meshkit_event_release(last);
  meshkit_node_release(first);
  meshkit_events_release(events);
}

int main(void) {
  abandoned_nodes_leave_nothing();
  streams_leave_no_descriptor_while_their_node_lives();
  a_callback_may_open_and_end_a_node();
  a_goodbye_survives_the_release();
  return 0;
}
