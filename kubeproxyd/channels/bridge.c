#include "kubeproxyd/channels/bridge.h"

#include "base/buf.h"
#include "base/err.h"
#include "kubeproxyd/channels/resize.h"
#include "kubeproxyd/channels/side.h"
#include "loop/stream.h"
#include "loop/timer.h"

#include <stdlib.h>
#include <string.h>

#define OUTCOME_MAX STATUS_SIZE_MAX /* of an error channel's text that is kept */

struct bridge {
	struct bridge_conf conf;
	struct side *client, *server; /* NULL: gone */
	const struct bridge_events *events;
	void *owner;
	struct timer *opening; /* NULL: the client's streams are there */
	unsigned opened;       /* kinds that the client has, as bits */
	struct resize resize;
	struct buf outcome; /* what came on a command's error channel */
	bool told;          /* the client knows the outcome, from the server or from us */
	struct bridge_end end;
	struct err why; /* the first thing that broke */
};

/* --- flow ------------------------------------------------------------------------------------ */

static void pause_if(struct side *s, bool pause)
{
	if (s == NULL)
		return;
	if (pause)
		side_pause(s);
	else
		side_resume(s);
}

static void steer(struct bridge *b)
{
	pause_if(b->server, b->opening != NULL || (b->client != NULL && side_full(b->client)));
	pause_if(b->client, b->server != NULL && side_full(b->server));
}

static void on_drain(void *owner, struct side *s)
{
	(void)s;
	steer(owner);
}

static void pass(struct bridge *b, struct channel *from, const uint8_t *data, size_t len)
{
	struct channel *to = from->other;

	if (to == NULL)
		return;
	side_send(to, data, len);
	if (side_full(to->side))
		steer(b);
}

/* --- the outcome of a command ---------------------------------------------------------------- */

static bool is_outcome(const struct bridge *b, const struct channel *c)
{
	return b->conf.purpose == PURPOSE_COMMAND && c->kind == CHANNEL_ERROR &&
	       c->side == b->server;
}

static bool tells_status(const struct side *s)
{
	return side_protocol(s)->status;
}

static void tell(struct bridge *b, int code, const char *message)
{
	struct channel *c = b->client != NULL ? side_find(b->client, CHANNEL_ERROR) : NULL;
	struct buf text = { 0 };

	if (c == NULL)
		return;
	if (tells_status(b->client))
		status_append(&text, code, message);
	else
		buf_append_str(&text, message);
	side_send(c, text.data, text.len);
	buf_deinit(&text);
}

/* Between versions: a Status for a sentence, or the other way round. */
static void translate(struct bridge *b)
{
	static const char success[] = "{\"metadata\":{},\"status\":\"Success\"}";
	const struct status *status = &b->end.status;

	if (status->success && tells_status(b->client))
		side_send(side_find(b->client, CHANNEL_ERROR), success, sizeof(success) - 1);
	else if (!status->success)
		tell(b, 500, status->message);
}

static void read_outcome(struct bridge *b, struct side *server)
{
	struct status *status = &b->end.status;
	struct err ignored;

	if (tells_status(server)) {
		b->end.told = status_read(status, b->outcome.data, b->outcome.len, &ignored) == 0;
		return;
	}
	*status = (struct status){ .success = b->outcome.len == 0, .exit_code = -1 };
	snprintf(status->message, sizeof(status->message), "%s", buf_str(&b->outcome));
	b->end.told = true;
}

/* The server's error channel has ended. */
static void on_outcome(struct bridge *b)
{
	bool passed = b->client != NULL && tells_status(b->client) && tells_status(b->server);

	if (b->told)
		return;
	read_outcome(b, b->server);
	if (!b->end.told)
		return; /* nothing came: the end of the connection will tell */
	b->told = true;
	if (!passed && b->client != NULL && side_find(b->client, CHANNEL_ERROR) != NULL)
		translate(b);
}

static void on_outcome_data(struct bridge *b, struct channel *c, const uint8_t *data, size_t len)
{
	if (b->outcome.len + len <= OUTCOME_MAX)
		buf_append(&b->outcome, data, len);
	if (b->told || b->client == NULL || !tells_status(b->client) || !tells_status(b->server))
		return;
	pass(b, c, data, len);
}

