/* A host for measurements: holds any number of nodes in one process, does what its standard input says, and tells when
 * each node heard of what. Tests/Benchmarks/fleet.py writes the one and reads the other.
 *
 * Commands, one per line; NAME is a node:
 *   open NAME CONFIG.json [SEED]   open a node, with SEED as its only seed
 *   kill NAME                      release it without a goodbye
 *   leave NAME                     stop it gracefully and release it
 *   label NAME VALUE               announce the label `trial` with that value
 *   view NAME                      count the members that it sees
 *   stats NAME                     print its statistics
 *   usage                          print the processor time that this process has used
 *   quit                           stop all nodes gracefully and end; the end of the input ends the process at once
 *
 * Answers, one per line; times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share:
 *   opened NAME before after port  killed NAME before after   left NAME before after   labelled NAME before after
 *   view NAME alive suspect left   stats NAME {...}           usage microseconds       failed NAME why
 *   event NAME time kind subject metadata_version is_dead label
 *   dropped NAME count             stopped NAME status
 *
 * One thread collects the events of all nodes with epoll. It keeps them in memory while they come thick and fast, and
 * prints them when it gets quiet, so that whoever reads them doesn't compete with what is measured. */
#define _GNU_SOURCE
#include <errno.h>
#include <meshkit.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { slots_max = 4096, batch_max = 256, quiet_ms = 20, config_len_max = 1 << 16 };
static const int64_t print_at_last_ns = 250000000;

/* A node that was opened. Slots are never given back: a name that is opened again takes a new one. */
typedef struct slot_t {
  char name[160];
  meshkit_node_t *node;     /* the main thread's; NULL once it was released */
  meshkit_events_t *events; /* the collector's, from epoll_ctl on */
} slot_t;

static slot_t slots[slots_max];
static size_t slot_count;
static int epoll;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Prints an answer at once. stdio locks the stream, so that lines of the two threads never mix. */
static void answer(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  fflush(stdout);
}

static void failed(const char *name, const char *what, meshkit_status_t status, meshkit_error_t *error) {
  meshkit_bytes_t why = meshkit_error_message(error), code = meshkit_status_name(status);
  answer("failed %s %s: %.*s: %.*s\n", name, what, MESHKIT_PRINT(code), MESHKIT_PRINT(why));
  meshkit_error_release(error);
}

static slot_t *find(const char *name) {
  for (size_t i = slot_count; i > 0; i--)
    if (slots[i - 1].node && strcmp(slots[i - 1].name, name) == 0) return &slots[i - 1];
  answer("failed %s there is no such node\n", name);
  return NULL;
}

/* ---- the collector ---- */

static const char *kind_of(uint32_t type) {
  switch (type) {
    case MESHKIT_EVENT_MEMBER_JOINED: return "joined";
    case MESHKIT_EVENT_MEMBER_UPDATED: return "updated";
    case MESHKIT_EVENT_MEMBER_SUSPECT: return "suspect";
    case MESHKIT_EVENT_MEMBER_RECOVERED: return "recovered";
    case MESHKIT_EVENT_MEMBER_LEFT: return "left";
    default: return NULL;
  }
}

static void print_member(const slot_t *slot, const char *kind, int64_t time, const meshkit_member_t *member) {
  meshkit_bytes_t label = {"-", 1};
  for (size_t i = 0; i < member->label_count; i++)
    if (member->labels[i].key.len == 5 && memcmp(member->labels[i].key.ptr, "trial", 5) == 0)
      label = member->labels[i].value;
  printf("event %s %lld %s %.*s %lld %d %.*s\n", slot->name, (long long)time, kind, MESHKIT_PRINT(member->node_id),
         (long long)member->metadata_version, member->is_dead, MESHKIT_PRINT(label));
}

/* Prints one event without flushing; true when it was the last of its node. */
static int collect(const slot_t *slot, int64_t time, const meshkit_event_t *event) {
  const char *kind = kind_of(event->type);
  if (kind) {
    const meshkit_member_event_t *change = event->payload;
    print_member(slot, kind, time, change->member);
  } else if (event->type == MESHKIT_EVENT_DROPPED) {
    const meshkit_dropped_t *dropped = event->payload;
    printf("dropped %s %llu\n", slot->name, (unsigned long long)dropped->count);
  } else if (event->type == MESHKIT_EVENT_NODE_STOPPED) {
    printf("stopped %s %d\n", slot->name, event->status);
    return 1;
  }
  return 0;
}

