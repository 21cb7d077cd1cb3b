/* HTTP/3 on QUIC: what nghttp3 and ngtcp2 say of streams. */
#include "connection.h"

#include <gnutls/crypto.h>
#include <string.h>

/* ---- what nghttp3 says ---- */

static void give_window(connection_t *connection, int64_t stream, size_t count) {
  ngtcp2_conn_extend_max_stream_offset(connection->quic.conn, stream, count);
  ngtcp2_conn_extend_max_offset(connection->quic.conn, count);
}

static int on_header(nghttp3_conn *http, int64_t stream, int32_t token, nghttp3_rcbuf *name, nghttp3_rcbuf *value,
                     uint8_t flags, void *user, void *stream_user) {
  (void)http, (void)stream, (void)name, (void)flags, (void)user;
  request_t *request = stream_user;
  nghttp3_vec text = nghttp3_rcbuf_get_buf(value);
  if (token == NGHTTP3_QPACK_TOKEN__STATUS && request)
    request->is_ok = text.len == 3 && memcmp(text.base, "200", 3) == 0;
  return 0;
}

static int on_body(nghttp3_conn *http, int64_t stream, const uint8_t *bytes, size_t count, void *user,
                   void *stream_user) {
  (void)http;
  if (stream_user) connection_take(stream_user, bytes, count);
  give_window(user, stream, count);
  return 0;
}

static int on_consumed(nghttp3_conn *http, int64_t stream, size_t count, void *user, void *stream_user) {
  (void)http, (void)stream_user;
  give_window(user, stream, count);
  return 0;
}

static int on_end(nghttp3_conn *http, int64_t stream, void *user, void *stream_user) {
  (void)http, (void)stream;
  request_t *request = stream_user;
  if (request) connection_tell(user, request, request->is_ok);
  return 0;
}

static int on_http_stream_close(nghttp3_conn *http, int64_t stream, uint64_t code, void *user, void *stream_user) {
  (void)http, (void)stream, (void)code;
  request_t *request = stream_user;
  if (request) connection_tell(user, request, false); /* unless it has ended well already */
  if (request) request->is_used = false;
  return 0;
}

/* ---- what ngtcp2 says ---- */

static int on_handshake(ngtcp2_conn *quic, void *user) {
  static const nghttp3_callbacks callbacks = {.stream_close = on_http_stream_close, .recv_data = on_body,
                                              .deferred_consume = on_consumed, .recv_header = on_header,
                                              .end_stream = on_end};
  connection_t *connection = user;
  nghttp3_settings settings;
  nghttp3_settings_default(&settings);
  int64_t control, encoder, decoder;
  if (nghttp3_conn_client_new(&connection->quic.http, &callbacks, &settings, NULL, connection) ||
      ngtcp2_conn_open_uni_stream(quic, &control, NULL) || ngtcp2_conn_open_uni_stream(quic, &encoder, NULL) ||
      ngtcp2_conn_open_uni_stream(quic, &decoder, NULL) ||
      nghttp3_conn_bind_control_stream(connection->quic.http, control) ||
      nghttp3_conn_bind_qpack_streams(connection->quic.http, encoder, decoder))
    return NGTCP2_ERR_CALLBACK_FAILURE;
  connection->is_open = true;
  return 0;
}

static int on_stream_data(ngtcp2_conn *quic, uint32_t flags, int64_t stream, uint64_t offset, const uint8_t *bytes,
                          size_t count, void *user, void *stream_user) {
  (void)quic, (void)offset, (void)stream_user;
  connection_t *connection = user;
  bool is_last = flags & NGTCP2_STREAM_DATA_FLAG_FIN;
  nghttp3_ssize used = nghttp3_conn_read_stream(connection->quic.http, stream, bytes, count, is_last);
  if (used < 0) return NGTCP2_ERR_CALLBACK_FAILURE;
  give_window(connection, stream, (size_t)used);
  return 0;
}

static int on_acknowledged(ngtcp2_conn *quic, int64_t stream, uint64_t offset, uint64_t count, void *user,
                           void *stream_user) {
  (void)quic, (void)offset, (void)stream_user;
  connection_t *connection = user;
  return nghttp3_conn_add_ack_offset(connection->quic.http, stream, count) ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_stream_close(ngtcp2_conn *quic, uint32_t flags, int64_t stream, uint64_t code, void *user,
                           void *stream_user) {
  (void)quic, (void)stream_user;
  connection_t *connection = user;
  if (!(flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET)) code = NGHTTP3_H3_NO_ERROR;
  int status = connection->quic.http ? nghttp3_conn_close_stream(connection->quic.http, stream, code) : 0;
  return status && status != NGHTTP3_ERR_STREAM_NOT_FOUND ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_more_window(ngtcp2_conn *quic, int64_t stream, uint64_t max, void *user, void *stream_user) {
  (void)quic, (void)max, (void)stream_user;
  connection_t *connection = user;
  return connection->quic.http ? nghttp3_conn_unblock_stream(connection->quic.http, stream) : 0;
}

void random_bytes(uint8_t *bytes, size_t count, const ngtcp2_rand_ctx *context) {
  (void)context;
  gnutls_rnd(GNUTLS_RND_RANDOM, bytes, count);
}

static int on_new_id(ngtcp2_conn *quic, ngtcp2_cid *id, uint8_t *token, size_t count, void *user) {
  (void)quic, (void)user;
  id->datalen = count;
  random_bytes(id->data, count, NULL);
  random_bytes(token, NGTCP2_STATELESS_RESET_TOKENLEN, NULL);
  return 0;
}

const ngtcp2_callbacks quic_callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .handshake_completed = on_handshake,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_stream_data = on_stream_data,
    .acked_stream_data_offset = on_acknowledged,
    .stream_close = on_stream_close,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .rand = random_bytes,
    .get_new_connection_id = on_new_id,
    .update_key = ngtcp2_crypto_update_key_cb,
    .extend_max_stream_data = on_more_window,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
};

/* ---- asking ---- */

static nghttp3_nv field(const char *name, const char *value) {
  return (nghttp3_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                      NGHTTP3_NV_FLAG_NO_COPY_NAME | NGHTTP3_NV_FLAG_NO_COPY_VALUE};
}

bool quic_submit(connection_t *connection, request_t *request) {
  const target_t *target = connection->target;
  const nghttp3_nv fields[] = {field(":method", "GET"), field(":scheme", "https"), field(":authority", target->host),
                               field(":path", target->path), field("user-agent", "httpload")};
  int64_t stream;
  if (ngtcp2_conn_open_bidi_stream(connection->quic.conn, &stream, NULL)) return false;
  size_t count = sizeof fields / sizeof fields[0];
  return nghttp3_conn_submit_request(connection->quic.http, stream, fields, count, NULL, request) == 0;
}
