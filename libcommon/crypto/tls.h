/*
 * tls - TLS 1.2 over memory: ciphertext is fed in and taken out, plaintext read and written.
 *
 * No I/O, no loop, no thread of its own. What both sides of one service agree on is a tls_conf:
 * immutable, counted, shared by all connections and threads. One struct tls is one connection; its
 * handshake may run in another thread as long as nobody else touches that struct meanwhile.
 *
 *   tls_new() --> tls_feed / tls_handshake / tls_take_output, again and again
 *             --> tls_is_ready() --> tls_peer(), tls_read, tls_write --> tls_close --> tls_free
 *
 * The peer's identity is derived here and nowhere else. On a server that asks for a certificate but
 * does not demand one, no certificate is anonymous, and one that is sent and is not valid ends the
 * handshake. Clients always check the server's chain and the name they meant to reach.
 */
#ifndef CRYPTO_TLS_H
#define CRYPTO_TLS_H

#include "crypto/pin.h"
#include "crypto/x509.h"

#include <stdbool.h>

struct buf;
struct clock;
struct err;
struct key;
struct ticket_keys;
struct tls;
struct tls_conf;
struct x509_set;

enum tls_role { TLS_SERVER, TLS_CLIENT };

enum tls_client_auth {
	TLS_AUTH_NONE,     /* never asked for */
	TLS_AUTH_OPTIONAL, /* anonymous without; a bad one is refused */
	TLS_AUTH_REQUIRED,
};

/* A certificate of ours, leaf first, and its key. */
struct tls_own {
	const struct x509 *const *chain;
	size_t chain_len;
	struct key *key;
};

struct tls_conf_spec {
	enum tls_role role;
	const char *service;       /* names the tickets' context: "authd", "proxyd-web" */
	const struct clock *clock; /* borrowed for the conf's whole life */

	/* Servers: the first, unless another one's hosts hold the name that the client asked for
	 * (SNI). Clients: none or one. */
	const struct tls_own *own;
	size_t own_count;

	/* Servers: who may have signed clients' certificates; needed unless client_auth is NONE.
	 * Clients: exactly one of trust and pin. */
	const struct x509_set *trust;
	/* The server's chain must hold a CA with this key that signed the leaf, or that certified
	 * (during a rotation) the key that did. */
	const struct pin *pin;

	enum tls_client_auth client_auth; /* servers */
	const char *const *alpn;          /* ends with NULL; best first; NULL = no ALPN */
	struct ticket_keys *tickets;      /* servers; NULL = never resume */
};

/* Everything in the spec is copied or referenced, but for the clock. ERR_INVALID: the spec. */
int tls_conf_new(const struct tls_conf_spec *spec, struct tls_conf **out, struct err *err);
struct tls_conf *tls_conf_ref(struct tls_conf *c); /* returns c */
void tls_conf_unref(struct tls_conf *c);

/* Who is at the other end. Borrowed, as long as the connection. */
struct tls_peer {
	const struct x509_info *cert; /* NULL: anonymous */
	struct pin ca;                /* the key that signed it, when there is one */
	const char *server_name;      /* servers: what the client asked for, "" for nothing */
	const char *alpn;             /* what was agreed, "" for nothing */
	bool resumed;
};

/* `host`: clients only, the DNS name or IP address that the server must prove to be; NULL for
 * servers. */
int tls_new(struct tls_conf *conf, const char *host, struct tls **out, struct err *err);
void tls_free(struct tls *t);

/* Ciphertext from the peer. ERR_NOMEM, or ERR_LIMIT: more than TLS_INPUT_MAX is waiting to be read.
 */
#define TLS_INPUT_MAX (256u * 1024)
int tls_feed(struct tls *t, const void *data, size_t len, struct err *err);

/* Ciphertext for the peer: the bytes are the caller's to free(); NULL when there is none. Take it
 * after every call, failed ones too (the alert tells the peer why). */
uint8_t *tls_take_output(struct tls *t, size_t *out_len);
size_t tls_output_len(const struct tls *t);

/*
 * Goes on as far as the fed bytes reach; 0 is not yet the end of it (tls_is_ready). Start a client
 * by calling it once before anything was fed. ERR_UNAUTHENTICATED: the peer's certificate was
 * refused, with the reason and times; ERR_DENIED: the peer refused ours ("peer says: certificate
 * expired"); ERR_UNTRUSTED: either, because of the authority that signed it; ERR_INVALID: it speaks
 * no TLS that we do.
 */
int tls_handshake(struct tls *t, struct err *err);
bool tls_is_ready(const struct tls *t);

/* After tls_is_ready(). */
const struct tls_peer *tls_peer(const struct tls *t);

/* For who keeps thousands of connections, and knows enough of the peer now: the certificate goes,
 * tls_peer()->cert is NULL; the rest stays. */
void tls_forget_cert(struct tls *t);

/*
 * Plaintext from the fed bytes, as much as is there and fits. *out_len = 0 with result 0: feed
 * more, or the peer is done (tls_peer_closed). A transport that ends before tls_peer_closed() was
 * cut.
 */
int tls_read(struct tls *t, void *dst, size_t size, size_t *out_len, struct err *err);
bool tls_peer_closed(const struct tls *t);

/* Encrypts everything into the output. Bounding the output is the caller's: it knows the transport.
 */
int tls_write(struct tls *t, const void *data, size_t len, struct err *err);

/* Puts close_notify into the output, once; writing is over then, reading is not. */
int tls_close(struct tls *t, struct err *err);

/*
 * Clients: the session, a secret, for a later connection to the same host with the same certificate
 * and trust; with anything else it is ignored and a full handshake follows. Save it when the
 * connection is ready; load it before the first tls_handshake(). tls_load_session() returns whether
 * the bytes were good for this connection. ERR_NOT_FOUND: the server gave no ticket.
 */
int tls_save_session(struct tls *t, struct buf *out, struct err *err);
bool tls_load_session(struct tls *t, const void *data, size_t len);

#endif
