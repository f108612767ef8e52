/* Control frames that came: a row and a function each. */
#include "wire/spdy_inside.h"

#include "base/err.h"
#include "base/span.h"

#define SETTINGS_MAX 64
#define ROOM_MOST    INT32_MAX

struct control {
	struct spdy *s;
	struct span payload;
	uint8_t flags;
	struct spdy_event *out;
};

/* The stream breaks a rule: it ends, the session goes on. */
static void refuse_stream(struct control *c, uint32_t id, enum spdy_status status)
{
	struct spdy_stream *st = spdy_find(c->s, id);

	spdy_send_reset(c->s, id, status);
	if (st == NULL)
		return;
	spdy_remove(c->s, st);
	*c->out = (struct spdy_event){ .kind = SPDY_RESET, .stream = id, .status = status };
}

static int read_block(struct control *c, struct err *err)
{
	return spdy_unpack(c->s->unpacker, c->payload.at, c->payload.left, &c->s->headers, err);
}

static void give_headers(struct control *c, enum spdy_event_kind kind, struct spdy_stream *st)
{
	*c->out = (struct spdy_event){
		.kind = kind,
		.stream = st->id,
		.fin = (c->flags & SPDY_FIN) != 0,
		.headers = &c->s->headers,
	};
	if (c->out->fin) {
		st->heard = true;
		spdy_remove_if_over(c->s, st);
	}
}

/* Why a stream of theirs may not be; 0: it may. Ids out of order are not the session's end, as
 * the draft has it: clients with threads number streams before they take turns to send. */
static enum spdy_status judge_stream(const struct spdy *s, uint32_t id)
{
	bool ours = (id & 1) == (s->side == SPDY_CLIENT);

	if (id == 0 || ours || id <= s->newest_id)
		return SPDY_PROTOCOL_ERROR;
	return s->count >= SPDY_STREAMS_MAX ? SPDY_REFUSED_STREAM : 0;
}

static int on_syn_stream(struct control *c, struct err *err)
{
	uint32_t id = (uint32_t)span_number(&c->payload, 4) & SPDY_ID_MASK;
	enum spdy_status status = judge_stream(c->s, id);
	struct spdy_stream *st;

	span_skip(&c->payload, 6); /* of what stream, priority, slot */
	/* A block is read in any case, for the sake of those that come after it. */
	if (read_block(c, err) != 0)
		return err->code;
	if (status != 0) {
		refuse_stream(c, id, status);
		return 0;
	}
	c->s->newest_id = id;
	st = spdy_add(c->s, id);
	if (st == NULL)
		return err_set_nomem(err);
	st->ended = (c->flags & SPDY_UNIDIRECTION) != 0;
	give_headers(c, SPDY_OPENED, st);
	return 0;
}

static int on_syn_reply(struct control *c, struct err *err)
{
	uint32_t id = (uint32_t)span_number(&c->payload, 4) & SPDY_ID_MASK;
	struct spdy_stream *st = spdy_find(c->s, id);
	bool ours = (id & 1) == (c->s->side == SPDY_CLIENT);

	if (read_block(c, err) != 0)
		return err->code;
	if (st == NULL)
		return 0;
	if (!ours || st->replied || st->heard) {
		refuse_stream(c, id, SPDY_STREAM_IN_USE);
		return 0;
	}
	st->replied = true;
	give_headers(c, SPDY_REPLIED, st);
	return 0;
}

static int on_headers(struct control *c, struct err *err)
{
	uint32_t id = (uint32_t)span_number(&c->payload, 4) & SPDY_ID_MASK;
	struct spdy_stream *st = spdy_find(c->s, id);

	if (read_block(c, err) != 0)
		return err->code;
	if (st != NULL && st->heard)
		refuse_stream(c, id, SPDY_STREAM_CLOSED);
	else if (st != NULL)
		give_headers(c, SPDY_HEADERS, st);
	return 0;
}

static int on_rst_stream(struct control *c, struct err *err)
{
	uint32_t id = (uint32_t)span_number(&c->payload, 4) & SPDY_ID_MASK;
	uint32_t status = (uint32_t)span_number(&c->payload, 4);
	struct spdy_stream *st = spdy_find(c->s, id);

	(void)err;
	if (st == NULL)
		return 0;
	spdy_remove(c->s, st);
	*c->out = (struct spdy_event){ .kind = SPDY_RESET, .stream = id, .status = status };
	return 0;
}

