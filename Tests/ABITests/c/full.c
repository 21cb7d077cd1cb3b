/* A full stream: completions are refused early, log records lose their oldest, changes of one member merge into the
 * newest, and each loss is told. The node goes on as if nothing had happened. */
#include <unistd.h>

#include "support.h"

/* The smallest stream: 8 places for members, 4 for completions, 4 for log records. */
static meshkit_events_t *small_events(void) {
  meshkit_events_options_t options = {sizeof options, 16};
  meshkit_events_t *events = NULL;
  CHECK(meshkit_events_create(&options, &events, NULL) == MESHKIT_OK);
  return events;
}

static meshkit_status_t label(meshkit_node_t *node, int number, meshkit_events_t *events, uint64_t token) {
  char text[16];
  snprintf(text, sizeof text, "%d", number);
  meshkit_pair_t pair = {{TEXT("number")}, {TEXT(text)}};
  return meshkit_node_set_labels(node, &pair, 1, events, token, NULL);
}

static int is_text(meshkit_bytes_t bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.ptr, text, bytes.len) == 0;
}

static int has_label(const meshkit_member_t *member, const char *id, int number) {
  char text[16];
  snprintf(text, sizeof text, "%d", number);
  return is_text(member->node_id, id) && member->label_count == 1 && is_text(member->labels[0].value, text);
}

static void await_label(meshkit_node_t *node, const char *id, int number) {
  for (int tries = 0; tries < 1000; tries++) {
    meshkit_members_t *members = NULL;
    const meshkit_member_t *member = NULL;
    CHECK(meshkit_node_members(node, &members) == MESHKIT_OK);
    int arrived = meshkit_members_find(members, TEXT(id), &member) == MESHKIT_OK && has_label(member, id, number);
    meshkit_members_release(members);
    if (arrived) return;
    usleep(10000);
  }
  CHECK(!"the label arrived");
}

static void records_lose_their_oldest_and_say_how_many(void) {
  meshkit_events_t *events = small_events();
  meshkit_event_t *event = NULL;
  for (int i = 0; i < 7; i++) CHECK(meshkit_unstable_events_inject_unknown(events) == MESHKIT_OK);
  CHECK(meshkit_events_next(events, 0, &event) == MESHKIT_OK && event->type == MESHKIT_EVENT_DROPPED);
  CHECK(((const meshkit_dropped_t *)event->payload)->count == 3);
  meshkit_event_release(event);
  for (int i = 0; i < 4; i++) {
    CHECK(meshkit_events_next(events, 0, &event) == MESHKIT_OK && event->type == MESHKIT_UNSTABLE_EVENT_UNKNOWN);
    meshkit_event_release(event);
  }
  CHECK(meshkit_events_next(events, 0, &event) == MESHKIT_E_TIMEOUT);
  meshkit_events_release(events);
}

static void completions_are_refused_early_and_never_lost(meshkit_node_t *node) {
  meshkit_events_t *events = small_events();
  meshkit_error_t *error = NULL;
  for (uint64_t token = 1; token <= 4; token++) CHECK(label(node, (int)token, events, token) == MESHKIT_OK);
  CHECK(label(node, 5, events, 5) == MESHKIT_E_BUSY);
  CHECK(meshkit_node_stop(node, events, 5, &error) == MESHKIT_E_BUSY && meshkit_error_is_retriable(error) == 1);
  meshkit_error_release(error);
  CHECK(meshkit_node_subscribe(node, events, MESHKIT_TOPIC_NODE, NULL) == MESHKIT_E_BUSY);
  for (uint64_t token = 1; token <= 4; token++) {
    meshkit_event_t *event = await_event(events, MESHKIT_EVENT_COMPLETED);
    CHECK(event->token == token && event->status == MESHKIT_OK);
    meshkit_event_release(event);
  }
  CHECK(label(node, 6, events, 6) == MESHKIT_OK);
  meshkit_events_release(events);
}

static void labels_have_the_limits_that_the_header_says(meshkit_node_t *node) {
  static char names[MESHKIT_NODE_LABELS_MAX + 1][4];
  meshkit_pair_t pairs[MESHKIT_NODE_LABELS_MAX + 1];
  meshkit_events_t *events = small_events();
  for (int i = 0; i <= MESHKIT_NODE_LABELS_MAX; i++) {
    int length = snprintf(names[i], sizeof names[i], "k%02d", i);
    pairs[i] = (meshkit_pair_t){{names[i], (size_t)length}, {NULL, 0}};
  }
  CHECK(meshkit_node_set_labels(node, pairs, MESHKIT_NODE_LABELS_MAX + 1, NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_set_labels(node, pairs, MESHKIT_NODE_LABELS_MAX, events, 1, NULL) == MESHKIT_OK);
  meshkit_event_t *event = await_event(events, MESHKIT_EVENT_COMPLETED);
  CHECK(event->status == MESHKIT_OK);
  meshkit_event_release(event);
  pairs[0].key.len = 0;
  CHECK(meshkit_node_set_labels(node, pairs, 1, events, 2, NULL) == MESHKIT_OK);
  event = await_event(events, MESHKIT_EVENT_COMPLETED);
  CHECK(event->token == 2 && event->status == MESHKIT_E_ARGUMENT);
  CHECK(((const meshkit_outcome_t *)event->payload)->message.len > 0);
  meshkit_event_release(event);
  meshkit_events_release(events);
}

static void changes_of_one_member_merge_into_the_newest(meshkit_node_t *first, meshkit_node_t *second) {
  meshkit_events_t *events = small_events();
  meshkit_event_t *event = NULL;
  int count = 0, newest = 0;
  CHECK(meshkit_node_subscribe(first, events, MESHKIT_TOPIC_MEMBERS, NULL) == MESHKIT_OK);
  for (int number = 100; number < 120; number++) {
    CHECK(label(second, number, NULL, 0) == MESHKIT_OK);
    await_label(first, "b", number);
  }
  while (meshkit_events_next(events, 0, &event) == MESHKIT_OK) {
    CHECK(event->type != MESHKIT_EVENT_DROPPED);
    const meshkit_member_event_t *change = event->payload;
    newest = has_label(change->member, "b", 119);
    count++;
    meshkit_event_release(event);
  }
  CHECK(count == 8 && newest);
  meshkit_events_release(events);
}

int main(void) {
  records_lose_their_oldest_and_say_how_many();
  meshkit_node_t *first = new_node("a", 0);
  meshkit_node_t *second = new_node("b", meshkit_node_mesh_port(first));
  completions_are_refused_early_and_never_lost(second);
  labels_have_the_limits_that_the_header_says(second);
  changes_of_one_member_merge_into_the_newest(first, second);
  CHECK(meshkit_node_stop_wait(second, 10000, NULL) == MESHKIT_OK);
  CHECK(meshkit_node_stop_wait(first, 10000, NULL) == MESHKIT_OK);
  meshkit_node_release(second);
  meshkit_node_release(first);
  return 0;
}
