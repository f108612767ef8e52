#include "crypto/tls.h"

#include "base/clock.h"
#include "crypto/mbed.h"
#include "crypto/tls_inner.h"
#include "crypto/x509_host.h"

#include <mbedtls/platform.h>

#include <stdlib.h>
#include <string.h>

#define SERVER_NAME_MAX 255
#define RECORD_MAX      16384
#define RECORD_OVERHEAD 64 /* header, nonce and tag, rounded up */

static const struct err no_memory = { ERR_NOMEM, "out of memory" };

static int on_recv(void *p, unsigned char *dst, size_t size)
{
	struct tls *t = p;
	size_t len = t->in.len - t->in_at;

	if (len == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	if (len > size)
		len = size;
	memcpy(dst, t->in.data + t->in_at, len);
	t->in_at += len;
	if (t->in_at == t->in.len) { /* idle connections hold no buffer */
		buf_deinit(&t->in);
		t->in_at = 0;
	}
	return (int)len;
}

static int on_send(void *p, const unsigned char *data, size_t len)
{
	struct tls *t = p;

	buf_append(&t->out, data, len);
	return t->out.failed == 0 ? (int)len : MBEDTLS_ERR_SSL_ALLOC_FAILED;
}

/* Servers: keeps the name that the client asks for and picks the certificate that has it. */
static int on_server_name(void *p, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len)
{
	struct tls *t = p;

	if (len > SERVER_NAME_MAX || memchr(name, 0, len) != NULL || t->server_name != NULL)
		return 0;
	t->server_name = strndup((const char *)name, len);
	if (t->server_name == NULL)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	for (size_t i = 0; i < t->conf->own_count; i++) {
		struct tls_own_cert *own = &t->conf->own[i];

		if (x509_is_for_host(x509_info(own->leaf), t->server_name))
			return mbedtls_ssl_set_hs_own_cert(ssl, &own->chain, key_mbed(own->key));
	}
	return mbedtls_ssl_set_hs_own_cert(ssl, &t->conf->own[0].chain,
	                                   key_mbed(t->conf->own[0].key));
}

/* The configuration is shared, its callbacks get this connection. */
static void own_config(struct tls *t)
{
	t->config = t->conf->config;
	mbedtls_ssl_conf_verify(&t->config, chain_visit, &t->chain);
	if (t->conf->role == TLS_CLIENT)
		return;
	mbedtls_ssl_conf_sni(&t->config, on_server_name, t);
	if (t->conf->tickets != NULL)
		mbedtls_ssl_conf_session_tickets_cb(&t->config, tls_session_write,
		                                    tls_session_parse, t);
}

/* mbedTLS 2.28 matches names but no addresses, and SNI has no addresses: so give it names only. */
static int set_host(struct tls *t, const char *host, struct err *err)
{
	uint8_t address[16];
	int ret;

	if (t->conf->role == TLS_SERVER)
		return 0;
	if (host == NULL || (x509_host_address(host, address) == 0 && !x509_host_is_name(host)))
		return err_set(err, ERR_INVALID, "'%s' is neither a host name nor an address",
		               host != NULL ? host : "");
	t->host = strdup(host);
	if (t->host == NULL)
		return err_set_nomem(err);
	if (x509_host_address(host, address) > 0)
		return 0;
	ret = mbedtls_ssl_set_hostname(&t->ssl, host);
	return ret == 0 ? 0 : mbed_fail(err, ERR_INVALID, ret, "host name");
}

int tls_new(struct tls_conf *conf, const char *host, struct tls **out, struct err *err)
{
	struct tls *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return err_set_nomem(err);
	t->conf = tls_conf_ref(conf);
	mbedtls_ssl_init(&t->ssl);
	own_config(t);
	rc = mbedtls_ssl_setup(&t->ssl, &t->config);
	if (rc != 0)
		rc = mbed_fail(err, ERR_NOMEM, rc, "TLS connection");
	else
		rc = set_host(t, host, err);
	if (rc != 0) {
		tls_free(t);
		return rc;
	}
	mbedtls_ssl_set_bio(&t->ssl, t, on_send, on_recv, NULL);
	*out = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	mbedtls_ssl_free(&t->ssl);
	buf_deinit(&t->in);
	buf_deinit(&t->out);
	x509_unref(t->peer_cert);
	if (t->failure != &no_memory)
		free((void *)(uintptr_t)t->failure);
	free(t->server_name);
	free(t->host);
	tls_conf_unref(t->conf);
	free(t);
}

int tls_feed(struct tls *t, const void *data, size_t len, struct err *err)
{
	if (len > TLS_INPUT_MAX - (t->in.len - t->in_at))
		return err_set(err, ERR_LIMIT, "more than %u bytes of TLS wait to be read",
		               TLS_INPUT_MAX);
	if (t->in_at > 0) {
		buf_consume(&t->in, t->in_at);
		t->in_at = 0;
	}
	buf_append(&t->in, data, len);
	return buf_check(&t->in, err);
}

uint8_t *tls_take_output(struct tls *t, size_t *out_len)
{
	if (t->out.len == 0) {
		*out_len = 0;
		return NULL;
	}
	return buf_take(&t->out, out_len);
}

size_t tls_output_len(const struct tls *t)
{
	return t->out.len;
}

/* What the peer's alerts mean (RFC 5246, 7.2.2). */
static const char *alert_text(int code)
{
	static const struct {
		int code;
		const char *text;
	} table[] = {
		{ MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE,
		  "handshake failure (no common cipher, or it wants a certificate)" },
		{ MBEDTLS_SSL_ALERT_MSG_BAD_CERT, "bad certificate" },
		{ MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT, "unsupported certificate" },
		{ MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED, "certificate revoked" },
		{ MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED, "certificate expired or not valid yet" },
		{ MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN, "certificate not accepted" },
		{ MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA, "certificate of an unknown authority" },
		{ MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED, "access denied" },
		{ MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR, "signature does not match" },
		{ MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION, "TLS version not supported" },
		{ MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR,
		  "internal error, or authd behind it cannot be reached" },
		{ MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME, "no such host here" },
		{ MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL, "no common protocol (ALPN)" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].code == code)
			return table[i].text;
	}
	return "it ends the connection";
}

