/*
 * tunneld - the reverse-tunnel agent: dials out to every proxy of its cluster, and lets them reach
 * what stands beside it and what its settings allow, where nothing can be reached from outside.
 *
 *   proxyd <-- tunnel -- pool, agents --channel--> services --> noded, kubeproxyd, ...
 *
 * It is a member of the cluster (system role Tunnel) and proves no more than that: which node is
 * behind it, the node's own record says.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strlist.h"
#include "cache/cache.h"
#include "crypto/tls.h"
#include "daemon/daemon.h"
#include "daemon/diag.h"
#include "daemon/host.h"
#include "daemon/join_once.h"
#include "file/file.h"
#include "loop/stream.h"
#include "loop/work.h"
#include "tunnel/tunnel.h"
#include "tunneld/pool.h"
#include "tunneld/services.h"
#include "tunneld/sites.h"
#include "tunneld/tunneld.h"
#include "wire/http_proxy.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDSHAKES_AT_ONCE 2
#define HANDSHAKES_WAITING 64

/* --- what changes while we run --------------------------------------------------------------- */

static int make_tls(const struct tunneld *t, struct tls_conf **out, struct err *err)
{
	static const char *const alpn[] = { TUNNEL_ALPN, PIN_ALPN, NULL };

	return host_client_tls_for(t->host, alpn, out, err);
}

static void on_host_change(void *ctx, const struct err *why)
{
	struct tunneld *t = ctx;
	struct tls_conf *tls;
	struct err err = { 0 };

	if (why != NULL) {
		log_error("membership", kv("reason", why->msg));
	} else if (t->pool != NULL && make_tls(t, &tls, &err) != 0) {
		log_error("certificates not reloaded", kv("reason", err.msg));
	} else if (t->pool != NULL) {
		pool_set_tls(t->pool, tls);
		tls_conf_unref(tls);
		sites_reload(t->sites);
		log_info("certificates loaded");
	}
}

static void on_host_state(void *ctx, const struct err *err)
{
	struct tunneld *t = ctx;

	if (err != NULL)
		log_warn("authd not reached", kv("reason", err->msg));
	else if (t->cache != NULL)
		cache_kick(t->cache);
}

static void on_cache_changed(void *ctx, const char *key, const pv_Resource *now)
{
	struct tunneld *t = ctx;
	struct err err = { 0 };

	if (host_cache_changed(t->host, key, now, &err) != 0)
		log_error("authority not taken", kv("reason", err.msg));
	sites_changed(t->sites, key, now);
}

static void on_cache_state(void *ctx, const struct err *err)
{
	(void)ctx;
	if (err != NULL)
		log_warn("cluster state may be old", kv("reason", err->msg));
	else
		log_info("cluster state is current");
}

