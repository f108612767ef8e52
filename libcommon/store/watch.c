#include "store/watch.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "store/prefixes.h"
#include "store/recent.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_MIN        8   /* places that a queue begins with */
#define CATCH_UP_AT_ONCE 256 /* events that a watch in the past reads from the log in one go */

/* --- shared events --------------------------------------------------------------------------- */

struct shared *shared_new(const struct keyspace_event *event)
{
	const struct keyspace_item *item = &event->item;
	size_t key_size = item->key != NULL ? strlen(item->key) + 1 : 1;
	struct shared *s = malloc(sizeof(*s) + key_size + item->len + 1);

	if (s == NULL)
		return NULL;
	s->refs = 1;
	s->event = *event;
	s->event.item.key = s->bytes;
	s->event.item.value = (uint8_t *)s->bytes + key_size;
	memcpy(s->bytes, item->key != NULL ? item->key : "", key_size);
	if (item->len > 0)
		memcpy(s->event.item.value, item->value, item->len);
	s->event.item.value[item->len] = 0;
	return s;
}

void shared_unref(struct shared *s)
{
	if (s != NULL && --s->refs == 0)
		free(s);
}

/* --- one watch ------------------------------------------------------------------------------- */

static void watch_notify(struct watch *w)
{
	if (list_empty(&w->due))
		list_append(&w->events->due, &w->due);
}

static void watch_unsubscribe(struct watch *w)
{
	for (size_t i = 0; i < w->prefix_count; i++)
		prefixes_remove(w->events->index, &w->prefixes[i]);
}

static void watch_drop_queue(struct watch *w)
{
	for (; w->count > 0; w->count--) {
		shared_unref(w->queue[w->first]);
		w->first = (w->first + 1) % w->queue_size;
	}
}

void watch_end(struct watch *w, const struct err *why)
{
	if (w->state == WATCH_ENDED)
		return;
	w->state = WATCH_ENDED;
	err_copy(&w->end, why);
	watch_unsubscribe(w);
	watch_drop_queue(w);
	watch_notify(w);
}

/* Most watches never need more than a few places, and there may be very many watches. */
static int watch_grow(struct watch *w, struct err *err)
{
	size_t size = w->queue_size * 2 < w->queue_max ? w->queue_size * 2 : w->queue_max;
	struct shared **queue;

	if (w->count == w->queue_max)
		return err_set(err, ERR_LIMIT, "the watch is too slow: %zu events wait", w->count);
	if (size < QUEUE_MIN)
		size = w->queue_max < QUEUE_MIN ? w->queue_max : QUEUE_MIN;
	queue = calloc(size, sizeof(*queue));
	if (queue == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < w->count; i++)
		queue[i] = w->queue[(w->first + i) % w->queue_size];
	free(w->queue);
	w->queue = queue;
	w->queue_size = size;
	w->first = 0;
	return 0;
}

bool watch_wants(const struct watch *w, const struct keyspace_event *event)
{
	return w->wants == NULL || w->wants(w->arg, event);
}

void watch_push(struct watch *w, struct shared *s)
{
	struct err e;

	if (w->count == w->queue_size && watch_grow(w, &e) != 0) {
		watch_end(w, &e);
		return;
	}
	s->refs++;
	w->queue[(w->first + w->count++) % w->queue_size] = s;
	watch_notify(w);
}

/* --- prefixes -------------------------------------------------------------------------------- */

/* Sorts them and leaves out those that a shorter one covers. */
static int minimal_prefixes(const struct keyspace_watch_options *options, struct strlist *out,
                            struct err *err)
{
	struct strlist all = { 0 };
	const char *last = NULL;

	for (size_t i = 0; i < options->prefix_count; i++)
		if (strlist_add(&all, options->prefixes[i], err) != 0)
			goto out;
	if (all.count == 0 && strlist_add(&all, "/", err) != 0)
		goto out;
	strlist_sort(&all);
	for (size_t i = 0; i < all.count; i++) {
		if (last != NULL && str_starts(all.items[i], last))
			continue;
		last = all.items[i];
		if (strlen(last) > KEYSPACE_KEY_MAX) {
			err_set(err, ERR_INVALID, "a prefix is longer than a key may be");
			goto out;
		}
		if (strlist_add(out, last, err) != 0)
			goto out;
	}
out:
	strlist_deinit(&all);
	return err->code;
}

static int watch_take_prefixes(struct watch *w, const struct keyspace_watch_options *options,
                               struct err *err)
{
	struct strlist texts = { 0 };

	err->code = 0;
	if (minimal_prefixes(options, &texts, err) != 0)
		goto out;
	w->prefixes = calloc(texts.count, sizeof(*w->prefixes));
	if (w->prefixes == NULL) {
		err_set_nomem(err);
		goto out;
	}
	for (; w->prefix_count < texts.count; w->prefix_count++) {
		struct prefix *p = &w->prefixes[w->prefix_count];

		p->text = texts.items[w->prefix_count];
		p->subscriber = w;
		list_init(&p->link);
		texts.items[w->prefix_count] = NULL;
	}
out:
	strlist_deinit(&texts);
	return err->code;
}

