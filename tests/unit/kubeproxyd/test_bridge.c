/* A bridge between a client and an API server that are sides themselves: each protocol of the one
 * with each of the other. */
#include "kubeproxyd/channels/bridge.h"

#include "kubeproxyd/channels/side.h"

#include "tests/unit/streams.h"

#include <stdio.h>

#define BIT(kind) (1u << (kind))
#define COMMAND \
	(BIT(CHANNEL_STDIN) | BIT(CHANNEL_STDOUT) | BIT(CHANNEL_STDERR) | BIT(CHANNEL_ERROR))
#define EXIT_2                                                                                \
	"{\"metadata\":{},\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"message\":" \
	"\"command terminated with exit code 2\",\"details\":{\"causes\":[{\"reason\":"       \
	"\"ExitCode\",\"message\":\"2\"}]}}"

/* One that is at the far end of a side of the bridge. */
struct far {
	struct side *side; /* NULL: gone */
	struct buf got[CHANNEL_KINDS];
	bool ended[CHANNEL_KINDS];
	unsigned opened;
	size_t limit; /* pauses when it has got so much; 0: never */
	int closes;
	struct err err;
};

struct world {
	uv_loop_t *loop;
	struct far client, server;
	struct bridge *bridge; /* NULL: ended */
	struct bridge_end end;
	char reason[ERR_MSG_SIZE];
	struct buf printed;
	char sizes[64];
	char ports[64];
};

/* --- far ends -------------------------------------------------------------------------------- */

static void far_open(void *owner, struct channel *c)
{
	((struct far *)owner)->opened |= BIT(c->kind);
}

static void far_data(void *owner, struct channel *c, const uint8_t *data, size_t len)
{
	struct far *f = owner;

	buf_append(&f->got[c->kind], data, len);
	if (f->limit != 0 && f->got[c->kind].len >= f->limit)
		side_pause(f->side);
}

static void far_end(void *owner, struct channel *c)
{
	((struct far *)owner)->ended[c->kind] = true;
}

static void far_drain(void *owner, struct side *s)
{
	(void)owner;
	(void)s;
}

static void far_close(void *owner, struct side *s, const struct err *err)
{
	struct far *f = owner;

	(void)s;
	f->closes++;
	f->side = NULL;
	if (err != NULL)
		err_copy(&f->err, err);
}

static const struct side_handler far_handler = { far_open, far_data, far_end, far_drain,
	                                         far_close };

static const struct protocol *protocol_of(enum purpose purpose, const char *name)
{
	bool ws = name[0] == 'w';

	return protocol_choose(purpose, ws ? CARRIER_WEBSOCKET : CARRIER_SPDY,
	                       strchr(name, ' ') + 1);
}

static struct side *side_of(const struct protocol *p, bool client, unsigned kinds)
{
	static const unsigned ports[] = { 8080, 53 };
	const struct side_conf conf = { .protocol = p,
		                        .client = client,
		                        .open_kinds = kinds,
		                        .ports = ports,
		                        .port_count = 2 };
	struct side *s = side_new(&conf);

	assert_non_null(s);
	return s;
}

/* --- the bridge ------------------------------------------------------------------------------ */

static void on_output(void *owner, enum channel_kind kind, const uint8_t *data, size_t len)
{
	struct world *w = owner;

	(void)kind;
	buf_append(&w->printed, data, len);
}

static void on_resize(void *owner, unsigned columns, unsigned rows)
{
	struct world *w = owner;
	size_t at = strlen(w->sizes);

	snprintf(w->sizes + at, sizeof(w->sizes) - at, "%ux%u ", columns, rows);
}

static void on_port(void *owner, unsigned port, bool success)
{
	struct world *w = owner;
	size_t at = strlen(w->ports);

	snprintf(w->ports + at, sizeof(w->ports) - at, "%u%s ", port, success ? "" : "!");
}

static void on_end(void *owner, const struct bridge_end *end)
{
	struct world *w = owner;

	w->end = *end;
	snprintf(w->reason, sizeof(w->reason), "%s", end->reason);
	w->bridge = NULL;
}

static const struct bridge_events events = {
	.output = on_output,
	.resize = on_resize,
	.port = on_port,
	.end = on_end,
};

