/*
 * kubeproxyd - Kubernetes for people of the cluster: who they are by their certificate, as whom
 * they act by their roles, and the API server believes it by impersonation.
 *
 *   kubectl --port--> visit --exchange--> upstream: the API server
 *                             \--exec, attach, portforward--> channels
 *
 * It is a member of the cluster like any host: joined once with a token, it keeps one connection to
 * authd and a replica of roles, locks and authorities, and goes on from that replica while authd is
 * away.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "cache/cache.h"
#include "daemon/daemon.h"
#include "daemon/diag.h"
#include "daemon/host.h"
#include "daemon/join_once.h"
#include "file/file.h"
#include "kubeproxyd/access/guards.h"
#include "kubeproxyd/channels/talk.h"
#include "kubeproxyd/sessions/join.h"
#include "kubeproxyd/sessions/sessions.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/exchange/exchange.h"
#include "kubeproxyd/port.h"
#include "kubeproxyd/upstream/preflight.h"
#include "kubeproxyd/upstream/upstream.h"
#include "loop/stream.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* --- what changes while we run --------------------------------------------------------------- */

static void on_host_change(void *ctx, const struct err *why)
{
	struct kubeproxyd *k = ctx;
	struct err err = { 0 };

	if (why != NULL)
		log_error("membership", kv("reason", why->msg));
	else if (k->port != NULL && port_reload(k->port, &err) != 0)
		log_error("certificates not reloaded", kv("reason", err.msg));
	else
		log_info("certificates loaded");
}

static void on_host_state(void *ctx, const struct err *err)
{
	struct kubeproxyd *k = ctx;

	if (err != NULL)
		log_warn("authd not reached", kv("reason", err->msg));
	else if (k->cache != NULL)
		cache_kick(k->cache);
	if (err == NULL && k->sessions != NULL)
		sessions_kick(k->sessions);
}

static int add_labels(const struct kubeproxyd *k, pv_Metadata *to, struct err *err)
{
	for (size_t i = 0; i < k->labels.count; i++) {
		pv_Metadata_LabelsEntry *l =
		        fields_add(&to->labels, &to->labels_count, sizeof(*l), err);

		if (l == NULL || fields_set_str(&l->key, k->labels.items[i].key, err) != 0 ||
		    fields_set_str(&l->value, k->labels.items[i].value, err) != 0)
			return err->code;
	}
	return 0;
}

static int on_record(void *ctx, pv_Node *out, struct err *err)
{
	const struct kubeproxyd *k = ctx;
	const pv_Node record = {
		.kind = (char *)(uintptr_t)"kube_server",
		.has_spec = true,
		.spec = {
			.hostname = k->conf.hostname,
			.addr = k->conf.advertise,
			.public_addrs = k->conf.public_addrs.items,
			.public_addrs_count = (pb_size_t)k->conf.public_addrs.count,
			.kube_cluster = k->conf.cluster_name,
		},
	};
	int rc = fields_clone(&pv_Node_table, &record, out, err);

	out->has_metadata = true;
	return rc == 0 ? add_labels(k, &out->metadata, err) : rc;
}

/* That authd is away is said once, by who keeps the connection. */
static void on_announced(void *ctx, const struct err *err)
{
	(void)ctx;
	if (err != NULL && err->code != ERR_UNAVAILABLE)
		log_warn("not announced", kv("reason", err->msg));
}

static void on_cache_changed(void *ctx, const char *key, const pv_Resource *now)
{
	struct kubeproxyd *k = ctx;
	struct err err = { 0 };

	if (host_cache_changed(k->host, key, now, &err) != 0)
		log_error("authority not taken", kv("reason", err.msg));
}

