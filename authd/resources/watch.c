/*
 * watch - streams the changes of some kinds of resources, after a snapshot if need be.
 *
 *   SNAPSHOT --(all kinds sent: SYNCED)--> LIVE --(client gone, or too slow)--> over
 *      ^-- after_revision 0 or compacted      ^-- resumed: INIT says no snapshot follows
 *
 * The keyspace's own watch begins behind the revision of the first page of the snapshot, once the
 * snapshot is out, and reads what happened meanwhile from the change log: nothing is missed and
 * the last word on every key is right. The client's pace holds all of it back: nothing is read
 * while the stream is not writable, and a client that is too slow for the keyspace's queue is
 * ended with ERR_LIMIT at once, whether it reads or not.
 */
#include "authd/access/access.h"
#include "authd/access/caller.h"
#include "authd/access/visible.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/resources/calls.h"
#include "authd/resources/watched.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/timer.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_MS 15000
#define AT_ONCE      128 /* events before the loop serves others */

enum state { SNAPSHOT, LIVE };

/* How far the snapshot has come. */
struct progress {
	size_t at;                       /* the kind */
	char last[KEYSPACE_KEY_MAX + 1]; /* and the key that was sent last; "" = none */
};

struct watch {
	struct rpc_call *call;
	struct authd *authd;
	enum state state;
	struct watched kinds;
	uintptr_t generation;          /* of the roles that the kinds were allowed by */
	struct keyspace_watch *events; /* LIVE, and some kind is watched */
	uint64_t revision;             /* of the snapshot; then of the newest event */
	struct progress *progress;     /* SNAPSHOT */
	struct timer *again;           /* goes on in the next turn of the loop */
	struct timer *heartbeat;
};

/* --- the end --------------------------------------------------------------------------------- */

static void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	keyspace_watch_close(w->events);
	timer_free(w->again);
	timer_free(w->heartbeat);
	watched_deinit(&w->kinds);
	free(w->progress);
	free(w);
}

static void fail(struct watch *w, const struct err *err)
{
	rpc_call_fail(w->call, err);
	watch_free(w);
}

static void on_canceled(struct rpc_call *call)
{
	watch_free(rpc_call_data(call));
}

/* --- sending --------------------------------------------------------------------------------- */

static int send_bare(struct watch *w, pv_WatchEvent_Type type, struct err *err)
{
	const pv_WatchEvent event = { .type = type, .revision = (int64_t)w->revision };

	return rpc_call_send(w->call, &event, err);
}

static int send_init(struct watch *w, struct watched_answer *o, bool snapshot, bool compacted,
                     struct err *err)
{
	pv_WatchEvent event = {
		.type = pv_WatchEvent_Type_INIT,
		.revision = (int64_t)w->revision,
		.snapshot = snapshot,
		.compacted = compacted,
		.kinds = o->accepted.items,
		.kinds_count = (pb_size_t)o->accepted.count,
		.left_out = o->left_out,
		.left_out_count = o->left_out_count,
	};

	return rpc_call_send(w->call, &event, err);
}

/* Where the client may go on when this was the last it got: everything up to there has been sent.
 * Within a snapshot, and within a write of several keys, that is not the event's own revision. */
static int64_t reached(const struct watch *w)
{
	return w->events != NULL ? (int64_t)keyspace_watch_revision(w->events) : 0;
}

static int send_delete(struct watch *w, const struct watched_kind *k,
                       const struct keyspace_item *item, struct err *err)
{
	char *rest = item->key + strlen(k->visible.kind->prefix);
	char *slash = k->visible.kind->sub_kinds ? strchr(rest, '/') : NULL;
	char sub_kind[KEYSPACE_KEY_MAX + 1] = "";
	pv_WatchEvent event = {
		.type = pv_WatchEvent_Type_DELETE,
		.revision = reached(w),
		.kind = (char *)(uintptr_t)k->visible.kind->name,
		.name = slash != NULL ? slash + 1 : rest,
		.sub_kind = sub_kind,
	};

	if (slash != NULL)
		memcpy(sub_kind, rest, (size_t)(slash - rest)); /* ends with the 0 of before */
	return rpc_call_send(w->call, &event, err);
}

/* One damaged record does not keep the others from anybody. */
static int skip_damaged(const struct keyspace_item *item, const struct err *err)
{
	if (err->code == ERR_CORRUPT)
		log_error("resource not readable", kv("key", item->key), kv("error", err->msg));
	return err->code == ERR_CORRUPT ? 0 : err->code;
}

