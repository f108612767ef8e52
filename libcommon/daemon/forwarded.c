#include "daemon/forwarded.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "loop/strikes.h"
#include "model/identity.h"
#include "wire/preface.h"

#include <stdlib.h>

#define SEEN_MAX  65536 /* prefaces within the span of time that one is good for */
#define WRONG_MAX 20    /* of one network, within... */
#define WRONG_MS  10000

struct forwarded {
	struct forwarded_conf conf;
	struct preface_seen *seen;
	struct strikes *wrong; /* who makes us check signatures for nothing */
};

struct forwarded *forwarded_new(const struct forwarded_conf *conf)
{
	struct forwarded *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->conf = *conf;
	f->seen = preface_seen_new(SEEN_MAX);
	f->wrong = strikes_new(WRONG_MAX, WRONG_MS);
	if (f->seen == NULL || f->wrong == NULL) {
		forwarded_free(f);
		return NULL;
	}
	return f;
}

void forwarded_free(struct forwarded *f)
{
	if (f == NULL)
		return;
	preface_seen_free(f->seen);
	strikes_free(f->wrong);
	free(f);
}

static int read_identity(const struct x509 *signer, pv_Identity *out, struct err *err)
{
	const struct x509_info *info = x509_info(signer);

	if (identity_decode(out, info->identity, info->identity_len, err) != 0)
		return err_wrap(err, "the forwarder's certificate");
	return 0;
}

static int check_signer(void *arg, const struct x509 *signer, struct err *err)
{
	pv_Identity id = pv_Identity_init_zero;
	int rc = read_identity(signer, &id, err);

	(void)arg;
	if (rc == 0 && !str_eq(id.system_role, "Proxy"))
		rc = err_set(err, ERR_DENIED, "'%s' may not forward connections: it is no proxy",
		             x509_info(signer)->common_name);
	identity_deinit(&id);
	return rc;
}

/* Whose key must have signed: that of the cluster which the forwarder says to be of. */
static int find_trust(const struct forwarded *f, const pv_Preface *message,
                      const struct x509_set **out, struct err *err)
{
	const pb_bytes_array_t *der =
	        message->certificates_count > 0 ? message->certificates[0] : NULL;
	pv_Identity id = pv_Identity_init_zero;
	struct x509 *signer = NULL;
	int rc = der != NULL ? x509_load(der->bytes, der->size, &signer, err)
	                     : err_set(err, ERR_INVALID, "a preface without a certificate");

	if (rc == 0)
		rc = read_identity(signer, &id, err);
	if (rc == 0)
		*out = f->conf.trust(f->conf.ctx, id.cluster);
	if (rc == 0 && *out == NULL)
		rc = err_set(err, ERR_DENIED,
		             "'%s' may not forward connections: it is no proxy of this cluster, "
		             "or of one that we trust",
		             x509_info(signer)->common_name);
	identity_deinit(&id);
	x509_unref(signer);
	return rc;
}

static int verify(struct forwarded *f, const pv_Preface *message, struct forwarded_client *out,
                  struct err *err)
{
	struct preface_check check = {
		.target = f->conf.target,
		.now_ms = clock_wall_ms(f->conf.clock),
		.seen = f->seen,
		.judge = check_signer,
	};
	pv_PrefacePayload payload = pv_PrefacePayload_init_zero;
	struct x509 *signer = NULL;
	int rc = find_trust(f, message, &check.trust, err);

	if (rc == 0)
		rc = preface_verify(message, &check, &payload, &signer, err);
	if (rc != 0)
		return rc;
	if (payload.client_addr == NULL ||
	    str_copy(out->addr, sizeof(out->addr), payload.client_addr) != 0)
		rc = err_set(err, ERR_INVALID, "a preface without a client's address");
	out->joins = payload.kind == pv_StreamKind_STREAM_JOIN;
	preface_payload_release(&payload);
	x509_unref(signer);
	return rc;
}

int forwarded_take(struct forwarded *f, const uint8_t *data, size_t len, const char *from,
                   struct forwarded_client *out, size_t *out_used, struct err *err)
{
	pv_Preface message = pv_Preface_init_zero;
	int64_t now = clock_mono_ms(f->conf.clock);
	int rc;

	*out_used = 0;
	if (preface_parse(data, len, &message, out_used, err) != 0)
		return err->code;
	if (*out_used == 0)
		return 0;
	rc = strikes_check(f->wrong, from, now, err);
	if (rc == 0) {
		rc = verify(f, &message, out, err);
		if (rc != 0)
			strikes_add(f->wrong, from, now);
	}
	preface_release(&message);
	return rc;
}
