#include "daemon/diag.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "loop/listen.h"
#include "loop/stream.h"
#include "rpc/http_conn.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 16
#define BODY_MAX        1024

struct diag {
	struct diag_conf conf;
	struct listen *listen;
	struct list conns; /* struct diag_conn */
};

struct diag_conn {
	struct list link;
	struct diag *diag;
	struct http_conn *http;
};

/* --- answers --------------------------------------------------------------------------------- */

static void respond(struct http_conn *c, int status, const char *text)
{
	const struct http1_header type = { "Content-Type", "text/plain; charset=utf-8" };

	http_conn_respond(c, status, &type, 1, text, strlen(text));
}

static void answer_health(struct diag *d, struct http_conn *c)
{
	(void)d;
	respond(c, 200, "ok\n");
}

static void answer_ready(struct diag *d, struct http_conn *c)
{
	struct err err;
	char text[ERR_MSG_SIZE + 2];

	if (d->conf.ready == NULL || d->conf.ready(d->conf.ctx, &err) == 0) {
		respond(c, 200, "ready\n");
		return;
	}
	snprintf(text, sizeof(text), "%s\n", err.msg);
	respond(c, 503, text);
}

static void answer_metrics(struct diag *d, struct http_conn *c)
{
	struct buf text = { 0 };

	if (d->conf.metrics != NULL)
		d->conf.metrics(d->conf.ctx, &text);
	if (text.failed != 0)
		respond(c, 500, "out of memory\n");
	else
		respond(c, 200, buf_str(&text));
	buf_deinit(&text);
}

static const struct {
	const char *path;
	void (*answer)(struct diag *d, struct http_conn *c);
} pages[] = {
	{ "/healthz", answer_health },
	{ "/readyz", answer_ready },
	{ "/metrics", answer_metrics },
};

static void on_request(struct http_conn *c, const struct http1_message *request)
{
	struct diag_conn *dc = http_conn_ctx(c);

	if (!str_eq(request->method, "GET") && !str_eq(request->method, "HEAD")) {
		respond(c, 405, "only GET\n");
		return;
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		if (str_eq(request->target, pages[i].path)) {
			pages[i].answer(dc->diag, c);
			return;
		}
	}
	respond(c, 404, "no such page\n");
}

/* --- connections ----------------------------------------------------------------------------- */

static void on_closed(struct http_conn *c)
{
	struct diag_conn *dc = http_conn_ctx(c);

	list_remove(&dc->link);
	free(dc);
}

static void on_accept(void *owner, struct stream *take_stream)
{
	struct diag_conn *dc = calloc(1, sizeof(*dc));
	struct diag *d = owner;
	struct http_conn_conf conf = {
		.loop = d->conf.loop,
		.limits = { .body_max = BODY_MAX },
		.ctx = dc,
		.request = on_request,
		.closed = on_closed,
	};
	struct err err;

	if (dc == NULL) {
		stream_reset(take_stream, NULL);
		return;
	}
	dc->diag = d;
	dc->http = http_conn_new(&conf, take_stream, &err);
	if (dc->http == NULL) {
		free(dc);
		return;
	}
	list_append(&d->conns, &dc->link);
}

static bool is_private(const char *addr)
{
	return str_starts(addr, "unix:") || str_starts(addr, "127.") ||
	       str_starts(addr, "localhost:") || str_starts(addr, "[::1]:");
}

int diag_open(const struct diag_conf *conf, struct diag **out, struct err *err)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	const struct listen_limits limits = { .max = CONNECTIONS_MAX };
	struct diag *d;

	*out = NULL;
	if (str_empty(conf->addr))
		return 0;
	if (!is_private(conf->addr))
		return err_set(err, ERR_INVALID, "diag: '%s' is neither loopback nor a unix socket",
		               conf->addr);
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return err_set_nomem(err);
	d->conf = *conf;
	list_init(&d->conns);
	d->listen = listen_new(conf->loop, &limits, &handler, d);
	if (d->listen == NULL || listen_add(d->listen, conf->addr, err) != 0) {
		if (d->listen == NULL)
			err_set_nomem(err);
		diag_close(d);
		return err->code;
	}
	*out = d;
	return 0;
}

void diag_close(struct diag *d)
{
	if (d == NULL)
		return;
	listen_free(d->listen);
	while (!list_empty(&d->conns)) {
		struct diag_conn *dc = container_of(d->conns.next, struct diag_conn, link);

		list_remove(&dc->link); /* on_closed may come later */
		http_conn_close(dc->http);
	}
	free(d);
}
