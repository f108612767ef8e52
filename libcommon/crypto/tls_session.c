/*
 * tls_session - sessions that are taken up again: the tickets that servers hand out and take back,
 * and what clients keep.
 *
 *   in a ticket (sealed, see ticket.c):  32 bytes the CA that signed the peer, then mbedTLS'
 * session what a client keeps:                 "PTS1", 32 bytes binding, 32 bytes CA, mbedTLS'
 * session
 *
 * The binding is a hash over everything that made the session what it is and could be another the
 * next time: the host, whom we trust, and our own certificate.
 */
#include "crypto/tls_inner.h"

#include "base/clock.h"
#include "crypto/mbed.h"
#include "crypto/secret.h"

#include <stdlib.h>
#include <string.h>

#define SAVED_MAGIC "PTS1"
#define SAVED_HEAD  (4 + HASH_SIZE + HASH_SIZE)
#define SESSION_MAX (64u * 1024)

/* Appends mbedTLS' form of a session. */
static int append_session(struct buf *out, const mbedtls_ssl_session *session)
{
	unsigned char *at;
	size_t len;
	int ret = mbedtls_ssl_session_save(session, NULL, 0, &len);

	if (ret != 0 && ret != MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL)
		return ret;
	at = buf_reserve(out, len);
	if (at == NULL)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	ret = mbedtls_ssl_session_save(session, at, len, &len);
	if (ret == 0)
		buf_commit(out, len);
	return ret;
}

/* A ticket never outlives its lifetime, nor, by the check in tls_session_parse(), its certificate.
 */
int tls_session_write(void *p, const mbedtls_ssl_session *session, unsigned char *start,
                      const unsigned char *end, size_t *len, uint32_t *lifetime)
{
	struct tls *t = p;
	struct buf plain;
	struct err err;
	int ret;

	buf_init(&plain, SESSION_MAX);
	buf_append(&plain, t->chain.ca.sha256, HASH_SIZE);
	ret = append_session(&plain, session);
	if (ret == 0 && ticket_seal(t->conf->tickets, &t->conf->context, plain.data, plain.len,
	                            start, (size_t)(end - start), len, &err) != 0)
		ret = MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
	if (ret == 0)
		*lifetime = (uint32_t)(ticket_keys_lifetime_ms(t->conf->tickets) / 1000);
	buf_wipe(&plain);
	return ret;
}

/* Whether a session out of a ticket may still be taken up. */
static int check_session(const struct tls *t, const mbedtls_ssl_session *session)
{
	const mbedtls_x509_crt *cert = session->peer_cert;
	int64_t now_ms = clock_wall_ms(t->conf->clock);

	if (cert == NULL)
		return t->conf->client_auth == TLS_AUTH_REQUIRED ? MBEDTLS_ERR_SSL_INVALID_MAC : 0;
	if (now_ms < mbed_time_ms(&cert->valid_from) || now_ms > mbed_time_ms(&cert->valid_to))
		return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
	return 0;
}

int tls_session_parse(void *p, mbedtls_ssl_session *session, unsigned char *sealed, size_t len)
{
	struct tls *t = p;
	uint8_t *plain = malloc(len);
	size_t plain_len = 0;
	struct err err;
	int ret;

	if (plain == NULL)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	if (ticket_open(t->conf->tickets, &t->conf->context, sealed, len, plain, &plain_len,
	                &err) != 0 ||
	    plain_len < HASH_SIZE) {
		ret = MBEDTLS_ERR_SSL_INVALID_MAC;
		goto out;
	}
	ret = mbedtls_ssl_session_load(session, plain + HASH_SIZE, plain_len - HASH_SIZE);
	if (ret == 0)
		ret = check_session(t, session);
	if (ret == 0) {
		memcpy(t->session_ca.sha256, plain, HASH_SIZE);
		t->offered = true;
	}
out:
	secret_free(plain, len);
	return ret;
}

static void hash_text(struct hash *h, const char *text)
{
	hash_update(h, text, strlen(text) + 1);
}

static void bind_session(const struct tls *t, uint8_t out[HASH_SIZE])
{
	const struct tls_conf *c = t->conf;
	struct hash h;

	hash_init(&h);
	hash_text(&h, "postern session 1");
	hash_text(&h, t->host);
	hash_text(&h, c->pinned ? "pin" : "trust");
	hash_update(&h, c->context.generation, HASH_SIZE);
	hash_text(&h, c->own_count > 0 ? x509_info(c->own[0].leaf)->fingerprint : "");
	hash_final(&h, out);
}

int tls_save_session(struct tls *t, struct buf *out, struct err *err)
{
	mbedtls_ssl_session session;
	uint8_t binding[HASH_SIZE];
	size_t before = out->len;
	int ret;

	if (t->state != TLS_READY || t->conf->role != TLS_CLIENT)
		return err_set(err, ERR_NOT_FOUND, "no session to save");
	mbedtls_ssl_session_init(&session);
	ret = mbedtls_ssl_get_session(&t->ssl, &session);
	if (ret == 0 && session.ticket_len == 0) {
		mbedtls_ssl_session_free(&session);
		return err_set(err, ERR_NOT_FOUND, "the server gave no session ticket");
	}
	if (ret == 0) {
		bind_session(t, binding);
		buf_append_str(out, SAVED_MAGIC);
		buf_append(out, binding, sizeof(binding));
		buf_append(out, t->peer.ca.sha256, HASH_SIZE);
		ret = append_session(out, &session);
	}
	mbedtls_ssl_session_free(&session);
	if (ret != 0) {
		if (out->len > before)
			out->len = before;
		return mbed_fail(err, ERR_NOMEM, ret, "save session");
	}
	return 0;
}

/* Loads into ssl what check_session() of a client would accept. */
static bool offer(struct tls *t, const uint8_t *data, size_t len)
{
	mbedtls_ssl_session session;
	int ret;

	mbedtls_ssl_session_init(&session);
	ret = mbedtls_ssl_session_load(&session, data, len);
	if (ret == 0 && session.peer_cert == NULL)
		ret = MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
	if (ret == 0)
		ret = check_session(t, &session);
	if (ret == 0)
		ret = mbedtls_ssl_set_session(&t->ssl, &session);
	mbedtls_ssl_session_free(&session);
	return ret == 0;
}

bool tls_load_session(struct tls *t, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint8_t binding[HASH_SIZE];

	if (t->conf->role != TLS_CLIENT || t->state != TLS_HANDSHAKING || len <= SAVED_HEAD ||
	    memcmp(at, SAVED_MAGIC, strlen(SAVED_MAGIC)) != 0)
		return false;
	at += strlen(SAVED_MAGIC);
	bind_session(t, binding);
	if (memcmp(at, binding, sizeof(binding)) != 0)
		return false;
	if (!offer(t, (const uint8_t *)data + SAVED_HEAD, len - SAVED_HEAD))
		return false;
	memcpy(t->session_ca.sha256, at + HASH_SIZE, HASH_SIZE);
	t->offered = true;
	return true;
}
