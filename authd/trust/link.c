#include "authd/trust/link.h"

#include "authd/core/authd.h"
#include "authd/core/own.h"
#include "authd/trust/remote_keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "cache/cache.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "model/trust.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

#define CALL_MS 30000

/* Freed when nothing calls back any more. */
struct link {
	struct authd *authd;
	char *name;        /* of the root */
	char *server_name; /* "auth.<root>" */
	struct rpc_client *client;
	struct cache *cache;        /* the root's authorities, by a watch */
	struct rpc_stream *telling; /* UpdateAuthorities; NULL: not under way */
	bool tell_again;
	bool writing; /* into our records */
	bool take_again;
	bool closed; /* by its owner */
	bool client_gone;
};

static void free_if_over(struct link *l)
{
	if (!l->closed || !l->client_gone || l->writing)
		return;
	free(l->server_name);
	free(l->name);
	free(l);
}

/* --- the root's authorities ------------------------------------------------------------------ */

static void take(struct link *l);

static void on_kept(void *owner, const struct err *err)
{
	struct link *l = owner;

	l->writing = false;
	if (err != NULL && err->code == ERR_CONFLICT)
		l->take_again = true; /* the record was changed meanwhile: its role map */
	else if (err != NULL)
		log_warn("authority of a root not taken", kv("cluster", l->name),
		         kv("error", err->msg));
	if (l->take_again && !l->closed)
		take(l);
	free_if_over(l);
}

/* Both as the watch has them now; borrowed. */
static size_t root_authorities(const struct link *l, pv_CertAuthority out[2])
{
	const pv_Resource *r;
	size_t at = 0, count = 0;

	while ((r = cache_next(l->cache, "/authorities/", &at)) != NULL && count < 2)
		if (str_eq(r->of.cert_authority.spec.cluster_name, l->name))
			out[count++] = r->of.cert_authority;
	return count;
}

static void take(struct link *l)
{
	pv_CertAuthority all[2];
	struct err err;

	l->take_again = l->writing;
	if (l->writing || l->authd->server == NULL) /* authd stops */
		return;
	if (remote_keys_take(l->authd, l->name, all, root_authorities(l, all), on_kept, l,
	                     &l->writing, &err) != 0)
		log_warn("authority of a root not taken", kv("cluster", l->name),
		         kv("error", err.msg));
}

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	struct link *l = ctx;

	(void)key;
	if (now != NULL && l->cache != NULL)
		take(l);
}

/* --- ours ------------------------------------------------------------------------------------ */

static void tell(struct link *l);

static void on_told(void *ctx, const void *response, const struct err *err)
{
	struct link *l = ctx;

	(void)response;
	l->telling = NULL;
	if (err != NULL && err->code != ERR_CANCELED && err->code != ERR_UNAVAILABLE)
		log_warn("root not told of our authorities", kv("cluster", l->name),
		         kv("error", err->msg));
	if (l->tell_again && !l->closed)
		tell(l);
}

static void tell(struct link *l)
{
	pv_CertAuthority host = l->authd->authorities.host->resource; /* borrowed */
	const pv_UpdateAuthoritiesRequest request = { .authorities = &host,
		                                      .authorities_count = 1 };
	struct err err;

	l->tell_again = l->telling != NULL;
	if (l->telling == NULL && rpc_unary_start(l->client, AUTH_UPDATE_AUTHORITIES, &request,
	                                          CALL_MS, on_told, l, &l->telling, &err) != 0)
		log_warn("root not told of our authorities", kv("cluster", l->name),
		         kv("error", err.msg));
}

static void on_cache_state(void *ctx, const struct err *err)
{
	if (err != NULL)
		return;
	take(ctx); /* connected: whatever either has missed */
	tell(ctx);
}

/* --- the connection -------------------------------------------------------------------------- */

