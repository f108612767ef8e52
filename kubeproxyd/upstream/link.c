#include "kubeproxyd/upstream/link.h"

#include "base/str.h"
#include "crypto/tls.h"
#include "kubeproxyd/upstream/upstream_inside.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "wire/http2.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define EARLY_MAX (1024 * 1024)
#define LOOK_MS   5000 /* how often links are looked at that may be idle for too long */

/* --- links ----------------------------------------------------------------------------------- */

static void link_free(struct link *l)
{
	list_remove(&l->link);
	if (l->ops != NULL)
		l->ops->free(l);
	free(l);
}

static struct link *find_room(struct upstream *u)
{
	for (struct list *at = u->links.prev; at != &u->links; at = at->prev) {
		struct link *l = container_of(at, struct link, link);

		if (l->ops != NULL && !l->closing && l->count < l->room)
			return l;
	}
	return NULL;
}

static unsigned count_dialing(const struct upstream *u)
{
	unsigned n = 0;

	for (const struct list *at = u->links.next; at != &u->links; at = at->next)
		n += container_of(at, struct link, link)->ops == NULL;
	return n;
}

/* --- calls that wait ------------------------------------------------------------------------- */

static struct upstream_call *first_of(const struct list *calls)
{
	return list_empty(calls) ? NULL : container_of(calls->next, struct upstream_call, link);
}

static void move_to(struct upstream_call *c, struct list *calls)
{
	list_remove(&c->link);
	list_append(calls, &c->link);
}

/* Its owner hears of it on the loop's next turn. */
static void tell_soon(struct upstream_call *c, const struct err *err)
{
	c->failure = *err;
	move_to(c, &c->u->failed);
	timer_once(c->u->soon, 0);
}

static void put_on(struct link *l, struct upstream_call *c)
{
	struct err err;

	c->on = l;
	l->count++;
	move_to(c, &l->calls);
	if (l->ops->begin(l, c, &err) != 0) {
		c->on = NULL;
		l->count--;
		tell_soon(c, &err);
		return;
	}
	if (c->early.len > 0)
		l->ops->write(c, c->early.data, c->early.len);
	buf_deinit(&c->early);
	if (c->finished)
		l->ops->finish(c);
}

static int dial_link(struct upstream *u, struct err *err);

/* For so many calls links are to be dialled: of HTTP/2 one is enough for all. */
static unsigned count_wanted(const struct upstream *u)
{
	unsigned n = 0;

	for (const struct list *at = u->waiting.next; at != &u->waiting; at = at->next)
		n++;
	return u->http2 && n > 1 ? 1 : n;
}

/* Who waits goes where there is room; for the others links are dialled. */
static void serve(struct upstream *u)
{
	struct upstream_call *c;
	struct link *l;
	struct err err;

	while ((c = first_of(&u->waiting)) != NULL && (l = find_room(u)) != NULL)
		put_on(l, c);
	if (list_empty(&u->waiting))
		return;
	for (unsigned n = count_dialing(u), wanted = count_wanted(u); n < wanted; n++)
		if (dial_link(u, &err) != 0) {
			while (count_dialing(u) == 0 && (c = first_of(&u->waiting)) != NULL)
				tell_soon(c, &err);
			return;
		}
}

/* --- opening one ----------------------------------------------------------------------------- */

static void fail_waiting(struct upstream *u, const struct err *err)
{
	struct upstream_call *c;

	while ((c = first_of(&u->waiting)) != NULL)
		link_call_failed(c, err);
}

static void on_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	struct link *l = owner;
	struct upstream *u = l->u;
	struct err failure;

	l->dial = NULL;
	if (take_stream != NULL) {
		u->http2 = str_eq(tls_peer(stream_tls(take_stream))->alpn, "h2");
		if ((u->http2 ? link2_begin : link1_begin)(l, take_stream, &failure) == 0) {
			serve(u);
			return;
		}
		err = &failure;
	}
	link_free(l);
	if (count_dialing(u) == 0)
		fail_waiting(u, err);
}

static int dial_link(struct upstream *u, struct err *err)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set_nomem(err);
	l->u = u;
	l->room = 1;
	list_init(&l->link);
	list_init(&l->calls);
	if (upstream_dial_for(u, true, on_dialed, l, &l->dial, err) != 0) {
		free(l);
		return err->code;
	}
	list_append(&u->links, &l->link);
	return 0;
}

/* --- what the protocols tell ----------------------------------------------------------------- */

static void call_free(struct upstream_call *c)
{
	list_remove(&c->link);
	buf_wipe(&c->early);
	headers_deinit(&c->headers);
	free(c->method);
	free(c->target);
	free(c);
}

static void leave_link(struct upstream_call *c)
{
	struct link *l = c->on;

	if (l == NULL)
		return;
	c->on = NULL;
	l->count--;
	if (l->call == c)
		l->call = NULL;
	if (c->stream != NULL)
		http2_stream_set_data(c->stream, NULL);
	c->stream = NULL;
	l->idle_since = (int64_t)uv_now(l->u->conf.loop);
}

void link_call_ended(struct upstream_call *c)
{
	const struct upstream_events *events = c->events;
	void *owner = c->owner;

	leave_link(c);
	call_free(c);
	events->end(owner);
}

void link_call_failed(struct upstream_call *c, const struct err *err)
{
	const struct upstream_events *events = c->events;
	void *owner = c->owner;

	leave_link(c);
	call_free(c);
	events->failed(owner, err);
}

