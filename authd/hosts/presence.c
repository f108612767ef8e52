#include "authd/hosts/presence.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/hosts/leases.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "loop/timer.h"
#include "store/keyspace.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS       250  /* how late a lease may end, and a take-over be noticed */
#define ENDS_AT_ONCE  1000 /* leases ended per tick; a whole site may fall silent in one moment */
#define RETRY_MS      5000 /* after a deletion that did not come through */
#define QUEUE         16384
#define TELLS_PER_TTL 4 /* how often another authd is told of a host that speaks */

static const char *const prefixes[] = { "/nodes/", "/proxies/", "/kube_servers/" };

#define PREFIXES (sizeof(prefixes) / sizeof(*prefixes))

struct presence {
	struct authd *authd;
	void (*gone)(struct authd *a);
	struct leases *leases;
	struct keyspace_watch *watch;
	struct timer *tick;
	uint64_t kept;
	bool leads;
};

static int64_t now_of(const struct presence *p)
{
	return clock_mono_ms(p->authd->clock);
}

/* --- following the keyspace ------------------------------------------------------------------ */

/* Records that expire by themselves were written by an older authd: their hosts announce anew. */
static int take_record(struct presence *p, const struct keyspace_item *item, struct err *err)
{
	pv_Resource r = pv_Resource_init_zero;
	int64_t ttl;

	if (item->expires != 0)
		return 0;
	if (resource_of_item(item, &r, err) != 0) {
		log_error("resource not readable", kv("key", item->key), kv("error", err->msg));
		return 0;
	}
	ttl = r.of.node.spec.ttl;
	resource_deinit(&r);
	return leases_put(p->leases, item->key, item->revision, ttl, now_of(p), err);
}

struct taking {
	struct presence *p;
	struct err err;
};

static int take_stored(void *arg, const struct keyspace_item *item)
{
	struct taking *t = arg;

	return take_record(t->p, item, &t->err) == 0 ? 0 : -1;
}

static int take_all(struct presence *p, uint64_t *out_revision, struct err *err)
{
	struct taking t = { .p = p };
	uint64_t revision;
	int rc = 0;

	*out_revision = 0;
	for (size_t i = 0; i < PREFIXES && rc == 0; i++) {
		const struct keyspace_query query = { .prefix = prefixes[i] };

		rc = keyspace_each(p->authd->keyspace, &query, take_stored, &t, &revision, err);
		if (*out_revision == 0)
			*out_revision = revision; /* the older snapshot's: nothing is missed */
	}
	return rc == -1 ? err_copy(err, &t.err) : rc;
}

static void tell_gone(struct presence *p)
{
	if (p->leads && p->gone != NULL)
		p->gone(p->authd);
}

static void on_event(struct presence *p, const struct keyspace_event *event)
{
	struct err err;

	if (event->type == KEYSPACE_EVENT_DELETE) {
		leases_remove(p->leases, event->item.key);
		tell_gone(p);
	} else if (event->type == KEYSPACE_EVENT_PUT && take_record(p, &event->item, &err) != 0)
		log_error("no lease for a host", kv("key", event->item.key), kv("error", err.msg));
}

static int follow(struct presence *p, struct err *err);

/* Events were missed: takes up everything anew, with a whole TTL for everybody. */
static void refollow(struct presence *p)
{
	struct err err;

	leases_clear(p->leases);
	keyspace_watch_close(p->watch);
	p->watch = NULL;
	if (follow(p, &err) != 0) /* the next tick tries again */
		log_error("hosts are not followed", kv("error", err.msg));
}

static void on_ready(void *arg)
{
	const struct keyspace_event *event;
	struct presence *p = arg;
	struct err err;
	int rc;

	while ((rc = keyspace_watch_next(p->watch, &event, &err)) == 0 && event != NULL)
		on_event(p, event);
	if (rc == 0 || rc == ERR_UNAVAILABLE)
		return;
	log_warn("leases begin afresh", kv("reason", err.msg));
	refollow(p);
}

static int follow(struct presence *p, struct err *err)
{
	struct keyspace_watch_options options = {
		.prefixes = prefixes,
		.prefix_count = PREFIXES,
		.queue = QUEUE,
		.ready = on_ready,
		.arg = p,
	};

	if (take_all(p, &options.after, err) != 0)
		return err->code;
	return keyspace_watch_open(p->authd->keyspace, &options, &p->watch, err);
}

