#include "noded/orders.h"

#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "daemon/host.h"
#include "noded/noded.h"
#include "noded/report.h"
#include "noded/session.h"

#include <stdlib.h>

#define SESSIONS "/sessions/"

struct orders {
	struct noded *n;
	struct cache_watch *watch;
};

/* Sessions of other nodes are not ours to act on. */
static void obey(struct noded *n, const pv_Session *record)
{
	static const char reason[] = "ended by an administrator";
	struct session *s;

	if (!str_eq(record->spec.node_id, host_id(n->host)) || record->metadata.name == NULL)
		return;
	s = session_find(n, record->metadata.name);
	if (s == NULL || s->end_reason != NULL)
		return;
	if (record->spec.ended != 0) /* we were silent for so long that we counted as gone */
		report_alive(n, s);
	if (!record->spec.terminate)
		return;
	report_disconnect(n, s->identity.user, s->login, s->client, s->sid, reason);
	session_end(n, s, reason);
}

static void on_current(void *ctx)
{
	struct orders *o = ctx;
	const pv_Resource *r;
	size_t at = 0;

	while ((r = cache_next(o->n->cache, SESSIONS, &at)) != NULL)
		obey(o->n, &r->of.session);
}

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	struct orders *o = ctx;

	(void)key;
	if (now != NULL)
		obey(o->n, &now->of.session);
}

int orders_open(struct noded *n, struct orders **out, struct err *err)
{
	static const char *const prefixes[] = { SESSIONS, NULL };
	struct orders *o = calloc(1, sizeof(*o));
	const struct cache_watch_conf conf = {
		.prefixes = prefixes,
		.ctx = o,
		.init = on_current,
		.changed = on_changed,
	};

	if (o == NULL)
		return err_set_nomem(err);
	o->n = n;
	if (cache_watch_open(n->cache, &conf, &o->watch, err) != 0) {
		free(o);
		return err->code;
	}
	*out = o;
	return 0;
}

void orders_close(struct orders *o)
{
	if (o == NULL)
		return;
	cache_watch_close(o->watch);
	free(o);
}
