#include "store/events.h"

#include "base/err.h"
#include "store/prefixes.h"
#include "store/recent.h"
#include "store/watch.h"

#include <stdlib.h>

/* --- new watches ----------------------------------------------------------------------------- */

static int check_after(struct events *e, uint64_t after, struct err *err)
{
	uint64_t newest;
	uint64_t compacted;

	if (lmdb_revisions(e->db, &newest, &compacted, err) != 0)
		return err->code;
	if (after > newest)
		return err_set(err, ERR_CONFLICT, "revision %llu is in the future: now is %llu",
		               (unsigned long long)after, (unsigned long long)newest);
	if (after < compacted)
		return err_set(err, ERR_CONFLICT,
		               "revision %llu is compacted: the change log begins behind %llu",
		               (unsigned long long)after, (unsigned long long)compacted);
	return 0;
}

static int note_event(void *arg, struct lmdb_position at, const struct keyspace_event *event)
{
	struct events *e = arg;

	if (at.revision > e->head)
		return 1; /* noted when it is pushed */
	recent_note(e->recent, event->item.key, at.revision);
	return 0;
}

/* Reads the log once, so that not each watch that begins in the past has to. Without memory, or
 * when the log cannot be read, each does. */
static void look_back(struct events *e)
{
	struct lmdb_position after = { .index = LMDB_WHOLE };
	uint64_t newest;
	struct err ignored;

	if (e->recent != NULL || lmdb_revisions(e->db, &newest, &after.revision, &ignored) != 0)
		return;
	e->recent = recent_new();
	if (e->recent == NULL || lmdb_log_each(e->db, after, note_event, e, &newest, &ignored) == 0)
		return;
	recent_free(e->recent);
	e->recent = NULL;
}

int events_watch(struct events *e, const struct keyspace_watch_options *options,
                 struct keyspace_watch **out_watch, struct err *err)
{
	uint64_t after = options->after != 0 ? options->after : e->head;
	struct watch *w;

	if (options->after != 0 && check_after(e, after, err) != 0)
		return err->code;
	if (after < e->head)
		look_back(e);
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return err_set_nomem(err);
	w->base.impl = watch_impl();
	w->events = e;
	w->position = (struct lmdb_position){ after, LMDB_WHOLE };
	w->queue_max = options->queue != 0 ? options->queue : KEYSPACE_WATCH_QUEUE;
	w->wants = options->wants;
	w->ready = options->ready;
	w->arg = options->arg;
	list_init(&w->due);
	list_append(&e->watches, &w->link);
	if (watch_init(w, options, err) != 0) {
		watch_free(w);
		return err->code;
	}
	*out_watch = &w->base;
	return 0;
}

/* --- all watches ----------------------------------------------------------------------------- */

struct events *events_new(struct lmdb *db, uint64_t head)
{
	struct events *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->db = db;
	e->head = head;
	list_init(&e->watches);
	list_init(&e->due);
	e->index = prefixes_new();
	if (e->index == NULL) {
		free(e);
		return NULL;
	}
	return e;
}

/* A callback may close any watch, its own included. */
static void call_due(struct events *e)
{
	while (!list_empty(&e->due)) {
		struct watch *w = container_of(e->due.next, struct watch, due);

		list_remove(&w->due);
		if (w->ready != NULL)
			w->ready(w->arg);
	}
}

static void end_all(struct events *e, const struct err *why)
{
	for (struct list *at = e->watches.next; at != &e->watches; at = at->next)
		watch_end(container_of(at, struct watch, link), why);
}

void events_free(struct events *e)
{
	struct err closed;

	if (e == NULL)
		return;
	err_set(&closed, ERR_UNAVAILABLE, "the keyspace is closed");
	end_all(e, &closed);
	call_due(e);
	while (!list_empty(&e->watches)) {
		struct watch *w = container_of(e->watches.next, struct watch, link);

		list_remove(&w->link);
		w->events = NULL;
	}
	prefixes_free(e->index);
	recent_free(e->recent);
	free(e);
}

struct pump {
	struct events *events;
	struct shared *shared; /* made for the first watch that wants the event */
	const struct keyspace_event *event;
	struct err err;
};

static void pump_to(void *arg, struct prefix *p)
{
	struct watch *w = p->subscriber;
	struct pump *pump = arg;

	if (pump->event->item.revision <= w->position.revision || !watch_wants(w, pump->event))
		return; /* the watch began behind it, or has no use for it */
	if (pump->shared == NULL)
		pump->shared = shared_new(pump->event);
	if (pump->shared == NULL)
		err_set_nomem(&pump->err);
	else
		watch_push(w, pump->shared);
}

static int pump_event(void *arg, struct lmdb_position at, const struct keyspace_event *event)
{
	struct pump *pump = arg;

	pump->event = event;
	if (pump->events->recent != NULL)
		recent_note(pump->events->recent, event->item.key, at.revision);
	prefixes_match(pump->events->index, event->item.key, pump_to, pump);
	shared_unref(pump->shared);
	pump->shared = NULL;
	return pump->err.code;
}

/* Another process may write and prune faster than this one reads: who watches must know. */
static void skip_to_newest(struct events *e, const struct err *why)
{
	uint64_t compacted;
	struct err ignored; /* then all is tried again at the next pump */

	end_all(e, why);
	recent_free(e->recent);
	e->recent = NULL;
	lmdb_revisions(e->db, &e->head, &compacted, &ignored);
}

void events_pump(struct events *e)
{
	struct lmdb_position after = { e->head, LMDB_WHOLE };
	struct pump pump = { .events = e };
	uint64_t newest;

	if (lmdb_log_each(e->db, after, pump_event, &pump, &newest, &pump.err) == 0)
		e->head = newest;
	if (pump.err.code != 0)
		skip_to_newest(e, &pump.err);
	call_due(e);
}
