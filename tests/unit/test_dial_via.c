#include "loop/dial_via.h"

#include "base/str.h"
#include "loop/listen.h"
#include "wire/http_proxy.h"

#include "tests/unit/streams.h"

#include <stdio.h>

/* What a dial came to. Like every user, it attaches the stream within the callback. */
struct dialed {
	struct ear ear;
	int calls;
	struct err err;
};

static void on_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	struct dialed *d = owner;

	d->calls++;
	assert_true((take_stream == NULL) == (err != NULL));
	if (take_stream != NULL)
		ear_attach(&d->ear, take_stream);
	else
		err_copy(&d->err, err);
}

/* A proxy that hears one client, and answers what the test says. */
struct world {
	struct listen *listen;
	struct ear ear;
	struct http_proxy *proxy;
	char addr[64];
	char url[96];
};

static void on_accept(void *owner, struct stream *take_stream)
{
	struct world *w = owner;

	if (w->ear.stream == NULL)
		ear_attach(&w->ear, take_stream);
	else
		stream_refuse(take_stream, NULL);
}

static char *no_environment(const char *name)
{
	(void)name;
	return NULL;
}

static void begin(struct world *w, uv_loop_t *loop)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	struct err err;

	*w = (struct world){ .listen = listen_new(loop, NULL, &handler, w) };
	assert_int_equal(listen_add(w->listen, "127.0.0.1:0", &err), 0);
	snprintf(w->addr, sizeof(w->addr), "127.0.0.1:%u", listen_port(w->listen));
	snprintf(w->url, sizeof(w->url), "http://me:s3cret@%s", w->addr);
	assert_int_equal(http_proxy_new(w->url, no_environment, &w->proxy, &err), 0);
}

static void end(struct world *w, struct dialed *d, uv_loop_t *loop)
{
	if (d->ear.stream != NULL)
		stream_reset(d->ear.stream, NULL);
	if (w->ear.stream != NULL)
		stream_reset(w->ear.stream, NULL);
	turn_until(loop, d->ear.stream == NULL && w->ear.stream == NULL);
	listen_free(w->listen);
	http_proxy_free(w->proxy);
	buf_deinit(&w->ear.got);
	buf_deinit(&d->ear.got);
}

static struct dial_via *start(struct world *w, uv_loop_t *loop, unsigned timeout_ms,
                              struct dialed *d)
{
	struct dial_via *via;
	struct err err;

	assert_int_equal(dial_via_start(loop, w->proxy, "example.com:443", timeout_ms, on_dialed, d,
	                                &via, &err),
	                 0);
	assert_int_equal(d->calls, 0);
	return via;
}

/* The proxy has the whole request. */
static bool asked(const struct world *w)
{
	return str_ends(buf_str(&w->ear.got), "\r\n\r\n");
}

/* A dial that waits for the proxy's answer. */
static void begin_asked(struct world *w, uv_loop_t *loop, struct dialed *d)
{
	begin(w, loop);
	start(w, loop, 20000, d);
	turn_until(loop, asked(w));
}

static void say(struct world *w, const char *text)
{
	stream_write(w->ear.stream, text, strlen(text));
}

static void expect_error(const struct world *w, const struct dialed *d, int code, const char *cause)
{
	char expected[256];

	snprintf(expected, sizeof(expected), "HTTP proxy '%s' towards 'example.com:443': %s",
	         w->addr, cause);
	assert_int_equal(d->calls, 1);
	assert_string_equal(d->err.msg, expected);
	assert_int_equal(d->err.code, code);
}

