/* A QUIC connection from its socket to its keys: beginning, end, and datagrams. */
#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { id_len = 16, datagram_max = 1452, batch = 32, vectors_max = 16 };

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priority;

/* ---- beginning and end ---- */

static bool prepare(const target_t *target) {
  static const char priorities[] = "%DISABLE_TLS13_COMPAT_MODE:NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM"
                                   ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1";
  if (gnutls_certificate_allocate_credentials(&credentials) || gnutls_priority_init(&priority, priorities, NULL) ||
      (target->certificate && gnutls_certificate_set_x509_key_file(credentials, target->certificate, target->key,
                                                                   GNUTLS_X509_FMT_PEM))) {
    fprintf(stderr, "httpload: GnuTLS can't start, or can't use the certificate\n");
    return false;
  }
  return true;
}

static bool open_socket(connection_t *connection) {
  const target_t *target = connection->target;
  int room = 1 << 20;
  connection->socket = socket(target->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  connection->quic.local_len = sizeof connection->quic.local;
  if (connection->socket < 0 ||
      connect(connection->socket, (const struct sockaddr *)&target->address, target->address_len) ||
      getsockname(connection->socket, (struct sockaddr *)&connection->quic.local, &connection->quic.local_len)) {
    perror("httpload: a UDP socket");
    return false;
  }
  setsockopt(connection->socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  return true;
}

static ngtcp2_path path_of(connection_t *connection) {
  const target_t *target = connection->target;
  return (ngtcp2_path){.local = {(struct sockaddr *)&connection->quic.local, connection->quic.local_len},
                       .remote = {(struct sockaddr *)&target->address, target->address_len}};
}

static ngtcp2_conn *quic_of(ngtcp2_crypto_conn_ref *reference) {
  return ((connection_t *)reference->user_data)->quic.conn;
}

static bool start_tls(connection_t *connection) {
  const target_t *target = connection->target;
  gnutls_datum_t protocol = {(unsigned char *)"h3", 2};
  if (gnutls_init(&connection->quic.tls, GNUTLS_CLIENT | GNUTLS_NO_TICKETS) ||
      gnutls_priority_set(connection->quic.tls, priority) ||
      gnutls_credentials_set(connection->quic.tls, GNUTLS_CRD_CERTIFICATE, credentials) ||
      gnutls_alpn_set_protocols(connection->quic.tls, &protocol, 1, GNUTLS_ALPN_MANDATORY) ||
      gnutls_server_name_set(connection->quic.tls, GNUTLS_NAME_DNS, target->host, strlen(target->host)) ||
      ngtcp2_crypto_gnutls_configure_client_session(connection->quic.tls))
    return false;
  connection->quic.reference = (ngtcp2_crypto_conn_ref){quic_of, connection};
  gnutls_session_set_ptr(connection->quic.tls, &connection->quic.reference);
  ngtcp2_conn_set_tls_native_handle(connection->quic.conn, connection->quic.tls);
  return true;
}

static bool open_quic(connection_t *connection, int64_t now) {
  if (!open_socket(connection)) return false;
  ngtcp2_settings settings;
  ngtcp2_settings_default(&settings);
  settings.initial_ts = (ngtcp2_tstamp)now;
  settings.max_tx_udp_payload_size = datagram_max;
  ngtcp2_transport_params parameters;
  ngtcp2_transport_params_default(&parameters);
  parameters.initial_max_data = 16 << 20;
  parameters.initial_max_stream_data_bidi_local = 1 << 20;
  parameters.initial_max_stream_data_uni = 1 << 16;
  parameters.initial_max_streams_uni = 3;
  parameters.max_idle_timeout = 120 * NGTCP2_SECONDS;
  ngtcp2_cid destination = {.datalen = id_len}, source = {.datalen = id_len};
  random_bytes(destination.data, id_len, NULL);
  random_bytes(source.data, id_len, NULL);
  ngtcp2_path path = path_of(connection);
  if (ngtcp2_conn_client_new(&connection->quic.conn, &destination, &source, &path, NGTCP2_PROTO_VER_V1, &quic_callbacks,
                             &settings, &parameters, NULL, connection) == 0 && start_tls(connection))
    return true;
  fprintf(stderr, "httpload: the libraries can't make a connection\n");
  return false;
}

static void close_quic(connection_t *connection, int64_t now) {
  uint8_t bytes[datagram_max];
  ngtcp2_connection_close_error error;
  ngtcp2_connection_close_error_default(&error);
  ngtcp2_connection_close_error_set_application_error(&error, NGHTTP3_H3_NO_ERROR, NULL, 0);
  if (connection->quic.conn) {
    ngtcp2_ssize count = ngtcp2_conn_write_connection_close(connection->quic.conn, NULL, NULL, bytes, sizeof bytes,
                                                            &error, (ngtcp2_tstamp)now);
    if (count > 0) (void)!send(connection->socket, bytes, (size_t)count, 0);
  }
  nghttp3_conn_del(connection->quic.http);
  ngtcp2_conn_del(connection->quic.conn);
  if (connection->quic.tls) gnutls_deinit(connection->quic.tls);
  if (connection->socket >= 0) close(connection->socket);
  connection->quic.http = NULL, connection->quic.conn = NULL, connection->quic.tls = NULL, connection->socket = -1;
}

/* ---- datagrams ---- */

static bool has_failed(connection_t *connection, int status) {
  if (status == 0) return false;
  uint8_t alert = ngtcp2_conn_get_tls_alert(connection->quic.conn);
  if (status == NGTCP2_ERR_DRAINING) {
    ngtcp2_connection_close_error error;
    ngtcp2_conn_get_connection_close_error(connection->quic.conn, &error);
    fprintf(stderr, "httpload: the server closed a connection with code %#llx\n", (unsigned long long)error.error_code);
  } else {
    fprintf(stderr, "httpload: a connection failed: %s, TLS alert %u\n", ngtcp2_strerror(status), alert);
  }
  return true;
}

static bool read_quic(connection_t *connection) {
  static uint8_t bytes[batch][2048];
  struct mmsghdr messages[batch];
  struct iovec places[batch];
  ngtcp2_path path = path_of(connection);
  int count;
  do {
    for (int i = 0; i < batch; i++) {
      places[i] = (struct iovec){bytes[i], sizeof bytes[i]};
      messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &places[i], .msg_iovlen = 1}};
    }
    count = recvmmsg(connection->socket, messages, batch, 0, NULL);
    if (count < 0 && errno == ECONNREFUSED) {
      perror("httpload: a QUIC connection");
      return false;
    }
    for (int i = 0; i < count; i++) {
      ngtcp2_pkt_info info = {0};
      int status = ngtcp2_conn_read_pkt(connection->quic.conn, &path, &info, bytes[i], messages[i].msg_len,
                                        (ngtcp2_tstamp)now_ns());
      if (has_failed(connection, status)) return false;
    }
  } while (count == batch);
  return true;
}

