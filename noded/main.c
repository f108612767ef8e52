/*
 * noded - one per server: who gets in, and what the cluster hears of it. Unprivileged.
 *
 *   port --> conn --noded-root--> sshd -i in its jail
 *                                  |  noded-principals, noded-login ask
 *   questions <--------------------+
 *      \--> policy: roles, labels, locks from the cache --> yes, and how; or no, and why
 *
 * Open connections and sessions outlive this process: their programs are children of noded-root,
 * and files in run_dir and data_dir tell the next noded of them.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/strlist.h"
#include "cache/cache.h"
#include "daemon/audit_queue.h"
#include "daemon/daemon.h"
#include "daemon/diag.h"
#include "daemon/host.h"
#include "daemon/host_orders.h"
#include "daemon/join_once.h"
#include "daemon/upload.h"
#include "file/file.h"
#include "loop/work.h"
#include "noded/conn.h"
#include "daemon/ended.h"
#include "noded/events.h"
#include "noded/join.h"
#include "noded/limits.h"
#include "noded/noded.h"
#include "noded/orders.h"
#include "noded/port.h"
#include "noded/presence.h"
#include "noded/questions.h"
#include "noded/quick.h"
#include "noded/recheck.h"
#include "noded/report.h"
#include "noded/root_client.h"
#include "noded/session.h"
#include "noded/slot.h"
#include "noded/ssh_files.h"
#include "noded/sshd_log.h"
#include "noded/stranger.h"
#include "noded/tunnel_file.h"
#include "wire/preface.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFACES_MAX       200000
#define HANDSHAKES_AT_ONCE 2
#define HANDSHAKES_WAITING 200

/* --- what changes while we run --------------------------------------------------------------- */

static void on_host_change(void *ctx, const struct err *why)
{
	struct noded *n = ctx;
	struct err err = { 0 };

	if (why != NULL) {
		log_error("membership", kv("reason", why->msg));
		return;
	}
	if (ssh_files_write(n, &err) != 0 ||
	    (n->joins != NULL && join_port_reload(n->joins, &err) != 0))
		log_error("certificates not reloaded", kv("reason", err.msg));
	else
		log_info("certificates loaded");
}

/* authd is there (again): it hears what it has not heard yet. */
static void on_host_state(void *ctx, const struct err *err)
{
	struct noded *n = ctx;

	if (err != NULL) {
		log_warn("authd not reached", kv("reason", err->msg));
		return;
	}
	if (n->cache != NULL)
		cache_kick(n->cache);
	if (n->audit != NULL)
		audit_queue_kick(n->audit);
	if (n->upload != NULL)
		upload_kick(n->upload);
	if (n->ended != NULL)
		ended_kick(n->ended);
	if (n->sessions != NULL)
		report_resend(n);
	if (n->conns != NULL && n->cache != NULL)
		slot_renew_all(n);
}

static int on_record(void *ctx, pv_Node *out, struct err *err)
{
	const struct noded *n = ctx;

	return presence_record(n->presence, out, err);
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
	struct noded *n = ctx;
	struct err err = { 0 };

	if (host_cache_changed(n->host, key, now, &err) != 0)
		log_error("authority not taken", kv("reason", err.msg));
}

static void on_cache_state(void *ctx, const struct err *err)
{
	struct noded *n = ctx;
	bool denied = err != NULL && err->code == ERR_DENIED;

	/* A lock on the node ends its watch, so that it may never come by it. */
	if (err == NULL || denied) {
		str_copy(n->denied, sizeof(n->denied), denied ? err->msg : "");
		if (n->recheck != NULL && denied)
			recheck_all(n->recheck);
	}
	if (err != NULL) {
		log_warn("cluster state may be old", kv("reason", err->msg));
		if (n->current && n->recheck != NULL) {
			n->heard = clock_mono_ms(n->clock);
			recheck_when_old(n->recheck);
		}
		n->current = false; /* every attempt that fails is told */
	} else {
		n->current = true;
		log_info("cluster state is current",
		         kv("revision", (int64_t)cache_revision(n->cache)));
	}
}

static void on_cache_left_out(void *ctx, const char *kind, const char *reason)
{
	(void)ctx;
	log_warn("kind not watched", kv("kind", kind), kv("reason", reason));
}

/* --- life ------------------------------------------------------------------------------------ */

