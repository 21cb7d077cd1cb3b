/* Two nodes in one process: they see each other, all three doors tell of it, metadata arrives, a goodbye is heard, and
 * every accepted operation completes once. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "support.h"

static atomic_int joined_by_callback, deadlocks_refused;
static meshkit_node_t *first, *second;

static int is_member(const meshkit_event_t *event, const char *id) {
  const meshkit_member_event_t *change = event->payload;
  const meshkit_member_t *member = change->member;
  CHECK(change->struct_size >= sizeof *change && member->struct_size >= sizeof *member);
  return member->node_id.len == strlen(id) && memcmp(member->node_id.ptr, id, member->node_id.len) == 0;
}

static void on_event(void *ctx, meshkit_event_t *event) {
  (void)ctx;
  if (meshkit_node_stop_wait(first, -1, NULL) == MESHKIT_E_WOULD_DEADLOCK) deadlocks_refused = 1;
  if (event->type == MESHKIT_EVENT_MEMBER_JOINED && is_member(event, "b")) joined_by_callback = 1;
  meshkit_event_release(event);
}

/* A JOINED event of member `id`, by epoll's door: the descriptor first, then next() without waiting. */
static void joined_by_descriptor(meshkit_events_t *events, const char *id) {
  for (int tries = 0; tries < 1000; tries++) {
    struct pollfd entry = {meshkit_events_fd(events), POLLIN, 0};
    meshkit_event_t *event = NULL;
    CHECK(poll(&entry, 1, 10000) == 1);
    while (meshkit_events_next(events, 0, &event) == MESHKIT_OK) {
      int found = event->type == MESHKIT_EVENT_MEMBER_JOINED && is_member(event, id);
      meshkit_event_release(event);
      if (found) return;
    }
  }
  CHECK(!"a member joined");
}

static void joined_by_poll(meshkit_events_t *events, const char *id) {
  for (int found = 0; !found;) {
    meshkit_event_t *event = await_event(events, MESHKIT_EVENT_MEMBER_JOINED);
    found = is_member(event, id);
    meshkit_event_release(event);
  }
}

static const meshkit_member_t *find(meshkit_members_t *members, const char *id) {
  const meshkit_member_t *member = NULL;
  CHECK(meshkit_members_find(members, TEXT(id), &member) == MESHKIT_OK && member != NULL);
  return member;
}

static void pictures_show_both(void) {
  meshkit_members_t *members = NULL;
  const meshkit_member_t *member = NULL;
  CHECK(meshkit_node_members(first, &members) == MESHKIT_OK && meshkit_members_count(members) == 2);
  CHECK(meshkit_members_get(members, 0, &member) == MESHKIT_OK && member->is_local == 1 && member->endpoint.len > 0);
  CHECK(meshkit_members_get(members, 2, &member) == MESHKIT_E_NOT_FOUND && member == NULL);
  CHECK(meshkit_members_get(members, SIZE_MAX, &member) == MESHKIT_E_NOT_FOUND);
  CHECK(meshkit_members_find(members, TEXT("zebra"), &member) == MESHKIT_E_NOT_FOUND);
  member = find(members, "b");
  CHECK(member->status == MESHKIT_MEMBER_ALIVE && !member->is_local && !member->is_dead && member->epoch > 0);
  CHECK(member->label_count == 1 && strncmp(member->labels[0].key.ptr, "test", 4) == 0);
  CHECK(meshkit_members_revision(members) > 0);
  meshkit_members_release(members);
  CHECK(meshkit_members_count(members) == 0);
}

