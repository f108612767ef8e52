#include "daemon/diag.h"

#include "loop/dial.h"

#include "tests/unit/streams.h"

#include <stdio.h>

struct fixture {
	struct diag *diag;
	char dir[64];
	char addr[96];
	bool ready;
	struct ear ear;
};

static int is_ready(void *ctx, struct err *err)
{
	const struct fixture *f = ctx;

	return f->ready ? 0 : err_set(err, ERR_UNAVAILABLE, "cache: no snapshot yet");
}

static void figures(void *ctx, struct buf *out)
{
	(void)ctx;
	buf_append_str(out, "postern_test_total 7\n");
}

static void fixture_open(struct fixture *f, uv_loop_t *loop)
{
	struct diag_conf conf = {
		.loop = loop, .addr = f->addr, .ctx = f, .ready = is_ready, .metrics = figures
	};
	struct err err;

	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/postern-test-diag.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->addr, sizeof(f->addr), "unix:%s/sock", f->dir);
	assert_int_equal(diag_open(&conf, &f->diag, &err), 0);
}

static void fixture_close(struct fixture *f)
{
	diag_close(f->diag);
	buf_deinit(&f->ear.got);
	assert_int_equal(rmdir(f->dir), 0);
}

static void on_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	struct fixture *f = owner;

	assert_null(err);
	ear_attach(&f->ear, take_stream);
}

/* The whole answer to one request on a connection of its own. */
static const char *ask(struct fixture *f, uv_loop_t *loop, const char *method, const char *page)
{
	char request[256];
	struct err err;

	buf_deinit(&f->ear.got);
	f->ear = (struct ear){ .ends_too = true };
	assert_int_equal(dial_start(loop, f->addr, 5000, on_dialed, f, NULL, &err), 0);
	turn_until(loop, f->ear.stream != NULL);
	snprintf(request, sizeof(request),
	         "%s %s HTTP/1.1\r\nHost: diag\r\nConnection: close\r\n\r\n", method, page);
	stream_write(f->ear.stream, request, strlen(request));
	turn_until(loop, f->ear.closes == 1);
	return buf_str(&f->ear.got);
}

static void health_readiness_and_figures_are_told(void **state)
{
	struct fixture f;
	const char *answer;

	fixture_open(&f, *state);
	answer = ask(&f, *state, "GET", "/healthz");
	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	answer = ask(&f, *state, "GET", "/readyz");
	assert_memory_equal(answer, "HTTP/1.1 503 ", 13);
	assert_non_null(strstr(answer, "cache: no snapshot yet"));
	f.ready = true;
	answer = ask(&f, *state, "GET", "/readyz");
	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	answer = ask(&f, *state, "GET", "/metrics");
	assert_non_null(strstr(answer, "\r\n\r\npostern_test_total 7\n"));
	fixture_close(&f);
}

static void everything_else_is_refused(void **state)
{
	struct fixture f;

	fixture_open(&f, *state);
	assert_memory_equal(ask(&f, *state, "POST", "/healthz"), "HTTP/1.1 405 ", 13);
	assert_memory_equal(ask(&f, *state, "GET", "/secrets"), "HTTP/1.1 404 ", 13);
	fixture_close(&f);
}

static void only_private_addresses_are_taken(void **state)
{
	static const char *const public[] = { "0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:80" };
	struct diag_conf conf = { .loop = *state, .addr = "" };
	struct diag *d;
	struct err err;

	assert_int_equal(diag_open(&conf, &d, &err), 0);
	assert_null(d);
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
		conf.addr = public[i];
		assert_int_equal(diag_open(&conf, &d, &err), ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(health_readiness_and_figures_are_told),
		loop_test(everything_else_is_refused),
		loop_test(only_private_addresses_are_taken),
	};

	return unit_run(tests);
}