/* --- forwarded ports ------------------------------------------------------------------------- */

/* The channel that tells of the errors of a forwarded connection. */
static struct channel *error_of(struct side *s, const struct channel *data)
{
	struct list *all = side_channels(s);

	for (struct list *at = all->next; at != all; at = at->next) {
		struct channel *c = container_of(at, struct channel, link);

		if (c->kind == CHANNEL_ERROR && c->port == data->port &&
		    strcmp(c->request, data->request) == 0)
			return c;
	}
	return NULL;
}

static void say_port(struct bridge *b, struct channel *c, bool success)
{
	struct channel *error = c->kind == CHANNEL_ERROR ? c : error_of(c->side, c);

	if (error == NULL || error->reported)
		return;
	error->reported = true;
	if (b->events->port != NULL)
		b->events->port(b->owner, c->port, success);
}

/* --- from the client ------------------------------------------------------------------------- */

static void read_sizes(struct bridge *b, const uint8_t *data, size_t len)
{
	size_t used;

	for (; len > 0; data += used, len -= used) {
		if (resize_read(&b->resize, data, len, &used) && b->events->resize != NULL)
			b->events->resize(b->owner, b->resize.columns, b->resize.rows);
	}
}

static void from_client(struct bridge *b, struct channel *c, const uint8_t *data, size_t len)
{
	if (c->kind == CHANNEL_RESIZE)
		read_sizes(b, data, len);
	else
		b->end.received += len;
	pass(b, c, data, len);
	if (b->events->input != NULL)
		b->events->input(b->owner, len);
}

static void on_all_open(struct bridge *b)
{
	timer_free(b->opening);
	b->opening = NULL;
	steer(b);
}

static void join(struct channel *a, struct channel *b)
{
	a->other = b;
	b->other = a;
}

static void on_open(void *owner, struct channel *c)
{
	struct bridge *b = owner;
	struct err err;
	struct channel *to;

	if (b->server == NULL ||
	    (b->conf.purpose == PURPOSE_COMMAND && (b->conf.kinds & 1u << c->kind) == 0)) {
		side_reset(c);
		return;
	}
	to = b->conf.purpose == PURPOSE_COMMAND ? side_find(b->server, c->kind)
	                                        : side_open(b->server, c, &err);
	if (to != NULL)
		join(c, to);
	else if (b->conf.purpose == PURPOSE_FORWARD)
		side_reset(c);
	b->opened |= 1u << c->kind;
	if (b->opening != NULL && (b->opened & b->conf.kinds) == b->conf.kinds)
		on_all_open(b);
}

/* --- from the server ------------------------------------------------------------------------- */

static void from_server(struct bridge *b, struct channel *c, const uint8_t *data, size_t len)
{
	if (is_outcome(b, c)) {
		on_outcome_data(b, c, data, len);
		return;
	}
	if (b->conf.purpose == PURPOSE_FORWARD)
		say_port(b, c, c->kind == CHANNEL_DATA);
	else if (b->events->output != NULL)
		b->events->output(b->owner, c->kind, data, len);
	b->end.sent += len;
	pass(b, c, data, len);
}

static void on_data(void *owner, struct channel *c, const uint8_t *data, size_t len)
{
	struct bridge *b = owner;

	if (c->side == b->client)
		from_client(b, c, data, len);
	else
		from_server(b, c, data, len);
}

static void on_end(void *owner, struct channel *c)
{
	struct bridge *b = owner;

	if (is_outcome(b, c))
		on_outcome(b);
	if (b->conf.purpose == PURPOSE_FORWARD && c->side == b->server && c->kind == CHANNEL_DATA)
		say_port(b, c, true);
	if (c->other != NULL)
		side_end(c->other);
}

/* --- ending ---------------------------------------------------------------------------------- */

static void finish(struct bridge *b)
{
	b->end.reason = b->why.msg;
	timer_free(b->opening);
	if (b->events->end != NULL)
		b->events->end(b->owner, &b->end);
	buf_deinit(&b->outcome);
	free(b);
}

