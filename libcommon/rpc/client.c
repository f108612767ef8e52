#include "rpc/client.h"

#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "rpc/client_inside.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_MS     10000
#define HANDSHAKE_MS   30000
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000
#define PING_MS        20000

/* --- finding a server ----------------------------------------------------------------------------
 */

static void tell_state(struct rpc_client *c, const struct err *err)
{
	if (c->conf.on_state != NULL && !c->closing)
		c->conf.on_state(c->conf.ctx, err);
}

static struct rpc_stream *first_of(struct list *list)
{
	return list_empty(list) ? NULL : container_of(list->next, struct rpc_stream, link);
}

/* No address answers: who waits hears it now, who comes later waits for the next attempt. */
static void attempt_failed(struct rpc_client *c, const struct err *why)
{
	struct rpc_stream *s;

	timer_once(c->backoff, backoff_next(&c->pause));
	while ((s = first_of(&c->waiting)) != NULL)
		client_stream_finish(s, why);
	tell_state(c, why);
}

static int try_next(struct rpc_client *c, struct err *err)
{
	size_t at = (c->first_addr + c->failed_addrs) % c->addrs.count;

	return client_link_start(c, c->addrs.items[at], &c->link, err);
}

static int start_attempt(struct rpc_client *c, struct err *err)
{
	c->first_addr = rand_below((uint32_t)c->addrs.count);
	c->failed_addrs = 0;
	return try_next(c, err);
}

int client_want_link(struct rpc_client *c, struct err *err)
{
	if (c->closing)
		return err_set(err, ERR_CANCELED, "the client is closed");
	if (c->link != NULL || timer_active(c->backoff))
		return 0;
	return start_attempt(c, err);
}

static void on_backoff(void *owner)
{
	struct rpc_client *c = owner;
	struct err err;

	if (c->link == NULL && !list_empty(&c->waiting) && start_attempt(c, &err) != 0)
		attempt_failed(c, &err);
	client_tell_finished(c);
}

void client_link_ready(struct rpc_client *c)
{
	struct rpc_stream *s;
	struct err err = { 0 };

	while ((s = first_of(&c->waiting)) != NULL)
		if (client_stream_open(s, c->link, &err) != 0)
			client_stream_finish(s, &err);
	tell_state(c, NULL);
}

void client_link_proven(struct rpc_client *c)
{
	backoff_reset(&c->pause);
}

/* The next address that was not tried, if somebody waits; else the attempt is over. */
static void link_failed(struct rpc_client *c, const struct err *why)
{
	struct err err = *why;

	c->failed_addrs++;
	if (!list_empty(&c->waiting) && c->failed_addrs < c->addrs.count && try_next(c, &err) == 0)
		return;
	attempt_failed(c, &err);
}

void client_link_gone(struct client_link *l)
{
	struct rpc_client *c = l->client;
	bool current = c->link == l;
	struct err err = l->failure;

	while (!list_empty(&l->streams))
		client_stream_finish(first_of(&l->streams), &l->failure);
	list_remove(&l->old_link);
	if (current)
		c->link = NULL;
	if (current && !c->closing && !l->proven)
		link_failed(c, &l->failure);
	else if (current && !c->closing)
		tell_state(c, &l->failure);
	if (c->link == NULL && !list_empty(&c->waiting) && client_want_link(c, &err) != 0)
		attempt_failed(c, &err);
	client_link_free(l);
	client_tell_finished(c);
}

/* --- telling -------------------------------------------------------------------------------------
 */

static void tell(struct rpc_stream *s)
{
	list_remove(&s->link);
	if (s->result.code == 0 && s->response != NULL && s->events->message != NULL)
		s->events->message(s, s->response);
	s->events->closed(s, s->result.code != 0 ? &s->result : NULL);
	client_stream_free(s);
}

static void free_client(struct rpc_client *c)
{
	timer_free(c->backoff);
	timer_free(c->soon);
	work_pool_free(c->pool);
	tls_conf_unref(c->conf.tls);
	strlist_deinit(&c->addrs);
	free(c->server_name);
	buf_wipe(&c->session);
	free(c);
}

static void finish_close(struct rpc_client *c)
{
	void (*on_closed)(void *ctx) = c->on_closed;
	void *ctx = c->closed_ctx;

	free_client(c);
	if (on_closed != NULL)
		on_closed(ctx);
}

void client_tell_finished(struct rpc_client *c)
{
	struct rpc_stream *s;

	if (c->telling)
		return;
	c->telling = true;
	while ((s = first_of(&c->finished)) != NULL)
		tell(s);
	c->telling = false;
	if (c->closing && c->link == NULL && list_empty(&c->old_links))
		finish_close(c);
}