static int make_folders(const struct noded *n, struct err *err)
{
	const struct {
		const char *in;
		const char *name;
	} below[] = { { n->conf.data_dir, "spool" },
		      { n->conf.data_dir, "events" },
		      { n->conf.run_dir, "sessions" } };
	char path[PATH_MAX];

	if (file_make_dir(n->conf.data_dir, 0700, err) != 0 ||
	    file_make_dir(n->conf.run_dir, 0711, err) != 0)
		return err->code;
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", below[i].in, below[i].name);
		if (file_make_dir(path, 0700, err) != 0)
			return err->code;
	}
	return 0;
}

static int open_host(struct noded *n, struct strlist *names, struct err *err)
{
	static char dir[PATH_MAX];
	struct host_conf conf = {
		.loop = n->loop,
		.clock = n->clock,
		.dir = dir,
		.system_role = "Node",
		.hostname = n->conf.hostname,
		.auth_addrs = (const char *const *)n->conf.auth_servers.items,
		.ctx = n,
		.on_change = on_host_change,
		.on_state = on_host_state,
		.record = on_record,
		.record_ttl = n->conf.announce_ttl,
		.on_announced = on_announced,
	};

	snprintf(dir, sizeof(dir), "%s/host", n->conf.data_dir);
	if (names_of_host(n->conf.hostname, &n->conf.public_addrs, names, err) != 0)
		return err->code;
	conf.addresses = names->items;
	conf.address_count = names->count;
	if (host_open(&conf, &n->host, err) != 0)
		return err->code;
	return host_is_member(n->host)
	               ? 0
	               : join_once(n->host, n->conf.join_token_file, n->conf.join_ca_pin, err);
}

static int open_cache(struct noded *n, struct err *err)
{
	static const char *const kinds[] = { "role",
		                             "lock",
		                             "cert_authority",
		                             "session",
		                             "cluster_auth_preference",
		                             "cluster_networking_config",
		                             "session_recording_config",
		                             NULL };
	static char path[PATH_MAX];
	const struct cache_conf conf = {
		.loop = n->loop,
		.client = host_client(n->host),
		.kinds = kinds,
		.path = path,
		.ctx = n,
		.changed = on_cache_changed,
		.state = on_cache_state,
		.left_out = on_cache_left_out,
	};

	snprintf(path, sizeof(path), "%s/cache", n->conf.data_dir);
	return cache_new(&conf, &n->cache, err);
}

/* hostname and the port, unless the configuration says otherwise. */
static int choose_advertise(struct noded *n, struct err *err)
{
	if (n->conf.advertise == NULL)
		n->conf.advertise = str_printf("%s:%u", n->conf.hostname, port_number(n->port));
	return n->conf.advertise != NULL ? 0 : err_set_nomem(err);
}

static int open_upload(struct noded *n, struct err *err)
{
	const struct upload_conf conf = { .loop = n->loop,
		                          .host = n->host,
		                          .data_dir = n->conf.data_dir,
		                          .spool_max = n->conf.spool_max };

	return upload_open(&conf, &n->upload, err);
}

/* Before the port: everything that decides and records. */
static int open_gate(struct noded *n, struct err *err)
{
	int rc = tunnel_file_open(n, &n->tunnel, err);

	if (rc == 0)
		rc = presence_open(n, &n->presence, err);
	if (rc == 0)
		rc = audit_queue_open(n->loop, n->host, n->conf.data_dir, &n->audit, err);
	if (rc == 0)
		rc = sessions_open(n, &n->sessions, err);
	if (rc == 0)
		rc = open_upload(n, err);
	if (rc == 0)
		rc = ended_open(n->loop, n->host, n->cache, n->conf.data_dir, &n->ended, err);
	if (rc == 0)
		rc = conns_open(n, &n->conns, err);
	if (rc == 0) /* hears at once of sessions that ended meanwhile */
		rc = events_open(n, &n->events, err);
	if (rc == 0)
		rc = join_port_open(n, &n->joins, err);
	if (rc == 0)
		rc = limits_open(n, &n->limits, err);
	if (rc == 0)
		rc = recheck_open(n, &n->recheck, err);
	if (rc == 0)
		rc = orders_open(n, &n->orders, err);
	if (rc == 0)
		rc = strangers_open(n, &n->strangers, err);
	if (rc == 0)
		rc = sshd_log_open(n, &n->sshd_log, err);
	if (rc == 0)
		rc = questions_open(n, &n->questions, err);
	if (rc == 0)
		rc = quick_open(n, &n->quick, err);
	return rc == 0 ? root_client_open(n, &n->root, err) : rc;
}