/* Takes all that waits in the stream of one node. */
static void drain(slot_t *slot) {
  static meshkit_event_t *batch[batch_max];
  size_t count = 0;
  int ended = 0;
  while (!ended && meshkit_events_next_batch(slot->events, 0, batch, batch_max, &count) == MESHKIT_OK) {
    int64_t time = now_ns();
    for (size_t i = 0; i < count; i++) {
      ended |= collect(slot, time, batch[i]);
      meshkit_event_release(batch[i]);
    }
  }
  if (!ended) return;
  epoll_ctl(epoll, EPOLL_CTL_DEL, meshkit_events_fd(slot->events), NULL);
  meshkit_events_release(slot->events);
  slot->events = NULL;
}

static _Noreturn void collect_for_ever(void) {
  int64_t oldest = 0; /* when the first line that is not yet printed was made */
  for (;;) {
    struct epoll_event ready[batch_max];
    int count = epoll_wait(epoll, ready, batch_max, oldest ? quiet_ms : -1);
    for (int i = 0; i < count; i++) drain(ready[i].data.ptr);
    if (count > 0 && oldest == 0) oldest = now_ns();
    if (oldest && (count == 0 || now_ns() - oldest > print_at_last_ns)) {
      fflush(stdout);
      oldest = 0;
    }
  }
}

static void *collector(void *nothing) {
  (void)nothing;
  collect_for_ever();
}

/* ---- the commands ---- */

static meshkit_config_t *load(const char *name, const char *path, const char *seed) {
  static char json[config_len_max];
  static const char seeds[] = "mesh:gossip:seedPeers";
  FILE *file = fopen(path, "rb");
  size_t length = file ? fread(json, 1, sizeof json, file) : 0;
  if (file) fclose(file);
  meshkit_config_t *config = NULL;
  meshkit_error_t *error = NULL;
  meshkit_status_t status = meshkit_config_create(&config, &error);
  if (!status) status = meshkit_config_load_json(config, json, length, &error);
  if (!status && seed) status = meshkit_config_set(config, seeds, sizeof seeds - 1, seed, strlen(seed), &error);
  if (!status) return config;
  failed(name, path, status, error);
  meshkit_config_release(config);
  return NULL;
}

static void open_node(const char *name, const char *path, const char *seed) {
  int64_t before = now_ns();
  meshkit_config_t *config = load(name, path, seed);
  if (!config) return;
  if (slot_count == slots_max) {
    meshkit_config_release(config);
    answer("failed %s this host opens at most %d nodes\n", name, slots_max);
    return;
  }
  slot_t *slot = &slots[slot_count];
  snprintf(slot->name, sizeof slot->name, "%s", name);
  meshkit_error_t *error = NULL;
  meshkit_status_t status = meshkit_events_create(NULL, &slot->events, &error);
  if (status) meshkit_config_release(config);
  if (!status) status = meshkit_node_open(config, &slot->node, &error);
  if (!status) status = meshkit_node_subscribe(slot->node, slot->events, MESHKIT_TOPIC_MEMBERS, &error);
  if (status) {
    meshkit_node_release(slot->node);
    meshkit_events_release(slot->events);
    slot->node = NULL;
    failed(name, "open", status, error);
    return;
  }
  slot_count++;
  answer("opened %s %lld %lld %d\n", name, (long long)before, (long long)now_ns(), meshkit_node_mesh_port(slot->node));
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = slot};
  epoll_ctl(epoll, EPOLL_CTL_ADD, meshkit_events_fd(slot->events), &interest);
}

static void kill_node(slot_t *slot) {
  int64_t before = now_ns();
  meshkit_node_release(slot->node);
  slot->node = NULL;
  answer("killed %s %lld %lld\n", slot->name, (long long)before, (long long)now_ns());
}