/* --- leases that are over -------------------------------------------------------------------- */

/* A record whose host fell silent; outlives presence, which it does not touch. */
static void on_ended(void *arg, uint64_t revision, const struct err *err)
{
	char *key = arg;

	(void)revision;
	if (err == NULL)
		log_info("host fell silent", kv("record", key));
	else if (err->code != ERR_CONFLICT) /* that one has announced itself anew */
		log_warn("silent host not removed", kv("record", key), kv("error", err->msg));
	free(key);
}

static int end_lease(struct presence *p, const struct lease *lease, struct err *err)
{
	const struct keyspace_op op = keyspace_op_delete_at(lease->key, lease->revision);
	char *key = strdup(lease->key);

	if (key == NULL)
		return err_set_nomem(err);
	if (keyspace_write(p->authd->keyspace, &op, 1, on_ended, key, err) == 0)
		return 0;
	free(key);
	return err->code;
}

static void end_due_leases(struct presence *p)
{
	const struct lease *lease;
	struct err err;

	for (size_t i = 0; i < ENDS_AT_ONCE; i++) {
		lease = leases_first_due(p->leases, now_of(p), RETRY_MS);
		if (lease == NULL)
			return;
		if (end_lease(p, lease, &err) != 0) {
			log_warn("silent host not removed", kv("record", lease->key),
			         kv("error", err.msg));
			return;
		}
	}
}

static void begin_to_lead(struct presence *p)
{
	p->leads = true;
	leases_restart(p->leases, now_of(p));
	tell_gone(p);
	log_info("leases begin", kv("hosts", leases_count(p->leases)));
}

static void on_tick(void *owner)
{
	struct presence *p = owner;

	if (p->watch == NULL)
		refollow(p);
	if (!p->leads && keyspace_leads(p->authd->keyspace))
		begin_to_lead(p);
	if (p->leads)
		end_due_leases(p);
}

/* --- hosts that speak ------------------------------------------------------------------------ */

/* Nobody waits for it: the host speaks again before the leader could miss it. */
static void on_told(void *arg, uint64_t revision, const struct err *err)
{
	(void)arg;
	(void)revision;
	if (err != NULL)
		log_debug("presence", "lease not told", kv("error", err->msg));
}

/* Who leads hears of it by the record's event. */
static void tell_leader(struct presence *p, struct lease *lease)
{
	const struct keyspace_op op = keyspace_op_extend(lease->key, 0);
	int64_t now = now_of(p);
	struct err err;

	if (now - lease->told < lease->ttl_ms / TELLS_PER_TTL)
		return;
	lease->told = now;
	if (keyspace_write(p->authd->keyspace, &op, 1, on_told, NULL, &err) != 0)
		on_told(NULL, 0, &err);
}

bool presence_keep(struct presence *p, const char *key, int64_t *out_ttl_ms)
{
	struct lease *lease = leases_keep(p->leases, key, now_of(p));

	if (lease == NULL)
		return false;
	p->kept++;
	if (!p->leads)
		tell_leader(p, lease);
	*out_ttl_ms = lease->ttl_ms;
	return true;
}

bool presence_has(const struct presence *p, const char *key)
{
	return leases_has(p->leases, key);
}

size_t presence_count(const struct presence *p)
{
	return leases_count(p->leases);
}

uint64_t presence_kept(const struct presence *p)
{
	return p->kept;
}

/* --- open and close -------------------------------------------------------------------------- */

int presence_open(struct authd *a, void (*gone)(struct authd *a), struct presence **out,
                  struct err *err)
{
	struct presence *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->authd = a;
	p->gone = gone;
	p->leases = leases_new();
	p->tick = timer_new(a->loop, on_tick, p);
	if (p->leases == NULL || p->tick == NULL)
		err_set_nomem(err);
	else if (follow(p, err) == 0) {
		timer_every(p->tick, TICK_MS);
		*out = p;
		return 0;
	}
	presence_close(p);
	return err->code;
}

void presence_close(struct presence *p)
{
	if (p == NULL)
		return;
	timer_free(p->tick);
	keyspace_watch_close(p->watch);
	leases_free(p->leases);
	free(p);
}
