#include "authd/recordings/orphans.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/hosts/presence.h"
#include "authd/recordings/sessions.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/shifts.h"
#include "loop/timer.h"

#include <stdlib.h>

#define GATHER_MS 500 /* nodes that go together are looked for together */

static const char prefix[] = "/sessions/";

enum { PIECE_OVER = 1 };

struct orphans {
	struct authd *authd;
	struct timer *due;
	struct shift shift;
	bool walking;
	bool again; /* more have gone since the walk began */
	char last[KEYSPACE_KEY_MAX + 1];
};

/* Whether a host of that id is known to be there, by a record of this kind. */
static bool is_there(struct authd *a, const char *kind, const char *id)
{
	char key[RESOURCE_KEY_SIZE];
	struct err ignored;

	return resource_key(key, resource_kind_find(kind), NULL, id, &ignored) == 0 &&
	       presence_has(a->presence, key);
}

static bool is_orphan(struct authd *a, const pv_SessionSpec *spec)
{
	return spec->ended == 0 && !str_empty(spec->node_id) &&
	       !is_there(a, "node", spec->node_id) && !is_there(a, "kube_server", spec->node_id);
}

static int look_at(void *arg, const struct keyspace_item *item)
{
	pv_Resource r = pv_Resource_init_zero;
	struct orphans *o = arg;
	struct err ignored;

	if (shift_is_over(&o->shift))
		return PIECE_OVER;
	str_copy(o->last, sizeof(o->last), item->key);
	if (resource_of_item(item, &r, &ignored) != 0)
		return 0;
	if (is_orphan(o->authd, &r.of.session.spec))
		sessions_orphaned(o->authd, resource_name(&r));
	resource_deinit(&r);
	return 0;
}

static bool on_piece(struct shift *s)
{
	struct orphans *o = container_of(s, struct orphans, shift);
	const struct keyspace_query query = {
		.prefix = prefix,
		.after = o->last[0] != 0 ? o->last : NULL,
	};
	struct err err;
	int rc = keyspace_each(o->authd->keyspace, &query, look_at, o, NULL, &err);

	if (rc == PIECE_OVER)
		return true;
	if (rc != 0)
		log_error("sessions of nodes that are gone not ended", kv("error", err.msg));
	o->walking = false;
	if (o->again)
		orphans_look(o);
	return false;
}

static void on_due(void *owner)
{
	struct orphans *o = owner;
	struct err err;

	o->again = false;
	o->last[0] = 0;
	o->walking = shift_start(o->authd->lists, &o->shift, on_piece, &err) == 0;
	if (!o->walking) /* too many lists are being made */
		timer_once(o->due, GATHER_MS);
}

void orphans_look(struct orphans *o)
{
	if (o->walking)
		o->again = true;
	else if (!timer_active(o->due))
		timer_once(o->due, GATHER_MS);
}

struct orphans *orphans_new(struct authd *a)
{
	struct orphans *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->authd = a;
	o->due = timer_new(a->loop, on_due, o);
	if (o->due == NULL) {
		free(o);
		return NULL;
	}
	return o;
}

void orphans_free(struct orphans *o)
{
	if (o == NULL)
		return;
	if (o->walking)
		shift_cancel(&o->shift);
	timer_free(o->due);
	free(o);
}