static int alert_kind(int code)
{
	switch (code) {
	case MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR:
		return ERR_UNAVAILABLE;
	case MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA:
		return ERR_UNTRUSTED;
	default:
		return ERR_DENIED;
	}
}

static int set_alert(const struct tls *t, struct err *err)
{
	int code = t->ssl.in_msg[1];

	return err_set(err, alert_kind(code), "peer says: %s (TLS alert %d)", alert_text(code),
	               code);
}

/* The connection is over; every later call fails with the same words. */
static int fail(struct tls *t, struct err *err)
{
	struct err *copy;

	t->state = TLS_FAILED;
	if (t->failure != NULL)
		return err->code;
	copy = malloc(sizeof(*copy));
	if (copy != NULL)
		err_copy(copy, err);
	t->failure = copy != NULL ? copy : &no_memory;
	return err->code;
}

static int explain(struct tls *t, int ret, struct err *err)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);

	switch (ret) {
	case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
		return set_alert(t, err);
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		return err_set(err, ERR_UNAVAILABLE, "peer closed the connection in the handshake");
	case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE:
		mbedtls_ssl_send_alert_message(&t->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
		                               MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
		return err_set(err, ERR_UNAUTHENTICATED,
		               "peer showed no certificate, and one is needed here");
	case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
	case MBEDTLS_ERR_SSL_BAD_HS_CERTIFICATE:
		if (t->chain.asked && flags != 0)
			return chain_judge(&t->chain, flags, err);
		return mbed_fail(err, ERR_UNAUTHENTICATED, ret, "certificate of the peer");
	default:
		return mbed_fail(err, ERR_INVALID, ret, "TLS handshake");
	}
}

/* Servers never look at the peer's chain again; it is the largest thing that mbedTLS would keep. */
static void forget_chain(struct tls *t)
{
	mbedtls_ssl_session *session = t->ssl.session;

	if (t->conf->role != TLS_SERVER || session == NULL || session->peer_cert == NULL)
		return;
	mbedtls_x509_crt_free(session->peer_cert);
	mbedtls_free(session->peer_cert);
	session->peer_cert = NULL;
}

