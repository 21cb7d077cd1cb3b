/* A node with one lease queue, `jobs/1`, that a check drives by lines on standard input:
 *
 *     queue_host CONFIG       put: a task more; done: every task is completed; dead: a task that dies; close: no queue
 *
 * It answers each line with one, and stops at the end of its input. */
#include <meshkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(const char *what, meshkit_status_t status, meshkit_error_t *error) {
  if (status == MESHKIT_OK) return;
  fprintf(stderr, "%s: %d: %.*s\n", what, (int)status, MESHKIT_PRINT(meshkit_error_message(error)));
  exit(1);
}

static meshkit_node_t *open_node(const char *path) {
  static char json[65536];
  FILE *file = fopen(path, "r");
  size_t length = file ? fread(json, 1, sizeof json, file) : 0;
  meshkit_config_t *config = NULL;
  meshkit_node_t *node = NULL;
  meshkit_error_t *error = NULL;
  must("config", meshkit_config_create(&config, &error), error);
  must("json", meshkit_config_load_json(config, json, length, &error), error);
  must("open", meshkit_node_open(config, &node, &error), error);
  return node;
}

static void put(meshkit_queue_t *queue) {
  meshkit_task_t task = {.struct_size = sizeof task, .payload = {"secret", 6}, .key = {"k", 1}};
  meshkit_error_t *error = NULL;
  must("put", meshkit_queue_enqueue(queue, &task, NULL, &error), error);
}

static void obey(meshkit_queue_t *queue, const char *word) {
  meshkit_lease_t *lease;
  if (strcmp(word, "put") == 0) put(queue);
  if (strcmp(word, "done") == 0)
    while (meshkit_queue_lease(queue, &lease) == MESHKIT_OK) {
      must("done", meshkit_queue_complete(queue, &lease->token), NULL);
      meshkit_lease_release(lease);
    }
  if (strcmp(word, "dead") == 0) {
    put(queue);
    must("lease", meshkit_queue_lease(queue, &lease), NULL);
    must("dead", meshkit_queue_fail(queue, &lease->token, "broken", 6, MESHKIT_TASK_DEAD_LETTER, 0), NULL);
    meshkit_lease_release(lease);
  }
  if (strcmp(word, "close") == 0)
    must("close", meshkit_queue_close_wait(queue, MESHKIT_CLOSE_DISCARD, 0, NULL, NULL), NULL);
}

int main(int argc, char **argv) {
  meshkit_backpressure_options_t marks = {.struct_size = sizeof marks, .high_watermark = 2, .low_watermark = 1,
                                          .cooldown_ms = MESHKIT_QUEUE_NONE};
  meshkit_queue_t *queue = NULL;
  meshkit_backpressure_t *monitor = NULL;
  meshkit_error_t *error = NULL;
  char word[16];
  if (argc != 2) return 2;
  meshkit_node_t *node = open_node(argv[1]);
  must("queue", meshkit_queue_create("jobs/1", 6, NULL, &queue, &error), error);
  must("monitor", meshkit_backpressure_create(queue, &marks, &monitor, &error), error);
  must("attach", meshkit_node_attach_queue(node, queue, &error), error);
  printf("node queues open mesh=127.0.0.1:%d control=127.0.0.1:%d\n", (int)meshkit_node_mesh_port(node),
         (int)meshkit_node_control_port(node));
  fflush(stdout);
  while (scanf("%15s", word) == 1) {
    obey(queue, word);
    printf("%s\n", word);
    fflush(stdout);
  }
  must("stop", meshkit_node_stop_wait(node, 10000, &error), error);
  meshkit_backpressure_release(monitor);
  meshkit_queue_release(queue);
  meshkit_node_release(node);
  return 0;
}
