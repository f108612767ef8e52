/*
 * authd - the authentication service: holds the cluster's authorities and its keyspace, answers
 * every question of identity, streams changes, keeps audit log and recordings.
 *
 *   start    settings -> keyspace -> cluster (made on the first start) -> log and recordings
 *            -> rpc server -> local socket and TLS port -> ready
 *   serving  one loop: calls by methods.c, commits of the keyspace's writer by keyspace_dispatch()
 *   stop     ports close, calls finish or are cancelled, the keyspace commits what waits
 */
#include "authd/access/access.h"
#include "authd/access/caller.h"
#include "authd/access/changes.h"
#include "authd/access/limits.h"
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/cluster.h"
#include "authd/hosts/presence.h"
#include "authd/hosts/semaphores.h"
#include "authd/methods.h"
#include "authd/people/people.h"
#include "authd/ports/local_port.h"
#include "authd/ports/tls_port.h"
#include "authd/recordings/orphans.h"
#include "authd/recordings/recordings.h"
#include "authd/restore.h"
#include "authd/rotation/follow.h"
#include "authd/rotation/schedule.h"
#include "authd/trust/leaves.h"
#include "authd/trust/links.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rates.h"
#include "base/str.h"
#include "conf/args.h"
#include "daemon/arrivals.h"
#include "daemon/daemon.h"
#include "daemon/diag.h"
#include "file/file.h"
#include "proto/auth.service.h"
#include "model/role_cache.h"
#include "loop/admission.h"
#include "loop/shifts.h"
#include "rpc/server.h"
#include "store/keyspace.h"
#include "store/keyspace_lmdb.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <uv.h>

#define ROLE_SETS     1024 /* users who call again before a role changes */
#define DRAIN_MS      500 /* calls may finish so long after a stop; watches never do by themselves */
#define PATH_MAX_HERE 1024
#define LIST_PIECE_US 4000 /* that others wait at most for a piece of a list */
#define LISTS_MAX     256
#define JOINS_AT_ONCE 64   /* a quarter of them from one address */
#define JOINS_MAX     4096 /* those that wait included; half of them from one address */

/* The process: authd and what only main() needs of it. */
struct process {
	struct authd authd;
	uv_loop_t loop;
	uv_poll_t commits; /* the keyspace's descriptor */
	struct daemon *daemon;
	struct diag *diag;
	struct local_port *local_port;
	bool watching_commits;
	bool stopping;
	bool broken; /* the keyspace works only once it is opened anew */
};

/* --- keyspace -------------------------------------------------------------------------------- */

static void on_stop(void *ctx);

static void on_commits(uv_poll_t *handle, int status, int events)
{
	struct process *p = handle->data;

	(void)status, (void)events;
	keyspace_dispatch(p->authd.keyspace);
	if (keyspace_is_broken(p->authd.keyspace) && !p->broken) {
		p->broken = true;
		log_error("keyspace broken by a failing disk: ending, to be started again");
		on_stop(p);
	}
}

static int open_keyspace(struct process *p, struct err *err)
{
	struct authd *a = &p->authd;
	char dir[PATH_MAX_HERE];
	const struct keyspace_lmdb_options options = {
		.dir = dir,
		.clock = a->clock,
		.log_events = (size_t)a->conf.log_events,
		.log_age_ms = a->conf.log_age,
	};

	snprintf(dir, sizeof(dir), "%s/keyspace", a->conf.data_dir);
	if (file_make_dir(a->conf.data_dir, 0700, err) != 0 ||
	    keyspace_lmdb_open(&options, &a->keyspace, err) != 0)
		return err->code;
	p->commits.data = p;
	uv_poll_init(&p->loop, &p->commits, keyspace_fd(a->keyspace));
	uv_poll_start(&p->commits, UV_READABLE, on_commits);
	p->watching_commits = true;
	return 0;
}

/* --- audit log ------------------------------------------------------------------------------- */

static int open_log(struct authd *a, struct err *err)
{
	char dir[PATH_MAX_HERE];
	const struct audit_log_spec spec = {
		.dir = a->conf.audit_dir != NULL ? a->conf.audit_dir : dir,
		.cluster = a->conf.cluster_name,
		.keep_ms = a->conf.audit_keep,
		.loop = a->loop,
		.clock = a->clock,
	};

	snprintf(dir, sizeof(dir), "%s/audit", a->conf.data_dir);
	return audit_log_open(&a->audit, &spec, err);
}

/* --- recordings ------------------------------------------------------------------------------ */

