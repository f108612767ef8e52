#include "wire/preface.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/span.h"
#include "base/str.h"
#include "crypto/hex.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "wire/fields.h"

#include "proto/dial.fields.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 4
#define HEAD_SIZE (PREFACE_MAGIC_SIZE + 4)

/* --- writing --------------------------------------------------------------------------------- */

/* What is signed: the magic in front keeps a signature from meaning anything elsewhere. */
static void append_signed_bytes(struct buf *out, const void *payload, size_t len)
{
	buf_append(out, PREFACE_MAGIC, PREFACE_MAGIC_SIZE);
	buf_append(out, payload, len);
}

static int encode_payload(const pv_PrefacePayload *payload, struct buf *out, struct err *err)
{
	pv_PrefacePayload copy = *payload;
	uint8_t nonce[PREFACE_NONCE_SIZE];
	int rc;

	copy.nonce = NULL;
	rand_bytes(nonce, sizeof(nonce));
	rc = fields_set_bytes(&copy.nonce, nonce, sizeof(nonce), err);
	if (rc == 0)
		rc = fields_encode(&pv_PrefacePayload_table, &copy, out, err);
	free(copy.nonce);
	return rc;
}

static int sign(pv_Preface *p, const struct buf *payload, const struct key *key, struct err *err)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	struct buf bytes = { 0 };
	size_t len;
	int rc;

	append_signed_bytes(&bytes, payload->data, payload->len);
	rc = buf_check(&bytes, err);
	if (rc == 0)
		rc = key_sign(key, bytes.data, bytes.len, signature, &len, err);
	if (rc == 0)
		rc = fields_set_bytes(&p->signature, signature, len, err);
	buf_deinit(&bytes);
	return rc;
}

static int add_certificate(pv_Preface *p, const struct x509 *cert, struct err *err)
{
	pb_bytes_array_t **at;
	const uint8_t *der;
	size_t len;

	at = fields_add(&p->certificates, &p->certificates_count, sizeof(*at), err);
	if (at == NULL)
		return err->code;
	der = x509_der(cert, &len);
	return fields_set_bytes(at, der, len, err);
}

static int append_message(const pv_Preface *p, struct buf *out, struct err *err)
{
	struct buf bytes = { 0 };
	int rc = fields_encode(&pv_Preface_table, p, &bytes, err);

	if (rc == 0 && bytes.len > PREFACE_MAX)
		rc = err_set(err, ERR_LIMIT, "preface has more than %d bytes", PREFACE_MAX);
	if (rc == 0) {
		buf_append(out, PREFACE_MAGIC, PREFACE_MAGIC_SIZE);
		buf_append_u32(out, (uint32_t)bytes.len);
		buf_append(out, bytes.data, bytes.len);
		rc = buf_check(out, err);
	}
	buf_deinit(&bytes);
	return rc;
}

int preface_append(const pv_PrefacePayload *payload, const struct key *host_key,
                   const struct x509 *const *chain, size_t chain_len, struct buf *out,
                   struct err *err)
{
	pv_Preface p = pv_Preface_init_zero;
	struct buf bytes = { 0 };
	int rc;

	rc = encode_payload(payload, &bytes, err);
	if (rc == 0)
		rc = fields_set_bytes(&p.payload, bytes.data, bytes.len, err);
	if (rc == 0)
		rc = sign(&p, &bytes, host_key, err);
	for (size_t i = 0; rc == 0 && i < chain_len; i++)
		rc = add_certificate(&p, chain[i], err);
	if (rc == 0)
		rc = append_message(&p, out, err);
	buf_deinit(&bytes);
	preface_release(&p);
	return rc;
}

/* --- reading --------------------------------------------------------------------------------- */

int preface_parse(const uint8_t *data, size_t len, pv_Preface *out, size_t *out_used,
                  struct err *err)
{
	size_t known = len < PREFACE_MAGIC_SIZE ? len : PREFACE_MAGIC_SIZE;
	uint32_t size;
	int rc;