static int finish(struct tls *t, struct err *err)
{
	if (tls_peer_derive(t, err) != 0)
		return fail(t, err);
	forget_chain(t);
	t->state = TLS_READY;
	tls_records_return(t);
	return 0;
}

int tls_handshake(struct tls *t, struct err *err)
{
	if (t->state == TLS_FAILED)
		return err_copy(err, t->failure);
	if (t->state == TLS_READY)
		return 0;
	t->chain.now_ms = clock_wall_ms(t->conf->clock);
	while (t->ssl.state != MBEDTLS_SSL_HANDSHAKE_OVER) {
		int ret = mbedtls_ssl_handshake_step(&t->ssl);

		if (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE)
			return 0;
		if (ret != 0) {
			explain(t, ret, err);
			return fail(t, err);
		}
		if (t->chain.asked && !t->checked && tls_peer_check(t, err) != 0)
			return fail(t, err);
	}
	return finish(t, err);
}

bool tls_is_ready(const struct tls *t)
{
	return t->state == TLS_READY;
}

const struct tls_peer *tls_peer(const struct tls *t)
{
	return &t->peer;
}

void tls_forget_cert(struct tls *t)
{
	x509_unref(t->peer_cert);
	t->peer_cert = NULL;
	t->peer.cert = NULL;
}

static int check_ready(const struct tls *t, struct err *err)
{
	if (t->state == TLS_FAILED)
		return err_copy(err, t->failure);
	if (t->state != TLS_READY)
		return err_set(err, ERR_UNAVAILABLE, "TLS handshake is not over");
	return 0;
}

static int read_failed(struct tls *t, int ret, struct err *err)
{
	if (ret == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
		set_alert(t, err);
	else
		mbed_fail(err, ERR_INVALID, ret, "read TLS");
	return fail(t, err);
}

static bool nothing_came(const struct tls *t)
{
	return t->in_at == t->in.len && t->ssl.in_buf == NULL;
}

/* A failure behind good data is told by the next call: mbedTLS' records are whole. */
int tls_read(struct tls *t, void *dst, size_t size, size_t *out_len, struct err *err)
{
	size_t done = 0;
	int rc = check_ready(t, err);

	if (rc != 0)
		return rc;
	if (nothing_came(t)) {
		*out_len = 0;
		return 0;
	}
	if (tls_records_lend(t, err) != 0)
		return err->code;
	while (done < size && !t->peer_closed && rc == 0) {
		int ret = mbedtls_ssl_read(&t->ssl, (uint8_t *)dst + done, size - done);

		if (ret > 0)
			done += (size_t)ret;
		else if (ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
			t->peer_closed = true;
		else if (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE)
			break;
		else
			rc = read_failed(t, ret, err);
	}
	tls_records_return(t);
	if (rc != 0 && done == 0)
		return rc;
	*out_len = done;
	return 0;
}

bool tls_peer_closed(const struct tls *t)
{
	return t->peer_closed;
}

int tls_write(struct tls *t, const void *data, size_t len, struct err *err)
{
	const uint8_t *at = data;
	int rc = check_ready(t, err);

	if (rc == 0 && t->closed)
		rc = err_set(err, ERR_CANCELED, "TLS connection was closed");
	if (rc == 0)
		rc = tls_records_lend(t, err);
	if (rc != 0)
		return rc;
	buf_reserve(&t->out, len + (len / RECORD_MAX + 1) * RECORD_OVERHEAD);
	while (len > 0) {
		int ret = mbedtls_ssl_write(&t->ssl, at, len);

		if (ret < 0) {
			mbed_fail(err, ERR_NOMEM, ret, "write TLS");
			return fail(t, err);
		}
		at += ret;
		len -= (size_t)ret;
	}
	tls_records_return(t);
	return 0;
}

int tls_close(struct tls *t, struct err *err)
{
	int rc = check_ready(t, err);
	int ret;

	if (rc != 0 || t->closed)
		return rc;
	if (tls_records_lend(t, err) != 0)
		return err->code;
	t->closed = true;
	ret = mbedtls_ssl_close_notify(&t->ssl);
	tls_records_return(t);
	return ret == 0 ? 0 : mbed_fail(err, ERR_NOMEM, ret, "close TLS");
}
