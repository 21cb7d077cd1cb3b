/* 01-join: become a member of a mesh, and tell what happens in it.
 *
 *     01-join CONFIG.json
 *
 * Prints one line per event until SIGINT or SIGTERM, then says goodbye to the mesh and ends with 0.
 */
#include <errno.h>
#include <meshkit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MeshKit installs no signal handlers, so this program is free to have its own. */
static volatile sig_atomic_t stopping;
static void on_signal(int number) {
  signal(number, on_signal); /* where C resets the handler, a second signal would kill */
  stopping = 1;
}

/* Every MeshKit call that can fail gives a status, and an error object that explains it. The object is ours to release. */
static int failed(const char *what, meshkit_status_t status, meshkit_error_t **error) {
  if (status == MESHKIT_OK) return 0;
  fprintf(stderr, "01-join: %s: %.*s: %.*s\n", what, MESHKIT_PRINT(meshkit_status_name(status)),
          MESHKIT_PRINT(meshkit_error_message(*error)));
  meshkit_error_release(*error);
  return 1;
}

/* Reads the whole file into memory, which the caller frees; NULL, with errno, when it can't. */
static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  char *text = file ? malloc(MESHKIT_CONFIG_JSON_LEN_MAX) : NULL;
  *length = text ? fread(text, 1, MESHKIT_CONFIG_JSON_LEN_MAX, file) : 0;
  if (file) fclose(file);
  return text;
}

/* A node is opened with a configuration, which is its own from then on: there is nothing to release here but errors. */
static meshkit_node_t *open_node(const char *path) {
  meshkit_config_t *config = NULL;
  meshkit_node_t *node = NULL;
  meshkit_error_t *error = NULL;
  size_t length = 0;
  char *json = read_file(path, &length);
  if (json == NULL) {
    fprintf(stderr, "01-join: %s: %s\n", path, strerror(errno));
    return NULL;
  }
  if (failed("config", meshkit_config_create(&config, &error), &error)) config = NULL;
  if (config && failed(path, meshkit_config_load_json(config, json, length, &error), &error)) {
    meshkit_config_release(config);
    config = NULL;
  }
  free(json);
  if (config && failed("open", meshkit_node_open(config, &node, &error), &error)) return NULL;
  return node;
}

/* The payload's type follows from the event's. All text is pointer and length; MESHKIT_PRINT spells that for printf. */
static void print_member(const char *what, const meshkit_event_t *event) {
  const meshkit_member_event_t *change = event->payload;
  const meshkit_member_t *member = change->member;
  printf("%s peer=%.*s role=%.*s endpoint=%.*s correlation=%llu t=%lld\n", what, MESHKIT_PRINT(member->node_id),
         MESHKIT_PRINT(member->role), MESHKIT_PRINT(member->endpoint), (unsigned long long)change->correlation,
         (long long)(event->time_unix_ns / 1000000));
}

static void print_log(const meshkit_event_t *event) {
  const meshkit_log_t *record = event->payload;
  printf("log level=%d name=%.*s correlation=%llu t=%lld message=%.*s\n", record->level,
         MESHKIT_PRINT(record->event_name), (unsigned long long)record->correlation,
         (long long)(event->time_unix_ns / 1000000), MESHKIT_PRINT(record->message));
}

static void print_event(const meshkit_event_t *event) {
  switch (event->type) {
    case MESHKIT_EVENT_MEMBER_JOINED: print_member("joined", event); break;
    case MESHKIT_EVENT_MEMBER_UPDATED: print_member("updated", event); break;
    case MESHKIT_EVENT_MEMBER_SUSPECT: print_member("suspect", event); break;
    case MESHKIT_EVENT_MEMBER_RECOVERED: print_member("recovered", event); break;
    case MESHKIT_EVENT_MEMBER_LEFT: print_member("left", event); break;
    case MESHKIT_EVENT_LOG: print_log(event); break;
    case MESHKIT_EVENT_NODE_STOPPED: printf("stopped status=%d\n", event->status); break;
    default: break; /* newer libraries may tell more: skip what you don't know */
  }
  fflush(stdout);
}

/* Reads events until a signal comes or the node ends on its own; 0 when all went as it should. */
static int follow(meshkit_events_t *events) {
  while (!stopping) {
    meshkit_event_t *event = NULL;
    meshkit_status_t status = meshkit_events_next(events, 100, &event);
    if (status == MESHKIT_E_TIMEOUT) continue; /* a moment to look at `stopping` */
    if (status != MESHKIT_OK) return 1;
    int ended = event->type == MESHKIT_EVENT_NODE_STOPPED;
    print_event(event);
    meshkit_event_release(event);
    if (ended) return 1;
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: 01-join CONFIG.json\n");
    return 1;
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  meshkit_node_t *node = open_node(arguments[1]);
  if (node == NULL) return 1;

  /* Everything that happens arrives on a stream. Subscribing tells of the members that are known already, too. */
  meshkit_events_t *events = NULL;
  meshkit_error_t *error = NULL;
  int bad = failed("events", meshkit_events_create(NULL, &events, &error), &error);
  uint32_t topics = MESHKIT_TOPIC_MEMBERS | MESHKIT_TOPIC_LOG;
  bad = bad || failed("subscribe", meshkit_node_subscribe(node, events, topics, &error), &error);
  bad = bad || follow(events);

  /* Stopping announces the goodbye, so that the others need not suspect us. Objects may be released in any order. */
  bad = failed("stop", meshkit_node_stop_wait(node, 5000, &error), &error) || bad;
  for (meshkit_event_t *event = NULL; meshkit_events_next(events, 0, &event) == MESHKIT_OK;) {
    print_event(event); /* what came in meanwhile, the end of the node included */
    meshkit_event_release(event);
  }
  meshkit_events_release(events);
  meshkit_node_release(node);
  return bad ? 1 : 0;
}
