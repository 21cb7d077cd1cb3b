/* What the C tests share: a check that says where it failed, text arguments, and nodes to play with. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "meshkit.h"
#include "meshkit_unstable.h"

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      exit(1); \
    } \
  } while (0)

#define TEXT(literal) (literal), strlen(literal)

/* Checks that a call succeeded, and shows its error when it didn't. */
static inline void check_ok(meshkit_status_t status, meshkit_error_t **error, const char *what) {
  if (status == MESHKIT_OK && *error == NULL) return;
  fprintf(stderr, "%s: %d: %.*s\n", what, status, MESHKIT_PRINT(meshkit_error_message(*error)));
  exit(1);
}

static inline meshkit_events_t *new_events(void) {
  meshkit_events_t *events = NULL;
  CHECK(meshkit_events_create(NULL, &events, NULL) == MESHKIT_OK && events != NULL);
  return events;
}

/* A configuration for node `id` of the test cluster: loopback, any port, certificates made by `run` in $ABI_CERTS. */
static inline meshkit_config_t *new_config(const char *id, int32_t seed_port) {
  const char *certs = getenv("ABI_CERTS");
  char json[4096], seed[64] = "";
  if (seed_port > 0) snprintf(seed, sizeof seed, "\"127.0.0.1:%d\"", seed_port);
  snprintf(json, sizeof json,
           "{\"mesh\":{\"gossip\":{\"nodeId\":\"%s\",\"clusterId\":\"abi\",\"bindAddress\":\"127.0.0.1\",\"port\":0,"
           "\"advertiseHost\":\"127.0.0.1\",\"interval\":\"100ms\",\"seedPeers\":[%s],\"labels\":{\"test\":\"abi\"},"
           "\"tls\":{\"certificatePath\":\"%s/%s.pem\",\"keyPath\":\"%s/%s.key\",\"trustBundlePath\":\"%s/ca.pem\"}},"
           "\"control\":{\"port\":0}}}",
           id, seed, certs, id, certs, id, certs);
  meshkit_config_t *config = NULL;
  meshkit_error_t *error = NULL;
  CHECK(meshkit_config_create(&config, NULL) == MESHKIT_OK);
  check_ok(meshkit_config_load_json(config, TEXT(json), &error), &error, "load_json");
  return config;
}

static inline meshkit_node_t *new_node(const char *id, int32_t seed_port) {
  meshkit_node_t *node = NULL;
  meshkit_error_t *error = NULL;
  check_ok(meshkit_node_open(new_config(id, seed_port), &node, &error), &error, "node_open");
  CHECK(node != NULL);
  for (int tries = 0; tries < 1000; tries++) { /* the first picture comes with the engine's first turn */
    meshkit_members_t *members = NULL;
    CHECK(meshkit_node_members(node, &members) == MESHKIT_OK);
    size_t count = meshkit_members_count(members);
    meshkit_members_release(members);
    if (count > 0) break;
    nanosleep(&(struct timespec){0, 10000000}, NULL);
  }
  return node;
}

/* The next event of `type` within ten seconds; other events are released on the way. */
static inline meshkit_event_t *await_event(meshkit_events_t *events, uint32_t type) {
  for (int tries = 0; tries < 1000; tries++) {
    meshkit_event_t *event = NULL;
    meshkit_status_t status = meshkit_events_next(events, 10, &event);
    if (status == MESHKIT_E_TIMEOUT) continue;
    CHECK(status == MESHKIT_OK && event != NULL && event->struct_size >= sizeof(meshkit_event_t));
    if (event->type == type) return event;
    meshkit_event_release(event);
  }
  fprintf(stderr, "no event of type %u came in ten seconds\n", type);
  exit(1);
}

#endif
