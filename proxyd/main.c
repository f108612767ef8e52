/*
 * proxyd - the one public address of a cluster.
 *
 *   public port --front--> SSH door | pass-through to authd | stream dial | tunnels | web and login
 * API
 *
 * It is a member of the cluster like any host: joined once with a token, it keeps one connection to
 * authd and a replica of nodes, roles, locks and authorities, and goes on from that replica while
 * authd is away. It holds no CA key and decides nothing that a node would not decide again.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "cache/cache.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"
#include "daemon/daemon.h"
#include "daemon/diag.h"
#include "daemon/forwarded.h"
#include "daemon/host.h"
#include "daemon/join_once.h"
#include "loop/admission.h"
#include "loop/listen.h"
#include "loop/packet_server.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "model/trust.h"
#include "proxyd/door.h"
#include "proxyd/door_files.h"
#include "proxyd/drain.h"
#include "proxyd/front.h"
#include "proxyd/link.h"
#include "proxyd/proxyd.h"
#include "proxyd/tls.h"
#include "proxyd/tunnel/gossip.h"
#include "proxyd/tunnel/records.h"
#include "proxyd/tunnel/table.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LAST_WORD_MS       500 /* for a node to say why it ends a session */
#define HANDSHAKES_AT_ONCE 4
#define SHAKING_AT_ONCE    256 /* connections within a handshake */
#define SHAKING_PER_ADDR   32

/* --- what changes while we run --------------------------------------------------------------- */

static void reload_certificates(struct proxyd *p)
{
	struct err err = { 0 };

	if (tls_reload(p, &err) != 0 || door_files_write(p, &err) != 0)
		log_error("certificates not reloaded", kv("reason", err.msg));
	else
		log_info("certificates loaded");
}

static void on_host_change(void *ctx, const struct err *err)
{
	struct proxyd *p = ctx;

	if (err != NULL)
		log_error("membership", kv("reason", err->msg));
	else if (!p->draining) /* the door's files are our successor's */
		reload_certificates(p);
	if (err == NULL && p->tunnels != NULL)
		tunnels_check(p->tunnels);
}

static void on_host_state(void *ctx, const struct err *err)
{
	struct proxyd *p = ctx;

	if (err != NULL)
		log_warn("authd not reached", kv("reason", err->msg));
	else if (p->cache != NULL)
		cache_kick(p->cache);
}

static int on_record(void *ctx, pv_Node *out, struct err *err)
{
	const struct proxyd *p = ctx;
	const pv_Node record = {
		.kind = (char *)(uintptr_t)"proxy",
		.has_spec = true,
		.spec = {
			.hostname = p->conf.hostname,
			.addr = p->conf.public_addrs.count > 0 ? p->conf.public_addrs.items[0] : NULL,
			.public_addrs = p->conf.public_addrs.items,
			.public_addrs_count = (pb_size_t)p->conf.public_addrs.count,
			.peer_addr = p->conf.peer_addr,
		},
	};

	return fields_clone(&pv_Node_table, &record, out, err);
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
	struct proxyd *p = ctx;
	struct err err = { 0 };

	if (host_cache_changed(p->host, key, now, &err) != 0)
		log_error("authority not taken", kv("reason", err.msg));
}

/* While authd was away there may have been any. */
static void on_locks_current(void *ctx)
{
	struct proxyd *p = ctx;

	if (!timer_active(p->lock_due))
		timer_once(p->lock_due, LAST_WORD_MS);
}

static void on_lock_changed(void *ctx, const char *key, const pv_Resource *now)
{
	(void)key;
	(void)now;
	on_locks_current(ctx);
}