	if (memcmp(data, PREFACE_MAGIC, known) != 0)
		return err_set(err, ERR_INVALID, "not a preface");
	*out_used = 0;
	if (len < HEAD_SIZE)
		return 0;
	size = span_u32_at(data + PREFACE_MAGIC_SIZE);
	if (size > PREFACE_MAX)
		return err_set(err, ERR_INVALID, "preface of %u bytes", size);
	if (len - HEAD_SIZE < size)
		return 0;
	rc = fields_decode(&pv_Preface_table, data + HEAD_SIZE, size, out, err);
	if (rc != 0) {
		err->code = ERR_INVALID;
		return err_wrap(err, "read preface");
	}
	*out_used = HEAD_SIZE + size;
	return 0;
}

void preface_release(pv_Preface *p)
{
	fields_release(&pv_Preface_table, p);
}

void preface_payload_release(pv_PrefacePayload *p)
{
	fields_release(&pv_PrefacePayload_table, p);
}

/* --- nonces ---------------------------------------------------------------------------------- */

struct nonce {
	struct list link; /* oldest first */
	int64_t time;     /* its preface's */
	char hex[2 * PREFACE_NONCE_SIZE + 1];
};

struct preface_seen {
	struct map *by_hex;
	struct list order;
	size_t max;
	int64_t forgotten; /* prefaces of this time and before may have been seen */
};