static void world_open(struct world *w, uv_loop_t *loop, enum purpose purpose, const char *client,
                       const char *server, unsigned kinds)
{
	const struct protocol *cp = protocol_of(purpose, client),
	                      *sp = protocol_of(purpose, server);
	const struct bridge_conf conf = { .loop = loop, .purpose = purpose, .kinds = kinds };
	struct stream *a, *b, *c, *d;
	struct err err;

	memset(w, 0, sizeof(*w));
	w->loop = loop;
	stream_pair(loop, &a, &b);
	stream_pair(loop, &c, &d);
	w->client.side = side_of(cp, false, kinds);
	w->server.side = side_of(sp, true, kinds);
	side_start(w->client.side, a, &far_handler, &w->client);
	side_start(w->server.side, d, &far_handler, &w->server);
	assert_int_equal(bridge_start(&conf, side_of(cp, true, kinds), b, side_of(sp, false, kinds),
	                              c, &events, w, &w->bridge, &err),
	                 0);
}

static void world_close(struct world *w)
{
	if (w->client.side != NULL)
		side_close(w->client.side, NULL);
	if (w->server.side != NULL)
		side_close(w->server.side, NULL);
	turn_until(w->loop, w->bridge == NULL && w->client.side == NULL && w->server.side == NULL);
	for (int i = 0; i < CHANNEL_KINDS; i++) {
		buf_deinit(&w->client.got[i]);
		buf_deinit(&w->server.got[i]);
	}
	buf_deinit(&w->printed);
}

/* What a client of that protocol does first. */
static void open_command(struct world *w, unsigned kinds)
{
	struct err err;

	for (enum channel_kind kind = 0; kind < CHANNEL_KINDS; kind++) {
		const struct channel like = { .kind = kind };
		bool there = kind != CHANNEL_RESIZE || side_protocol(w->client.side)->resizes;

		if ((kinds & BIT(kind)) != 0 && there)
			assert_non_null(side_open(w->client.side, &like, &err));
	}
	turn_until(w->loop, (w->server.opened & kinds) == kinds);
}

static void say(struct far *f, enum channel_kind kind, const char *text)
{
	struct channel *c = side_find(f->side, kind);

	assert_non_null(c);
	side_send(c, text, strlen(text));
}

static void end_channel(struct far *f, enum channel_kind kind)
{
	struct channel *c = side_find(f->side, kind);

	if (c != NULL)
		side_end(c);
}

static bool got(const struct far *f, enum channel_kind kind, const char *text)
{
	return strcmp(buf_str(&f->got[kind]), text) == 0;
}

/* --- commands -------------------------------------------------------------------------------- */

static const char *const clients[] = {
	"spdy v4.channel.k8s.io",      "spdy v3.channel.k8s.io",
	"spdy v2.channel.k8s.io",      "spdy ",
	"ws v5.channel.k8s.io",        "ws v4.channel.k8s.io",
	"ws v4.base64.channel.k8s.io", "ws channel.k8s.io",
	"ws base64.channel.k8s.io",
};
static const char *const servers[] = {
	"spdy v4.channel.k8s.io",
	"spdy v2.channel.k8s.io",
	"ws v5.channel.k8s.io",
	"ws v4.channel.k8s.io",
};

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

/* The outcome of a failed command as that client has to hear it. */
static void check_outcome(const struct world *w, const char *client, const char *server)
{
	const struct protocol *cp = protocol_of(PURPOSE_COMMAND, client);
	bool status = protocol_of(PURPOSE_COMMAND, server)->status;
	const char *heard = buf_str(&w->client.got[CHANNEL_ERROR]);

	if (cp->status && status)
		assert_string_equal(heard, EXIT_2);
	else if (cp->status)
		assert_non_null(strstr(heard, "\"status\":\"Failure\""));
	else
		assert_string_equal(heard, "command terminated with exit code 2");
	assert_true(w->end.told);
	assert_false(w->end.status.success);
	assert_int_equal(w->end.status.exit_code, status ? 2 : -1);
	assert_string_equal(w->reason, "");
}

