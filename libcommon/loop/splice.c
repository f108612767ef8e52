#include "loop/splice.h"

#include "loop/stream.h"

#include "base/err.h"

#include <stdlib.h>

/* One of the two streams, and what came from it. */
struct side {
	struct splice *splice;
	struct side *other;
	struct stream *stream; /* NULL once closed */
	uint64_t bytes;
};

struct splice {
	struct side a;
	struct side b;
	uv_loop_t *loop;
	uint64_t last_active;
	struct err why; /* the first failure; code 0: none */
	splice_cb cb;
	void *owner;
};

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct side *from = owner;
	struct stream *to = from->other->stream;

	from->splice->last_active = uv_now(from->splice->loop);
	if (to == NULL)
		return len; /* it has broken; our own close is on its way */
	from->bytes += len;
	stream_write(to, data, len);
	if (stream_full(to))
		stream_pause(s);
	return len;
}

static void on_drain(void *owner, struct stream *s)
{
	struct side *side = owner;

	(void)s;
	if (side->other->stream != NULL)
		stream_resume(side->other->stream);
}

static void on_end(void *owner, struct stream *s)
{
	struct side *from = owner;

	(void)s;
	if (from->other->stream != NULL)
		stream_end(from->other->stream);
}

static void finish(struct splice *sp)
{
	struct splice_count count = splice_count(sp);

	sp->cb(sp->owner, &count, sp->why.code != 0 ? &sp->why : NULL);
	free(sp);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct side *side = owner;
	struct splice *sp = side->splice;

	(void)s;
	side->stream = NULL;
	if (err != NULL && sp->why.code == 0)
		err_copy(&sp->why, err);
	if (side->other->stream == NULL)
		finish(sp);
	else if (err != NULL)
		stream_reset(side->other->stream, NULL);
}

static const struct stream_handler side_handler = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_close = on_close,
};

static void side_init(struct splice *sp, struct side *side, struct side *other,
                      struct stream *take_stream)
{
	side->splice = sp;
	side->other = other;
	side->stream = take_stream;
}

struct splice *splice_start(struct stream *take_a, struct stream *take_b, splice_cb cb, void *owner)
{
	struct splice *sp = calloc(1, sizeof(*sp));

	if (sp == NULL)
		return NULL;
	sp->loop = stream_loop(take_a);
	sp->last_active = uv_now(sp->loop);
	sp->cb = cb;
	sp->owner = owner;
	side_init(sp, &sp->a, &sp->b, take_a);
	side_init(sp, &sp->b, &sp->a, take_b);
	stream_attach(take_a, &side_handler, &sp->a);
	stream_attach(take_b, &side_handler, &sp->b);
	stream_resume(take_a);
	stream_resume(take_b);
	return sp;
}

void splice_cancel(struct splice *sp, const struct err *why)
{
	if (why != NULL && sp->why.code == 0)
		err_copy(&sp->why, why);
	else if (sp->why.code == 0)
		err_set(&sp->why, ERR_CANCELED, "canceled");
	if (sp->a.stream != NULL)
		stream_reset(sp->a.stream, NULL);
	if (sp->b.stream != NULL)
		stream_reset(sp->b.stream, NULL);
}

struct splice_count splice_count(const struct splice *sp)
{
	return (struct splice_count){ .a_to_b = sp->a.bytes, .b_to_a = sp->b.bytes };
}

uint64_t splice_last_active(const struct splice *sp)
{
	return sp->last_active;
}
