#include "wire/spdy.h"

#include "base/err.h"
#include "base/span.h"
#include "wire/spdy_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_FIRST 8

/* --- life ------------------------------------------------------------------------------------ */

struct spdy *spdy_new(enum spdy_side side)
{
	struct spdy *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->side = side;
	s->next_id = s->next_ping = side == SPDY_CLIENT ? 1 : 2;
	s->streams_max = SPDY_STREAMS_MAX;
	s->initial_room = s->room = SPDY_WINDOW;
	buf_init(&s->out, SPDY_OUTPUT_MAX);
	s->packer = spdy_packer_new();
	s->unpacker = spdy_unpacker_new();
	spdy_open_windows(s);
	if (s->packer != NULL && s->unpacker != NULL && s->out.failed == 0)
		return s;
	spdy_free(s);
	return NULL;
}

void spdy_free(struct spdy *s)
{
	if (s == NULL)
		return;
	spdy_packer_free(s->packer);
	spdy_unpacker_free(s->unpacker);
	spdy_headers_deinit(&s->headers);
	buf_deinit(&s->control);
	buf_deinit(&s->out);
	free(s->streams);
	free(s);
}

struct buf *spdy_output(struct spdy *s)
{
	return &s->out;
}

/* --- streams --------------------------------------------------------------------------------- */

struct spdy_stream *spdy_find(const struct spdy *s, uint32_t id)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->streams[i].id == id)
			return &s->streams[i];
	}
	return NULL;
}

bool spdy_has(const struct spdy *s, uint32_t stream)
{
	return spdy_find(s, stream) != NULL;
}

static bool grow(struct spdy *s)
{
	size_t cap = s->cap == 0 ? STREAMS_FIRST : s->cap * 2;
	struct spdy_stream *more;

	if (s->count < s->cap)
		return true;
	more = reallocarray(s->streams, cap, sizeof(*more));
	if (more == NULL)
		return false;
	s->streams = more;
	s->cap = cap;
	return true;
}

struct spdy_stream *spdy_add(struct spdy *s, uint32_t id)
{
	struct spdy_stream *st;

	if (s->count >= SPDY_STREAMS_MAX || !grow(s))
		return NULL;
	st = &s->streams[s->count++];
	*st = (struct spdy_stream){ .id = id, .room = s->initial_room };
	return st;
}

void spdy_remove(struct spdy *s, struct spdy_stream *st)
{
	*st = s->streams[--s->count];
}

void spdy_remove_if_over(struct spdy *s, struct spdy_stream *st)
{
	if (st->ended && st->heard)
		spdy_remove(s, st);
}

/* --- reading --------------------------------------------------------------------------------- */

static int begin_control(struct spdy *s, struct err *err)
{
	uint32_t word = span_u32_at(s->head);
	uint16_t type = (uint16_t)word;

	if ((word & ~SPDY_CONTROL_BIT) >> 16 != SPDY_VERSION)
		return err_set(err, ERR_INVALID, "a frame of SPDY/%u",
		               (word & ~SPDY_CONTROL_BIT) >> 16);
	buf_clear(&s->control);
	s->reading = SPDY_AT_CONTROL;
	return spdy_check_length(type, s->left, err);
}

/* Data for a stream that is not there: one that has just gone is no fault of the peer. */
static void data_for_nobody(struct spdy *s, uint32_t id)
{
	bool ours = (id & 1) == (s->side == SPDY_CLIENT);
	bool was_there = ours ? id < s->next_id : id <= s->newest_id;

	if (!was_there)
		spdy_send_reset(s, id, SPDY_INVALID_STREAM);
}