static void run_command(uv_loop_t *loop, const char *client, const char *server)
{
	const struct protocol *sp = protocol_of(PURPOSE_COMMAND, server);
	struct world w;

	world_open(&w, loop, PURPOSE_COMMAND, client, server, COMMAND);
	open_command(&w, COMMAND);
	say(&w.client, CHANNEL_STDIN, "typed\n");
	end_channel(&w.client, CHANNEL_STDIN);
	turn_until(loop, got(&w.server, CHANNEL_STDIN, "typed\n"));
	if (protocol_of(PURPOSE_COMMAND, client)->closes && sp->closes)
		turn_until(loop, w.server.ended[CHANNEL_STDIN]);
	say(&w.server, CHANNEL_STDOUT, "printed");
	say(&w.server, CHANNEL_STDERR, "complained");
	say(&w.server, CHANNEL_ERROR, sp->status ? EXIT_2 : "command terminated with exit code 2");
	for (enum channel_kind kind = 0; kind < CHANNEL_KINDS; kind++)
		end_channel(&w.server, kind);
	side_close(w.server.side, NULL);
	turn_until(loop, w.client.closes && w.bridge == NULL);
	assert_int_equal(w.client.err.code, 0);
	assert_true(got(&w.client, CHANNEL_STDOUT, "printed"));
	assert_true(got(&w.client, CHANNEL_STDERR, "complained"));
	assert_string_equal(buf_str(&w.printed), "printedcomplained");
	assert_int_equal(w.end.received, 6);
	assert_int_equal(w.end.sent, 17);
	check_outcome(&w, client, server);
	world_close(&w);
}

static void a_command_runs_between_any_two_protocols(void **state)
{
	for (size_t i = 0; i < COUNT(clients); i++) {
		for (size_t k = 0; k < COUNT(servers); k++)
			run_command(*state, clients[i], servers[k]);
	}
}

/* A server of an older version that says nothing has succeeded: a client of v4 is told so. */
static void silence_of_an_old_server_is_a_success(void **state)
{
	struct world w;

	world_open(&w, *state, PURPOSE_COMMAND, clients[0], servers[1], COMMAND);
	open_command(&w, COMMAND);
	for (enum channel_kind kind = 0; kind < CHANNEL_KINDS; kind++)
		end_channel(&w.server, kind);
	side_close(w.server.side, NULL);
	turn_until(w.loop, w.client.closes);
	assert_true(got(&w.client, CHANNEL_ERROR, "{\"metadata\":{},\"status\":\"Success\"}"));
	world_close(&w);
	assert_true(w.end.told && w.end.status.success);
}

static void a_connection_that_breaks_is_no_success(void **state)
{
	for (size_t k = 0; k < COUNT(servers); k++) {
		struct world w;

		world_open(&w, *state, PURPOSE_COMMAND, clients[0], servers[k], COMMAND);
		open_command(&w, COMMAND);
		say(&w.server, CHANNEL_STDOUT, "half of it");
		side_close(w.server.side, NULL);
		turn_until(w.loop, w.client.closes);
		assert_true(got(&w.client, CHANNEL_STDOUT, "half of it"));
		assert_non_null(strstr(buf_str(&w.client.got[CHANNEL_ERROR]),
		                       "the API server ended the connection"));
		assert_false(w.end.told);
		world_close(&w);
	}
}

static void the_client_is_told_why_we_end_its_command(void **state)
{
	static const struct err why = { ERR_TIMEOUT, "client exceeded idle timeout of 5m0s" };

	for (size_t i = 0; i < COUNT(clients); i++) {
		struct world w;

		world_open(&w, *state, PURPOSE_COMMAND, clients[i], servers[0], COMMAND);
		open_command(&w, COMMAND);
		bridge_end(w.bridge, &why);
		turn_until(w.loop, w.client.closes && w.server.closes);
		assert_non_null(strstr(buf_str(&w.client.got[CHANNEL_ERROR]), why.msg));
		world_close(&w);
		assert_true(w.end.cut);
		assert_string_equal(w.reason, why.msg);
	}
}

