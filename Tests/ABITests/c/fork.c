/* fork(): every call in the child answers MESHKIT_E_FORKED at once, releases do nothing, and the parent goes on. */
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static int child(meshkit_node_t *node, meshkit_events_t *events, meshkit_event_t *event) {
  meshkit_config_t *config = (void *)7;
  meshkit_error_t *error = (void *)7;
  meshkit_event_t *next = (void *)7;
  meshkit_members_t *members = (void *)7;
  if (meshkit_config_create(&config, &error) != MESHKIT_E_FORKED || config != NULL || error != NULL) return 1;
  if (meshkit_events_next(events, -1, &next) != MESHKIT_E_FORKED || next != NULL) return 2;
  if (meshkit_node_members(node, &members) != MESHKIT_E_FORKED || members != NULL) return 3;
  if (meshkit_node_stop_wait(node, -1, NULL) != MESHKIT_E_FORKED) return 4;
  if (meshkit_events_fd(events) != MESHKIT_E_FORKED || meshkit_node_mesh_port(node) != MESHKIT_E_FORKED) return 5;
  meshkit_bytes_t bytes = {"b", 1};
  if (meshkit_node_set_draining(node, 1, NULL, 0, NULL) != MESHKIT_E_FORKED) return 7;
  if (meshkit_node_broadcast(node, bytes, bytes, NULL, 0, NULL) != MESHKIT_E_FORKED) return 8;
  if (meshkit_node_remove_member(node, bytes, NULL, 0, NULL) != MESHKIT_E_FORKED) return 9;
  meshkit_event_release(event);
  meshkit_node_release(node);
  meshkit_events_release(events);
  return meshkit_version_number() == MESHKIT_VERSION_NUMBER ? 0 : 6;
}

int main(int count, char **arguments) {
  meshkit_events_t *events = new_events();
  meshkit_node_t *node = count > 1 && strcmp(arguments[1], "node") == 0 ? new_node("a", 0) : NULL;
  meshkit_event_t *event = NULL;
  int status = -1;
  if (node) CHECK(meshkit_node_subscribe(node, events, MESHKIT_TOPIC_MEMBERS, NULL) == MESHKIT_OK);
  CHECK(meshkit_unstable_events_inject_unknown(events) == MESHKIT_OK);
  CHECK(meshkit_events_next(events, 10000, &event) == MESHKIT_OK);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(10); /* a child that hangs is killed, and that is a failure */
    exit(child(node, events, event));
  }
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fprintf(stderr, "the child ended with %#x\n", status);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  meshkit_event_release(event);
  CHECK(meshkit_unstable_events_inject_unknown(events) == MESHKIT_OK);
  if (node) CHECK(meshkit_node_stop_wait(node, 10000, NULL) == MESHKIT_OK);
  meshkit_node_release(node);
  meshkit_events_release(events);
  return 0;
}