struct preface_seen *preface_seen_new(size_t max)
{
	struct preface_seen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->max = max;
	s->forgotten = INT64_MIN;
	list_init(&s->order);
	s->by_hex = map_new();
	if (s->by_hex == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

static struct nonce *oldest(const struct preface_seen *s)
{
	return container_of(s->order.next, struct nonce, link);
}

static void forget_oldest(struct preface_seen *s)
{
	struct nonce *n = oldest(s);

	s->forgotten = n->time;
	list_remove(&n->link);
	map_remove(s->by_hex, n->hex);
	free(n);
}

void preface_seen_free(struct preface_seen *s)
{
	if (s == NULL)
		return;
	while (!list_empty(&s->order))
		forget_oldest(s);
	map_free(s->by_hex);
	free(s);
}

/* They come in order but for what the proxies' clocks differ by. */
static void keep_in_order(struct preface_seen *s, struct nonce *n)
{
	struct list *before = s->order.prev;

	while (before != &s->order && container_of(before, struct nonce, link)->time > n->time)
		before = before->prev;
	list_append(before->next, &n->link);
}

/* A table that is full forgets the oldest and from then on refuses what is as old. To refuse new
 * ones instead would let anybody who may connect at all keep everybody else out. */
static int remember(struct preface_seen *s, const pb_bytes_array_t *bytes, int64_t time,
                    int64_t now_ms, struct err *err)
{
	struct nonce *n;

	while (!list_empty(&s->order) && oldest(s)->time < now_ms - PREFACE_SKEW_MS)
		forget_oldest(s);
	if (time <= s->forgotten)
		return err_set(err, ERR_UNAUTHENTICATED, "older than what is remembered");
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return err_set_nomem(err);
	n->time = time;
	hex_encode(n->hex, bytes->bytes, bytes->size);
	list_init(&n->link);
	if (map_get(s->by_hex, n->hex) != NULL) {
		free(n);
		return err_set(err, ERR_UNAUTHENTICATED, "preface was used before");
	}
	if (map_put(s->by_hex, n->hex, n, NULL) != 0) {
		free(n);
		return err_set_nomem(err);
	}
	keep_in_order(s, n);
	if (map_count(s->by_hex) > s->max)
		forget_oldest(s);
	return 0;
}

/* --- verifying ------------------------------------------------------------------------------- */

static int load_chain(const pv_Preface *p, struct x509 *chain[CHAIN_MAX], struct err *err)
{
	if (p->certificates_count == 0 || p->certificates_count > CHAIN_MAX)
		return err_set(err, ERR_UNAUTHENTICATED, "%u certificates",
		               (unsigned)p->certificates_count);
	for (pb_size_t i = 0; i < p->certificates_count; i++) {
		const pb_bytes_array_t *der = p->certificates[i];

		if (der == NULL || x509_load(der->bytes, der->size, &chain[i], err) != 0)
			return err_set(err, ERR_UNAUTHENTICATED, "certificate %u cannot be read",
			               (unsigned)i);
	}
	return 0;
}

static int check_signature(const pv_Preface *p, const struct x509 *signer, struct err *err)
{
	struct buf bytes = { 0 };
	int rc;

	if (p->payload == NULL || p->signature == NULL)
		return err_set(err, ERR_UNAUTHENTICATED, "not signed");
	append_signed_bytes(&bytes, p->payload->bytes, p->payload->size);
	rc = buf_check(&bytes, err);
	if (rc == 0 && pubkey_verify(x509_public(signer), bytes.data, bytes.len,
	                             p->signature->bytes, p->signature->size, err) != 0)
		rc = err_set(err, ERR_UNAUTHENTICATED, "signature does not match");
	buf_deinit(&bytes);
	return rc;
}

static int check_payload(const pv_PrefacePayload *payload, const struct preface_check *check,
                         struct err *err)
{
	char skew[STR_DURATION_SIZE];
	int64_t apart;

	if (__builtin_sub_overflow(payload->time, check->now_ms, &apart))
		return err_set(err, ERR_UNAUTHENTICATED, "time is out of range");
	if (apart > PREFACE_SKEW_MS || apart < -PREFACE_SKEW_MS)
		return err_set(err, ERR_UNAUTHENTICATED,
		               "the proxy's clock is %s %s ours: set both by NTP",
		               str_from_duration(skew, sizeof(skew), apart < 0 ? -apart : apart),
		               apart < 0 ? "behind" : "ahead of");
	if (!str_eq(payload->target, check->target))
		return err_set(err, ERR_UNAUTHENTICATED, "meant for '%s', not for '%s'",
		               payload->target != NULL ? payload->target : "", check->target);
	if (payload->nonce == NULL || payload->nonce->size != PREFACE_NONCE_SIZE)
		return err_set(err, ERR_UNAUTHENTICATED, "no nonce");
	return remember(check->seen, payload->nonce, payload->time, check->now_ms, err);
}

static int verify_payload(const pv_Preface *p, const struct preface_check *check,
                          pv_PrefacePayload *out_payload, struct err *err)
{
	pv_PrefacePayload payload;
	int rc;

	rc = fields_decode(&pv_PrefacePayload_table, p->payload->bytes, p->payload->size, &payload,
	                   err);
	if (rc != 0)
		return rc;
	rc = check_payload(&payload, check, err);
	if (rc != 0)
		preface_payload_release(&payload);
	else
		*out_payload = payload;
	return rc;
}

int preface_verify(const pv_Preface *p, const struct preface_check *check,
                   pv_PrefacePayload *out_payload, struct x509 **out_signer, struct err *err)
{
	struct x509 *chain[CHAIN_MAX] = { NULL };
	int rc;

	rc = load_chain(p, chain, err);
	if (rc == 0)
		rc = x509_set_verify(check->trust, chain[0], (const struct x509 *const *)chain + 1,
		                     p->certificates_count - 1, check->now_ms, NULL, err);
	if (rc == 0)
		rc = check_signature(p, chain[0], err);
	if (rc == 0 && check->judge != NULL)
		rc = check->judge(check->judge_arg, chain[0], err);
	if (rc == 0)
		rc = verify_payload(p, check, out_payload, err);
	if (rc == 0)
		*out_signer = x509_ref(chain[0]);
	else
		err_wrap(err, "check preface");
	for (size_t i = 0; i < CHAIN_MAX; i++)
		x509_unref(chain[i]);
	return rc;
}
