/* 02-broadcast: tell every member of a mesh something, and hear what the others tell.
 *
 *     02-broadcast CONFIG.json [TEXT]
 *
 * Tells TEXT whenever another member joins, and prints what others tell, until SIGINT or SIGTERM. Then it drains,
 * so that the others send no new work, and leaves. 01-join explains the calls that both programs make.
 */
#include <meshkit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stopping;
static void on_signal(int number) {
  signal(number, on_signal); /* where C resets the handler, a second signal would kill */
  stopping = 1;
}

static int failed(const char *what, meshkit_status_t status, meshkit_error_t **error) {
  if (status == MESHKIT_OK) return 0;
  fprintf(stderr, "02-broadcast: %s: %.*s: %.*s\n", what, MESHKIT_PRINT(meshkit_status_name(status)),
          MESHKIT_PRINT(meshkit_error_message(*error)));
  meshkit_error_release(*error);
  return 1;
}

static meshkit_node_t *open_node(const char *path) {
  static char json[65536];
  FILE *file = fopen(path, "rb");
  size_t length = file ? fread(json, 1, sizeof json, file) : 0;
  if (file) fclose(file);
  meshkit_config_t *config = NULL;
  meshkit_node_t *node = NULL;
  meshkit_error_t *error = NULL;
  if (failed("config", meshkit_config_create(&config, &error), &error)) return NULL;
  if (failed(path, meshkit_config_load_json(config, json, length, &error), &error)) {
    meshkit_config_release(config);
    return NULL;
  }
  if (failed("open", meshkit_node_open(config, &node, &error), &error)) return NULL;
  return node;
}

/* Topics are text and belong to the application; payloads are any bytes. The token comes back in the completion. */
static int tell(meshkit_node_t *node, meshkit_events_t *events, const char *text) {
  static const char topic[] = "example/chat";
  static uint64_t token;
  meshkit_bytes_t about = {topic, sizeof topic - 1}, payload = {text, strlen(text)};
  meshkit_error_t *error = NULL;
  return failed("broadcast", meshkit_node_broadcast(node, about, payload, events, ++token, &error), &error);
}

static void print_member(const meshkit_member_event_t *change) {
  printf("%.*s joined\n", MESHKIT_PRINT(change->member->node_id));
}

static void print_broadcast(const meshkit_broadcast_t *told) {
  printf("%.*s tells (%.*s, %llu): %.*s\n", MESHKIT_PRINT(told->origin), MESHKIT_PRINT(told->topic),
         (unsigned long long)told->sequence, MESHKIT_PRINT(told->payload));
}

/* Tells the newcomers, prints what others tell; 0 after a signal. */
static int follow(meshkit_node_t *node, meshkit_events_t *events, const char *text) {
  while (!stopping) {
    meshkit_event_t *event = NULL;
    int bad = 0;
    meshkit_status_t status = meshkit_events_next(events, 100, &event);
    if (status == MESHKIT_E_TIMEOUT) continue; /* a moment to look at `stopping` */
    if (status != MESHKIT_OK) return 1;
    switch (event->type) {
      case MESHKIT_EVENT_MEMBER_JOINED:
        print_member(event->payload);
        if (text) bad = tell(node, events, text);
        break;
      case MESHKIT_EVENT_BROADCAST: print_broadcast(event->payload); break;
      case MESHKIT_EVENT_COMPLETED:
        if (event->status != MESHKIT_OK) fprintf(stderr, "02-broadcast: not told: status %d\n", event->status);
        break;
      /* MESHKIT_E_CONFLICT would mean that another process has this node's name. */
      case MESHKIT_EVENT_NODE_STOPPED: bad = 1; break;
      default: break;
    }
    fflush(stdout);
    meshkit_event_release(event);
    if (bad) return 1;
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count < 2 || count > 3) {
    fprintf(stderr, "usage: 02-broadcast CONFIG.json [TEXT]\n");
    return 1;
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  meshkit_node_t *node = open_node(arguments[1]);
  if (node == NULL) return 1;

  meshkit_events_t *events = NULL;
  meshkit_error_t *error = NULL;
  int bad = failed("events", meshkit_events_create(NULL, &events, &error), &error);
  uint32_t topics = MESHKIT_TOPIC_MEMBERS | MESHKIT_TOPIC_BROADCASTS;
  bad = bad || failed("subscribe", meshkit_node_subscribe(node, events, topics, &error), &error);
  bad = bad || follow(node, events, count == 3 ? arguments[2] : NULL);

  /* A node that drains stays a member, and every other one sees that it wants no new work. */
  bad = failed("drain", meshkit_node_set_draining(node, 1, NULL, 0, &error), &error) || bad;
  bad = failed("stop", meshkit_node_stop_wait(node, 5000, &error), &error) || bad;
  meshkit_events_release(events);
  meshkit_node_release(node);
  return bad ? 1 : 0;
}