static void sizes_of_a_terminal_pass_and_are_told(void **state)
{
	const unsigned kinds =
	        BIT(CHANNEL_STDIN) | BIT(CHANNEL_STDOUT) | BIT(CHANNEL_ERROR) | BIT(CHANNEL_RESIZE);

	for (size_t k = 0; k < COUNT(servers); k += 2) {
		struct world w;

		world_open(&w, *state, PURPOSE_COMMAND, clients[4], servers[k], kinds);
		open_command(&w, kinds);
		say(&w.client, CHANNEL_RESIZE, "{\"Width\":80,\"Height\":24}\n");
		say(&w.client, CHANNEL_RESIZE, "{\"Width\":100,\"Height\":30}\n");
		turn_until(w.loop,
		           got(&w.server, CHANNEL_RESIZE,
		               "{\"Width\":80,\"Height\":24}\n{\"Width\":100,\"Height\":30}\n"));
		assert_string_equal(w.sizes, "80x24 100x30 ");
		bridge_type(w.bridge, "from a peer", 11);
		turn_until(w.loop, got(&w.server, CHANNEL_STDIN, "from a peer"));
		bridge_print(w.bridge, "[a peer joined]");
		turn_until(w.loop, got(&w.client, CHANNEL_STDOUT, "[a peer joined]"));
		world_close(&w);
	}
}

/* An older client has no stream for sizes; the server waits for one. */
static void a_client_without_sizes_gets_its_terminal_all_the_same(void **state)
{
	const unsigned kinds = BIT(CHANNEL_STDOUT) | BIT(CHANNEL_ERROR) | BIT(CHANNEL_RESIZE);
	struct world w;

	world_open(&w, *state, PURPOSE_COMMAND, "spdy v2.channel.k8s.io", servers[0], kinds);
	open_command(&w, kinds);
	say(&w.server, CHANNEL_STDOUT, "$ ");
	turn_until(w.loop, got(&w.client, CHANNEL_STDOUT, "$ "));
	world_close(&w);
}

static void a_stream_that_was_not_asked_for_is_refused(void **state)
{
	const struct channel like = { .kind = CHANNEL_STDIN };
	struct world w;
	struct err err;

	world_open(&w, *state, PURPOSE_COMMAND, clients[0], servers[0], BIT(CHANNEL_ERROR));
	assert_non_null(side_open(w.client.side, &like, &err));
	turn_until(w.loop, w.client.ended[CHANNEL_STDIN]);
	assert_int_equal(w.server.opened & BIT(CHANNEL_STDIN), 0);
	world_close(&w);
}

/* --- back-pressure --------------------------------------------------------------------------- */

#define MEGABYTES 24

static void much(struct world *w, struct far *from, struct far *to, enum channel_kind kind)
{
	static char chunk[65536];
	size_t sent = 0, total = MEGABYTES * 1024u * 1024u;

	for (size_t i = 0; i < sizeof(chunk); i++)
		chunk[i] = (char)(i * 7);
	to->limit = 1;
	while (sent < total) {
		if (!side_full(from->side)) {
			side_send(side_find(from->side, kind), chunk, sizeof(chunk));
			sent += sizeof(chunk);
		}
		uv_run(w->loop, UV_RUN_NOWAIT);
		if (sent >= total / 2 && to->limit != 0) {
			to->limit = 0;
			side_resume(to->side);
		}
		/* Nobody takes it, and all the buffers on the way are full: the sender has to. */
		if (to->limit != 0 && side_full(from->side)) {
			assert_true(sent < 8u * 1024 * 1024);
			to->limit = 0;
			side_resume(to->side);
		}
	}
	turn_until(w->loop, to->got[kind].len == total);
	for (size_t i = 0; i < total; i += sizeof(chunk))
		assert_memory_equal(to->got[kind].data + i, chunk, sizeof(chunk));
}

static void megabytes_pass_both_ways_and_who_does_not_read_stops_the_other(void **state)
{
	static const char *const pairs[][2] = {
		{ "spdy v4.channel.k8s.io", "spdy v4.channel.k8s.io" },
		{ "ws v5.channel.k8s.io", "spdy v4.channel.k8s.io" },
		{ "spdy v4.channel.k8s.io", "ws v5.channel.k8s.io" }
	};

	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct world w;

		world_open(&w, *state, PURPOSE_COMMAND, pairs[i][0], pairs[i][1], COMMAND);
		open_command(&w, COMMAND);
		much(&w, &w.client, &w.server, CHANNEL_STDIN);
		much(&w, &w.server, &w.client, CHANNEL_STDOUT);
		world_close(&w);
	}
}