static int watch_subscribe(struct watch *w, struct err *err)
{
	for (size_t i = 0; i < w->prefix_count; i++)
		if (prefixes_add(w->events->index, &w->prefixes[i], err) != 0)
			return err->code;
	w->state = WATCH_LIVE;
	return 0;
}

static bool watch_matches(const struct watch *w, const char *key)
{
	for (size_t i = 0; i < w->prefix_count; i++)
		if (str_starts(key, w->prefixes[i].text))
			return true;
	return false;
}

/* --- catching up ----------------------------------------------------------------------------- */

struct catch_up {
	struct watch *watch;
	size_t left; /* events that may still be queued */
	bool behind; /* the log was not read to the head */
	struct err err;
};

static int catch_up_event(void *arg, struct lmdb_position at, const struct keyspace_event *event)
{
	struct catch_up *c = arg;
	struct watch *w = c->watch;
	struct shared *s;

	if (at.revision > w->events->head)
		return 1; /* those are pushed later */
	if (watch_matches(w, event->item.key) && watch_wants(w, event)) {
		if (c->left == 0) {
			c->behind = true;
			return 1;
		}
		s = shared_new(event);
		if (s == NULL)
			return err_set_nomem(&c->err);
		watch_push(w, s);
		shared_unref(s);
		c->left--;
	}
	w->position = at;
	return 0;
}

/* Reads on in the log, the queue being empty; goes live at its head. */
static void watch_catch_up(struct watch *w)
{
	size_t room = w->queue_max < CATCH_UP_AT_ONCE ? w->queue_max : CATCH_UP_AT_ONCE;
	struct catch_up c = { .watch = w, .left = room };
	uint64_t newest;

	if (lmdb_log_each(w->events->db, w->position, catch_up_event, &c, &newest, &c.err) == 0 &&
	    c.err.code == 0 && !c.behind) {
		if (w->position.revision < w->events->head)
			w->position = (struct lmdb_position){ w->events->head, LMDB_WHOLE };
		watch_subscribe(w, &c.err);
	}
	if (c.err.code != 0)
		watch_end(w, &c.err);
}

/* --- begin, read, close ---------------------------------------------------------------------- */

/* Nothing that it wants is in the log between its position and the head. */
static bool has_missed_nothing(const struct watch *w)
{
	for (size_t i = 0; i < w->prefix_count; i++)
		if (w->events->recent == NULL ||
		    recent_of(w->events->recent, w->prefixes[i].text) > w->position.revision)
			return false;
	return true;
}

int watch_init(struct watch *w, const struct keyspace_watch_options *options, struct err *err)
{
	struct keyspace_event init = { KEYSPACE_EVENT_INIT, { .revision = w->position.revision } };
	struct shared *s;

	if (watch_take_prefixes(w, options, err) != 0)
		return err->code;
	if (w->position.revision < w->events->head && has_missed_nothing(w))
		w->position.revision = init.item.revision = w->events->head;
	if (watch_grow(w, err) != 0)
		return err->code;
	s = shared_new(&init);
	if (s == NULL)
		return err_set_nomem(err);
	w->queue[w->count++] = s;
	return w->position.revision >= w->events->head ? watch_subscribe(w, err) : 0;
}

static struct watch *watch_of(const struct keyspace_watch *base)
{
	return container_of(base, struct watch, base);
}

static int watch_next(struct keyspace_watch *base, const struct keyspace_event **out_event,
                      struct err *err)
{
	struct watch *w = watch_of(base);

	shared_unref(w->current);
	w->current = NULL;
	if (w->count == 0 && w->state == WATCH_CATCHING_UP)
		watch_catch_up(w);
	if (w->state == WATCH_ENDED)
		return err_copy(err, &w->end);
	if (w->count > 0) {
		w->current = w->queue[w->first];
		w->first = (w->first + 1) % w->queue_size;
		w->count--;
		w->delivered = w->current->event.item.revision;
	}
	*out_event = w->current != NULL ? &w->current->event : NULL;
	return 0;
}

/* While more of a revision may come, only the one before it is complete. */
static uint64_t watch_revision(const struct keyspace_watch *base)
{
	const struct watch *w = watch_of(base);

	if (w->state == WATCH_LIVE && w->count == 0 && w->events != NULL &&
	    w->events->head > w->position.revision)
		return w->events->head;
	return w->delivered > 0 ? w->delivered - 1 : 0;
}

static int watch_check(const struct keyspace_watch *base, struct err *err)
{
	const struct watch *w = watch_of(base);

	return w->state == WATCH_ENDED ? err_copy(err, &w->end) : 0;
}

static void watch_close(struct keyspace_watch *base)
{
	watch_free(watch_of(base));
}

const struct keyspace_watch_impl *watch_impl(void)
{
	static const struct keyspace_watch_impl impl = {
		.next = watch_next,
		.revision = watch_revision,
		.check = watch_check,
		.close = watch_close,
	};

	return &impl;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	watch_drop_queue(w);
	if (w->events != NULL)
		watch_unsubscribe(w);
	list_remove(&w->link);
	list_remove(&w->due);
	shared_unref(w->current);
	for (size_t i = 0; i < w->prefix_count; i++)
		free(w->prefixes[i].text);
	free(w->prefixes);
	free(w->queue);
	free(w);
}
