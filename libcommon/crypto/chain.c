#include "crypto/chain.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/mbed.h"

#include <mbedtls/oid.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Times here by our clock, host names by x509_is_for_host(), which knows addresses too. */
#define JUDGED_ELSEWHERE                                              \
	(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE | \
	 MBEDTLS_X509_BADCERT_CN_MISMATCH)

/* For the sentence only: anything that is not plain is shown as '?'. */
static void note_subject(struct chain *c, const mbedtls_x509_crt *crt)
{
	const mbedtls_asn1_named_data *cn =
	        mbedtls_asn1_find_named_data((mbedtls_asn1_named_data *)&crt->subject,
	                                     MBEDTLS_OID_AT_CN, strlen(MBEDTLS_OID_AT_CN));
	size_t len = cn != NULL ? cn->val.len : 0;

	if (len >= sizeof(c->subject))
		len = sizeof(c->subject) - 1;
	for (size_t i = 0; i < len; i++)
		c->subject[i] = isprint(cn->val.p[i]) ? (char)cn->val.p[i] : '?';
	c->subject[len] = 0;
}

static void judge_time(struct chain *c, const mbedtls_x509_crt *crt, uint32_t *flags)
{
	int64_t from = mbed_time_ms(&crt->valid_from);
	int64_t to = mbed_time_ms(&crt->valid_to);

	*flags &= ~(uint32_t)JUDGED_ELSEWHERE;
	if (c->now_ms > to) {
		*flags |= MBEDTLS_X509_BADCERT_EXPIRED;
		c->bound_ms = to;
	} else if (c->now_ms < from) {
		*flags |= MBEDTLS_X509_BADCERT_FUTURE;
		c->bound_ms = from;
	}
}

/* Called from the top of the chain down to the leaf (depth 0). */
int chain_visit(void *p, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	struct chain *c = p;

	if (!c->asked || depth > 0)
		pin_of_spki(crt->pk_raw.p, crt->pk_raw.len, &c->ca);
	c->asked = true;
	judge_time(c, crt, flags);
	if (depth == 0)
		note_subject(c, crt);
	return 0;
}

static int set_time(const struct chain *c, const char *what, struct err *err)
{
	char bound[STR_TIME_SIZE], now[STR_TIME_SIZE];

	return err_set(err, ERR_UNAUTHENTICATED, "certificate of '%s' %s %s (it is %s here)",
	               c->subject, what, str_from_time(bound, sizeof(bound), c->bound_ms),
	               str_from_time(now, sizeof(now), c->now_ms));
}

int chain_judge(const struct chain *c, uint32_t flags, struct err *err)
{
	char why[256];

	if (flags == 0)
		return 0;
	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return err_set(err, ERR_UNTRUSTED,
		               "certificate of '%s' is not signed by a trusted authority",
		               c->subject);
	if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
		return set_time(c, "expired at", err);
	if (flags & MBEDTLS_X509_BADCERT_FUTURE)
		return set_time(c, "is not valid before", err);
	if (mbedtls_x509_crt_verify_info(why, sizeof(why), "", flags) < 0)
		snprintf(why, sizeof(why), "flags 0x%x", flags);
	why[strcspn(why, "\n")] = 0;
	return err_set(err, ERR_UNAUTHENTICATED, "certificate of '%s' is refused: %s", c->subject,
	               why);
}