static int open_parts(struct noded *n, struct strlist *names, struct err *err)
{
	n->handshakes = work_pool_new(n->loop, HANDSHAKES_AT_ONCE, HANDSHAKES_WAITING);
	n->prefaces = preface_seen_new(PREFACES_MAX);
	if (n->handshakes == NULL || n->prefaces == NULL)
		return err_set_nomem(err);
	if (make_folders(n, err) != 0 || open_host(n, names, err) != 0 ||
	    host_start(n->host, err) != 0 || port_open(n, &n->port, err) != 0 ||
	    choose_advertise(n, err) != 0)
		return err->code;
	if (open_cache(n, err) != 0 || ssh_files_write(n, err) != 0)
		return err->code;
	return open_gate(n, err);
}

static void close_parts(struct noded *n)
{
	port_close(n->port);
	diag_close(n->diag);
	questions_close(n->questions);
	quick_close(n->quick);
	root_client_close(n->root);
	sshd_log_close(n->sshd_log);
	strangers_close(n->strangers);
	host_orders_close(n->orders);
	recheck_close(n->recheck);
	limits_close(n->limits);
	join_port_close(n->joins);
	events_close(n->events);
	conns_close(n->conns);
	ended_close(n->ended);
	upload_close(n->upload);
	sessions_close(n->sessions);
	audit_queue_close(n->audit);
	presence_close(n->presence);
	tunnel_file_close(n->tunnel);
	cache_free(n->cache);
	host_close(n->host);
	work_pool_free(n->handshakes);
	daemon_close(n->daemon);
}

static int ready(void *ctx, struct err *err)
{
	const struct noded *n = ctx;

	if (!cache_filled(n->cache))
		return err_set(err, ERR_UNAVAILABLE, "nothing heard from authd yet");
	if (!root_client_ready(n->root))
		return err_set(err, ERR_UNAVAILABLE, "noded-root is not running");
	return 0;
}

static void metrics(void *ctx, struct buf *out)
{
	const struct noded *n = ctx;
	size_t conns = 0;
	size_t sessions = 0;

	for (struct conn *c = conn_next(n, NULL); c != NULL; c = conn_next(n, c))
		conns++;
	for (struct session *s = session_next(n, NULL); s != NULL; s = session_next(n, s))
		sessions++;
	buf_appendf(out, "postern_noded_connections %zu\n", conns);
	buf_appendf(out, "postern_noded_sessions %zu\n", sessions);
	buf_appendf(out, "postern_noded_cache_live %d\n", cache_live(n->cache));
}

static int open_diag(struct noded *n, struct err *err)
{
	const struct diag_conf conf = {
		.loop = n->loop,
		.addr = n->conf.diag_addr != NULL ? n->conf.diag_addr : "",
		.ctx = n,
		.ready = ready,
		.metrics = metrics,
	};

	return diag_open(&conf, &n->diag, err);
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

static int run(struct noded *n, struct strlist *names)
{
	const struct daemon_hooks hooks = { n, on_stop, on_reload };
	struct err err = { 0 };

	if (default_hostname(&n->conf.hostname, &err) != 0 ||
	    daemon_open(n->loop, &hooks, &n->daemon, &err) != 0 ||
	    open_parts(n, names, &err) != 0 || open_diag(n, &err) != 0)
		return daemon_fail("noded", &err);
	log_info("ready", kv("port", port_number(n->port)), kv("cluster", host_cluster(n->host)),
	         kv("host", host_id(n->host)));
	daemon_ready("serving");
	uv_run(n->loop, UV_RUN_DEFAULT);
	preface_seen_free(n->prefaces);
	log_info("stopped");
	return 0;
}

int main(int argc, char **argv)
{
	const struct daemon_spec spec = { "noded", noded_conf_keys() };
	struct noded n = { .clock = clock_system(), .loop = uv_default_loop() };
	struct strlist names = { 0 };
	int status = daemon_begin(&spec, argc, argv, &n.conf);

	if (status != DAEMON_RUN)
		return status;
	status = run(&n, &names);
	strlist_deinit(&names);
	conf_deinit(noded_conf_keys(), &n.conf);
	return status;
}
