#include "authd/trust/links.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/trust/link.h"

#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "loop/timer.h"
#include "model/resource.h"
#include "model/trust.h"

#include <stdlib.h>

#define PREFIX "/trusted_clusters/"

struct links {
	struct authd *authd;
	struct keyspace_watch *watch;
	struct map *by_name;
	struct timer *renew; /* the links show a certificate of authd's, which ends */
};

static void forget(struct links *l, const char *name)
{
	link_close(map_remove(l->by_name, name));
}

/* The record's authorities came with it, in the same write. */
static void follow(struct links *l, const pv_TrustedCluster *with)
{
	const char *name = with->metadata.name;
	struct link *link = map_get(l->by_name, name);
	struct err err;

	if (!with->spec.enabled) {
		forget(l, name);
		return;
	}
	if (link != NULL || trust_hosts(l->authd->authorities.trust, name) == NULL)
		return; /* its addresses cannot change; or its authorities are told in a moment */
	if (link_open(l->authd, with, &link, &err) != 0) {
		log_error("root not followed", kv("cluster", name), kv("error", err.msg));
		return;
	}
	if (map_put(l->by_name, name, link, NULL) != 0)
		link_close(link);
}

static void take_item(struct links *l, const struct keyspace_item *item)
{
	pv_Resource r;
	struct err err;

	if (resource_of_item(item, &r, &err) != 0) {
		log_error("trusted_cluster not understood", kv("key", item->key),
		          kv("error", err.msg));
		return;
	}
	if (r.which_of == pv_Resource_trusted_cluster_tag)
		follow(l, &r.of.trusted_cluster);
	resource_deinit(&r);
}

static int take_stored(void *arg, const struct keyspace_item *item)
{
	take_item(arg, item);
	return 0;
}

static int start_watch(struct links *l, struct err *err);

static void on_ready(void *arg)
{
	const struct keyspace_event *event;
	struct links *l = arg;
	struct err err;
	int rc;

	while ((rc = keyspace_watch_next(l->watch, &event, &err)) == 0 && event != NULL) {
		if (event->type == KEYSPACE_EVENT_PUT)
			take_item(l, &event->item);
		else if (event->type == KEYSPACE_EVENT_DELETE)
			forget(l, event->item.key + sizeof(PREFIX) - 1);
	}
	if (rc == 0 || rc == ERR_UNAVAILABLE)
		return;
	keyspace_watch_close(l->watch);
	l->watch = NULL;
	if (start_watch(l, &err) != 0)
		log_error("trusted clusters not followed", kv("error", err.msg));
}

static int start_watch(struct links *l, struct err *err)
{
	static const char *const prefixes[] = { PREFIX };
	const struct keyspace_query stored = { .prefix = PREFIX };
	const struct keyspace_watch_options options = {
		.prefixes = prefixes,
		.prefix_count = 1,
		.ready = on_ready,
		.arg = l,
	};

	if (keyspace_watch_open(l->authd->keyspace, &options, &l->watch, err) != 0)
		return err->code;
	return keyspace_each(l->authd->keyspace, &stored, take_stored, l, NULL, err);
}

static void on_renew(void *owner)
{
	links_reload(owner);
}

void links_reload(struct links *l)
{
	const struct keyspace_query stored = { .prefix = PREFIX };
	const char *name;
	struct link *link;
	size_t at = 0;
	struct err err;

	if (l == NULL)
		return;
	while ((link = map_next(l->by_name, &at, &name)) != NULL)
		link_reload(link);
	if (keyspace_each(l->authd->keyspace, &stored, take_stored, l, NULL, &err) != 0)
		log_error("trusted clusters not followed", kv("error", err.msg));
}

int links_open(struct authd *a, struct links **out, struct err *err)
{
	struct links *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return err_set_nomem(err);
	l->authd = a;
	l->by_name = map_new();
	l->renew = timer_new(a->loop, on_renew, l);
	rc = l->by_name != NULL && l->renew != NULL ? start_watch(l, err) : err_set_nomem(err);
	if (rc != 0) {
		links_close(l);
		return rc;
	}
	timer_every(l->renew, a->conf.host_cert_ttl / 3 * 2);
	*out = l;
	return 0;
}

void links_close(struct links *l)
{
	const char *name;
	struct link *link;
	size_t at = 0;

	if (l == NULL)
		return;
	while (l->by_name != NULL && (link = map_next(l->by_name, &at, &name)) != NULL)
		link_close(link);
	keyspace_watch_close(l->watch);
	timer_free(l->renew);
	map_free(l->by_name);
	free(l);
}