/* A label that the second node sets is seen by the first. */
static void labels_travel(meshkit_events_t *events) {
  meshkit_pair_t label = {{TEXT("colour")}, {TEXT("blue")}}, broken = {{TEXT("\xff")}, {NULL, 0}};
  CHECK(meshkit_node_set_labels(second, &broken, 1, NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_set_labels(second, NULL, 1, NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_set_labels(second, &label, SIZE_MAX, NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_set_labels(second, &label, 1, events, 42, NULL) == MESHKIT_OK);
  meshkit_event_t *event = await_event(events, MESHKIT_EVENT_COMPLETED);
  CHECK(event->token == 42 && event->status == MESHKIT_OK);
  meshkit_event_release(event);
  for (int tries = 0; tries < 1000; tries++) {
    meshkit_members_t *members = NULL;
    CHECK(meshkit_node_members(first, &members) == MESHKIT_OK);
    const meshkit_member_t *member = find(members, "b");
    int arrived = member->label_count == 1 && strncmp(member->labels[0].value.ptr, "blue", 4) == 0;
    meshkit_members_release(members);
    if (arrived) return;
    usleep(10000);
  }
  CHECK(!"the label arrived");
}

/* The event that answers `token`, which must have succeeded. */
static void completes(meshkit_events_t *events, uint64_t token) {
  meshkit_event_t *event = await_event(events, MESHKIT_EVENT_COMPLETED);
  CHECK(event->token == token && event->status == MESHKIT_OK);
  meshkit_event_release(event);
}

/* The first node sees the second one drain, and take work again. */
static void drain_travels(meshkit_events_t *events) {
  CHECK(meshkit_node_set_draining(second, 2, NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_set_draining(second, -1, NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  for (int32_t wanted = 1; wanted >= 0; wanted--) {
    int arrived = 0;
    CHECK(meshkit_node_set_draining(second, wanted, events, 50 + (uint64_t)wanted, NULL) == MESHKIT_OK);
    completes(events, 50 + (uint64_t)wanted);
    for (int tries = 0; tries < 1000 && !arrived; tries++) {
      meshkit_members_t *members = NULL;
      CHECK(meshkit_node_members(first, &members) == MESHKIT_OK);
      arrived = find(members, "b")->is_draining == wanted;
      meshkit_members_release(members);
      usleep(10000);
    }
    CHECK(arrived);
  }
}

static meshkit_bytes_t bytes(const char *text, size_t length) { return (meshkit_bytes_t){text, length}; }

/* What the first node tells all reaches the second one, and what breaks a limit is refused. */
static void broadcasts_travel(meshkit_events_t *events) {
  static char payload[MESHKIT_BROADCAST_PAYLOAD_LEN_MAX + 1];
  static char topic[MESHKIT_BROADCAST_TOPIC_LEN_MAX + 1];
  meshkit_events_t *heard = new_events();
  meshkit_error_t *error = NULL;
  memset(topic, 't', sizeof topic);
  memset(payload, 7, sizeof payload);
  CHECK(meshkit_node_broadcast(first, bytes(NULL, 0), bytes(payload, 1), NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_broadcast(first, bytes("a\n", 2), bytes(payload, 1), NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_broadcast(first, bytes("\xff", 1), bytes(payload, 1), NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_broadcast(first, bytes(topic, sizeof topic), bytes(NULL, 0), NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_broadcast(first, bytes(topic, 1), bytes(NULL, 1), NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_broadcast(first, bytes(topic, 1), bytes(payload, sizeof payload), NULL, 0, &error) ==
        MESHKIT_E_ARGUMENT);
  CHECK(meshkit_error_message(error).len > 0);
  meshkit_error_release(error);

  CHECK(meshkit_node_subscribe(second, heard, MESHKIT_TOPIC_BROADCASTS, NULL) == MESHKIT_OK);
  meshkit_bytes_t longest = bytes(topic, sizeof topic - 1), all = bytes(payload, sizeof payload - 1);
  CHECK(meshkit_node_broadcast(first, longest, all, events, 60, NULL) == MESHKIT_OK);
  completes(events, 60);
  meshkit_event_t *event = await_event(heard, MESHKIT_EVENT_BROADCAST);
  const meshkit_broadcast_t *told = event->payload;
  CHECK(told->struct_size == sizeof *told && told->origin.len == 1 && told->origin.ptr[0] == 'a' && told->sequence > 0);
  CHECK(told->topic.len == longest.len && memcmp(told->topic.ptr, topic, longest.len) == 0);
  CHECK(told->payload.len == all.len && memcmp(told->payload.ptr, payload, all.len) == 0);
  meshkit_event_release(event);
  CHECK(meshkit_node_broadcast(first, bytes(topic, 1), bytes(NULL, 0), NULL, 0, NULL) == MESHKIT_OK);
  event = await_event(heard, MESHKIT_EVENT_BROADCAST);
  told = event->payload;
  CHECK(told->topic.len == 1 && told->payload.len == 0 && told->payload.ptr == NULL);
  meshkit_event_release(event);
  meshkit_events_release(heard);
}

/* Only others that are known can be removed. */
static void removal_names_what_it_refuses(void) {
  CHECK(meshkit_node_remove_member(first, bytes("a", 1), NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  meshkit_error_t *error = NULL;
  CHECK(meshkit_node_remove_member(first, bytes("no\033name", 7), NULL, 0, &error) == MESHKIT_E_ARGUMENT);
  static const char said[] = "node_id 'no\\u{1B}name' is no name of a node; allowed: 1 to 128 letters, digits, '.', ";
  meshkit_bytes_t message = meshkit_error_message(error);
  CHECK(message.len > sizeof said - 1 && memcmp(message.ptr, said, sizeof said - 1) == 0);
  meshkit_error_release(error);
  CHECK(meshkit_node_remove_member(first, bytes(NULL, 0), NULL, 0, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_remove_member(first, bytes("zebra", 5), NULL, 0, NULL) == MESHKIT_E_NOT_FOUND);
}

/* A member that has left is still known; removing it changes nothing and succeeds. */
static void a_member_that_left_can_be_removed(meshkit_events_t *events) {
  CHECK(meshkit_node_remove_member(first, bytes("b", 1), events, 61, NULL) == MESHKIT_OK);
  completes(events, 61);
}

static void a_goodbye_is_heard(meshkit_events_t *of_first, meshkit_events_t *of_second) {
  CHECK(meshkit_node_stop(second, of_second, 7, NULL) == MESHKIT_OK);
  meshkit_event_t *event = await_event(of_second, MESHKIT_EVENT_COMPLETED);
  CHECK(event->token == 7 && event->status == MESHKIT_OK && event->payload != NULL);
  meshkit_event_release(event);
  event = await_event(of_first, MESHKIT_EVENT_MEMBER_LEFT);
  CHECK(is_member(event, "b") && ((const meshkit_member_event_t *)event->payload)->member->is_dead == 0);
  meshkit_event_release(event);
  CHECK(meshkit_node_stop_wait(second, 10000, NULL) == MESHKIT_OK);
}

static void figures_are_a_document(void) {
  meshkit_text_t *text = NULL;
  CHECK(meshkit_node_stats_json(first, &text, NULL) == MESHKIT_OK);
  CHECK(meshkit_text_bytes(text).len > 2 && meshkit_text_bytes(text).ptr[0] == '{');
  meshkit_text_release(text);
}

/* Pictures taken while the node changes, from four threads: none is torn, none crashes. */
static void *take_pictures(void *unused) {
  for (int i = 0; i < 20000; i++) {
    meshkit_members_t *members = NULL;
    const meshkit_member_t *member = NULL;
    CHECK(meshkit_node_members(first, &members) == MESHKIT_OK);
    size_t count = meshkit_members_count(members);
    CHECK(count >= 1 && meshkit_members_get(members, count - 1, &member) == MESHKIT_OK && member->node_id.len == 1);
    meshkit_members_release(members);
  }
  return unused;
}

/* Whether the figures of the first node name this queue. */
static int is_shown(const char *name) {
  static char figures[65536];
  char wanted[64];
  meshkit_text_t *text = NULL;
  CHECK(meshkit_node_stats_json(first, &text, NULL) == MESHKIT_OK);
  meshkit_bytes_t bytes = meshkit_text_bytes(text);
  CHECK(bytes.len < sizeof figures);
  memcpy(figures, bytes.ptr, bytes.len);
  figures[bytes.len] = 0;
  meshkit_text_release(text);
  snprintf(wanted, sizeof wanted, "{\"name\":\"%s\"", name);
  return strstr(figures, wanted) != NULL;
}

static meshkit_queue_t *named_queue(const char *name) {
  meshkit_queue_t *queue = NULL;
  CHECK(meshkit_queue_create(TEXT(name), NULL, &queue, NULL) == MESHKIT_OK);
  return queue;
}

static void queues_are_shown_while_they_are_attached(void) {
  meshkit_queue_t *queue = named_queue("jobs"), *twin = named_queue("jobs"), *many[64];
  meshkit_error_t *error = NULL;
  CHECK(!is_shown("jobs") && meshkit_node_detach_queue(first, queue, NULL) == MESHKIT_E_NOT_FOUND);
  CHECK(meshkit_node_attach_queue(first, NULL, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_node_attach_queue(first, queue, NULL) == MESHKIT_OK && is_shown("jobs"));
  CHECK(meshkit_node_attach_queue(first, queue, NULL) == MESHKIT_OK); /* twice changes nothing */
  CHECK(meshkit_node_attach_queue(second, queue, NULL) == MESHKIT_OK);
  CHECK(meshkit_node_attach_queue(first, twin, &error) == MESHKIT_E_CONFLICT && error != NULL);
  meshkit_error_release(error);
  CHECK(meshkit_node_detach_queue(first, twin, NULL) == MESHKIT_E_NOT_FOUND);
  CHECK(meshkit_node_detach_queue(first, queue, NULL) == MESHKIT_OK && !is_shown("jobs"));
  CHECK(meshkit_node_attach_queue(first, twin, NULL) == MESHKIT_OK);
  meshkit_queue_release(twin); /* a released queue leaves its name at once */
  CHECK(meshkit_node_attach_queue(first, queue, NULL) == MESHKIT_OK);
  for (int i = 0; i < 64; i++) {
    char name[16];
    snprintf(name, sizeof name, "q%d", i);
    many[i] = named_queue(name);
    meshkit_status_t status = meshkit_node_attach_queue(first, many[i], NULL);
    CHECK(status == (i < 63 ? MESHKIT_OK : MESHKIT_E_RESOURCE));
  }
  for (int i = 0; i < 64; i++) meshkit_queue_release(many[i]);
  CHECK(meshkit_queue_close_wait(queue, MESHKIT_CLOSE_DISCARD, 0, NULL, NULL) == MESHKIT_OK);
  for (int tries = 0; tries < 1000 && is_shown("jobs"); tries++) usleep(10000);
  CHECK(!is_shown("jobs") && meshkit_node_attach_queue(first, queue, NULL) == MESHKIT_E_CLOSED);
  meshkit_queue_release(queue);
}

int main(void) {
  meshkit_events_t *called = new_events(), *polled = new_events(), *watched = new_events();
  meshkit_callback_t callback = {sizeof callback, 0, on_event, NULL, NULL};
  pthread_t threads[4];
  first = new_node("a", 0);
  CHECK(meshkit_node_mesh_port(first) > 0 && meshkit_node_control_port(first) > 0);
  CHECK(meshkit_node_subscribe(first, called, MESHKIT_TOPIC_MEMBERS, NULL) == MESHKIT_OK);
  CHECK(meshkit_node_subscribe(first, polled, MESHKIT_TOPIC_MEMBERS | MESHKIT_TOPIC_LOG, NULL) == MESHKIT_OK);
  CHECK(meshkit_node_subscribe(first, polled, 1u << 31, NULL) == MESHKIT_E_UNSUPPORTED);
  CHECK(meshkit_events_start_callback(called, &callback, NULL) == MESHKIT_OK);
  for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, take_pictures, NULL) == 0);
  second = new_node("b", meshkit_node_mesh_port(first));
  CHECK(meshkit_node_subscribe(second, watched, MESHKIT_TOPIC_MEMBERS, NULL) == MESHKIT_OK);
  joined_by_poll(polled, "b");
  joined_by_descriptor(watched, "a");
  for (int tries = 0; tries < 1000 && !joined_by_callback; tries++) usleep(10000);
  CHECK(joined_by_callback && deadlocks_refused);
  for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  pictures_show_both();
  figures_are_a_document();
  labels_travel(watched);
  drain_travels(watched);
  broadcasts_travel(watched);
  removal_names_what_it_refuses();
  queues_are_shown_while_they_are_attached();
  a_goodbye_is_heard(polled, watched);
  a_member_that_left_can_be_removed(watched);
  meshkit_events_release(called); /* streams may go before the node that feeds them */
  CHECK(meshkit_node_stop_wait(first, 10000, NULL) == MESHKIT_OK);
  meshkit_queue_t *late = named_queue("late");
  CHECK(meshkit_node_attach_queue(first, late, NULL) == MESHKIT_E_CLOSED);
  meshkit_queue_release(late);
  meshkit_node_release(first);
  CHECK(meshkit_node_mesh_port(first) == MESHKIT_E_CLOSED);
  meshkit_node_release(second);
  meshkit_events_release(polled);
  meshkit_events_release(watched);
  return 0;
}