static void on_cache_state(void *ctx, const struct err *err)
{
	struct kubeproxyd *k = ctx;
	bool denied = err != NULL && err->code == ERR_DENIED;

	/* A lock on the host ends its watch, so that it may never come by it. */
	if (err == NULL || denied)
		str_copy(k->denied, sizeof(k->denied), denied ? err->msg : "");
	if (err == NULL)
		log_info("cluster state is current",
		         kv("revision", (int64_t)cache_revision(k->cache)));
	else
		log_warn("cluster state may be old", kv("reason", err->msg));
	if (err != NULL && k->current)
		k->heard = clock_mono_ms(k->clock);
	k->current = err == NULL;
	if (k->guards != NULL)
		guards_recheck(k->guards);
}

static void on_cache_left_out(void *ctx, const char *kind, const char *reason)
{
	(void)ctx;
	log_warn("kind not watched", kv("kind", kind), kv("reason", reason));
}

/* --- life ------------------------------------------------------------------------------------ */

static int read_labels(struct kubeproxyd *k, struct err *err)
{
	size_t count = k->conf.labels.count;

	k->label_items = calloc(count + 1, sizeof(*k->label_items));
	if (k->label_items == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < count; i++)
		k->label_items[i] = (struct label){ k->conf.labels.items[i].key,
			                            k->conf.labels.items[i].value };
	k->labels = (struct label_set){ k->label_items, count };
	return 0;
}

static int open_host(struct kubeproxyd *k, struct err *err)
{
	static char dir[PATH_MAX];
	struct host_conf conf = {
		.loop = k->loop,
		.clock = k->clock,
		.dir = dir,
		.system_role = "Kube",
		.hostname = k->conf.hostname,
		.auth_addrs = (const char *const *)k->conf.auth_servers.items,
		.ctx = k,
		.on_change = on_host_change,
		.on_state = on_host_state,
		.record = on_record,
		.record_ttl = k->conf.announce_ttl,
		.on_announced = on_announced,
	};

	snprintf(dir, sizeof(dir), "%s/host", k->conf.data_dir);
	if (file_make_dir(k->conf.data_dir, 0700, err) != 0 ||
	    strlist_add(&k->names, k->conf.cluster_name, err) != 0)
		return err->code;
	conf.addresses = k->names.items;
	conf.address_count = k->names.count;
	if (host_open(&conf, &k->host, err) != 0)
		return err->code;
	return host_is_member(k->host)
	               ? 0
	               : join_once(k->host, k->conf.join_token_file, k->conf.join_ca_pin, err);
}

static int open_cache(struct kubeproxyd *k, struct err *err)
{
	static const char *const kinds[] = { "role",
		                             "lock",
		                             "cert_authority",
		                             "cluster_auth_preference",
		                             "cluster_networking_config",
		                             "session_recording_config",
		                             "session",
		                             NULL };
	static char path[PATH_MAX];
	const struct cache_conf conf = {
		.loop = k->loop,
		.client = host_client(k->host),
		.kinds = kinds,
		.path = path,
		.ctx = k,
		.changed = on_cache_changed,
		.state = on_cache_state,
		.left_out = on_cache_left_out,
	};

	snprintf(path, sizeof(path), "%s/cache", k->conf.data_dir);
	return cache_new(&conf, &k->cache, err);
}

static int open_upstream(struct kubeproxyd *k, struct err *err)
{
	const struct upstream_conf conf = {
		.loop = k->loop,
		.clock = k->clock,
		.kubeconfig = k->conf.kubeconfig,
		.service_account_dir = k->conf.service_account_dir,
		.max_connections = (unsigned)k->conf.max_upstream,
	};

	if (upstream_open(&conf, &k->upstream, err) != 0)
		return err->code;
	return preflight_open(k->upstream, k->loop, &k->preflight, err);
}

/* hostname and the port, unless the configuration says otherwise. */
static int choose_advertise(struct kubeproxyd *k, struct err *err)
{
	if (k->conf.advertise == NULL)
		k->conf.advertise = str_printf("%s:%u", k->conf.hostname, port_number(k->port));
	return k->conf.advertise != NULL ? 0 : err_set_nomem(err);
}

