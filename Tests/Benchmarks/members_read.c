/* What a read of the members costs through the C interface: take the picture, count, look at each member, let go.
 *
 * usage: members_read CONFIG.json MEMBERS
 * Opens a node, waits until it sees MEMBERS members, and prints one line per batch: nanoseconds per read. */
#include <meshkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { batches = 11, reads_per_batch = 200000 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what, meshkit_error_t *error) {
  meshkit_bytes_t why = meshkit_error_message(error);
  fprintf(stderr, "members_read: %s: %.*s\n", what, MESHKIT_PRINT(why));
  exit(1);
}

static meshkit_node_t *open_node(const char *path) {
  static char json[1 << 16];
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, NULL);
  size_t length = fread(json, 1, sizeof json, file);
  fclose(file);
  meshkit_config_t *config = NULL;
  meshkit_error_t *error = NULL;
  meshkit_node_t *node = NULL;
  if (meshkit_config_create(&config, &error) || meshkit_config_load_json(config, json, length, &error))
    fail("configuration", error);
  if (meshkit_node_open(config, &node, &error)) fail("open", error);
  return node;
}

/* One read, as a host would do it. */
static size_t read_members(meshkit_node_t *node) {
  meshkit_members_t *members = NULL;
  if (meshkit_node_members(node, &members)) return 0;
  size_t alive = 0, count = meshkit_members_count(members);
  for (size_t i = 0; i < count; i++) {
    const meshkit_member_t *member = NULL;
    if (!meshkit_members_get(members, i, &member) && member->status == MESHKIT_MEMBER_ALIVE) alive++;
  }
  meshkit_members_release(members);
  return alive;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: members_read CONFIG.json MEMBERS\n"), 2;
  meshkit_node_t *node = open_node(argv[1]);
  size_t expected = (size_t)atoi(argv[2]);
  for (double end = seconds() + 20; read_members(node) < expected;) {
    if (seconds() > end) fail("the mesh did not form within 20 s", NULL);
    struct timespec nap = {0, 10000000};
    nanosleep(&nap, NULL);
  }
  size_t seen = 0;
  for (int batch = 0; batch < batches; batch++) {
    double start = seconds();
    for (int i = 0; i < reads_per_batch; i++) seen += read_members(node);
    printf("%.1f\n", (seconds() - start) * 1e9 / reads_per_batch);
  }
  if (seen == 0) fail("nothing was read", NULL);
  meshkit_node_stop_wait(node, 5000, NULL);
  meshkit_node_release(node);
  return 0;
}
