#include "authd/trust/exchange.h"

#include "authd/core/authd.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/pin.h"
#include "crypto/secret.h"
#include "crypto/tls.h"
#include "crypto/x509_set.h"
#include "model/foreign_authority.h"
#include "rpc/web_call.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

struct exchange {
	struct authd *authd;
	char *name; /* of the root */
	exchange_cb cb;
	void *owner;
};

static void exchange_free(struct exchange *x)
{
	free(x->name);
	free(x);
}

/* --- the answer ------------------------------------------------------------------------------ */

static int read_one(const struct exchange *x, const pv_ValidateTrustedClusterResponse *answer,
                    const char *type, pv_CertAuthority *out, struct err *err)
{
	const pv_CertAuthority *ca =
	        foreign_authority_find(answer->authorities, answer->authorities_count, type);

	if (ca == NULL)
		return err_set(err, ERR_INVALID, "it has no %s authority", type);
	return foreign_authority_read(ca, type, x->name, out, err);
}

static int read_answer(const struct exchange *x, const pv_ValidateTrustedClusterResponse *answer,
                       pv_CertAuthority out[2], struct err *err)
{
	static const char *const types[] = { "user", "host" };
	int rc = 0;

	for (int i = 0; rc == 0 && i < 2; i++) {
		rc = read_one(x, answer, types[i], &out[i], err);
		if (rc == 0 && foreign_authority_is_known(&out[i], x->authd->authorities.trust))
			rc = err_set(err, ERR_DENIED, "its keys are those of another cluster");
	}
	return rc == 0 ? 0 : err_wrap(err, "cluster '%s' answers", x->name);
}

/* A certificate that does not hold: the token has not left us. */
static void explain(struct err *err)
{
	const struct err why = *err;

	if (why.code == ERR_UNAUTHENTICATED || why.code == ERR_UNTRUSTED)
		err_set(err, why.code,
		        "%.300s (a proxy is known by a web certificate that this machine trusts, "
		        "or "
		        "by the pin behind the token: TOKEN@sha256:...)",
		        why.msg);
}

static void on_answer(void *owner, const void *response, const struct err *failure)
{
	struct exchange *x = owner;
	pv_CertAuthority all[2] = { pv_CertAuthority_init_zero, pv_CertAuthority_init_zero };
	struct err err = { 0 };

	if (x->authd->server == NULL) {
		err_set(&err, ERR_UNAVAILABLE, "authd stops");
	} else if (failure != NULL) {
		err_copy(&err, failure);
		explain(&err);
		err_wrap(&err, "trust cluster '%s'", x->name);
	} else {
		read_answer(x, response, all, &err);
	}
	x->cb(x->owner, err.code == 0 ? all : NULL, err.code != 0 ? &err : NULL);
	fields_release(&pv_CertAuthority_table, &all[0]);
	fields_release(&pv_CertAuthority_table, &all[1]);
	exchange_free(x);
}

/* --- the question ---------------------------------------------------------------------------- */

/* "VALUE@sha256:HEX": cuts the pin off, if there is one. */
static int split_token(char *token, struct pin *pin, bool *out_pinned, struct err *err)
{
	char *at = strrchr(token, '@');

	*out_pinned = at != NULL;
	if (at == NULL)
		return 0;
	if (pin_parse(at + 1, pin, err) != 0)
		return err_wrap(err, "spec.token: the pin behind '@'");
	*at = 0;
	return 0;
}

static int make_tls(const struct authd *a, const struct pin *pin, struct tls_conf **out,
                    struct err *err)
{
	const char *const alpn[] = { WEB_CALL_ALPN, pin != NULL ? PIN_ALPN : NULL, NULL };
	struct x509_set *roots = NULL;
	struct tls_conf_spec spec = {
		.role = TLS_CLIENT, .service = "authd", .clock = a->clock, .pin = pin, .alpn = alpn
	};
	int rc = 0;

	if (pin == NULL)
		rc = web_call_roots(&roots, err);
	spec.trust = roots;
	if (rc == 0)
		rc = tls_conf_new(&spec, out, err);
	x509_set_unref(roots);
	return rc;
}

static int ask(struct exchange *x, const char *proxy, char *token, struct tls_conf *tls,
               struct err *err)
{
	pv_CertAuthority host = x->authd->authorities.host->resource; /* borrowed */
	const pv_ValidateTrustedClusterRequest request = { .token = token,
		                                           .cluster_name = x->name,
		                                           .authorities = &host,
		                                           .authorities_count = 1 };
	const struct web_call call = { .proxy = proxy,
		                       .tls = tls,
		                       .method = "ValidateTrustedCluster",
		                       .request_table = &pv_ValidateTrustedClusterRequest_table,
		                       .request = &request,
		                       .response_table = &pv_ValidateTrustedClusterResponse_table };

	return web_call_start(x->authd->loop, &call, on_answer, x, err);
}

static int start(struct exchange *x, const pv_TrustedClusterSpec *spec, struct err *err)
{
	char *token = strdup(spec->token);
	struct tls_conf *tls = NULL;
	struct pin pin;
	bool pinned = false;
	int rc = token != NULL ? split_token(token, &pin, &pinned, err) : err_set_nomem(err);

	if (rc == 0)
		rc = make_tls(x->authd, pinned ? &pin : NULL, &tls, err);
	if (rc == 0)
		rc = ask(x, spec->web_proxy_addr, token, tls, err);
	tls_conf_unref(tls);
	secret_str_free(token);
	return rc;
}

int exchange_start(struct authd *a, const pv_TrustedCluster *with, exchange_cb cb, void *owner,
                   struct err *err)
{
	struct exchange *x;
	int rc;

	if (str_empty(with->spec.token))
		return err_set(err, ERR_INVALID, "spec.token: missing");
	if (str_empty(with->spec.web_proxy_addr))
		return err_set(err, ERR_INVALID, "spec.web_proxy_addr: missing");
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return err_set_nomem(err);
	*x = (struct exchange){ .authd = a, .cb = cb, .owner = owner };
	x->name = strdup(with->metadata.name);
	rc = x->name != NULL ? start(x, &with->spec, err) : err_set_nomem(err);
	if (rc != 0)
		exchange_free(x);
	return rc;
}
