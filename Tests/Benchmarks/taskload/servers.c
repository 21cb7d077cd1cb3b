/* The same work for queues behind a socket: beanstalkd (put, reserve, delete) and Redis (LPUSH, LMOVE, LREM, which its
 * manual recommends for a queue that loses nothing).
 *
 * usage: servers beanstalkd|redis SOCKET cycles | latency | pipelined | threads | fill
 * Prints one figure a line: its name, a tab, the value. */
#include <sys/socket.h>
#include <sys/un.h>

#include "bench.h"

enum { cycles = 30000, deep = 64, per_thread = 10000, many = 1000000 };

static char data[payload_bytes];
static const char *path;
static int is_redis;

struct link {
  int socket;
  char in[1 << 16], out[1 << 16];
  size_t have, next, filled;
  char jobs[deep][32];
};

static struct link *dial(void) {
  struct link *link = calloc(1, sizeof *link);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  link->socket = socket(AF_UNIX, SOCK_STREAM, 0);
  must(connect(link->socket, (struct sockaddr *)&address, sizeof address) == 0, path);
  return link;
}

static void say(struct link *link, const char *text, size_t length) {
  memcpy(link->out + link->filled, text, length);
  link->filled += length;
}
static void flush(struct link *link) {
  for (size_t sent = 0; sent < link->filled;) {
    ssize_t count = write(link->socket, link->out + sent, link->filled - sent);
    must(count > 0, "write");
    sent += (size_t)count;
  }
  link->filled = 0;
}
static void read_more(struct link *link) {
  memmove(link->in, link->in + link->next, link->have - link->next);
  link->have -= link->next;
  link->next = 0;
  ssize_t count = read(link->socket, link->in + link->have, sizeof link->in - link->have - 1);
  must(count > 0, "read");
  link->have += (size_t)count;
}
/* One line of an answer, without its end. */
static char *line(struct link *link) {
  for (;;) {
    char *end = memchr(link->in + link->next, '\n', link->have - link->next);
    if (end) {
      char *start = link->in + link->next;
      end[-1] = 0;
      link->next = (size_t)(end + 1 - link->in);
      return start;
    }
    read_more(link);
  }
}
/* The bytes of an answer, and the end of their line. */
static void skip(struct link *link, size_t length) {
  while (link->have - link->next < length + 2) read_more(link);
  link->next += length + 2;
}

static void put(struct link *link) {
  static const char redis[] = "*3\r\n$5\r\nLPUSH\r\n$1\r\nq\r\n$256\r\n", beanstalkd[] = "put 0 0 30 256\r\n";
  if (is_redis) say(link, redis, sizeof redis - 1);
  else say(link, beanstalkd, sizeof beanstalkd - 1);
  say(link, data, sizeof data);
  say(link, "\r\n", 2);
}
static void was_put(struct link *link) {
  char *answer = line(link);
  must(is_redis ? answer[0] == ':' : strncmp(answer, "INSERTED", 8) == 0, answer);
}
static void take(struct link *link) {
  static const char redis[] = "*5\r\n$5\r\nLMOVE\r\n$1\r\nq\r\n$1\r\na\r\n$5\r\nRIGHT\r\n$4\r\nLEFT\r\n";
  if (is_redis) say(link, redis, sizeof redis - 1);
  else say(link, "reserve\r\n", 9);
}
/* 0 when there was none: Redis doesn't wait here. */
static int was_taken(struct link *link, int number) {
  char *answer = line(link);
  if (is_redis && strcmp(answer, "$-1") == 0) return 0;
  if (!is_redis) must(sscanf(answer, "RESERVED %31s", link->jobs[number]) == 1, answer);
  skip(link, payload_bytes);
  return 1;
}
static void end(struct link *link, int number) {
  static const char redis[] = "*4\r\n$4\r\nLREM\r\n$1\r\na\r\n$1\r\n1\r\n$256\r\n";
  char text[64];
  if (is_redis) {
    say(link, redis, sizeof redis - 1);
    say(link, data, sizeof data);
    say(link, "\r\n", 2);
  } else {
    say(link, text, (size_t)snprintf(text, sizeof text, "delete %s\r\n", link->jobs[number]));
  }
}
static void was_ended(struct link *link) {
  char *answer = line(link);
  must(strcmp(answer, is_redis ? ":1" : "DELETED") == 0, answer);
}

/* `count` tasks through the queue, each step for all of them in one go. */
static void cycle(struct link *link, int count) {
  for (int i = 0; i < count; i++) put(link);
  flush(link);
  for (int i = 0; i < count; i++) was_put(link);
  for (int i = 0; i < count; i++) take(link);
  flush(link);
  for (int i = 0; i < count; i++) must(was_taken(link, i), "LMOVE");
  for (int i = 0; i < count; i++) end(link, i);
  flush(link);
  for (int i = 0; i < count; i++) was_ended(link);
}

static void run_cycles(int depth) {
  struct link *link = dial();
  double began = now();
  for (int i = 0; i < cycles / depth; i++) cycle(link, depth);
  tell("rate", cycles / depth * depth / (now() - began));
}

static void run_latency(void) {
  static double times[cycles];
  struct link *link = dial();
  double before = now();
  for (int i = 0; i < cycles; i++) {
    cycle(link, 1);
    double after = now();
    times[i] = after - before;
    before = after;
  }
  tell_quantiles("", times, cycles);
}

static void *produce(void *nothing) {
  struct link *link = dial();
  for (int i = 0; i < per_thread; i++) {
    put(link);
    flush(link);
    was_put(link);
  }
  return nothing;
}
static void *consume(void *nothing) {
  struct link *link = dial();
  for (int i = 0; i < per_thread;) {
    take(link);
    flush(link);
    if (!was_taken(link, 0)) continue;
    end(link, 0);
    flush(link);
    was_ended(link);
    i++;
  }
  return nothing;
}
static void run_threads(void) {
  pthread_t threads[8];
  double began = now();
  for (int i = 0; i < 8; i++) must(pthread_create(&threads[i], NULL, i % 2 ? consume : produce, NULL) == 0, "thread");
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  tell("rate", 4 * per_thread / (now() - began));
}

/* A million tasks, which stay: the caller looks at the server's memory. */
static void run_fill(void) {
  struct link *link = dial();
  double began = now();
  for (int i = 0; i < many / deep; i++) {
    for (int j = 0; j < deep; j++) put(link);
    flush(link);
    for (int j = 0; j < deep; j++) was_put(link);
  }
  tell("filled", many / deep * deep);
  tell("rate", many / deep * deep / (now() - began));
}

int main(int count, char **words) {
  must(count == 4, "usage: servers beanstalkd|redis SOCKET cycles|latency|pipelined|threads|fill");
  is_redis = strcmp(words[1], "redis") == 0;
  path = words[2];
  memset(data, 'x', sizeof data);
  if (strcmp(words[3], "cycles") == 0) run_cycles(1);
  if (strcmp(words[3], "pipelined") == 0) run_cycles(deep);
  if (strcmp(words[3], "latency") == 0) run_latency();
  if (strcmp(words[3], "threads") == 0) run_threads();
  if (strcmp(words[3], "fill") == 0) run_fill();
  return 0;
}