static void on_cache_left_out(void *ctx, const char *kind, const char *reason)
{
	(void)ctx;
	log_warn("kind not watched", kv("kind", kind), kv("reason", reason));
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_http_proxy(struct tunneld *t, struct err *err)
{
	char *setting = t->conf.http_proxy;

	if (http_proxy_new(setting, getenv, &t->http_proxy, err) != 0)
		return err->code;
	if (setting != NULL) /* a password may be in it */
		explicit_bzero(setting, strlen(setting));
	if (t->http_proxy != NULL)
		log_info("HTTP proxy in use", kv("addr", http_proxy_addr(t->http_proxy)));
	return 0;
}

static int open_host(struct tunneld *t, struct err *err)
{
	const struct conf_list *auth =
	        t->conf.auth_servers.count > 0 ? &t->conf.auth_servers : &t->conf.proxies;
	const struct host_conf conf = {
		.loop = t->loop,
		.clock = t->clock,
		.dir = t->conf.data_dir,
		.system_role = "Tunnel",
		.hostname = t->conf.hostname,
		.auth_addrs = (const char *const *)auth->items,
		.http_proxy = t->http_proxy,
		.ctx = t,
		.on_change = on_host_change,
		.on_state = on_host_state,
	};
	int rc = host_open(&conf, &t->host, err);

	if (rc == 0 && !host_is_member(t->host))
		rc = join_once(t->host, t->conf.join_token_file, t->conf.join_ca_pin, err);
	if (rc == 0 && (t->cluster = strdup(host_cluster(t->host))) == NULL)
		rc = err_set_nomem(err);
	return rc == 0 ? host_start(t->host, err) : rc;
}

static int open_cache(struct tunneld *t, struct err *err)
{
	static const char *const kinds[] = { "cert_authority", "reverse_tunnel", NULL };
	static char path[PATH_MAX];
	const struct cache_conf conf = {
		.loop = t->loop,
		.client = host_client(t->host),
		.kinds = kinds,
		.path = path,
		.ctx = t,
		.changed = on_cache_changed,
		.state = on_cache_state,
		.left_out = on_cache_left_out,
	};

	snprintf(path, sizeof(path), "%s/cache", t->conf.data_dir);
	return cache_new(&conf, &t->cache, err);
}

/* noded reads there which agent leads to it. */
static int tell_who_we_are(const struct tunneld *t, struct err *err)
{
	char path[PATH_MAX];
	const char *id = host_id(t->host);

	if (file_make_dir(t->conf.run_dir, 0755, err) != 0)
		return err->code;
	snprintf(path, sizeof(path), "%s/agent", t->conf.run_dir);
	return file_replace_brief(path, id, strlen(id), 0644, err);
}

static int open_services(struct tunneld *t, struct err *err)
{
	static struct service named[5];
	const struct services_conf conf = {
		.loop = t->loop,
		.named = named,
		.allow = &t->conf.allow,
		.dial_ms = (unsigned)t->conf.dial_timeout,
	};

	named[0] = (struct service){ "node", t->conf.node };
	named[1] = (struct service){ "kube", t->conf.kube };
	named[2] = (struct service){ "auth", t->conf.auth };
	named[3] = (struct service){ "proxy", t->conf.proxy };
	t->services = services_new(&conf);
	return t->services != NULL ? 0 : err_set_nomem(err);
}

static int open_pool(struct tunneld *t, struct err *err)
{
	const struct pool_conf conf = {
		.loop = t->loop,
		.clock = t->clock,
		.cluster = t->cluster,
		.addrs = &t->conf.proxies,
		.http_proxy = t->http_proxy,
		.handshakes = t->handshakes,
		.services = t->services,
		.timeout_ms = (unsigned)t->conf.dial_timeout,
		.beat_ms = (unsigned)t->conf.keep_alive,
		.channels_max = (unsigned)t->conf.max_channels,
	};
	struct tls_conf *tls;

	if (make_tls(t, &tls, err) != 0 || pool_open(&conf, tls, &t->pool, err) != 0)
		return err->code;
	tls_conf_unref(tls);
	return 0;
}

static int ready(void *ctx, struct err *err)
{
	const struct tunneld *t = ctx;

	if (pool_tunnels(t->pool) == 0)
		return err_set(err, ERR_UNAVAILABLE, "no tunnel to any proxy");
	return 0;
}

static void metrics(void *ctx, struct buf *out)
{
	const struct tunneld *t = ctx;

	pool_metrics(t->pool, out);
	sites_metrics(t->sites, out);
	buf_appendf(out, "postern_tunneld_connections %zu\n", services_count(t->services));
	buf_appendf(out, "postern_tunneld_cache_live %d\n", cache_live(t->cache));
}

static int open_diag(struct tunneld *t, struct err *err)
{
	const struct diag_conf conf = {
		.loop = t->loop,
		.addr = t->conf.diag_addr != NULL ? t->conf.diag_addr : "",
		.ctx = t,
		.ready = ready,
		.metrics = metrics,
	};

	return diag_open(&conf, &t->diag, err);
}

static int open_parts(struct tunneld *t, struct err *err)
{
	t->handshakes = work_pool_new(t->loop, HANDSHAKES_AT_ONCE, HANDSHAKES_WAITING);
	if (t->handshakes == NULL)
		return err_set_nomem(err);
	if (open_http_proxy(t, err) != 0 || open_host(t, err) != 0 || open_cache(t, err) != 0 ||
	    tell_who_we_are(t, err) != 0 || open_services(t, err) != 0 || open_pool(t, err) != 0 ||
	    sites_open(t, &t->sites, err) != 0)
		return err->code;
	return open_diag(t, err);
}

static void on_stop(void *ctx)
{
	struct tunneld *t = ctx;

	daemon_stopping();
	diag_close(t->diag);
	sites_close(t->sites);
	pool_close(t->pool);
	services_free(t->services);
	cache_free(t->cache);
	host_close(t->host);
	work_pool_free(t->handshakes);
	daemon_close(t->daemon);
}

static int run(struct tunneld *t)
{
	const struct daemon_hooks hooks = { t, on_stop, NULL };
	struct err err = { 0 };

	stream_keep_memory();
	if (default_hostname(&t->conf.hostname, &err) != 0 ||
	    daemon_open(t->loop, &hooks, &t->daemon, &err) != 0 || open_parts(t, &err) != 0)
		return daemon_fail("tunneld", &err);
	log_info("ready", kv("cluster", host_cluster(t->host)), kv("host", host_id(t->host)));
	daemon_ready("serving");
	uv_run(t->loop, UV_RUN_DEFAULT);
	log_info("stopped");
	return 0;
}

int main(int argc, char **argv)
{
	const struct daemon_spec spec = { "tunneld", tunneld_conf_keys() };
	struct tunneld t = { .clock = clock_system(), .loop = uv_default_loop() };
	int status = daemon_begin(&spec, argc, argv, &t.conf);

	if (status != DAEMON_RUN)
		return status;
	status = run(&t);
	free(t.cluster);
	http_proxy_free(t.http_proxy);
	conf_deinit(tunneld_conf_keys(), &t.conf);
	return status;
}
