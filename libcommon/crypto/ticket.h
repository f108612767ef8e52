/*
 * ticket - the keys that protect TLS session tickets.
 *
 * A ticket is an identity: whoever shows it is the peer that once did the whole handshake. So each
 * ticket is sealed for one context (service, whether a client certificate is asked for, which CAs
 * are trusted) by a key derived from the master key and that context; in any other it is noise, and
 * the peers do a full handshake.
 *
 * Keys rotate when they are half a lifetime old; the one before still opens. Thread-safe, counted.
 */
#ifndef CRYPTO_TICKET_H
#define CRYPTO_TICKET_H

#include "crypto/hash.h"

struct buf;
struct clock;
struct err;
struct ticket_keys;

/* Fresh keys; no ticket is honoured for longer than `lifetime_ms`. The clock is borrowed. */
int ticket_keys_new(const struct clock *clock, int64_t lifetime_ms, struct ticket_keys **out,
                    struct err *err);

struct ticket_keys *ticket_keys_ref(struct ticket_keys *k); /* returns k */
void ticket_keys_unref(struct ticket_keys *k);

/* Forgets all tickets ever made: after a CA rotation or a lock. */
void ticket_keys_reset(struct ticket_keys *k);

/* Append the keys, a secret, so that tickets survive a restart; and take them back into keys made
 * by ticket_keys_new(). ERR_CORRUPT: not such bytes; the keys stay as they were. */
void ticket_keys_save(struct ticket_keys *k, struct buf *out);
int ticket_keys_load(struct ticket_keys *k, const void *data, size_t len, struct err *err);

/* What a ticket is good for; derived into the key, so that nothing else opens it. */
struct ticket_context {
	const char *service;           /* "authd", "proxyd-web", ... */
	uint8_t client_auth;           /* enum tls_client_auth */
	uint8_t generation[HASH_SIZE]; /* x509_set_generation() of the trusted CAs */
};

#define TICKET_OVERHEAD 64

/* Seals `len` bytes into at most len + TICKET_OVERHEAD of `out`. */
int ticket_seal(struct ticket_keys *k, const struct ticket_context *context, const void *data,
                size_t len, uint8_t *out, size_t size, size_t *out_len, struct err *err);

/* Opens into `out` (at least `len` bytes, not over `sealed`). ERR_UNAUTHENTICATED: forged, of
 * another context, too old, or of forgotten keys. */
int ticket_open(struct ticket_keys *k, const struct ticket_context *context, const void *sealed,
                size_t len, uint8_t *out, size_t *out_len, struct err *err);

/* The lifetime that was given, for the hint in the ticket message. */
int64_t ticket_keys_lifetime_ms(const struct ticket_keys *k);

#endif
