/*
 * ticket - a sealed ticket is
 *
 *   4 bytes    which master key, by its first hash bytes
 *   8          when it was sealed, milliseconds, big-endian
 *   24         nonce
 *   n + 16     XChaCha20-Poly1305 of the session; the first 12 bytes are authenticated too
 *
 * under HMAC-SHA-256(master key, context). The nonce is long enough to be random.
 */
#include "crypto/ticket.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LEN   crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define MAC_LEN   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define NAME_LEN  4
#define HEAD_LEN  (NAME_LEN + 8)

#define SAVED_MAGIC "PTK1"
#define KEYS        2 /* the present one and the one before */

static_assert(HEAD_LEN + NONCE_LEN + MAC_LEN <= TICKET_OVERHEAD, "what the header promises");

struct master {
	uint8_t key[KEY_LEN];
	int64_t born_ms; /* 0: there is none */
};

struct ticket_keys {
	atomic_uint refs;
	const struct clock *clock;
	int64_t lifetime_ms;
	pthread_mutex_t lock; /* over masters */
	struct master masters[KEYS];
};

static struct master fresh_master(int64_t now_ms)
{
	struct master m = { .born_ms = now_ms };

	rand_bytes(m.key, sizeof(m.key));
	return m;
}

int ticket_keys_new(const struct clock *clock, int64_t lifetime_ms, struct ticket_keys **out,
                    struct err *err)
{
	struct ticket_keys *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return err_set_nomem(err);
	atomic_init(&k->refs, 1);
	k->clock = clock;
	k->lifetime_ms = lifetime_ms;
	pthread_mutex_init(&k->lock, NULL);
	k->masters[0] = fresh_master(clock_wall_ms(clock));
	*out = k;
	return 0;
}

struct ticket_keys *ticket_keys_ref(struct ticket_keys *k)
{
	atomic_fetch_add(&k->refs, 1);
	return k;
}

void ticket_keys_unref(struct ticket_keys *k)
{
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&k->lock);
	sodium_memzero(k->masters, sizeof(k->masters));
	free(k);
}

void ticket_keys_reset(struct ticket_keys *k)
{
	pthread_mutex_lock(&k->lock);
	sodium_memzero(k->masters, sizeof(k->masters));
	k->masters[0] = fresh_master(clock_wall_ms(k->clock));
	pthread_mutex_unlock(&k->lock);
}

int64_t ticket_keys_lifetime_ms(const struct ticket_keys *k)
{
	return k->lifetime_ms;
}

void ticket_keys_save(struct ticket_keys *k, struct buf *out)
{
	buf_append_str(out, SAVED_MAGIC);
	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < KEYS; i++) {
		buf_append_u64(out, (uint64_t)k->masters[i].born_ms);
		buf_append(out, k->masters[i].key, KEY_LEN);
	}
	pthread_mutex_unlock(&k->lock);
}

static int64_t read_i64(const uint8_t *at)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v = v << 8 | at[i];
	return (int64_t)v;
}

int ticket_keys_load(struct ticket_keys *k, const void *data, size_t len, struct err *err)
{
	const uint8_t *at = data;
	struct master masters[KEYS];

	if (len != strlen(SAVED_MAGIC) + KEYS * (8 + KEY_LEN) ||
	    memcmp(at, SAVED_MAGIC, strlen(SAVED_MAGIC)) != 0)
		return err_set(err, ERR_CORRUPT, "these are no saved ticket keys");
	at += strlen(SAVED_MAGIC);
	for (size_t i = 0; i < KEYS; i++, at += 8 + KEY_LEN) {
		masters[i].born_ms = read_i64(at);
		memcpy(masters[i].key, at + 8, KEY_LEN);
	}
	if (masters[0].born_ms <= 0)
		return err_set(err, ERR_CORRUPT, "saved ticket keys without a present key");
	pthread_mutex_lock(&k->lock);
	memcpy(k->masters, masters, sizeof(masters));
	pthread_mutex_unlock(&k->lock);
	sodium_memzero(masters, sizeof(masters));
	return 0;
}

static void name_of(const struct master *m, uint8_t out[NAME_LEN])
{
	uint8_t hash[HASH_SIZE];

	hash_sha256(m->key, KEY_LEN, hash);
	memcpy(out, hash, NAME_LEN);
}

static bool is_name(const struct master *m, const uint8_t name[NAME_LEN])
{
	uint8_t mine[NAME_LEN];

	name_of(m, mine);
	return memcmp(mine, name, NAME_LEN) == 0;
}

