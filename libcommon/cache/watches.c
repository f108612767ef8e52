#include "cache/watches.h"

#include "base/err.h"
#include "base/list.h"
#include "loop/timer.h"
#include "store/prefixes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct cache_watch {
	struct list link; /* in watches->all */
	struct list due;  /* in watches->due while its callback is owed */
	struct watches *watches;
	struct cache_watch_conf conf;
	bool told; /* init has come: changes are its business */
	size_t count;
	struct prefix prefixes[];
};

struct watches {
	struct list all;
	struct list due;
	struct prefixes *index;
	struct timer *soon;
	bool current; /* between watches_begin() and watches_end() */
};

/* --- whose turn it is ------------------------------------------------------------------------ */

static struct cache_watch *take_due(struct watches *ws)
{
	struct cache_watch *w;

	if (list_empty(&ws->due))
		return NULL;
	w = container_of(ws->due.next, struct cache_watch, due);
	list_remove(&w->due);
	return w;
}

/* Callbacks open and close watches as they like: who is due is settled before the first. */
static void gather(struct watches *ws, bool told)
{
	for (struct list *at = ws->all.next; at != &ws->all; at = at->next) {
		struct cache_watch *w = container_of(at, struct cache_watch, link);

		if (w->told == told)
			list_append(&ws->due, &w->due);
	}
}

static void on_soon(void *owner)
{
	struct watches *ws = owner;
	struct cache_watch *w;

	gather(ws, false);
	while ((w = take_due(ws)) != NULL) {
		w->told = true;
		w->conf.init(w->conf.ctx);
	}
}

void watches_begin(struct watches *ws)
{
	ws->current = true;
	timer_once(ws->soon, 0);
}

static void add_due(void *arg, struct prefix *p)
{
	struct cache_watch *w = p->subscriber;
	struct watches *ws = arg;

	if (w->told && list_empty(&w->due))
		list_append(&ws->due, &w->due);
}

void watches_tell(struct watches *ws, const char *key, const pv_Resource *now)
{
	struct cache_watch *w;

	prefixes_match(ws->index, key, add_due, ws);
	while ((w = take_due(ws)) != NULL)
		w->conf.changed(w->conf.ctx, key, now);
}

void watches_end(struct watches *ws, const struct err *why)
{
	struct cache_watch *w;

	ws->current = false;
	timer_stop(ws->soon);
	gather(ws, true);
	while ((w = take_due(ws)) != NULL) {
		struct cache_watch_conf conf = w->conf;

		w->told = false;
		if (conf.closed == NULL)
			continue;
		cache_watch_close(w);
		conf.closed(conf.ctx, why);
	}
}

/* --- open and close -------------------------------------------------------------------------- */

static int subscribe(struct cache_watch *w, struct err *err)
{
	for (; w->conf.prefixes[w->count] != NULL; w->count++) {
		struct prefix *p = &w->prefixes[w->count];

		p->subscriber = w;
		p->text = (char *)(uintptr_t)w->conf.prefixes[w->count];
		list_init(&p->link);
		if (prefixes_add(w->watches->index, p, err) != 0)
			return err->code;
	}
	return 0;
}

static size_t count_prefixes(const struct cache_watch_conf *conf)
{
	size_t count = 0;

	while (conf->prefixes[count] != NULL)
		count++;
	return count;
}

int watches_open(struct watches *ws, const struct cache_watch_conf *conf, struct cache_watch **out,
                 struct err *err)
{
	struct cache_watch *w =
	        calloc(1, sizeof(*w) + count_prefixes(conf) * sizeof(w->prefixes[0]));

	if (w == NULL)
		return err_set_nomem(err);
	w->watches = ws;
	w->conf = *conf;
	list_append(&ws->all, &w->link);
	list_init(&w->due);
	if (subscribe(w, err) != 0) {
		cache_watch_close(w);
		return err->code;
	}
	if (ws->current)
		timer_once(ws->soon, 0);
	*out = w;
	return 0;
}

void cache_watch_close(struct cache_watch *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->count; i++)
		prefixes_remove(w->watches->index, &w->prefixes[i]);
	list_remove(&w->link);
	list_remove(&w->due);
	free(w);
}

struct watches *watches_new(uv_loop_t *loop)
{
	struct watches *ws = calloc(1, sizeof(*ws));

	if (ws == NULL)
		return NULL;
	list_init(&ws->all);
	list_init(&ws->due);
	ws->index = prefixes_new();
	ws->soon = timer_new(loop, on_soon, ws);
	if (ws->index == NULL || ws->soon == NULL) {
		watches_free(ws);
		return NULL;
	}
	return ws;
}

void watches_free(struct watches *ws)
{
	if (ws == NULL)
		return;
	assert(list_empty(&ws->all));
	timer_free(ws->soon);
	prefixes_free(ws->index);
	free(ws);
}
