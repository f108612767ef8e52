#include "kubeproxyd/upstream/upstream.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "kubeproxyd/request/headers.h"
#include "kubeproxyd/upstream/upstream_inside.h"
#include "loop/tally.h"
#include "loop/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MS           1000 /* how old a token that was read may be */
#define HANDSHAKES_AT_ONCE 2
#define HANDSHAKES_WAITING 1000

/* --- configuration --------------------------------------------------------------------------- */

static int make_tls(const struct upstream *u, const char *const *alpn, struct tls_conf **out,
                    struct err *err)
{
	const struct tls_own own = { (const struct x509 *const *)u->where.chain, u->where.chain_len,
		                     u->where.key };
	const struct tls_conf_spec spec = {
		.role = TLS_CLIENT,
		.clock = u->conf.clock,
		.own = &own,
		.own_count = u->where.chain != NULL,
		.trust = u->where.trust,
		.alpn = alpn,
	};

	return tls_conf_new(&spec, out, err);
}

static int load(struct upstream *u, struct err *err)
{
	static const char *const both[] = { "h2", "http/1.1", NULL };
	int rc;

	if (u->conf.kubeconfig != NULL)
		rc = place_load(&u->where, u->conf.kubeconfig, err);
	else
		rc = place_of_pod(&u->where, getenv("KUBERNETES_SERVICE_HOST"),
		                  getenv("KUBERNETES_SERVICE_PORT"), u->conf.service_account_dir,
		                  err);
	if (rc == 0)
		rc = make_tls(u, both, &u->tls, err);
	if (rc == 0)
		rc = make_tls(u, both + 1, &u->upgrade_tls, err);
	return rc;
}

int upstream_open(const struct upstream_conf *conf, struct upstream **out, struct err *err)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return err_set_nomem(err);
	u->conf = *conf;
	u->http2 = true;
	list_init(&u->dials);
	links_init(u);
	u->handshakes = work_pool_new(conf->loop, HANDSHAKES_AT_ONCE, HANDSHAKES_WAITING);
	u->connections = tally_new(conf->max_connections, 0);
	if (u->handshakes == NULL || u->connections == NULL)
		err_set_nomem(err);
	else if (load(u, err) == 0 && links_open(u, err) == 0) {
		*out = u;
		return 0;
	}
	upstream_close(u);
	return err->code;
}

void upstream_close(struct upstream *u)
{
	if (u == NULL)
		return;
	links_close(u);
	upstream_dials_close(u);
	if (u->handshakes != NULL)
		work_pool_free(u->handshakes);
	tally_unref(u->connections);
	tls_conf_unref(u->tls);
	tls_conf_unref(u->upgrade_tls);
	place_deinit(&u->where);
	free(u);
}

/* --- what every request has ------------------------------------------------------------------ */

const char *upstream_name(const struct upstream *u)
{
	return u->where.addr;
}

/* Tokens of service accounts live for an hour or so, and others take their place in the file. */
static void refresh_token(struct upstream *u)
{
	int64_t now = (int64_t)uv_now(u->conf.loop);
	struct err err;
	bool failed;

	if (u->where.token_file == NULL || now - u->token_read_at < TOKEN_MS)
		return;
	u->token_read_at = now;
	failed = place_reread_token(&u->where, &err) != 0;
	if (failed && !u->token_failed)
		log_error("token not read again", kv("error", err.msg));
	u->token_failed = failed;
}

int upstream_add_headers(struct upstream *u, struct headers *to, struct err *err)
{
	char *value;
	int rc;

	refresh_token(u);
	rc = headers_add(to, "Host", u->where.host, err);

	if (rc != 0 || u->where.token == NULL)
		return rc;
	value = str_printf("Bearer %s", u->where.token);
	if (value == NULL)
		return err_set_nomem(err);
	rc = headers_add(to, "Authorization", value, err);
	explicit_bzero(value, strlen(value));
	free(value);
	return rc;
}

char *upstream_target(const struct upstream *u, const char *target)
{
	return str_printf("%s%s", u->where.path, target);
}
