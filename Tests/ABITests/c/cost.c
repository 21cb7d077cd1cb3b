/* Prints what it costs to take a picture of the members, read one, and release it. A figure, not a test. */
#include "support.h"

int main(void) {
  enum { rounds = 1000000 };
  meshkit_node_t *node = new_node("a", 0);
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int i = 0; i < rounds; i++) {
    meshkit_members_t *members = NULL;
    const meshkit_member_t *member = NULL;
    if (meshkit_node_members(node, &members) != MESHKIT_OK || meshkit_members_count(members) == 0) return 1;
    if (meshkit_members_get(members, 0, &member) != MESHKIT_OK || member == NULL) return 1;
    meshkit_members_release(members);
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
  printf("members + count + get + release: %.0f ns\n", seconds / rounds * 1e9);
  meshkit_node_release(node);
  return 0;
}