static void on_lock_due(void *owner)
{
	struct proxyd *p = owner;

	link_check_all(p);
	tunnels_check(p->tunnels);
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

static void on_accept(void *owner, struct stream *take_stream)
{
	front_serve(owner, take_stream);
}

static void on_refuse(void *owner, const struct err *err)
{
	(void)owner;
	log_warn("connection refused", kv("reason", err->msg));
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_host(struct proxyd *p, struct err *err)
{
	const struct host_conf conf = {
		.loop = p->loop,
		.clock = p->clock,
		.dir = p->conf.data_dir,
		.system_role = "Proxy",
		.hostname = p->conf.hostname,
		.addresses = p->names.items,
		.address_count = p->names.count,
		.auth_addrs = (const char *const *)p->conf.auth_servers.items,
		.ctx = p,
		.on_change = on_host_change,
		.on_state = on_host_state,
		.record = on_record,
		.record_ttl = p->conf.announce_ttl,
		.on_announced = on_announced,
	};
	int rc = host_open(&conf, &p->host, err);

	if (rc == 0 && !host_is_member(p->host))
		rc = join_once(p->host, p->conf.join_token_file, p->conf.join_ca_pin, err);
	return rc;
}

static int open_cache(struct proxyd *p, struct err *err)
{
	static const char *const kinds[] = { "node",
		                             "kube_server",
		                             "role",
		                             "lock",
		                             "cert_authority",
		                             "proxy",
		                             "cluster_networking_config",
		                             "tunnel_connection",
		                             NULL };
	static char path[PATH_MAX];
	const struct cache_conf conf = {
		.loop = p->loop,
		.client = host_client(p->host),
		.kinds = kinds,
		.path = path,
		.ctx = p,
		.changed = on_cache_changed,
		.state = on_cache_state,
		.left_out = on_cache_left_out,
	};

	snprintf(path, sizeof(path), "%s/cache", p->conf.data_dir);
	return cache_new(&conf, &p->cache, err);
}

static int watch_locks(struct proxyd *p, struct err *err)
{
	static const char *const prefixes[] = { "/locks/", NULL };
	const struct cache_watch_conf conf = {
		.prefixes = prefixes,
		.ctx = p,
		.init = on_locks_current,
		.changed = on_lock_changed,
	};

	return cache_watch_open(p->cache, &conf, &p->locks, err);
}

static int open_port(struct proxyd *p, struct err *err)
{
	static const struct listen_handler handler = { on_accept, on_refuse };
	const struct listen_limits limits = {
		.max = (unsigned)p->conf.max_connections,
		.max_per_addr = (unsigned)p->conf.max_connections_per_addr,
	};
	char addr[300];

	p->public_port = listen_new(p->loop, &limits, &handler, p);
	if (p->public_port == NULL)
		return err_set_nomem(err);
	snprintf(addr, sizeof(addr), strchr(p->conf.listen.host, ':') != NULL ? "[%s]:%s" : "%s:%s",
	         p->conf.listen.host, p->conf.listen.port);
	return listen_add(p->public_port, addr, err);
}

static int ready(void *ctx, struct err *err)
{
	const struct proxyd *p = ctx;

	if (!cache_filled(p->cache))
		return err_set(err, ERR_UNAVAILABLE, "nothing heard from authd yet");
	return 0;
}

static void metrics(void *ctx, struct buf *out)
{
	const struct proxyd *p = ctx;
	size_t links = 0;

	for (const struct list *at = p->links.next; at != &p->links; at = at->next)
		links++;
	buf_appendf(out, "postern_proxyd_connections %u\n", listen_count(p->public_port));
	buf_appendf(out, "postern_proxyd_streams %zu\n", links);
	tunnels_metrics(p->tunnels, out);
	buf_appendf(out, "postern_proxyd_cache_live %d\n", cache_live(p->cache));
}

static int open_diag(struct proxyd *p, struct err *err)
{
	const struct diag_conf conf = {
		.loop = p->loop,
		.addr = p->conf.diag_addr != NULL ? p->conf.diag_addr : "",
		.ctx = p,
		.ready = ready,
		.metrics = metrics,
	};

	return diag_open(&conf, &p->diag, err);
}

/* Of the clusters that we trust, their proxies come through our own agent. */
static const struct x509_set *roots_hosts(void *ctx, const char *cluster)
{
	const struct proxyd *p = ctx;
	const struct trust *trust = host_trust(p->host);

	if (str_eq(cluster, host_cluster(p->host)) ||
	    trust_authority(trust, "user", cluster) == NULL)
		return NULL;
	return trust_hosts(trust, cluster);
}

static int open_forwarded(struct proxyd *p, struct err *err)
{
	struct forwarded_conf conf = { .clock = p->clock, .ctx = p, .trust = roots_hosts };

	p->forward_target = str_printf("proxy.%s", host_cluster(p->host));
	conf.target = p->forward_target;
	if (p->forward_target != NULL)
		p->forwarded = forwarded_new(&conf);
	return p->forwarded != NULL ? 0 : err_set_nomem(err);
}

static int open_parts(struct proxyd *p, struct err *err)
{
	const struct admission_limits limits = { SHAKING_AT_ONCE, SHAKING_PER_ADDR,
		                                 (unsigned)p->conf.max_connections,
		                                 (unsigned)p->conf.max_connections_per_addr };
	int rc;

	list_init(&p->links);
	p->admission = admission_new(&limits);
	p->handshakes = work_pool_new(p->loop, HANDSHAKES_AT_ONCE, SHAKING_AT_ONCE);
	p->lock_due = timer_new(p->loop, on_lock_due, p);
	if (p->admission == NULL || p->handshakes == NULL || p->lock_due == NULL)
		return err_set_nomem(err);
	if (names_of_host(p->conf.hostname, &p->conf.public_addrs, &p->names, err) != 0 ||
	    open_host(p, err) != 0 || host_start(p->host, err) != 0)
		return err->code;
	rc = open_cache(p, err);
	if (rc == 0)
		rc = watch_locks(p, err);
	if (rc == 0)
		rc = tunnels_open(p, &p->tunnels, err);
	if (rc == 0)
		rc = open_forwarded(p, err);
	if (rc == 0)
		rc = records_open(p, &p->records, err);
	if (rc == 0)
		rc = gossip_open(p, &p->gossip, err);
	if (rc == 0)
		rc = tls_load_tickets(p, err);
	if (rc == 0)
		rc = tls_reload(p, err);
	if (rc == 0)
		rc = door_open(p, err);
	if (rc == 0)
		rc = open_diag(p, err);
	return rc == 0 ? open_port(p, err) : rc;
}

static void stop_listening(struct proxyd *p)
{
	listen_free(p->public_port);
	packet_server_stop(p->door);
	diag_close(p->diag);
	gossip_close(p->gossip);
	p->gossip = NULL;
	records_close(p->records);
	p->records = NULL;
	host_leave_record(p->host);
	daemon_close(p->daemon);
	drain_close(p->drain);
}

static void close_parts(struct proxyd *p)
{
	stop_listening(p);
	link_end_all(p);
	tunnels_close(p->tunnels);
	p->tunnels = NULL;
	door_close(p);
	cache_watch_close(p->locks);
	cache_free(p->cache);
	timer_free(p->lock_due);
	host_close(p->host);
	work_pool_free(p->handshakes);
}

static void on_stop(void *ctx)
{
	daemon_stopping();
	close_parts(ctx);
}

static void on_reload(void *ctx)
{
	daemon_reloading();
	reload_certificates(ctx);
	daemon_ready("serving");
}

/* Streams go on in a child, which alone comes back from here. */
static int drain(struct proxyd *p)
{
	struct err err = { 0 };

	stop_listening(p);
	return drain_run(p, &err) != 0 ? daemon_fail("proxyd", &err) : 0;
}

static int run(struct proxyd *p)
{
	const struct daemon_hooks hooks = { p, on_stop, on_reload };
	struct err err = { 0 };

	if (default_hostname(&p->conf.hostname, &err) != 0 ||
	    daemon_open(p->loop, &hooks, &p->daemon, &err) != 0 ||
	    drain_open(p, &p->drain, &err) != 0 || open_parts(p, &err) != 0)
		return daemon_fail("proxyd", &err);
	log_info("ready", kv("port", listen_port(p->public_port)),
	         kv("cluster", host_cluster(p->host)), kv("host", host_id(p->host)));
	daemon_ready("serving");
	uv_run(p->loop, UV_RUN_DEFAULT);
	if (p->draining)
		return drain(p);
	tls_unload(p);
	forwarded_free(p->forwarded);
	free(p->forward_target);
	ticket_keys_unref(p->tickets);
	admission_free(p->admission);
	log_info("stopped");
	return 0;
}

int main(int argc, char **argv)
{
	const struct daemon_spec spec = { "proxyd", proxyd_conf_keys() };
	struct proxyd p = { .clock = clock_system(), .loop = uv_default_loop() };
	int status = daemon_begin(&spec, argc, argv, &p.conf);

	if (status != DAEMON_RUN)
		return status;
	status = run(&p);
	strlist_deinit(&p.names);
	conf_deinit(proxyd_conf_keys(), &p.conf);
	return status;
}