static bool expire(connection_t *connection, int64_t now) {
  return !has_failed(connection, ngtcp2_conn_handle_expiry(connection->quic.conn, (ngtcp2_tstamp)now));
}

static int64_t expiry_of(connection_t *connection) {
  ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry(connection->quic.conn);
  return expiry > INT64_MAX ? INT64_MAX : (int64_t)expiry;
}

/* Fills one datagram out of as many streams as fit. Gives its length, 0 for none, or an error. */
static ngtcp2_ssize fill(connection_t *connection, uint8_t *bytes, int64_t now) {
  for (;;) {
    int64_t stream = -1;
    int is_last = 0;
    nghttp3_vec vectors[vectors_max];
    nghttp3_ssize count = 0;
    if (connection->quic.http && ngtcp2_conn_get_max_data_left(connection->quic.conn))
      count = nghttp3_conn_writev_stream(connection->quic.http, &stream, &is_last, vectors, vectors_max);
    if (count < 0) return NGTCP2_ERR_INTERNAL;
    ngtcp2_ssize taken = -1;
    uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE | (is_last ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0);
    ngtcp2_pkt_info info;
    ngtcp2_ssize length =
        ngtcp2_conn_writev_stream(connection->quic.conn, NULL, &info, bytes, datagram_max, &taken, flags, stream,
                                  (const ngtcp2_vec *)vectors, (size_t)count, (ngtcp2_tstamp)now);
    if (taken >= 0) nghttp3_conn_add_write_offset(connection->quic.http, stream, (size_t)taken);
    if (length == NGTCP2_ERR_WRITE_MORE) continue;
    if (length == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
      nghttp3_conn_block_stream(connection->quic.http, stream);
    } else if (length == NGTCP2_ERR_STREAM_SHUT_WR) {
      nghttp3_conn_shutdown_stream_write(connection->quic.http, stream);
    } else {
      return length;
    }
  }
}

static bool flush(connection_t *connection, int64_t now) {
  uint8_t bytes[datagram_max];
  for (;;) {
    ngtcp2_ssize length = fill(connection, bytes, now);
    if (length < 0) return !has_failed(connection, (int)length);
    if (length == 0) return true;
    (void)!send(connection->socket, bytes, (size_t)length, 0); /* QUIC repeats what is lost */
  }
}

const kind_t quic_kind = {prepare, open_quic, quic_submit, read_quic, expire, flush, expiry_of, close_quic};
