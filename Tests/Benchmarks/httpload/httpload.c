/* A client that loads a server with GETs over HTTP/3, or with -2 over HTTP/2, from one thread, and tells how long each
 * answer took.
 *
 * usage: httpload [-2] [-c CONNECTIONS] [-m STREAMS] [-d SECONDS] [-r RATE] [-k REQUESTS] [-H | -W] [-C CERT -K KEY]
 *                 ADDRESS PORT HOST PATH
 *
 * Closed loop: each of CONNECTIONS (4) keeps STREAMS (8) requests on their way for SECONDS (5), from when all
 * handshakes are complete. With -r an open loop: RATE requests a second at even distances over all connections, and the
 * latency of each counts from when it was due, so that a server that stalls, or a client that is late, hides nothing.
 * With -k a connection makes REQUESTS and is replaced by a new one; the latency of its first counts from the beginning
 * of the handshake. With -H each connection makes one request, and all are kept until the standard input ends. With
 * -W each makes STREAMS requests whose answers are events that go on; they count from when all have had their snapshot
 * until the standard input ends, and are in time for SECONDS. The server's certificate is not verified, so that the
 * client is the cheaper of the two.
 *
 * Prints `holding N` with -H, `watching N` with -W, and at the end one line of JSON; latencies in microseconds, of all
 * good answers, or of all events from when they say that they were made. */
#define _GNU_SOURCE
#include "connection.h"
#include "latencies.h"
#include "watch.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { connections_max = 1024, failures_max = 100, events_max = 64, handshakes_max = 8 };

static struct {
  unsigned connections, streams, per_connection;
  double seconds, rate;
  bool holds;
} options = {.connections = 4, .streams = 8, .seconds = 5};

typedef struct place_t {
  connection_t connection;
  bool is_touched;
} place_t;

static place_t places[connections_max];
static target_t target;
static const kind_t *kind = &quic_kind;
static int epoll;
static unsigned place_count; /* of those that are open; all but at the beginning */
static bool is_measuring, input_ended, is_full;
static int64_t started_at, ends_at = INT64_MAX;
static uint64_t scheduled, failed, in_time, ended;
static const int64_t patience_ns = 5000000000; /* with what an open loop still waits for at its end */

static _Noreturn void give_up(const char *why) {
  fprintf(stderr, "httpload: %s\n", why);
  exit(1);
}

static void answered(int64_t since, bool is_good) {
  int64_t now = now_ns();
  if (target.watches) {
    ended++;
    return;
  }
  if (!is_good && ++failed == failures_max) give_up("too many requests failed");
  if (!is_good || !is_measuring || (now > ends_at && options.rate == 0)) return;
  in_time += now <= ends_at;
  if (!latencies_add(now - since)) give_up("out of memory");
}

static void open_place(place_t *place, int64_t now) {
  connection_t *connection = &place->connection;
  connection->kind = kind;
  connection->target = &target;
  connection->answered = answered;
  if (!connection_open(connection, now)) exit(1);
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = place};
  epoll_ctl(epoll, EPOLL_CTL_ADD, connection->socket, &interest);
  place->is_touched = true;
}

/* Replaces a connection that has ended, or has done its work. */
static void replace(place_t *place, int64_t now) {
  failed += place->connection.in_flight;
  if (failed >= failures_max) give_up("too many requests failed");
  kind->close(&place->connection, now);
  open_place(place, now);
}

static void lose(place_t *place, int64_t now) {
  if (!is_measuring || options.holds || ++failed >= failures_max) give_up("connections are lost");
  replace(place, now);
}

/* ---- what is asked when ---- */

/* Closed loop: as many requests as may be on their way. */
static void refill(place_t *place, int64_t now) {
  connection_t *connection = &place->connection;
  unsigned limit = options.per_connection;
  if (!connection->is_open || options.rate > 0) return;
  while (connection->in_flight < options.streams && (limit == 0 || connection->asked < limit)) {
    if (!connection_ask(connection, limit && connection->asked == 0 ? connection->opened_at : now)) break;
    place->is_touched = true;
  }
  if (limit && !options.holds && connection->asked == limit && connection->in_flight == 0) replace(place, now);
}

static int64_t due(uint64_t index) { return started_at + (int64_t)((double)index * 1e9 / options.rate); }

/* Open loop: all that is due, in turn over the connections. What finds no place waits, and its time runs. */
static void ask_due(int64_t now) {
  unsigned tried = 0;
  while (tried < options.connections && due(scheduled) <= now && due(scheduled) < ends_at) {
    place_t *place = &places[(scheduled + tried) % options.connections];
    if (place->connection.in_flight < options.streams && connection_ask(&place->connection, due(scheduled))) {
      place->is_touched = true;
      scheduled++;
      tried = 0;
    } else {
      tried++;
    }
  }
  is_full = tried == options.connections;
}

static unsigned count_of(bool (*condition)(const connection_t *)) {
  unsigned count = 0;
  for (unsigned i = 0; i < place_count; i++) count += condition(&places[i].connection);
  return count;
}

static bool is_open(const connection_t *connection) { return connection->is_open; }
static bool is_idle(const connection_t *connection) { return connection->asked == 1 && connection->in_flight == 0; }

/* Opens the first connections, a few at a time: many handshakes at once leave traces in a server's memory. */
static void open_more(int64_t now) {
  while (place_count < options.connections && place_count - count_of(is_open) < handshakes_max)
    open_place(&places[place_count++], now);
}

static bool is_quiet(const connection_t *connection) { return connection->in_flight == 0; }

