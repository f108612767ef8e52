#include "authd/rotation/follow.h"

#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/ports/tls_port.h"
#include "authd/recordings/recordings.h"
#include "authd/rotation/schedule.h"
#include "authd/trust/links.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "model/rotation.h"
#include "model/trust.h"
#include "rpc/server.h"
#include "store/keyspace.h"

#include <stdlib.h>

struct follow {
	struct authd *authd;
	struct keyspace_watch *watch;
};

/* --- what is done ---------------------------------------------------------------------------- */

/* Another cluster's come again, to be judged by its record as it is now. */
static bool is_untrusted(struct rpc_conn *conn, void *arg)
{
	const struct authd *a = arg;
	const pv_Identity *id = &caller_of_conn(conn)->identity;

	if (rpc_conn_peer(conn) != RPC_PEER_TLS)
		return false;
	return !str_eq(id->cluster, a->conf.cluster_name) ||
	       !trust_holds(a->authorities.trust, id, &rpc_conn_tls_peer(conn)->ca);
}

static const char *phase_of(const struct authority *a)
{
	return rotation_phase_name(rotation_phase_of(&a->resource.spec.rotation));
}

void follow_authorities(struct authd *a)
{
	bool changed;
	struct err err;

	if (a->server == NULL) /* stopping: the next start reads them */
		return;
	if (authorities_reload(&a->authorities, a->keyspace, a->conf.cluster_name, &changed,
	                       &err) != 0) {
		log_error("authorities not followed", kv("error", err.msg));
		return;
	}
	if (!changed)
		return;
	log_info("authorities changed", kv("user", phase_of(a->authorities.user)),
	         kv("host", phase_of(a->authorities.host)));
	recordings_set_key(a->recordings, a->authorities.host->client.tls_key);
	if (a->tls_port != NULL && tls_port_reload(a->tls_port, &err) != 0)
		log_error("authorities not followed", kv("error", err.msg));
	rpc_server_close_matching(a->server, is_untrusted, a);
	schedule_plan(a->schedule);
	links_reload(a->links);
}

/* --- when ------------------------------------------------------------------------------------ */

static int start_watch(struct follow *f, struct err *err);

static void on_ready(void *arg)
{
	const struct keyspace_event *event;
	struct follow *f = arg;
	struct err err;
	int rc;

	while ((rc = keyspace_watch_next(f->watch, &event, &err)) == 0 && event != NULL)
		if (event->type != KEYSPACE_EVENT_INIT)
			follow_authorities(f->authd);
	if (rc == 0 || rc == ERR_UNAVAILABLE)
		return;
	keyspace_watch_close(f->watch);
	f->watch = NULL;
	if (start_watch(f, &err) != 0)
		log_error("authorities not followed", kv("error", err.msg));
	follow_authorities(f->authd);
}

static int start_watch(struct follow *f, struct err *err)
{
	static const char *const prefixes[] = { "/authorities/" };
	const struct keyspace_watch_options options = {
		.prefixes = prefixes,
		.prefix_count = 1,
		.ready = on_ready,
		.arg = f,
	};

	return keyspace_watch_open(f->authd->keyspace, &options, &f->watch, err);
}

int follow_open(struct authd *a, struct follow **out, struct err *err)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return err_set_nomem(err);
	f->authd = a;
	if (start_watch(f, err) != 0) {
		free(f);
		return err->code;
	}
	*out = f;
	return 0;
}

void follow_close(struct follow *f)
{
	if (f == NULL)
		return;
	keyspace_watch_close(f->watch);
	free(f);
}