static void the_proxy_is_asked_and_bytes_go_both_ways(void **state)
{
	struct dialed d = { 0 };
	struct world w;

	begin_asked(&w, *state, &d);
	assert_string_equal(buf_str(&w.ear.got),
	                    "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n"
	                    "Proxy-Authorization: Basic bWU6czNjcmV0\r\n\r\n");
	say(&w, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 10; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	assert_int_equal(d.calls, 0);
	say(&w, "\r\nat once");
	turn_until(*state, d.ear.got.len == 7);
	assert_string_equal(buf_str(&d.ear.got), "at once");
	say(&w, " and later");
	stream_write(d.ear.stream, "hello", 5);
	turn_until(*state, d.ear.got.len == 17 && str_ends(buf_str(&w.ear.got), "\r\n\r\nhello"));
	assert_int_equal(d.calls, 1);
	end(&w, &d, *state);
}

static void what_no_proxy_covers_is_only_dialled(void **state)
{
	struct dialed d = { 0 };
	struct world w;
	struct err err;

	begin(&w, *state);
	assert_int_equal(dial_via_start(*state, NULL, w.addr, 20000, on_dialed, &d, NULL, &err), 0);
	turn_until(*state, d.calls == 1 && w.ear.stream != NULL);
	assert_int_equal(w.ear.got.len, 0);
	end(&w, &d, *state);
}

static void a_refusal_says_which_proxy_and_target_and_status(void **state)
{
	struct dialed d = { 0 };
	struct world w;

	begin_asked(&w, *state, &d);
	say(&w, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
	turn_until(*state, d.calls == 1);
	expect_error(&w, &d, ERR_UNAVAILABLE, "it refuses (status 403)");
	end(&w, &d, *state);
}

static void a_proxy_that_hangs_up_is_told(void **state)
{
	struct dialed d = { 0 };
	struct world w;

	begin_asked(&w, *state, &d);
	stream_close(w.ear.stream);
	turn_until(*state, d.calls == 1);
	expect_error(&w, &d, ERR_UNAVAILABLE, "it hung up without an answer");
	end(&w, &d, *state);
}

static void a_proxy_that_says_nothing_is_given_up_at_the_deadline(void **state)
{
	struct dialed d = { 0 };
	struct world w;

	begin(&w, *state);
	start(&w, *state, 100, &d);
	turn_until(*state, d.calls == 1);
	expect_error(&w, &d, ERR_TIMEOUT, "no answer within 100 ms");
	end(&w, &d, *state);
}

static void a_proxy_that_is_away_is_told(void **state)
{
	struct dialed d = { 0 };
	struct world w;
	char cause[128];

	begin(&w, *state);
	listen_free(w.listen);
	w.listen = NULL;
	start(&w, *state, 20000, &d);
	turn_until(*state, d.calls == 1);
	snprintf(cause, sizeof(cause), "connect to '%s': connection refused", w.addr);
	expect_error(&w, &d, ERR_UNAVAILABLE, cause);
	end(&w, &d, *state);
}

static void it_can_be_canceled_at_every_turn_of_the_loop(void **state)
{
	int canceled = 0;

	for (int turn = 0; turn < 20; turn++) {
		struct dialed d = { 0 };
		struct dial_via *via;
		struct world w;

		begin(&w, *state);
		via = start(&w, *state, 20000, &d);
		for (int i = 0; i < turn && d.calls == 0; i++) {
			uv_run(*state, UV_RUN_NOWAIT);
			if (asked(&w) && turn % 2 == 0)
				say(&w, "HTTP/1.1 200 OK\r\n\r\n");
		}
		if (d.calls == 0) {
			dial_via_cancel(via);
			dial_via_cancel(via);
			assert_int_equal(d.calls, 0);
			turn_until(*state, d.calls == 1);
			assert_int_equal(d.err.code, ERR_CANCELED);
			canceled++;
		}
		end(&w, &d, *state);
	}
	assert_in_range(canceled, 10, 20);
	dial_via_cancel(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(the_proxy_is_asked_and_bytes_go_both_ways),
		loop_test(what_no_proxy_covers_is_only_dialled),
		loop_test(a_refusal_says_which_proxy_and_target_and_status),
		loop_test(a_proxy_that_hangs_up_is_told),
		loop_test(a_proxy_that_says_nothing_is_given_up_at_the_deadline),
		loop_test(a_proxy_that_is_away_is_told),
		loop_test(it_can_be_canceled_at_every_turn_of_the_loop),
	};

	return unit_run(tests);
}
