#include "tests/bench/simulator/console.h"

#include "base/buf.h"
#include "base/err.h"
#include "loop/stream.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_SIZE 256

struct console {
	struct stream *stream; /* NULL: closed */
	console_cb cb;
	void *ctx;
};

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct console *c = owner;
	const uint8_t *at = data;
	const uint8_t *end;

	(void)s;
	while ((end = memchr(at, '\n', len - (size_t)(at - data))) != NULL) {
		char line[LINE_MAX_SIZE] = "";

		if ((size_t)(end - at) < sizeof(line))
			memcpy(line, at, (size_t)(end - at));
		at = end + 1;
		c->cb(c->ctx, line);
	}
	return (size_t)(at - data);
}

static void on_end(void *owner, struct stream *s)
{
	struct console *c = owner;

	(void)s;
	c->cb(c->ctx, NULL);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	(void)err;
	free(owner);
}

int console_open(uv_loop_t *loop, console_cb cb, void *ctx, struct console **out, struct err *err)
{
	static const struct stream_handler handler = { .on_data = on_data,
		                                       .on_end = on_end,
		                                       .on_close = on_close };
	struct console *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set_nomem(err);
	c->cb = cb;
	c->ctx = ctx;
	if (stream_open_pair(loop, STDIN_FILENO, STDOUT_FILENO, &c->stream, err) != 0) {
		free(c);
		return err->code;
	}
	stream_attach(c->stream, &handler, c);
	*out = c;
	return 0;
}

void console_close(struct console *c)
{
	if (c != NULL)
		stream_close(c->stream);
}

void console_say(struct console *c, const char *fmt, ...)
{
	struct buf line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vappendf(&line, fmt, ap);
	va_end(ap);
	buf_append_byte(&line, '\n');
	stream_write_buf(c->stream, &line);
}