/* Either side may have changed all its keys meanwhile. */
static void on_state(void *ctx, const struct err *err)
{
	const struct link *l = ctx;

	if (err == NULL)
		log_info("root reached", kv("cluster", l->name));
	else if (err->code == ERR_UNTRUSTED)
		log_error("root does not hold", kv("cluster", l->name), kv("error", err->msg),
		          kv("why", "one of the clusters has rotated its host authority while the "
		                    "other was away"),
		          kv("mend",
		             "remove the trusted_cluster here and the remote_cluster there, "
		             "and create it anew with a new token"));
	else
		log_warn("root not reached", kv("cluster", l->name), kv("error", err->msg));
}

static int make_tls(struct link *l, struct tls_conf **out, struct err *err)
{
	static const char *const alpn[] = { "h2", NULL };
	struct authd *a = l->authd;
	const struct x509 *chain[1];
	const struct tls_own own = { chain, 1, a->own.key };
	struct tls_conf_spec spec = { .role = TLS_CLIENT,
		                      .service = "authd",
		                      .clock = a->clock,
		                      .own = &own,
		                      .own_count = 1,
		                      .trust = trust_hosts(a->authorities.trust, l->name),
		                      .alpn = alpn };
	struct x509 *cert;
	int rc;

	if (spec.trust == NULL)
		return err_set(err, ERR_NOT_FOUND, "the authority of '%s' is gone", l->name);
	if (own_issue(&a->own, &a->conf, a->authorities.host, authd_now(a), &cert, err) != 0)
		return err->code;
	chain[0] = cert;
	rc = tls_conf_new(&spec, out, err);
	x509_unref(cert);
	return rc;
}

static int open_client(struct link *l, const char *proxy, struct err *err)
{
	const char *const addrs[] = { proxy, NULL };
	struct rpc_client_conf conf = { .loop = l->authd->loop,
		                        .service = &pv_Auth_service,
		                        .addrs = addrs,
		                        .server_name = l->server_name,
		                        .ctx = l,
		                        .on_state = on_state };

	if (make_tls(l, &conf.tls, err) != 0)
		return err->code;
	l->client = rpc_client_new(&conf, err);
	tls_conf_unref(conf.tls);
	return l->client != NULL ? 0 : err->code;
}

static int open_cache(struct link *l, struct err *err)
{
	static const char *const kinds[] = { "cert_authority", NULL };
	const struct cache_conf conf = { .loop = l->authd->loop,
		                         .client = l->client,
		                         .kinds = kinds,
		                         .ctx = l,
		                         .changed = on_changed,
		                         .state = on_cache_state };

	return cache_new(&conf, &l->cache, err);
}

int link_open(struct authd *a, const pv_TrustedCluster *with, struct link **out, struct err *err)
{
	struct link *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return err_set_nomem(err);
	l->authd = a;
	l->name = str_printf("%s", with->metadata.name);
	l->server_name = str_printf("auth.%s", with->metadata.name);
	rc = l->name != NULL && l->server_name != NULL ? 0 : err_set_nomem(err);
	if (rc == 0)
		rc = open_client(l, with->spec.web_proxy_addr, err);
	if (rc == 0)
		rc = open_cache(l, err);
	if (rc == 0)
		*out = l;
	else
		link_close(l);
	return rc;
}

static void on_client_closed(void *ctx)
{
	struct link *l = ctx;

	l->client_gone = true;
	free_if_over(l);
}

void link_close(struct link *l)
{
	if (l == NULL)
		return;
	l->closed = true;
	cache_free(l->cache);
	if (l->client != NULL) {
		rpc_client_close(l->client, on_client_closed, l);
		return;
	}
	l->client_gone = true;
	free_if_over(l);
}

const char *link_name(const struct link *l)
{
	return l->name;
}

void link_reload(struct link *l)
{
	struct tls_conf *tls = NULL;
	struct err err;

	if (make_tls(l, &tls, &err) != 0 || rpc_client_set_tls(l->client, tls, &err) != 0)
		log_warn("link not renewed", kv("cluster", l->name), kv("error", err.msg));
	else
		tell(l);
	tls_conf_unref(tls);
}
