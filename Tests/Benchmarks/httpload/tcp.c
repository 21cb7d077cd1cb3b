/* HTTP/2 on TLS by OpenSSL and nghttp2. A connection is opened in one go, before or between the requests of others. */
#include "connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { chunk_bytes = 64 * 1024, window_bytes = 16 << 20 };

static SSL_CTX *context;
static nghttp2_session_callbacks *callbacks;

/* ---- what nghttp2 says ---- */

static int on_header(nghttp2_session *http, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user) {
  (void)flags, (void)user;
  request_t *request = nghttp2_session_get_stream_user_data(http, frame->hd.stream_id);
  if (request && name_len == 7 && memcmp(name, ":status", 7) == 0)
    request->is_ok = value_len == 3 && memcmp(value, "200", 3) == 0;
  return 0;
}

static int on_body(nghttp2_session *http, uint8_t flags, int32_t stream, const uint8_t *bytes, size_t count,
                   void *user) {
  (void)flags, (void)user;
  request_t *request = nghttp2_session_get_stream_user_data(http, stream);
  if (request) connection_take(request, bytes, count);
  return 0;
}

static int on_frame(nghttp2_session *http, const nghttp2_frame *frame, void *user) {
  if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
  request_t *request = nghttp2_session_get_stream_user_data(http, frame->hd.stream_id);
  if (request) connection_tell(user, request, request->is_ok);
  return 0;
}

static int on_close(nghttp2_session *http, int32_t stream, uint32_t code, void *user) {
  (void)code;
  request_t *request = nghttp2_session_get_stream_user_data(http, stream);
  if (!request) return 0;
  connection_tell(user, request, false); /* unless it has ended well already */
  request->is_used = false;
  return 0;
}

/* ---- beginning and end ---- */

static bool refuse(const char *what) {
  fprintf(stderr, "httpload: %s\n", what);
  return false;
}

static bool prepare(const target_t *target) {
  static const unsigned char protocols[] = "\2h2";
  context = SSL_CTX_new(TLS_client_method());
  if (!context || nghttp2_session_callbacks_new(&callbacks)) return refuse("OpenSSL or nghttp2 can't start");
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1);
  if (target->certificate && (SSL_CTX_use_certificate_chain_file(context, target->certificate) != 1 ||
                              SSL_CTX_use_PrivateKey_file(context, target->key, SSL_FILETYPE_PEM) != 1))
    return refuse("OpenSSL can't use the certificate");
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_body);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  return true;
}

static bool open_tcp(connection_t *connection, int64_t now) {
  (void)now;
  const target_t *target = connection->target;
  tcp_t *tcp = &connection->tcp;
  int one = 1;
  connection->socket = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connection->socket < 0 ||
      connect(connection->socket, (const struct sockaddr *)&target->address, target->address_len))
    return refuse("a TCP connection is refused");
  tcp->tls = SSL_new(context);
  if (!tcp->tls || !SSL_set_tlsext_host_name(tcp->tls, target->host) || !SSL_set_fd(tcp->tls, connection->socket) ||
      SSL_connect(tcp->tls) != 1)
    return refuse("a TLS handshake failed");
  fcntl(connection->socket, F_SETFL, fcntl(connection->socket, F_GETFL) | O_NONBLOCK);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window_bytes},
                                             {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  if (nghttp2_session_client_new(&tcp->http, callbacks, connection) ||
      nghttp2_submit_settings(tcp->http, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof settings[0]) ||
      nghttp2_session_set_local_window_size(tcp->http, NGHTTP2_FLAG_NONE, 0, window_bytes))
    return refuse("nghttp2 can't make a session");
  connection->is_open = true;
  return true;
}

static void close_tcp(connection_t *connection, int64_t now) {
  (void)now;
  nghttp2_session_del(connection->tcp.http);
  SSL_shutdown(connection->tcp.tls);
  SSL_free(connection->tcp.tls);
  close(connection->socket);
}

/* ---- requests and bytes ---- */

static nghttp2_nv field(const char *name, const char *value) {
  return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                      NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static bool submit(connection_t *connection, request_t *request) {
  const target_t *target = connection->target;
  const nghttp2_nv fields[] = {field(":method", "GET"), field(":scheme", "https"), field(":authority", target->host),
                               field(":path", target->path), field("user-agent", "httpload")};
  size_t count = sizeof fields / sizeof fields[0];
  return nghttp2_submit_request(connection->tcp.http, NULL, fields, count, NULL, request) > 0;
}

static bool read_tcp(connection_t *connection) {
  static uint8_t bytes[chunk_bytes];
  for (;;) {
    int count = SSL_read(connection->tcp.tls, bytes, sizeof bytes);
    if (count <= 0) {
      if (SSL_get_error(connection->tcp.tls, count) == SSL_ERROR_WANT_READ) return true;
      return refuse("the server closed a connection");
    }
    if (nghttp2_session_mem_recv(connection->tcp.http, bytes, (size_t)count) < 0) return refuse("HTTP/2 is broken");
  }
}

/* All that waits in as few records as may be. Requests are short, so that a socket that takes no more is an error. */
static bool flush(connection_t *connection, int64_t now) {
  (void)now;
  static uint8_t bytes[chunk_bytes];
  size_t held = 0;
  for (;;) {
    const uint8_t *next;
    ssize_t count = nghttp2_session_mem_send(connection->tcp.http, &next);
    if (count < 0) return refuse("HTTP/2 is broken");
    if (held && (count == 0 || held + (size_t)count > sizeof bytes)) {
      if (SSL_write(connection->tcp.tls, bytes, (int)held) != (int)held) return refuse("a connection takes no more");
      held = 0;
    }
    if (count == 0) return true;
    memcpy(bytes + held, next, (size_t)count);
    held += (size_t)count;
  }
}

static bool expire(connection_t *connection, int64_t now) {
  (void)connection, (void)now;
  return true;
}

static int64_t expiry_of(connection_t *connection) {
  (void)connection;
  return INT64_MAX;
}

const kind_t tcp_kind = {prepare, open_tcp, submit, read_tcp, expire, flush, expiry_of, close_tcp};