/* The context in bytes that no other context has: lengths first. */
static int derive(const struct master *m, const struct ticket_context *context,
                  uint8_t out[KEY_LEN], struct err *err)
{
	struct buf text = { 0 };
	int rc;

	static_assert(KEY_LEN == HASH_SIZE, "the hash is the key");
	buf_append_str(&text, "postern ticket 1");
	buf_append_u32(&text, (uint32_t)strlen(context->service));
	buf_append_str(&text, context->service);
	buf_append_byte(&text, context->client_auth);
	buf_append(&text, context->generation, HASH_SIZE);
	rc = buf_check(&text, err);
	if (rc == 0)
		hash_hmac(m->key, KEY_LEN, text.data, text.len, out);
	buf_deinit(&text);
	return rc;
}

/* The master key to seal with; a new one when the present is half a lifetime old (or from the
 * future). */
static struct master present_master(struct ticket_keys *k, int64_t now_ms)
{
	struct master *m = k->masters;
	struct master found;

	pthread_mutex_lock(&k->lock);
	if (now_ms < m[0].born_ms || now_ms - m[0].born_ms > k->lifetime_ms / 2) {
		m[1] = m[0];
		m[0] = fresh_master(now_ms);
	}
	found = m[0];
	pthread_mutex_unlock(&k->lock);
	return found;
}

static bool find_master(struct ticket_keys *k, const uint8_t name[NAME_LEN], struct master *out)
{
	bool found = false;

	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < KEYS && !found; i++) {
		if (k->masters[i].born_ms == 0 || !is_name(&k->masters[i], name))
			continue;
		*out = k->masters[i];
		found = true;
	}
	pthread_mutex_unlock(&k->lock);
	return found;
}

int ticket_seal(struct ticket_keys *k, const struct ticket_context *context, const void *data,
                size_t len, uint8_t *out, size_t size, size_t *out_len, struct err *err)
{
	int64_t now_ms = clock_wall_ms(k->clock);
	struct master master;
	uint8_t key[KEY_LEN];
	uint8_t *nonce = out + HEAD_LEN;
	int rc;

	if (size < len || size - len < TICKET_OVERHEAD)
		return err_set(err, ERR_LIMIT, "session of %zu bytes is too long for a ticket",
		               len);
	master = present_master(k, now_ms);
	rc = derive(&master, context, key, err);
	if (rc == 0) {
		name_of(&master, out);
		for (size_t i = 0; i < 8; i++)
			out[NAME_LEN + i] = (uint8_t)((uint64_t)now_ms >> (56 - 8 * i));
		rand_bytes(nonce, NONCE_LEN);
		crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE_LEN, NULL, data, len, out,
		                                           HEAD_LEN, NULL, nonce, key);
		*out_len = HEAD_LEN + NONCE_LEN + len + MAC_LEN;
	}
	sodium_memzero(&master, sizeof(master));
	sodium_memzero(key, sizeof(key));
	return rc;
}

static int refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_UNAUTHENTICATED, "session ticket %s", why);
}

int ticket_open(struct ticket_keys *k, const struct ticket_context *context, const void *sealed,
                size_t len, uint8_t *out, size_t *out_len, struct err *err)
{
	int64_t now_ms = clock_wall_ms(k->clock);
	const uint8_t *in = sealed;
	const uint8_t *nonce = in + HEAD_LEN;
	struct master master;
	uint8_t key[KEY_LEN];
	int64_t age_ms;
	int rc;

	if (len < HEAD_LEN + NONCE_LEN + MAC_LEN)
		return refuse(err, "is too short");
	age_ms = now_ms - read_i64(in + NAME_LEN);
	if (!find_master(k, in, &master))
		return refuse(err, "is of keys that are gone");
	rc = derive(&master, context, key, err);
	if (rc == 0 && crypto_aead_xchacha20poly1305_ietf_decrypt(
	                       out, NULL, NULL, nonce + NONCE_LEN, len - HEAD_LEN - NONCE_LEN, in,
	                       HEAD_LEN, nonce, key) != 0)
		rc = refuse(err, "is forged or of another service");
	if (rc == 0 && (age_ms < 0 || age_ms > k->lifetime_ms))
		rc = refuse(err, "is too old");
	sodium_memzero(&master, sizeof(master));
	sodium_memzero(key, sizeof(key));
	if (rc == 0)
		*out_len = len - HEAD_LEN - NONCE_LEN - MAC_LEN;
	return rc;
}