/* An open loop waits for its last answers: without them it would only know the quick ones. */
static bool is_over(int64_t now) {
  if (options.holds) return input_ended;
  if (options.rate == 0 || now < ends_at) return now >= ends_at;
  return now >= ends_at + patience_ns || (due(scheduled) >= ends_at && count_of(is_quiet) == options.connections);
}

/* Begins to measure once it may; true when all is over. */
static bool advance(int64_t now) {
  if (place_count < options.connections) open_more(now);
  if (is_measuring) {
    if (options.rate > 0) ask_due(now);
    return is_over(now);
  }
  if (target.watches && watch_ready() < options.connections * options.streams) return false;
  bool is_held = options.holds && !target.watches;
  unsigned ready = is_held ? count_of(is_idle) : options.per_connection ? place_count : count_of(is_open);
  if (ready < options.connections) return false;
  is_measuring = true;
  started_at = now;
  if (!options.holds) ends_at = now + (int64_t)(options.seconds * 1e9);
  if (target.watches) watch_begin(now + (int64_t)(options.seconds * 1e9));
  if (target.watches)
    printf("watching %u\n", watch_ready());
  else if (options.holds)
    printf("holding %u\n", options.connections);
  fflush(stdout);
  return false;
}

/* ---- the loop ---- */

static int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

static void wait_for_events(void) {
  int64_t now = now_ns(), next = now < ends_at ? ends_at : ends_at + patience_ns;
  for (unsigned i = 0; i < place_count; i++) next = min_of(next, kind->expiry(&places[i].connection));
  if (is_measuring && options.rate > 0 && !is_full && due(scheduled) < ends_at) next = min_of(next, due(scheduled));
  int64_t span = next > now ? next - now : 0;
  struct timespec timeout = {span / 1000000000, span % 1000000000};
  struct epoll_event ready[events_max];
  int count = epoll_pwait2(epoll, ready, events_max, next == INT64_MAX ? NULL : &timeout, NULL);
  if (count < 0 && errno != EINTR) give_up(strerror(errno));
  for (int i = 0; i < count; i++) {
    place_t *place = ready[i].data.ptr;
    if (!place) {
      char byte;
      input_ended = read(STDIN_FILENO, &byte, 1) <= 0;
    } else if (kind->read(&place->connection)) {
      place->is_touched = true;
    } else {
      lose(place, now_ns());
    }
  }
}

static void run(void) {
  while (!advance(now_ns())) {
    for (unsigned i = 0; i < place_count; i++) {
      place_t *place = &places[i];
      int64_t now = now_ns();
      bool is_due = kind->expiry(&place->connection) <= now;
      if (!is_due && !place->is_touched) continue;
      bool is_well = !is_due || kind->expire(&place->connection, now);
      if (is_well) refill(place, now);
      place->is_touched = false;
      if (!is_well || !kind->flush(&place->connection, now)) lose(place, now);
    }
    wait_for_events();
  }
  for (unsigned i = 0; i < options.connections; i++) kind->close(&places[i].connection, now_ns());
}

/* ---- beginning and end ---- */

/* `requests` came in time, `answers` are all that the latencies are of, `failed` counts those without an answer too. */
static void report(void) {
  uint64_t good = latencies_sort();
  uint64_t all = options.rate > 0 ? (uint64_t)(options.rate * options.seconds) : 0;
  if (all > good + failed) failed = all - good;
  printf("{\"requests\": %llu, \"answers\": %llu, \"failed\": %llu, \"seconds\": %.6f, \"p50\": %.1f, "
         "\"p99\": %.1f, \"max\": %.1f}\n",
         (unsigned long long)in_time, (unsigned long long)good, (unsigned long long)failed, options.seconds,
         latency_us(0.5), latency_us(0.99), latency_us(1));
}

static void parse(int count, char **words) {
  int option;
  while ((option = getopt(count, words, "2c:m:d:r:k:HWC:K:")) != -1) {
    switch (option) {
      case '2': kind = &tcp_kind; break;
      case 'c': options.connections = (unsigned)atoi(optarg); break;
      case 'm': options.streams = (unsigned)atoi(optarg); break;
      case 'd': options.seconds = atof(optarg); break;
      case 'r': options.rate = atof(optarg); break;
      case 'k': options.per_connection = (unsigned)atoi(optarg); break;
      case 'H': options.holds = true; break;
      case 'W': options.holds = target.watches = true; break;
      case 'C': target.certificate = optarg; break;
      case 'K': target.key = optarg; break;
      default: exit(2);
    }
  }
  if (count - optind != 4) give_up("needs ADDRESS PORT HOST PATH");
  if (options.connections < 1 || options.connections > connections_max) give_up("-c: from 1 to 1024");
  if (options.streams < 1 || options.streams > requests_max / 2) give_up("-m: from 1 to 128");
  if (options.holds) options.per_connection = target.watches ? options.streams : 1;
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM}, *found;
  if (getaddrinfo(words[optind], words[optind + 1], &hints, &found)) give_up("ADDRESS and PORT are numbers");
  memcpy(&target.address, found->ai_addr, found->ai_addrlen);
  target.address_len = found->ai_addrlen;
  target.host = words[optind + 2];
  target.path = words[optind + 3];
  freeaddrinfo(found);
}

int main(int count, char **words) {
  parse(count, words);
  if (!kind->prepare(&target)) return 1;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  if (options.holds && epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input))
    give_up("-H and -W need a pipe as their input");
  run();
  if (target.watches)
    watch_report(ended);
  else
    report();
  return 0;
}