/* What has not begun to be answered, and changes nothing when it is made again. */
static bool may_try_again(const struct upstream_call *c)
{
	return !c->answered && !c->again && c->length == 0 &&
	       (strcmp(c->method, "GET") == 0 || strcmp(c->method, "HEAD") == 0);
}

void link_call_refused(struct upstream_call *c, const struct err *err)
{
	struct upstream *u = c->u;

	if (!may_try_again(c)) {
		link_call_failed(c, err);
		return;
	}
	leave_link(c);
	c->again = true;
	move_to(c, &u->waiting);
	timer_once(u->soon, 0);
}

void link_closed(struct link *l, const struct err *err)
{
	static const struct err closed = { ERR_UNAVAILABLE, "the API server closed the connection",
		                           0 };
	struct err why = err != NULL ? *err : closed;
	bool was_idle = l->served > 0; /* it may have been closed just before it got this one */
	struct upstream_call *c;

	if (why.code != ERR_CORRUPT)
		why.code = ERR_UNAVAILABLE;
	l->closing = true;
	while ((c = first_of(&l->calls)) != NULL)
		(was_idle ? link_call_refused : link_call_failed)(c, &why);
	link_free(l);
}

void link_has_room(struct link *l)
{
	l->served++;
	serve(l->u);
}

/* --- calls ----------------------------------------------------------------------------------- */

int upstream_call_start(struct upstream *u, struct upstream_request *request,
                        const struct upstream_events *events, void *owner,
                        struct upstream_call **out, struct err *err)
{
	struct upstream_call *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		headers_deinit(request->headers);
		return err_set_nomem(err);
	}
	c->u = u;
	buf_init(&c->early, EARLY_MAX);
	c->events = events;
	c->owner = owner;
	c->length = request->length;
	c->headers = *request->headers;
	request->headers->count = 0;
	c->method = strdup(request->method);
	c->target = strdup(request->target);
	list_append(&u->waiting, &c->link);
	if (c->method == NULL || c->target == NULL) {
		call_free(c);
		return err_set_nomem(err);
	}
	*out = c;
	serve(u);
	return 0;
}

void upstream_call_write(struct upstream_call *c, const void *data, size_t len)
{
	static const struct err too_much = { ERR_LIMIT, "no connection to the API server yet, and "
		                                        "too much of a body" };

	if (c->on != NULL)
		c->on->ops->write(c, data, len);
	else
		buf_append(&c->early, data, len);
	if (c->early.failed != 0)
		tell_soon(c, &too_much);
}

void upstream_call_finish(struct upstream_call *c)
{
	c->finished = true;
	if (c->on != NULL)
		c->on->ops->finish(c);
}

bool upstream_call_full(const struct upstream_call *c)
{
	return c->on == NULL || c->on->ops->full(c);
}

void upstream_call_consume(struct upstream_call *c, size_t len)
{
	if (c->on != NULL)
		c->on->ops->consume(c, len);
}

void upstream_call_cancel(struct upstream_call *c)
{
	if (c == NULL)
		return;
	if (c->on != NULL)
		c->on->ops->drop(c);
	leave_link(c);
	call_free(c);
}

/* --- all of them ----------------------------------------------------------------------------- */

static void on_soon(void *owner)
{
	struct upstream *u = owner;
	struct upstream_call *c;
	struct err why;

	while ((c = first_of(&u->failed)) != NULL) {
		why = c->failure;
		link_call_failed(c, &why);
	}
	serve(u);
}

static void on_idle_due(void *owner)
{
	struct upstream *u = owner;
	int64_t now = (int64_t)uv_now(u->conf.loop);

	for (struct list *at = u->links.next; at != &u->links; at = at->next) {
		struct link *l = container_of(at, struct link, link);

		if (l->ops != NULL && l->ops->look != NULL)
			l->ops->look(l, now);
		if (l->ops != NULL && !l->closing && l->count == 0 &&
		    now - l->idle_since >= LINK_IDLE_MS) {
			l->closing = true;
			l->ops->close(l);
		}
	}
}

void links_init(struct upstream *u)
{
	list_init(&u->links);
	list_init(&u->waiting);
	list_init(&u->failed);
}

int links_open(struct upstream *u, struct err *err)
{
	u->soon = timer_new(u->conf.loop, on_soon, u);
	u->idle_due = timer_new(u->conf.loop, on_idle_due, u);
	if (u->soon == NULL || u->idle_due == NULL)
		return err_set_nomem(err);
	timer_every(u->idle_due, LOOK_MS);
	timer_unref(u->idle_due);
	return 0;
}

static void cancel_all(struct list *calls)
{
	struct upstream_call *c;

	while ((c = first_of(calls)) != NULL)
		upstream_call_cancel(c);
}

/* Those that are connected end on the loop, when nobody knows of them any more. */
void links_close(struct upstream *u)
{
	cancel_all(&u->waiting);
	cancel_all(&u->failed);
	while (!list_empty(&u->links)) {
		struct link *l = container_of(u->links.next, struct link, link);

		cancel_all(&l->calls);
		list_remove(&l->link);
		if (l->ops == NULL) {
			upstream_dial_cancel(l->dial);
			link_free(l);
			continue;
		}
		l->u = NULL;
		l->closing = true;
		l->ops->close(l);
	}
	timer_free(u->soon);
	timer_free(u->idle_due);
}