static void begin_data(struct spdy *s, struct spdy_event *out)
{
	uint32_t id = span_u32_at(s->head);
	struct spdy_stream *st = spdy_find(s, id);

	s->reading = st == NULL || st->heard ? SPDY_AT_JUNK : SPDY_AT_DATA;
	if (st == NULL) {
		data_for_nobody(s, id);
	} else if (st->heard) {
		spdy_send_reset(s, id, SPDY_STREAM_CLOSED);
		spdy_remove(s, st);
		*out = (struct spdy_event){ .kind = SPDY_RESET,
			                    .stream = id,
			                    .status = SPDY_STREAM_CLOSED };
	}
}

static size_t read_head(struct spdy *s, const uint8_t *data, size_t len, struct spdy_event *out,
                        struct err *err)
{
	size_t n = SPDY_HEAD_SIZE - s->head_len;

	n = n < len ? n : len;
	memcpy(s->head + s->head_len, data, n);
	s->head_len += n;
	if (s->head_len < SPDY_HEAD_SIZE)
		return n;
	s->left = span_u32_at(s->head + 4) & 0xffffff;
	if ((s->head[0] & 0x80) != 0)
		begin_control(s, err);
	else
		begin_data(s, out);
	return n;
}

static size_t read_control(struct spdy *s, const uint8_t *data, size_t len, struct err *err)
{
	size_t n = s->left < len ? s->left : len;

	buf_append(&s->control, data, n);
	s->left -= (uint32_t)n;
	buf_check(&s->control, err);
	return n;
}

static size_t read_data(struct spdy *s, const uint8_t *data, size_t len, struct spdy_event *out)
{
	struct spdy_stream *st = spdy_find(s, span_u32_at(s->head));
	size_t n = s->left < len ? s->left : len;

	s->left -= (uint32_t)n;
	if (st == NULL) { /* reset by us meanwhile */
		spdy_consumed(s, 0, n);
		return n;
	}
	out->fin = s->left == 0 && (s->head[4] & SPDY_FIN) != 0;
	if (n == 0 && !out->fin)
		return 0;
	out->kind = SPDY_DATA;
	out->stream = st->id;
	out->data = data;
	out->len = n;
	if (out->fin) {
		st->heard = true;
		spdy_remove_if_over(s, st);
	}
	return n;
}

static size_t read_junk(struct spdy *s, size_t len)
{
	size_t n = s->left < len ? s->left : len;

	s->left -= (uint32_t)n;
	spdy_consumed(s, 0, n);
	return n;
}

/* The frame is read: the next begins. */
static int end_frame(struct spdy *s, struct spdy_event *out, struct err *err)
{
	enum spdy_reading was = s->reading;

	s->reading = SPDY_AT_HEAD;
	s->head_len = 0;
	return was == SPDY_AT_CONTROL ? spdy_control(s, out, err) : 0;
}

static size_t read_step(struct spdy *s, const uint8_t *data, size_t len, struct spdy_event *out,
                        struct err *err)
{
	switch (s->reading) {
	case SPDY_AT_HEAD:
		return read_head(s, data, len, out, err);
	case SPDY_AT_CONTROL:
		return read_control(s, data, len, err);
	case SPDY_AT_DATA:
		return read_data(s, data, len, out);
	case SPDY_AT_JUNK:
		break;
	}
	return read_junk(s, len);
}

int spdy_read(struct spdy *s, const void *data, size_t len, size_t *out_used,
              struct spdy_event *out, struct err *err)
{
	const uint8_t *at = data;
	size_t used = 0;

	*out = (struct spdy_event){ 0 };
	err->code = 0;
	while (err->code == 0 && out->kind == SPDY_NOTHING && used < len) {
		used += read_step(s, at + used, len - used, out, err);
		/* An empty payload ends with its head. */
		if (err->code == 0 && s->reading == SPDY_AT_DATA && s->left == 0 &&
		    out->kind == SPDY_NOTHING)
			read_data(s, at + used, 0, out);
		if (err->code == 0 && s->reading != SPDY_AT_HEAD && s->left == 0)
			end_frame(s, out, err);
	}
	*out_used = used;
	return err->code != 0 ? err->code : buf_check(&s->out, err);
}