static void set_initial_room(struct spdy *s, uint32_t value)
{
	int64_t room = value & SPDY_ID_MASK;

	for (size_t i = 0; i < s->count; i++)
		s->streams[i].room += room - s->initial_room;
	s->initial_room = room;
}

static int on_settings(struct control *c, struct err *err)
{
	uint32_t count = (uint32_t)span_number(&c->payload, 4);

	if (count > SETTINGS_MAX || c->payload.left != count * 8)
		return err_set(err, ERR_INVALID, "settings of another length than they say");
	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = (uint32_t)span_number(&c->payload, 4) & 0xffffff;
		uint32_t value = (uint32_t)span_number(&c->payload, 4);

		if (id == SPDY_SETTING_STREAMS)
			c->s->streams_max = value;
		else if (id == SPDY_SETTING_WINDOW)
			set_initial_room(c->s, value);
	}
	c->out->kind = SPDY_WINDOWS;
	return 0;
}

/* Theirs goes back as it came; ours has served by coming back. */
static int on_ping(struct control *c, struct err *err)
{
	uint32_t id = (uint32_t)span_number(&c->payload, 4);

	(void)err;
	if ((id & 1) == (c->s->side == SPDY_CLIENT))
		return 0;
	spdy_frame(c->s, SPDY_PING, 0, 4);
	buf_append_u32(&c->s->out, id);
	return 0;
}

static int on_goaway(struct control *c, struct err *err)
{
	(void)err;
	span_skip(&c->payload, 4);
	c->s->away = true;
	c->out->kind = SPDY_AWAY;
	c->out->status = (uint32_t)span_number(&c->payload, 4);
	return 0;
}

static int on_window_update(struct control *c, struct err *err)
{
	uint32_t id = (uint32_t)span_number(&c->payload, 4) & SPDY_ID_MASK;
	int64_t more = (int64_t)span_number(&c->payload, 4) & SPDY_ID_MASK;
	struct spdy_stream *st = id == 0 ? NULL : spdy_find(c->s, id);
	int64_t *room = id == 0 ? &c->s->room : st != NULL ? &st->room : NULL;

	if (room == NULL)
		return 0;
	if (id == 0)
		c->s->session_window = true;
	else
		c->s->windows = true;
	if (more == 0 || *room + more > ROOM_MOST)
		return err_set(err, ERR_INVALID, "a window opened by %lld", (long long)more);
	*room += more;
	c->out->kind = SPDY_WINDOWS;
	return 0;
}

static const struct row {
	int (*handle)(struct control *c, struct err *err); /* NULL: passed over */
	uint32_t least, most;                              /* bytes of its payload */
} rows[] = {
	[SPDY_SYN_STREAM] = { on_syn_stream, 10, 10 + SPDY_BLOCK_MAX },
	[SPDY_SYN_REPLY] = { on_syn_reply, 4, 4 + SPDY_BLOCK_MAX },
	[SPDY_RST_STREAM] = { on_rst_stream, 8, 8 },
	[SPDY_SETTINGS] = { on_settings, 4, 4 + 8 * SETTINGS_MAX },
	[SPDY_PING] = { on_ping, 4, 4 },
	[SPDY_GOAWAY] = { on_goaway, 8, 8 },
	[SPDY_MORE_HEADERS] = { on_headers, 4, 4 + SPDY_BLOCK_MAX },
	[SPDY_WINDOW_UPDATE] = { on_window_update, 8, 8 },
};

static const struct row *row_of(uint16_t type)
{
	static const struct row other = { NULL, 0, SPDY_BLOCK_MAX };
	size_t count = sizeof(rows) / sizeof(rows[0]);

	return type < count && rows[type].handle != NULL ? &rows[type] : &other;
}

int spdy_check_length(uint16_t type, uint32_t len, struct err *err)
{
	const struct row *row = row_of(type);

	if (len < row->least)
		return err_set(err, ERR_INVALID, "a frame of type %u with %u bytes", type, len);
	if (len > row->most)
		return err_set(err, ERR_LIMIT, "a frame of type %u with %u bytes", type, len);
	return 0;
}

int spdy_control(struct spdy *s, struct spdy_event *out, struct err *err)
{
	const struct row *row = row_of((uint16_t)span_u32_at(s->head));
	struct control c = {
		.s = s,
		.payload = span_of(s->control.data, s->control.len),
		.flags = s->head[4],
		.out = out,
	};

	return row->handle != NULL ? row->handle(&c, err) : 0;
}