/* All who see it get the same bytes. */
static int send_shared(struct watch *w, const struct keyspace_item *item, struct err *err)
{
	const struct buf *bytes;

	if (event_bytes_put(&w->authd->event_bytes, item, reached(w), &bytes, err) != 0)
		return skip_damaged(item, err);
	return rpc_call_send_encoded(w->call, bytes->data, bytes->len, err);
}

/* Of what is gone the name alone is known. Another cluster may not hear of those that it did not
 * see: ours, which are all it sees, are never removed. */
static bool may_hear(const struct watch *w, const struct watched_kind *k)
{
	return k->visible.all || caller_of(w->call)->kind != PEER_REMOTE;
}

static bool hides(const struct watch *w)
{
	return w->state == LIVE && caller_of(w->call)->kind == PEER_USER;
}

/* What a user may not see (any more) is as good as deleted; in a snapshot it is left out. What a
 * host may see never changes. */
static int send_put(struct watch *w, const struct watched_kind *k, const struct keyspace_item *item,
                    struct err *err)
{
	const pv_Resource *resource;

	if (k->visible.all)
		return send_shared(w, item, err);
	if (event_bytes_resource(&w->authd->event_bytes, item, &resource, err) != 0)
		return skip_damaged(item, err);
	if (visible_check(&k->visible, resource))
		return send_shared(w, item, err);
	return hides(w) ? send_delete(w, k, item, err) : 0;
}

/* --- the snapshot ---------------------------------------------------------------------------- */

struct page {
	struct watch *watch;
	struct err *err; /* why it could not be sent */
};

static int send_item(void *arg, const struct keyspace_item *item)
{
	const struct page *page = arg;
	struct watch *w = page->watch;
	struct progress *p = w->progress;
	const struct watched_kind *k = &w->kinds.items[p->at];

	str_copy(p->last, sizeof(p->last), item->key);
	return watched_find(&w->kinds, item->key) != k || send_put(w, k, item, page->err) == 0 ? 0
	                                                                                       : -1;
}

/* The next few resources of the present kind, or the next kind. */
static int snapshot_page(struct watch *w, struct err *err)
{
	struct progress *p = w->progress;
	struct keyspace_query query = {
		.prefix = w->kinds.items[p->at].prefix,
		.after = p->last[0] != 0 ? p->last : NULL,
		.limit = AT_ONCE,
	};
	struct err failure;
	struct page page = { w, &failure };
	char before[sizeof(p->last)];
	int rc;

	memcpy(before, p->last, sizeof(before));
	rc = keyspace_each(w->authd->keyspace, &query, send_item, &page, NULL, err);
	if (rc == -1)
		return err_copy(err, &failure);
	if (rc == 0 && strcmp(before, p->last) == 0) {
		p->at++;
		p->last[0] = 0;
	}
	return rc;
}

/* --- live ------------------------------------------------------------------------------------ */

static void step(struct watch *w);

static void on_ready(void *arg)
{
	step(arg);
}

/* A change of a session is one node's business, and no reason to look after all others. What a
 * user may not see any more, they are told. */
static bool wants(void *arg, const struct keyspace_event *event)
{
	struct watch *w = arg;
	const struct watched_kind *k = watched_find(&w->kinds, event->item.key);
	const pv_Resource *resource;
	struct err ignored; /* send_put() meets it again */

	if (k == NULL)
		return false;
	return event->type != KEYSPACE_EVENT_PUT || k->visible.all ||
	       caller_of(w->call)->kind == PEER_USER ||
	       event_bytes_resource(&w->authd->event_bytes, &event->item, &resource, &ignored) !=
	               0 ||
	       visible_check(&k->visible, resource);
}

static int go_live(struct watch *w, struct err *err)
{
	const char *prefixes[WATCHED_MAX];
	const struct keyspace_watch_options options = {
		.prefixes = prefixes,
		.prefix_count = w->kinds.count,
		.after = w->revision,
		.wants = wants,
		.ready = on_ready,
		.arg = w,
	};

	for (size_t i = 0; i < w->kinds.count; i++)
		prefixes[i] = w->kinds.items[i].prefix;
	if (w->kinds.count > 0 && /* no prefix at all would mean every key */
	    keyspace_watch_open(w->authd->keyspace, &options, &w->events, err) != 0)
		return err->code;
	w->state = LIVE;
	free(w->progress);
	w->progress = NULL;
	timer_every(w->heartbeat, HEARTBEAT_MS);
	return 0;
}

