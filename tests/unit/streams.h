/*
 * streams - for tests of what stands on streams: a loop that must end empty, and an owner that
 * keeps all that it hears.
 */
#ifndef TESTS_UNIT_STREAMS_H
#define TESTS_UNIT_STREAMS_H

#include "base/buf.h"
#include "base/err.h"
#include "loop/stream.h"

#include "tests/unit/unit.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end of a stream and what came of it. */
struct ear {
	struct stream *stream; /* NULL once closed */
	struct buf got;
	size_t take_at_most; /* of what on_data offers, and then pause; 0 = everything */
	bool ends_too;       /* answer the peer's end with ours */
	int ends;
	int drains;
	int secures;
	int closes;
	struct err err; /* of on_close */
};

static inline size_t ear_on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct ear *e = owner;
	size_t used = e->take_at_most != 0 && len > e->take_at_most ? e->take_at_most : len;

	assert_ptr_equal(s, e->stream);
	assert_int_equal(e->closes, 0);
	buf_append(&e->got, data, used);
	if (used < len)
		stream_pause(s);
	return used;
}

static inline void ear_on_end(void *owner, struct stream *s)
{
	struct ear *e = owner;

	e->ends++;
	if (e->ends_too)
		stream_end(s);
}

static inline void ear_on_drain(void *owner, struct stream *s)
{
	(void)s;
	((struct ear *)owner)->drains++;
}

static inline void ear_on_secure(void *owner, struct stream *s)
{
	(void)s;
	((struct ear *)owner)->secures++;
}

static inline void ear_on_close(void *owner, struct stream *s, const struct err *err)
{
	struct ear *e = owner;

	assert_ptr_equal(s, e->stream);
	e->closes++;
	e->stream = NULL;
	if (err != NULL)
		err_copy(&e->err, err);
}

static const struct stream_handler ear_handler = {
	.on_data = ear_on_data,
	.on_end = ear_on_end,
	.on_drain = ear_on_drain,
	.on_secure = ear_on_secure,
	.on_close = ear_on_close,
};

static inline struct stream *stream_of(uv_loop_t *loop, int fd)
{
	struct stream *s = NULL;
	struct err err;

	assert_int_equal(stream_open_fd(loop, fd, &s, &err), 0);
	return s;
}

static inline void ear_attach(struct ear *e, struct stream *s)
{
	e->stream = s;
	stream_attach(s, &ear_handler, e);
}

/* Two streams that are each other's peer. */
static inline void stream_pair(uv_loop_t *loop, struct stream **a, struct stream **b)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*a = stream_of(loop, fds[0]);
	*b = stream_of(loop, fds[1]);
}

/* Turns the loop until `cond` holds; what never comes true is a failure, not a hang. */
#define turn_until(loop, cond)                                               \
	do {                                                                 \
		uint64_t give_up_ = uv_hrtime() + 20 * (uint64_t)1000000000; \
		while (!(cond)) {                                            \
			if (uv_hrtime() > give_up_)                          \
				fail_msg("never came true: %s", #cond);      \
			uv_run(loop, UV_RUN_NOWAIT);                         \
		}                                                            \
	} while (0)

static inline int loop_setup(void **state)
{
	uv_loop_t *loop = malloc(sizeof(*loop));

	signal(SIGPIPE, SIG_IGN);
	*state = loop;
	return loop == NULL ? -1 : uv_loop_init(loop);
}

/* Everything must be closed: nothing has leaked. A test that failed leaves much open, which must
 * not keep the others from being run. */
static inline int loop_teardown(void **state)
{
	uint64_t give_up = uv_hrtime() + 20 * (uint64_t)1000000000;
	int rc;

	while (uv_run(*state, UV_RUN_NOWAIT) != 0 && uv_hrtime() < give_up)
		;
	rc = uv_loop_close(*state);
	if (rc == 0)
		free(*state);
	return rc;
}

#define loop_test(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)

#endif
