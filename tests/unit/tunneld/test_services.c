#include "tunneld/services.h"

#include "loop/listen.h"

#include "tests/unit/tunnels.h"

/* An agent whose requests go to its services, and an echo that is one of them. */
struct world {
	uv_loop_t *loop;
	struct end proxy;
	struct end agent;
	struct services *services;
	struct service named[4];
	struct conf_list allow;
	char *allowed[1];
	struct listen *echo;
	char addr[64];
};

static struct world *serving; /* by the events of the agent's end */

static void *on_request(void *ctx, struct channel *c, const char *service)
{
	(void)ctx;
	return services_request(serving->services, c, service,
	                        "c0ffee00-0000-4000-8000-000000000000");
}

static size_t echo(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	(void)owner;
	stream_write(s, data, len);
	return len;
}

static void on_accept(void *owner, struct stream *take_stream)
{
	static const struct stream_handler echoes = { .on_data = echo };

	stream_attach(take_stream, &echoes, owner);
}

static void listen_somewhere(struct world *w)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	struct listen_limits limits = { .max = 100, .max_per_addr = 100 };
	struct err err;

	w->echo = listen_new(w->loop, &limits, &handler, w);
	assert_non_null(w->echo);
	assert_int_equal(listen_add(w->echo, "127.0.0.1:0", &err), 0);
	snprintf(w->addr, sizeof(w->addr), "127.0.0.1:%u", listen_port(w->echo));
}

static void begin(struct world *w, uv_loop_t *loop)
{
	static struct tunnel_events events;
	struct tunnel_conf conf = { .side = TUNNEL_AGENT, .events = &events, .ctx = &w->agent };
	struct services_conf services = {
		.loop = loop, .named = w->named, .allow = &w->allow, .dial_ms = 5000
	};
	struct stream *a, *b;
	struct err err;

	*w = (struct world){ .loop = loop };
	serving = w;
	listen_somewhere(w);
	w->named[0] = (struct service){ "node", w->addr };
	w->named[1] = (struct service){ "kube", NULL };
	w->named[2] = (struct service){ "auth", "127.0.0.1:1" };
	w->allowed[0] = w->addr;
	w->allow = (struct conf_list){ w->allowed, 1 };
	w->services = services_new(&services);
	assert_non_null(w->services);
	events = end_events;
	events.request = on_request;
	events.withdrawn = services_withdrawn;
	stream_pair(loop, &a, &b);
	end_open(&w->proxy, a, (struct tunnel_conf){ .side = TUNNEL_PROXY });
	w->agent.loop = loop;
	assert_int_equal(tunnel_open(b, &conf, &w->agent.tunnel, &err), 0);
	turn_until(loop, w->proxy.ready == 1 && w->agent.ready == 1);
}

static void end(struct world *w)
{
	ends_close(w->loop, &w->proxy, &w->agent);
	services_free(w->services);
	listen_free(w->echo);
}

static void what_is_served_is_joined(void **state)
{
	struct world w;
	const char *names[2];

	begin(&w, *state);
	names[0] = "node";
	names[1] = w.addr; /* it is in the list */
	for (int i = 0; i < 2; i++) {
		struct dialed d = { .ear.ends_too = true };

		dial_service(&w.proxy, names[i], &d);
		turn_until(w.loop, d.calls == 1);
		assert_int_equal(d.err.code, 0);
		assert_int_equal(services_count(w.services), 1);
		stream_write(d.ear.stream, "hello", 5);
		turn_until(w.loop, d.ear.got.len == 5);
		stream_end(d.ear.stream);
		turn_until(w.loop, d.ear.closes == 1 && services_count(w.services) == 0);
		buf_deinit(&d.ear.got);
	}
	end(&w);
}

static void anything_else_is_refused(void **state)
{
	static const char *const names[] = { "kube",           "NODE",         "node ",
		                             "nodes",          "127.0.0.1:22", "localhost:1",
		                             "unix:/run/x",    "127.0.0.1",    "proxy",
		                             "auth.example",   "[::1]:22",     "node,0.0.0.0",
		                             "169.254.1.1:80", "10.0.0.1:0" };
	char text[400];
	struct world w;

	begin(&w, *state);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct dialed d = { 0 };

		dial_service(&w.proxy, names[i], &d);
		turn_until(w.loop, d.calls == 1);
		if (d.err.code == ERR_IO)
			continue; /* no authority at all: HTTP/2 reset it */
		snprintf(text, sizeof(text), "this agent does not serve '%s'", names[i]);
		assert_string_equal(d.err.msg, text);
		assert_int_equal(d.err.code, ERR_DENIED);
	}
	assert_int_equal(services_count(w.services), 0);
	end(&w);
}

static void a_service_that_does_not_answer_is_named(void **state)
{
	struct dialed d = { 0 };
	struct world w;

	begin(&w, *state);
	dial_service(&w.proxy, "auth", &d);
	turn_until(w.loop, d.calls == 1);
	assert_int_equal(d.err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(d.err.msg, "connect to '127.0.0.1:1'"));
	end(&w);
}

static void who_gives_up_leaves_nothing_behind(void **state)
{
	struct dialed d = { 0 };
	struct world w;

	begin(&w, *state);
	dial_service(&w.proxy, "node", &d);
	uv_run(w.loop, UV_RUN_NOWAIT);
	tunnel_dial_cancel(d.channel);
	turn_until(w.loop, d.calls == 1);
	assert_int_equal(d.err.code, ERR_CANCELED);
	turn_until(w.loop, tunnel_channels(w.agent.tunnel) == 0);
	turn_until(w.loop, services_count(w.services) == 0);
	end(&w);
}

static void what_is_joined_ends_with_the_services(void **state)
{
	struct dialed d = { 0 };
	struct world w;

	begin(&w, *state);
	dial_service(&w.proxy, "node", &d);
	turn_until(w.loop, d.calls == 1);
	services_free(w.services);
	w.services = NULL;
	turn_until(w.loop, d.ear.closes == 1);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(what_is_served_is_joined),
		loop_test(anything_else_is_refused),
		loop_test(a_service_that_does_not_answer_is_named),
		loop_test(who_gives_up_leaves_nothing_behind),
		loop_test(what_is_joined_ends_with_the_services),
	};

	return unit_run(tests);
}