static int send_event(struct watch *w, const struct keyspace_event *event, struct err *err)
{
	const struct watched_kind *k;

	if (event->type == KEYSPACE_EVENT_INIT)
		return 0;
	k = watched_find(&w->kinds, event->item.key);
	if (k == NULL)
		return 0;
	if (event->type == KEYSPACE_EVENT_DELETE)
		return may_hear(w, k) ? send_delete(w, k, &event->item, err) : 0;
	return send_put(w, k, &event->item, err);
}

static int send_events(struct watch *w, struct err *err)
{
	const struct keyspace_event *event = NULL;

	for (size_t n = 0; n < AT_ONCE && rpc_call_writable(w->call); n++) {
		if (keyspace_watch_next(w->events, &event, err) != 0)
			return err->code;
		if (event == NULL)
			return 0;
		if (send_event(w, event, err) != 0)
			return err->code;
	}
	timer_once(w->again, 0);
	return 0;
}

/* --- the story ------------------------------------------------------------------------------- */

static int go_on(struct watch *w, struct err *err)
{
	if (w->state == LIVE)
		return w->events != NULL ? send_events(w, err) : 0;
	if (w->progress->at < w->kinds.count) {
		timer_once(w->again, 0);
		return snapshot_page(w, err);
	}
	if (send_bare(w, pv_WatchEvent_Type_SYNCED, err) != 0 || go_live(w, err) != 0)
		return err->code;
	timer_once(w->again, 0);
	return 0;
}

/* What a user was allowed may not be any more: they ask again, as they are now. */
static int check_roles_unchanged(const struct watch *w, struct err *err)
{
	if (access_generation(w->authd, caller_of(w->call)) == w->generation)
		return 0;
	return err_set(err, ERR_UNAVAILABLE, "roles have changed: watch again");
}

static void step(struct watch *w)
{
	struct err err;

	if (!rpc_call_writable(w->call)) { /* on_writable goes on, unless it is too late */
		if (w->events != NULL && keyspace_watch_check(w->events, &err) != 0)
			fail(w, &err);
		return;
	}
	if (check_roles_unchanged(w, &err) != 0 || go_on(w, &err) != 0)
		fail(w, &err); /* w is gone */
}

static void on_again(void *owner)
{
	step(owner);
}

static void on_writable(struct rpc_call *call)
{
	step(rpc_call_data(call));
}

static void on_heartbeat(void *owner)
{
	struct watch *w = owner;
	struct err err;
	uint64_t seen;

	seen = w->events != NULL ? keyspace_watch_revision(w->events) : 0;
	if (seen > w->revision)
		w->revision = seen;
	if (rpc_call_writable(w->call) && send_bare(w, pv_WatchEvent_Type_HEARTBEAT, &err) != 0)
		fail(w, &err);
}

/* Resumes behind the revision that the client has, if the change log still reaches back to it. */
static int begin(struct watch *w, const pv_WatchRequest *request, struct watched_answer *o,
                 struct err *err)
{
	bool resumes = request->after_revision > 0;

	if (watched_init(&w->kinds, w->call, request, o, err) != 0)
		return err->code;
	w->revision = (uint64_t)request->after_revision;
	if (resumes && go_live(w, err) == 0)
		return send_init(w, o, false, false, err);
	if (resumes && err->code != ERR_CONFLICT)
		return err->code;
	w->progress = calloc(1, sizeof(*w->progress));
	if (w->progress == NULL)
		return err_set_nomem(err);
	w->revision = keyspace_revision(w->authd->keyspace);
	return send_init(w, o, true, resumes, err);
}

static struct watch *watch_new(struct rpc_call *call)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->call = call;
	w->authd = authd_of(call);
	w->generation = access_generation(w->authd, caller_of(call));
	w->again = timer_new(w->authd->loop, on_again, w);
	w->heartbeat = timer_new(w->authd->loop, on_heartbeat, w);
	if (w->again == NULL || w->heartbeat == NULL) {
		watch_free(w);
		return NULL;
	}
	return w;
}

void handle_watch(struct rpc_call *call)
{
	static const struct rpc_call_events events = {
		.writable = on_writable,
		.canceled = on_canceled,
	};
	struct watch *w = watch_new(call);
	struct watched_answer answer = { 0 };
	struct err err;

	if (w == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	rpc_call_set_events(call, &events, w);
	rpc_call_set_endless(call);
	if (begin(w, rpc_call_request(call), &answer, &err) != 0)
		fail(w, &err);
	else
		timer_once(w->again, 0);
	watched_answer_deinit(&answer);
}
