/* One connection of httpload, over QUIC or TCP. The caller waits for its socket and for its expiry, and flushes it
 * after each call that may have given it something to send. */
#pragma once
#include <gnutls/gnutls.h>
#include <nghttp2/nghttp2.h>
#include <nghttp3/nghttp3.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Whom all connections ask for what, and what they show of themselves. */
typedef struct target_t {
  struct sockaddr_storage address;
  socklen_t address_len;
  const char *host; /* in the server's certificate and in `:authority` */
  const char *path;
  const char *certificate, *key; /* files of a client certificate, or NULL */
  bool watches;                  /* the answers are events that go on */
} target_t;

/* A request on its way. */
typedef struct request_t {
  int64_t since;
  bool is_used, is_ok, is_told;
  struct watch_t *watch; /* what reads the body as events, or NULL */
} request_t;

/* One answer: when its request was due, and whether it is a whole 200. */
typedef void answered_t(int64_t since, bool is_good);

enum { requests_max = 256 };

typedef struct quic_t {
  struct sockaddr_storage local;
  socklen_t local_len;
  gnutls_session_t tls;
  ngtcp2_crypto_conn_ref reference;
  ngtcp2_conn *conn;
  nghttp3_conn *http; /* NULL until the handshake is complete */
} quic_t;

typedef struct tcp_t {
  SSL *tls;
  nghttp2_session *http;
} tcp_t;

struct kind_t;

typedef struct connection_t {
  const struct kind_t *kind;
  const target_t *target;
  answered_t *answered;
  int socket;
  bool is_open; /* requests may be made */
  int64_t opened_at;
  unsigned asked, in_flight;
  request_t requests[requests_max];
  union {
    quic_t quic;
    tcp_t tcp;
  };
} connection_t;

/* What a connection can do. Each that gives a bool gives false when the connection has ended. */
typedef struct kind_t {
  /* Once, before all others. */
  bool (*prepare)(const target_t *target);
  /* Begins; false with a word on stderr when the system or a library refuses. */
  bool (*open)(connection_t *connection, int64_t now);
  /* Asks for the target, and keeps `request` beside the stream. False while no stream can be had. */
  bool (*submit)(connection_t *connection, request_t *request);
  /* Takes what the socket has; acts on timers; sends what may be sent. */
  bool (*read)(connection_t *connection);
  bool (*expire)(connection_t *connection, int64_t now);
  bool (*flush)(connection_t *connection, int64_t now);
  /* When `expire` has to be called. */
  int64_t (*expiry)(connection_t *connection);
  /* Tells the server that it is over, and frees all. */
  void (*close)(connection_t *connection, int64_t now);
} kind_t;

extern const kind_t quic_kind, tcp_kind;

int64_t now_ns(void);

/* Makes a connection as new and opens it. */
bool connection_open(connection_t *connection, int64_t now);

/* Asks for the target once more, for an answer that was due at `since`. False while the server allows no more. */
bool connection_ask(connection_t *connection, int64_t since);

/* For the kinds: a piece of the body of the answer to `request`. */
void connection_take(request_t *request, const uint8_t *bytes, size_t count);

/* For the kinds: the answer to `request` has ended, well or not; what comes twice is told once. */
void connection_tell(connection_t *connection, request_t *request, bool is_good);

/* Between the two files of QUIC. */
extern const ngtcp2_callbacks quic_callbacks;
void random_bytes(uint8_t *bytes, size_t count, const ngtcp2_rand_ctx *context);
bool quic_submit(connection_t *connection, request_t *request);