/* The client gets what is left, an outcome among it, and then the end. */
static void end_client(struct bridge *b)
{
	struct list *all = side_channels(b->client), *next;

	if (b->conf.purpose == PURPOSE_COMMAND && !b->told && b->outcome.len == 0)
		tell(b, 500, b->why.code != 0 ? b->why.msg : "the API server ended the connection");
	b->told = true;
	for (struct list *at = all->next; at != all; at = next) {
		next = at->next;
		side_end(container_of(at, struct channel, link));
	}
	side_close(b->client, NULL);
}

static void on_close(void *owner, struct side *s, const struct err *err)
{
	struct bridge *b = owner;
	bool server = s == b->server;

	if (err != NULL && b->why.code == 0) {
		err_copy(&b->why, err);
		err_wrap(&b->why, server ? "the API server" : "the client");
	}
	if (server) {
		if (b->conf.purpose == PURPOSE_COMMAND && tells_status(s))
			on_outcome(b);
		b->server = NULL;
		if (b->client != NULL)
			end_client(b);
	} else {
		b->client = NULL;
		if (b->server != NULL)
			side_close(b->server, NULL);
		steer(b);
	}
	if (b->client == NULL && b->server == NULL)
		finish(b);
}

void bridge_end(struct bridge *b, const struct err *why)
{
	if (b->why.code == 0)
		err_copy(&b->why, why);
	b->end.cut = true;
	timer_free(b->opening);
	b->opening = NULL;
	if (b->client != NULL)
		end_client(b);
	if (b->server != NULL)
		side_close(b->server, NULL);
	steer(b);
}

static void on_late(void *owner)
{
	static const struct err late = { ERR_TIMEOUT,
		                         "the client did not open its streams in time" };

	bridge_end(owner, &late);
}

/* --- beginning ------------------------------------------------------------------------------- */

static const struct side_handler side_handler = {
	.on_open = on_open,
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_close = on_close,
};

/* All that the request asks for, also what an older client does not know. */
static int open_command(struct bridge *b, struct err *err)
{
	const struct protocol *p = side_protocol(b->server);
	int rc = 0;

	for (enum channel_kind kind = 0; rc == 0 && kind < CHANNEL_KINDS; kind++) {
		const struct channel like = { .kind = kind };
		bool there = kind != CHANNEL_RESIZE || p->resizes;

		if ((b->conf.kinds & 1u << kind) != 0 && there &&
		    side_open(b->server, &like, err) == NULL)
			rc = err->code;
	}
	if (!side_protocol(b->client)->resizes)
		b->conf.kinds &= ~(1u << CHANNEL_RESIZE);
	return rc;
}

int bridge_start(const struct bridge_conf *conf, struct side *take_client,
                 struct stream *take_client_stream, struct side *take_server,
                 struct stream *take_server_stream, const struct bridge_events *events, void *owner,
                 struct bridge **out, struct err *err)
{
	struct bridge *b = calloc(1, sizeof(*b));
	struct err why = { 0 };

	if (b != NULL)
		b->opening = timer_new(conf->loop, on_late, b);
	if (b == NULL || b->opening == NULL) {
		free(b);
		return err_set_nomem(err);
	}
	b->conf = *conf;
	b->events = events;
	b->owner = owner;
	b->client = take_client;
	b->server = take_server;
	buf_init(&b->outcome, OUTCOME_MAX);
	timer_once(b->opening, BRIDGE_OPEN_MS);
	side_start(take_server, take_server_stream, &side_handler, b);
	if (conf->purpose == PURPOSE_COMMAND)
		open_command(b, &why);
	else
		on_all_open(b);
	steer(b);
	side_start(take_client, take_client_stream, &side_handler, b);
	if (why.code != 0)
		bridge_end(b, &why);
	*out = b;
	return 0;
}

void bridge_type(struct bridge *b, const void *data, size_t len)
{
	struct channel *c = b->server != NULL ? side_find(b->server, CHANNEL_STDIN) : NULL;

	if (c != NULL && !side_full(c->side))
		side_send(c, data, len);
}

void bridge_print(struct bridge *b, const char *text)
{
	struct channel *c = b->client != NULL ? side_find(b->client, CHANNEL_STDOUT) : NULL;

	if (c != NULL && !side_full(c->side))
		side_send(c, text, strlen(text));
}