static int open_recordings(struct authd *a, struct err *err)
{
	char dir[PATH_MAX_HERE];
	const struct recordings_spec spec = {
		.dir = a->conf.recordings_dir != NULL ? a->conf.recordings_dir : dir,
		.quota = a->conf.recordings_quota,
		.keep_ms = a->conf.recordings_keep,
		.key = a->authorities.host->client.tls_key,
		.loop = a->loop,
		.clock = a->clock,
	};

	snprintf(dir, sizeof(dir), "%s/recordings", a->conf.data_dir);
	return recordings_open(&a->recordings, &spec, err);
}

/* --- rpc ------------------------------------------------------------------------------------- */

static void on_call_done(struct rpc_call *call, const struct err *result)
{
	char name[PEER_NAME_SIZE];

	if (result->code == 0) {
		log_debug("rpc", "call", kv("method", rpc_call_signature(call)->name),
		          kv("caller", peer_name(caller_of(call), name, sizeof(name))));
		return;
	}
	log_info("call refused", kv("method", rpc_call_signature(call)->name),
	         kv("caller", peer_name(caller_of(call), name, sizeof(name))),
	         kv("addr", caller_of(call)->addr), kv("code", err_name(result->code)),
	         kv("error", result->msg));
}

static int open_server(struct authd *a, struct err *err)
{
	struct rpc_server_conf conf = {
		.loop = a->loop,
		.more = methods_more(),
		.files = pv_auth_files,
		.document = methods_document,
		.ctx = a,
		.opened = leaves_conn_opened,
		.closed = leaves_conn_closed,
		.authorize = access_authorize,
		.done = on_call_done,
	};

	methods_main(&conf.main);
	a->rates = rates_new(LIMITS_CALLERS_MAX);
	if (a->rates == NULL)
		return err_set_nomem(err);
	a->server = rpc_server_new(&conf, err);
	return a->server != NULL ? 0 : err->code;
}

/* --- diagnostics ----------------------------------------------------------------------------- */

static void append_metrics(void *ctx, struct buf *out)
{
	struct process *p = ctx;
	struct authd *a = &p->authd;
	const struct arrivals_figures at_door = arrivals_figures(tls_port_arrivals(a->tls_port));

	buf_appendf(out, "postern_authd_connections %zu\n", rpc_server_connections(a->server));
	buf_appendf(out, "postern_authd_handshakes_waiting %u\n", at_door.waiting);
	buf_appendf(out, "postern_authd_handshakes_verified %" PRIu64 "\n", at_door.verified);
	buf_appendf(out, "postern_authd_handshakes_resumed %" PRIu64 "\n", at_door.resumed);
	buf_appendf(out, "postern_authd_connections_cut %" PRIu64 "\n", at_door.cut);
	buf_appendf(out, "postern_authd_hosts %zu\n", presence_count(a->presence));
	buf_appendf(out, "postern_authd_keep_alives_total %llu\n",
	            (unsigned long long)presence_kept(a->presence));
	buf_appendf(out, "postern_authd_revision %llu\n",
	            (unsigned long long)keyspace_revision(a->keyspace));
}

static int open_diag(struct process *p, struct err *err)
{
	const struct diag_conf conf = {
		.loop = &p->loop,
		.addr = p->authd.conf.diag,
		.ctx = p,
		.metrics = append_metrics,
	};

	return diag_open(&conf, &p->diag, err);
}

/* --- stop ------------------------------------------------------------------------------------ */

static void on_server_stopped(void *ctx)
{
	struct process *p = ctx;
	struct authd *a = &p->authd;

	a->server = NULL;
	leaves_close(a->leaves);
	a->leaves = NULL;
	links_close(a->links);
	follow_close(a->follow);
	schedule_close(a->schedule);
	changes_close(a->changes);
	role_cache_free(a->role_sets);
	semaphores_free(a->semaphores);
	presence_close(a->presence);
	orphans_free(a->orphans);
	shifts_free(a->lists);
	event_bytes_deinit(&a->event_bytes);
	people_stop(a);
	recordings_close(a->recordings);
	audit_log_close(a->audit);
	a->audit = NULL; /* what ends from here on is not written down */
	diag_close(p->diag);
	daemon_close(p->daemon);
	if (p->watching_commits)
		uv_close((uv_handle_t *)&p->commits, NULL);
}

static void on_stop(void *ctx)
{
	struct process *p = ctx;

	if (p->stopping)
		return;
	p->stopping = true;
	log_info("stopping");
	local_port_close(p->local_port);
	tls_port_close(p->authd.tls_port);
	rpc_server_stop(p->authd.server, DRAIN_MS, on_server_stopped);
}

/* --- reload ---------------------------------------------------------------------------------- */