/* A client may begin before the server has opened its streams: all that waits goes on then. */
static void what_came_before_the_servers_reply_is_passed_on_whole(void **state)
{
	static char chunk[50000]; /* what is kept is more than may go out at once */
	const size_t total = 40 * sizeof(chunk);
	size_t sent = 0;
	struct world w;
	struct err err;
	const struct channel like = { .kind = CHANNEL_STDIN };

	world_open(&w, *state, PURPOSE_COMMAND, clients[4], servers[0], COMMAND);
	side_pause(w.server.side);
	assert_non_null(side_open(w.client.side, &like, &err));
	for (int turns = 0; turns < 1000; turns++) {
		if (sent < total && !side_full(w.client.side)) {
			side_send(side_find(w.client.side, CHANNEL_STDIN), chunk, sizeof(chunk));
			sent += sizeof(chunk);
		}
		uv_run(w.loop, UV_RUN_NOWAIT);
	}
	assert_true(sent < total); /* nobody takes it yet */
	side_resume(w.server.side);
	while (sent < total) {
		if (!side_full(w.client.side)) {
			side_send(side_find(w.client.side, CHANNEL_STDIN), chunk, sizeof(chunk));
			sent += sizeof(chunk);
		}
		uv_run(w.loop, UV_RUN_NOWAIT);
	}
	end_channel(&w.client, CHANNEL_STDIN);
	turn_until(w.loop, w.server.ended[CHANNEL_STDIN]);
	assert_int_equal(w.server.got[CHANNEL_STDIN].len, total);
	world_close(&w);
}

/* --- forwarded ports ------------------------------------------------------------------------- */

static void open_port(struct world *w, const char *request)
{
	struct channel like = { .kind = CHANNEL_ERROR, .port = 8080 };
	struct err err;

	snprintf(like.request, sizeof(like.request), "%s", request);
	assert_non_null(side_open(w->client.side, &like, &err));
	like.kind = CHANNEL_DATA;
	assert_non_null(side_open(w->client.side, &like, &err));
}

static void ports_are_forwarded_by_streams_and_through_a_tunnel(void **state)
{
	static const char *const kinds[] = { "spdy portforward.k8s.io",
		                             "ws SPDY/3.1+portforward.k8s.io" };

	for (size_t i = 0; i < 4; i++) {
		struct world w;

		world_open(&w, *state, PURPOSE_FORWARD, kinds[i / 2], kinds[i % 2], 0);
		open_port(&w, "0");
		turn_until(w.loop, w.server.opened == (BIT(CHANNEL_DATA) | BIT(CHANNEL_ERROR)));
		assert_int_equal(side_find(w.server.side, CHANNEL_DATA)->port, 8080);
		assert_string_equal(side_find(w.server.side, CHANNEL_DATA)->request, "0");
		end_channel(&w.client, CHANNEL_ERROR);
		say(&w.client, CHANNEL_DATA, "GET /");
		turn_until(w.loop, got(&w.server, CHANNEL_DATA, "GET /"));
		say(&w.server, CHANNEL_DATA, "hello");
		end_channel(&w.server, CHANNEL_DATA);
		turn_until(w.loop, w.client.ended[CHANNEL_DATA]);
		assert_true(got(&w.client, CHANNEL_DATA, "hello"));
		assert_string_equal(w.ports, "8080 ");
		world_close(&w);
	}
}

static void a_port_that_nobody_listens_on_is_told_as_failed(void **state)
{
	struct world w;

	world_open(&w, *state, PURPOSE_FORWARD, "spdy portforward.k8s.io",
	           "spdy portforward.k8s.io", 0);
	open_port(&w, "0");
	turn_until(w.loop, w.server.opened == (BIT(CHANNEL_DATA) | BIT(CHANNEL_ERROR)));
	say(&w.server, CHANNEL_ERROR, "connection refused");
	turn_until(w.loop, got(&w.client, CHANNEL_ERROR, "connection refused"));
	assert_string_equal(w.ports, "8080! ");
	world_close(&w);
}