static void leave(slot_t *slot) {
  meshkit_error_t *error = NULL;
  int64_t before = now_ns();
  meshkit_status_t status = meshkit_node_stop_wait(slot->node, 30000, &error);
  if (status) failed(slot->name, "leave", status, error);
  meshkit_node_release(slot->node);
  slot->node = NULL;
  answer("left %s %lld %lld\n", slot->name, (long long)before, (long long)now_ns());
}

static void label(slot_t *slot, const char *value) {
  meshkit_pair_t pair = {{"trial", 5}, {value, strlen(value)}};
  meshkit_error_t *error = NULL;
  int64_t before = now_ns();
  meshkit_status_t status = meshkit_node_set_labels(slot->node, &pair, 1, NULL, 0, &error);
  if (status) {
    failed(slot->name, "label", status, error);
    return;
  }
  answer("labelled %s %lld %lld\n", slot->name, (long long)before, (long long)now_ns());
}

static void view(slot_t *slot) {
  size_t counts[MESHKIT_MEMBER_LEFT + 1] = {0};
  meshkit_members_t *members = NULL;
  meshkit_node_members(slot->node, &members);
  for (size_t i = 0; i < meshkit_members_count(members); i++) {
    const meshkit_member_t *member = NULL;
    if (meshkit_members_get(members, i, &member)) continue;
    if (member->status >= 0 && member->status <= MESHKIT_MEMBER_LEFT) counts[member->status]++;
  }
  meshkit_members_release(members);
  answer("view %s %zu %zu %zu\n", slot->name, counts[MESHKIT_MEMBER_ALIVE], counts[MESHKIT_MEMBER_SUSPECT],
         counts[MESHKIT_MEMBER_LEFT]);
}

static void stats(slot_t *slot) {
  meshkit_text_t *text = NULL;
  meshkit_error_t *error = NULL;
  meshkit_status_t status = meshkit_node_stats_json(slot->node, &text, &error);
  if (status) {
    failed(slot->name, "stats", status, error);
    return;
  }
  meshkit_bytes_t json = meshkit_text_bytes(text);
  answer("stats %s %.*s\n", slot->name, MESHKIT_PRINT(json));
  meshkit_text_release(text);
}

/* Exact, where getrusage counts in ticks of the kernel: an idle node uses less than one in a second. */
static void usage(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  answer("usage %lld\n", (long long)used.tv_sec * 1000000 + used.tv_nsec / 1000);
}

static void quit(void) {
  for (size_t i = 0; i < slot_count; i++) meshkit_node_stop(slots[i].node, NULL, 0, NULL);
  for (size_t i = 0; i < slot_count; i++) meshkit_node_stop_wait(slots[i].node, 10000, NULL);
  exit(0);
}

/* What can be asked of one node. */
static const struct {
  const char *verb;
  void (*act)(slot_t *slot);
} verbs[] = {{"kill", kill_node}, {"leave", leave}, {"view", view}, {"stats", stats}};

static void obey(char *line) {
  char *rest = NULL, *verb = strtok_r(line, " \n", &rest), *name = strtok_r(NULL, " \n", &rest);
  char *first = strtok_r(NULL, " \n", &rest), *second = strtok_r(NULL, " \n", &rest);
  if (verb && strcmp(verb, "quit") == 0) {
    quit();
  } else if (verb && strcmp(verb, "usage") == 0) {
    usage();
  } else if (name && first && strcmp(verb, "open") == 0) {
    open_node(name, first, second);
  } else if (name) {
    slot_t *slot = find(name);
    if (slot && first && strcmp(verb, "label") == 0) label(slot, first);
    for (size_t i = 0; slot && i < sizeof verbs / sizeof verbs[0]; i++)
      if (strcmp(verb, verbs[i].verb) == 0) verbs[i].act(slot);
  }
}

int main(void) {
  static char line[8192];
  static char buffer[1 << 20];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  pthread_t thread;
  if (epoll < 0 || pthread_create(&thread, NULL, collector, NULL)) return perror("mesh_host"), 1;
  while (fgets(line, sizeof line, stdin)) obey(line);
  _exit(0);
}