/* Durations and numbers take effect; names, addresses and folders are for the next start. */
static void on_reload(void *ctx)
{
	struct process *p = ctx;
	struct authd_conf *now = &p->authd.conf;
	struct authd_conf fresh;
	struct err err;

	daemon_reloading();
	if (conf_load(authd_conf_keys(), daemon_config_file(), &fresh, &err) != 0) {
		log_error("settings not reloaded", kv("error", err.msg));
	} else {
		authd_conf_adopt(now, &fresh);
		conf_deinit(authd_conf_keys(), &fresh);
		log_info("settings reloaded");
	}
	daemon_ready("serving");
}

/* --- start ----------------------------------------------------------------------------------- */

static int open_cluster(struct process *p, struct err *err)
{
	struct authd *a = &p->authd;
	int created;

	if (open_keyspace(p, err) != 0 || cluster_open(a, &created, err) != 0)
		return err->code;
	if (created)
		log_info("cluster created", kv("cluster", a->conf.cluster_name));
	return 0;
}

static void on_hosts_gone(struct authd *a)
{
	orphans_look(a->orphans);
}

static int open_services(struct process *p, struct err *err)
{
	static const struct admission_limits joins = { JOINS_AT_ONCE, JOINS_AT_ONCE / 4, JOINS_MAX,
		                                       JOINS_MAX / 2 };
	struct authd *a = &p->authd;

	if (open_log(a, err) != 0 || open_recordings(a, err) != 0 || people_open(a, err) != 0 ||
	    open_server(a, err) != 0)
		return err->code;
	a->joins = admission_new(&joins);
	a->lists = shifts_new(a->loop, LIST_PIECE_US, LISTS_MAX);
	a->orphans = orphans_new(a);
	if (a->joins == NULL || a->lists == NULL || a->orphans == NULL)
		return err_set_nomem(err);
	if (presence_open(a, on_hosts_gone, &a->presence, err) != 0)
		return err->code;
	a->role_sets = role_cache_new(ROLE_SETS, access_lookup_role, a);
	a->semaphores = semaphores_new();
	if (a->role_sets == NULL || a->semaphores == NULL)
		return err_set_nomem(err);
	if (changes_open(a, &a->changes, err) != 0)
		return err->code;
	if (schedule_open(a, &a->schedule, err) != 0)
		return err->code;
	if (follow_open(a, &a->follow, err) != 0)
		return err->code;
	if (links_open(a, &a->links, err) != 0)
		return err->code;
	return leaves_open(a, &a->leaves, err);
}

static int open_ports(struct process *p, struct err *err)
{
	struct authd *a = &p->authd;

	if (local_port_open(a, &p->local_port, err) != 0 ||
	    tls_port_open(a, &a->tls_port, err) != 0)
		return err->code;
	return open_diag(p, err);
}

static int start(struct process *p, struct err *err)
{
	static struct daemon_hooks hooks = { .stop = on_stop, .reload = on_reload };

	hooks.ctx = p;
	if (daemon_open(&p->loop, &hooks, &p->daemon, err) != 0 || open_cluster(p, err) != 0 ||
	    open_services(p, err) != 0)
		return err->code;
	return open_ports(p, err);
}

int main(int argc, char **argv)
{
	const char *backup = NULL;
	const struct args_option options[] = {
		{ "restore", 0, ARGS_TEXT, &backup },
		{ 0 },
	};
	const struct daemon_spec spec = { "authd", authd_conf_keys(), options,
		                          " [--restore FILE|-]" };
	struct process p = { .authd = { .loop = &p.loop, .clock = clock_system() } };
	struct err err;
	int status = daemon_begin(&spec, argc, argv, &p.authd.conf);

	if (status != DAEMON_RUN)
		return status;
	umask(077);
	if (backup != NULL) {
		status = restore(&p.authd.conf, backup);
		conf_deinit(authd_conf_keys(), &p.authd.conf);
		return status;
	}
	uv_loop_init(&p.loop);
	if (start(&p, &err) != 0)
		return daemon_fail("authd", &err);
	log_info("ready", kv("cluster", p.authd.conf.cluster_name),
	         kv("port", tls_port_number(p.authd.tls_port)), kv("socket", p.authd.conf.socket));
	daemon_ready("serving");
	uv_run(&p.loop, UV_RUN_DEFAULT);
	keyspace_close(p.authd.keyspace);
	people_close(&p.authd);
	rates_free(p.authd.rates);
	admission_free(p.authd.joins);
	cluster_close(&p.authd);
	uv_loop_close(&p.loop);
	conf_deinit(authd_conf_keys(), &p.authd.conf);
	return p.broken ? 1 : 0;
}