static void an_old_clients_ports_are_two_channels_each(void **state)
{
	static const char frames[] = "\x82\x03\x00\x90\x1f\x82\x03\x01\x90\x1f"
	                             "\x82\x03\x02\x35\x00\x82\x03\x03\x35\x00"
	                             "\x82\x06\x00hello";
	const struct bridge_conf conf = { .loop = *state, .purpose = PURPOSE_FORWARD };
	const struct protocol *sp = protocol_of(PURPOSE_FORWARD, "spdy portforward.k8s.io");
	const struct protocol *cp = protocol_of(PURPOSE_FORWARD, "ws v4.channel.k8s.io");
	struct ear client = { .ends_too = true };
	struct world w = { .loop = *state };
	struct stream *a, *b, *c, *d;
	struct err err;

	stream_pair(w.loop, &a, &b);
	stream_pair(w.loop, &c, &d);
	ear_attach(&client, a);
	w.server.side = side_of(sp, true, 0);
	side_start(w.server.side, d, &far_handler, &w.server);
	assert_int_equal(bridge_start(&conf, side_of(cp, true, 0), b, side_of(sp, false, 0), c,
	                              &events, &w, &w.bridge, &err),
	                 0);
	turn_until(w.loop, side_find(w.server.side, CHANNEL_DATA) != NULL);
	assert_int_equal(side_find(w.server.side, CHANNEL_DATA)->port, 8080);
	say(&w.server, CHANNEL_DATA, "hello");
	turn_until(w.loop, client.got.len == sizeof(frames) - 1);
	assert_memory_equal(client.got.data, frames, sizeof(frames) - 1);
	side_close(w.server.side, NULL);
	turn_until(w.loop, w.bridge == NULL && client.closes);
	buf_deinit(&client.got);
}

/* --- peers that break rules ------------------------------------------------------------------ */

static void junk_from_either_side_ends_both(void **state)
{
	for (int client = 0; client < 2; client++) {
		const struct protocol *p = protocol_of(PURPOSE_COMMAND, clients[0]);
		const struct bridge_conf conf = { .loop = *state, .kinds = COMMAND };
		struct world w = { .loop = *state };
		struct stream *a, *b, *c, *d;
		struct ear near = { .ends_too = true }, other = { .ends_too = true };
		struct err err;

		stream_pair(w.loop, &a, &b);
		stream_pair(w.loop, &c, &d);
		ear_attach(&near, a);
		ear_attach(&other, d);
		assert_int_equal(bridge_start(&conf, side_of(p, true, COMMAND), b,
		                              side_of(p, false, COMMAND), c, &events, &w, &w.bridge,
		                              &err),
		                 0);
		stream_write(client ? a : d, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
		stream_resume(a);
		stream_resume(d);
		if (!client) /* heard only once the client has its streams */
			stream_close(a);
		turn_until(w.loop, w.bridge == NULL && near.closes && other.closes);
		if (client)
			assert_non_null(strstr(w.reason, "the client"));
		buf_deinit(&near.got);
		buf_deinit(&other.got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(a_command_runs_between_any_two_protocols),
		loop_test(silence_of_an_old_server_is_a_success),
		loop_test(a_connection_that_breaks_is_no_success),
		loop_test(the_client_is_told_why_we_end_its_command),
		loop_test(sizes_of_a_terminal_pass_and_are_told),
		loop_test(a_client_without_sizes_gets_its_terminal_all_the_same),
		loop_test(a_stream_that_was_not_asked_for_is_refused),
		loop_test(megabytes_pass_both_ways_and_who_does_not_read_stops_the_other),
		loop_test(what_came_before_the_servers_reply_is_passed_on_whole),
		loop_test(ports_are_forwarded_by_streams_and_through_a_tunnel),
		loop_test(a_port_that_nobody_listens_on_is_told_as_failed),
		loop_test(an_old_clients_ports_are_two_channels_each),
		loop_test(junk_from_either_side_ends_both),
	};

	return unit_run(tests);
}
