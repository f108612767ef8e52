/*
 * tls_inner - what tls.c, tls_conf.c, tls_peer.c, tls_records.c and tls_session.c share. Nobody
 * else includes it.
 */
#ifndef CRYPTO_TLS_INNER_H
#define CRYPTO_TLS_INNER_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/chain.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"

#include <mbedtls/ssl.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/* A certificate of ours in the form that mbedTLS keeps pointers to. */
struct tls_own_cert {
	mbedtls_x509_crt chain;
	struct x509 *leaf;
	struct key *key;
};

/* Record buffers that no connection has now; a few are kept. */
#define TLS_SPARES 4
struct tls_spares {
	pthread_mutex_t lock;
	unsigned char *buffers[TLS_SPARES];
	size_t count;
};

struct tls_conf {
	atomic_uint refs;
	struct tls_spares spares;
	enum tls_role role;
	enum tls_client_auth client_auth;
	const struct clock *clock;
	mbedtls_ssl_config config; /* each connection has a copy, with itself in the callbacks */
	struct tls_own_cert *own;
	size_t own_count;
	struct x509_set *trust; /* NULL: nobody, or pinned */
	struct pin pin;
	bool pinned;
	char **alpn; /* ends with NULL */
	char *service;
	struct ticket_keys *tickets;
	struct ticket_context context; /* service points to the copy above */
};

enum tls_state { TLS_HANDSHAKING, TLS_READY, TLS_FAILED };

#define TLS_POINTERS 5 /* that mbedTLS keeps into each of its buffers */

struct tls {
	struct tls_conf *conf;
	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	enum tls_state state;
	const struct err *failure; /* in TLS_FAILED: what every call says from then on */
	struct buf in;
	size_t in_at; /* how much of it mbedTLS has had */
	struct buf out;
	ptrdiff_t in_offsets[TLS_POINTERS]; /* tls_records: while mbedTLS has no buffer */
	ptrdiff_t out_offsets[TLS_POINTERS];
	unsigned char in_counter[8];
	bool peer_closed;
	bool closed;
	char *host;            /* clients */
	struct chain chain;    /* asked: the peer's certificate was verified in this handshake */
	bool checked;          /* and found good by us */
	bool offered;          /* servers: took a ticket; clients: offer a session */
	struct pin session_ca; /* of that ticket or session */
	struct x509 *peer_cert;
	struct tls_peer peer;
	char *server_name; /* NULL: none was asked for */
};

/* tls_peer: once the peer's chain has been verified, whether we take it; sends the alert if not. */
int tls_peer_check(struct tls *t, struct err *err);

/* At the end of the handshake: who it is, full or resumed. */
int tls_peer_derive(struct tls *t, struct err *err);

/* Whether a certificate of a resumed session is valid now; the others mbedTLS has us asked about.
 */
int tls_peer_check_times(const struct x509_info *cert, int64_t now_ms, struct err *err);

/* tls_records: gives mbedTLS its buffers before it is called, and takes those back that hold
 * nothing; only once the handshake is over. */
int tls_records_lend(struct tls *t, struct err *err);
void tls_records_return(struct tls *t);
void tls_spares_init(struct tls_spares *s);
void tls_spares_deinit(struct tls_spares *s);

/* tls_session: mbedTLS' ticket callbacks; p is the struct tls. */
int tls_session_write(void *p, const mbedtls_ssl_session *session, unsigned char *start,
                      const unsigned char *end, size_t *len, uint32_t *lifetime);
int tls_session_parse(void *p, mbedtls_ssl_session *session, unsigned char *sealed, size_t len);

#endif