static int open_parts(struct kubeproxyd *k, struct err *err)
{
	list_init(&k->fronts);
	list_init(&k->exchanges);
	list_init(&k->joins);
	if (read_labels(k, err) != 0 || open_upstream(k, err) != 0 || open_host(k, err) != 0 ||
	    host_start(k->host, err) != 0 || port_open(k, &k->port, err) != 0 ||
	    choose_advertise(k, err) != 0 || open_cache(k, err) != 0)
		return err->code;
	if (guards_open(k, &k->guards, err) != 0)
		return err->code;
	if (sessions_open(k, &k->sessions, err) != 0)
		return err->code;
	return talks_open(k, &k->talks, err);
}

static void close_parts(struct kubeproxyd *k)
{
	port_close(k->port);
	diag_close(k->diag);
	talks_close(k->talks);
	joins_close(k);
	fronts_close(k);
	sessions_close(k->sessions); /* what ended until now is told */
	guards_close(k->guards);
	preflight_close(k->preflight);
	upstream_close(k->upstream);
	cache_free(k->cache);
	host_close(k->host);
	daemon_close(k->daemon);
}

static int ready(void *ctx, struct err *err)
{
	const struct kubeproxyd *k = ctx;

	if (!cache_filled(k->cache))
		return err_set(err, ERR_UNAVAILABLE, "nothing heard from authd yet");
	return preflight_check(k->preflight, err);
}

static void metrics(void *ctx, struct buf *out)
{
	const struct kubeproxyd *k = ctx;

	buf_appendf(out, "postern_kubeproxyd_connections %u\n", port_connections(k->port));
	buf_appendf(out, "postern_kubeproxyd_requests %u\n", k->requests);
	buf_appendf(out, "postern_kubeproxyd_cache_live %d\n", cache_live(k->cache));
}

static int open_diag(struct kubeproxyd *k, struct err *err)
{
	const struct diag_conf conf = {
		.loop = k->loop,
		.addr = k->conf.diag_addr != NULL ? k->conf.diag_addr : "",
		.ctx = k,
		.ready = ready,
		.metrics = metrics,
	};

	return diag_open(&conf, &k->diag, err);
}

static void on_stop(void *ctx)
{
	daemon_stopping();
	close_parts(ctx);
}

static void on_reload(void *ctx)
{
	daemon_reloading();
	on_host_change(ctx, NULL);
	daemon_ready("serving");
}

static int run(struct kubeproxyd *k)
{
	const struct daemon_hooks hooks = { k, on_stop, on_reload };
	struct err err = { 0 };

	stream_keep_memory();
	if (default_hostname(&k->conf.hostname, &err) != 0 ||
	    daemon_open(k->loop, &hooks, &k->daemon, &err) != 0 || open_parts(k, &err) != 0 ||
	    open_diag(k, &err) != 0)
		return daemon_fail("kubeproxyd", &err);
	log_info("ready", kv("port", port_number(k->port)), kv("cluster", host_cluster(k->host)),
	         kv("host", host_id(k->host)), kv("kubernetes", k->conf.cluster_name),
	         kv("api_server", upstream_name(k->upstream)));
	daemon_ready("serving");
	uv_run(k->loop, UV_RUN_DEFAULT);
	log_info("stopped");
	return 0;
}

int main(int argc, char **argv)
{
	const struct daemon_spec spec = { "kubeproxyd", kubeproxyd_conf_keys() };
	struct kubeproxyd k = { .clock = clock_system(), .loop = uv_default_loop() };
	int status = daemon_begin(&spec, argc, argv, &k.conf);

	if (status != DAEMON_RUN)
		return status;
	status = run(&k);
	strlist_deinit(&k.names);
	free(k.label_items);
	conf_deinit(kubeproxyd_conf_keys(), &k.conf);
	return status;
}
