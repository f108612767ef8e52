#include "crypto/x509_set.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/chain.h"
#include "crypto/mbed.h"
#include "crypto/pem.h"
#include "crypto/x509.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct x509_set {
	atomic_uint refs;
	mbedtls_x509_crt list; /* empty while count is 0 */
	size_t count;
};

int x509_set_new(struct x509_set **out, struct err *err)
{
	struct x509_set *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set_nomem(err);
	atomic_init(&s->refs, 1);
	mbedtls_x509_crt_init(&s->list);
	*out = s;
	return 0;
}

struct x509_set *x509_set_ref(const struct x509_set *s)
{
	struct x509_set *shared = (struct x509_set *)s; /* only the counter changes */

	atomic_fetch_add(&shared->refs, 1);
	return shared;
}

void x509_set_unref(struct x509_set *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	mbedtls_x509_crt_free(&s->list);
	free(s);
}

static bool holds(const struct x509_set *s, const void *der, size_t len)
{
	for (const mbedtls_x509_crt *at = &s->list; s->count > 0 && at != NULL; at = at->next) {
		if (at->raw.len == len && memcmp(at->raw.p, der, len) == 0)
			return true;
	}
	return false;
}

static mbedtls_x509_crt *last_of(struct x509_set *s)
{
	mbedtls_x509_crt *at = &s->list;

	while (at->next != NULL)
		at = at->next;
	return at;
}

int x509_set_add(struct x509_set *s, const struct x509 *ca, struct err *err)
{
	const mbedtls_x509_crt *crt = x509_mbed(ca);
	int ret;

	if (!x509_info(ca)->is_ca)
		return err_set(err, ERR_INVALID, "certificate of '%s' is not that of a CA",
		               x509_info(ca)->common_name);
	if (holds(s, crt->raw.p, crt->raw.len))
		return 0;
	ret = mbedtls_x509_crt_parse_der(&s->list, crt->raw.p, crt->raw.len);
	if (ret != 0)
		return mbed_fail(err, ERR_NOMEM, ret, "add authority");
	s->count++;
	return mbed_prepare_shared(&last_of(s)->pk, err);
}

/* System bundles are long and only a certificate or two will be used: no preparing here; the
 * general EC type of their keys is safe to share, only slower. */
int x509_set_add_bundle(struct x509_set *s, const void *pem, size_t len, struct err *err)
{
	const char *text = pem;
	char label[PEM_LABEL_SIZE];
	struct buf der = { 0 };
	size_t used;
	int rc;

	while ((rc = pem_next(text, len, label, &der, &used, err)) == 0) {
		if (strcmp(label, "CERTIFICATE") == 0 && !holds(s, der.data, der.len) &&
		    mbedtls_x509_crt_parse_der(&s->list, der.data, der.len) == 0)
			s->count++;
		buf_clear(&der);
		text += used;
		len -= used;
	}
	buf_deinit(&der);
	if (rc == ERR_NOT_FOUND)
		rc = s->count > 0 ? 0 : err_set(err, ERR_INVALID, "no certificate in the bundle");
	return rc;
}

size_t x509_set_count(const struct x509_set *s)
{
	return s->count;
}

bool x509_set_has(const struct x509_set *s, const struct pin *ca)
{
	struct pin pin;

	for (const mbedtls_x509_crt *at = &s->list; s->count > 0 && at != NULL; at = at->next) {
		pin_of_spki(at->pk_raw.p, at->pk_raw.len, &pin);
		if (pin_equal(&pin, ca))
			return true;
	}
	return false;
}

static int compare_pins(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct pin));
}

int x509_set_generation(const struct x509_set *s, uint8_t out[HASH_SIZE], struct err *err)
{
	struct pin *pins = calloc(s->count + 1, sizeof(*pins));
	const mbedtls_x509_crt *at = &s->list;

	if (pins == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < s->count; i++, at = at->next)
		pin_of_spki(at->pk_raw.p, at->pk_raw.len, &pins[i]);
	qsort(pins, s->count, sizeof(*pins), compare_pins);
	hash_sha256(pins, s->count * sizeof(*pins), out);
	free(pins);
	return 0;
}

/* mbedTLS wants one linked list, leaf first. */
static int link_chain(mbedtls_x509_crt *list, const struct x509 *leaf,
                      const struct x509 *const *chain, size_t chain_len)
{
	const mbedtls_x509_crt *crt = x509_mbed(leaf);
	int ret = mbedtls_x509_crt_parse_der(list, crt->raw.p, crt->raw.len);

	for (size_t i = 0; ret == 0 && i < chain_len; i++) {
		crt = x509_mbed(chain[i]);
		ret = mbedtls_x509_crt_parse_der(list, crt->raw.p, crt->raw.len);
	}
	return ret;
}

int x509_set_verify(const struct x509_set *s, const struct x509 *leaf,
                    const struct x509 *const *chain, size_t chain_len, int64_t now_ms,
                    struct pin *out_ca, struct err *err)
{
	struct chain visit = { .now_ms = now_ms };
	mbedtls_x509_crt list;
	uint32_t flags;
	int ret;

	mbedtls_x509_crt_init(&list);
	ret = link_chain(&list, leaf, chain, chain_len);
	if (ret == 0)
		ret = mbedtls_x509_crt_verify_with_profile(&list, x509_set_mbed(s), NULL,
		                                           mbed_profile(), NULL, &flags,
		                                           chain_visit, &visit);
	mbedtls_x509_crt_free(&list);
	if (ret == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
		return chain_judge(&visit, flags, err);
	if (ret != 0)
		return mbed_fail(err, ERR_UNAUTHENTICATED, ret, "verify certificate");
	if (out_ca != NULL)
		*out_ca = visit.ca;
	return 0;
}

mbedtls_x509_crt *x509_set_mbed(const struct x509_set *s)
{
	return s->count > 0 ? (mbedtls_x509_crt *)&s->list : NULL;
}