static void on_soon(void *owner)
{
	client_tell_finished(owner);
}

void client_tell_soon(struct rpc_client *c)
{
	timer_once(c->soon, 0);
}

/* --- making and closing --------------------------------------------------------------------------
 */

static int set_addrs(struct strlist *list, const char *const *addrs, struct err *err)
{
	struct strlist fresh = { 0 };
	int rc = 0;

	for (; addrs != NULL && *addrs != NULL && rc == 0; addrs++)
		rc = strlist_add(&fresh, *addrs, err);
	if (rc == 0 && fresh.count == 0)
		rc = err_set(err, ERR_INVALID, "no address to connect to");
	if (rc != 0) {
		strlist_deinit(&fresh);
		return rc;
	}
	strlist_deinit(list);
	*list = fresh;
	return 0;
}

static void set_default(unsigned *field, unsigned value)
{
	if (*field == 0)
		*field = value;
}

static int fill(struct rpc_client *c, const struct rpc_client_conf *conf, struct err *err)
{
	set_default(&c->conf.connect_ms, CONNECT_MS);
	set_default(&c->conf.handshake_ms, HANDSHAKE_MS);
	set_default(&c->conf.backoff_min_ms, BACKOFF_MIN_MS);
	set_default(&c->conf.backoff_max_ms, BACKOFF_MAX_MS);
	set_default(&c->conf.ping_ms, PING_MS);
	if (conf->server_name != NULL && (c->server_name = strdup(conf->server_name)) == NULL)
		return err_set_nomem(err);
	buf_append(&c->session, conf->session, conf->session_len);
	if (buf_check(&c->session, err) != 0)
		return err->code;
	c->pause = (struct backoff){ c->conf.backoff_min_ms, c->conf.backoff_max_ms, 0 };
	c->backoff = timer_new(conf->loop, on_backoff, c);
	c->soon = timer_new(conf->loop, on_soon, c);
	c->pool = work_pool_new(conf->loop, 1, 2);
	if (c->backoff == NULL || c->soon == NULL || c->pool == NULL)
		return err_set_nomem(err);
	return set_addrs(&c->addrs, conf->addrs, err);
}

struct rpc_client *rpc_client_new(const struct rpc_client_conf *conf, struct err *err)
{
	struct rpc_client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_set_nomem(err);
		return NULL;
	}
	c->conf = *conf;
	c->conf.tls = conf->tls != NULL ? tls_conf_ref(conf->tls) : NULL;
	list_init(&c->old_links);
	list_init(&c->waiting);
	list_init(&c->finished);
	if (fill(c, conf, err) != 0) {
		free_client(c);
		return NULL;
	}
	return c;
}

static void cancel_all(struct list *streams)
{
	struct rpc_stream *s;

	while ((s = first_of(streams)) != NULL)
		rpc_stream_cancel(s);
}

void rpc_client_close(struct rpc_client *c, void (*on_closed)(void *ctx), void *ctx)
{
	if (c == NULL || c->closing)
		return;
	c->closing = true;
	c->on_closed = on_closed;
	c->closed_ctx = ctx;
	timer_stop(c->backoff);
	cancel_all(&c->waiting);
	if (c->link != NULL)
		client_link_retire(c->link);
	for (struct list *at = c->old_links.next; at != &c->old_links; at = at->next)
		cancel_all(&container_of(at, struct client_link, old_link)->streams);
	client_tell_soon(c);
}

/* The present link serves its calls to their end. */
static void start_anew(struct rpc_client *c)
{
	if (c->link != NULL && c->link->state == LINK_READY)
		client_link_retire(c->link);
}

int rpc_client_set_addrs(struct rpc_client *c, const char *const *addrs, struct err *err)
{
	int rc = set_addrs(&c->addrs, addrs, err);

	if (rc == 0)
		start_anew(c);
	return rc;
}

void rpc_client_set_next_tls(struct rpc_client *c, struct tls_conf *tls)
{
	tls_conf_unref(c->conf.tls);
	c->conf.tls = tls_conf_ref(tls);
}

int rpc_client_set_tls(struct rpc_client *c, struct tls_conf *tls, struct err *err)
{
	(void)err;
	rpc_client_set_next_tls(c, tls);
	start_anew(c);
	return 0;
}

bool rpc_client_ready(const struct rpc_client *c)
{
	return c->link != NULL && c->link->state == LINK_READY;
}
