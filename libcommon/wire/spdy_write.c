/* What a session sends. */
#include "wire/spdy_inside.h"

#include "base/err.h"

#include <assert.h>

#define LENGTH_MAX 0xffffffu

/* --- frames ---------------------------------------------------------------------------------- */

void spdy_frame(struct spdy *s, enum spdy_type type, uint8_t flags, uint32_t len)
{
	assert(len <= LENGTH_MAX);
	buf_append_u32(&s->out, SPDY_CONTROL_BIT | SPDY_VERSION << 16 | type);
	buf_append_u32(&s->out, (uint32_t)flags << 24 | len);
}

void spdy_send_reset(struct spdy *s, uint32_t id, enum spdy_status status)
{
	spdy_frame(s, SPDY_RST_STREAM, 0, 8);
	buf_append_u32(&s->out, id);
	buf_append_u32(&s->out, status);
}

static void send_window(struct spdy *s, uint32_t id, uint32_t more)
{
	spdy_frame(s, SPDY_WINDOW_UPDATE, 0, 8);
	buf_append_u32(&s->out, id);
	buf_append_u32(&s->out, more);
}

void spdy_ping(struct spdy *s)
{
	spdy_frame(s, SPDY_PING, 0, 4);
	buf_append_u32(&s->out, s->next_ping);
	s->next_ping = s->next_ping >= UINT32_MAX - 2 ? s->next_ping & 1 : s->next_ping + 2;
}

void spdy_goaway(struct spdy *s, enum spdy_status status)
{
	spdy_frame(s, SPDY_GOAWAY, 0, 8);
	buf_append_u32(&s->out, s->newest_id);
	buf_append_u32(&s->out, status);
}

/* --- streams --------------------------------------------------------------------------------- */

/* A frame with a header block, which tells its length only when it is made. */
static int send_block(struct spdy *s, enum spdy_type type, const void *front, size_t front_len,
                      const struct spdy_header *headers, size_t count, struct err *err)
{
	struct buf block = { .max = 2 * SPDY_BLOCK_MAX };
	int rc = spdy_pack(s->packer, headers, count, &block, err);

	if (rc == 0) {
		spdy_frame(s, type, 0, (uint32_t)(front_len + block.len));
		buf_append(&s->out, front, front_len);
		buf_append(&s->out, block.data, block.len);
		rc = buf_check(&s->out, err);
	}
	buf_deinit(&block);
	return rc;
}

int spdy_open(struct spdy *s, const struct spdy_header *headers, size_t count, uint32_t *out_stream,
              struct err *err)
{
	uint32_t id = s->next_id;
	const uint8_t front[10] = { (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
		                    (uint8_t)id };
	int rc;

	if (s->away || id > SPDY_ID_MASK)
		return err_set(err, ERR_LIMIT, "the peer takes no more streams");
	if (s->count >= s->streams_max || s->count >= SPDY_STREAMS_MAX)
		return err_set(err, ERR_LIMIT, "%zu streams are open", s->count);
	if (spdy_add(s, id) == NULL)
		return err_set_nomem(err);
	s->next_id += 2;
	rc = send_block(s, SPDY_SYN_STREAM, front, sizeof(front), headers, count, err);
	if (rc != 0) {
		spdy_remove(s, spdy_find(s, id));
		return rc;
	}
	*out_stream = id;
	return 0;
}

int spdy_reply(struct spdy *s, uint32_t stream, const struct spdy_header *headers, size_t count,
               struct err *err)
{
	const uint8_t front[4] = { (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
		                   (uint8_t)(stream >> 8), (uint8_t)stream };
	struct spdy_stream *st = spdy_find(s, stream);

	if (st == NULL || st->replied)
		return 0;
	st->replied = true;
	return send_block(s, SPDY_SYN_REPLY, front, sizeof(front), headers, count, err);
}

size_t spdy_room(const struct spdy *s, uint32_t stream)
{
	const struct spdy_stream *st = spdy_find(s, stream);
	int64_t room = SPDY_ROOM_MAX;

	if (st == NULL || st->ended)
		return 0;
	if (s->windows && st->room < room)
		room = st->room;
	if (s->session_window && s->room < room)
		room = s->room;
	return room > 0 ? (size_t)room : 0;
}

void spdy_send(struct spdy *s, uint32_t stream, const void *data, size_t len, bool fin)
{
	struct spdy_stream *st = spdy_find(s, stream);

	if (st == NULL || st->ended)
		return;
	assert(len <= spdy_room(s, stream));
	st->room -= (int64_t)len;
	s->room -= (int64_t)len;
	buf_append_u32(&s->out, stream);
	buf_append_u32(&s->out, (uint32_t)(fin ? SPDY_FIN : 0) << 24 | (uint32_t)len);
	buf_append(&s->out, data, len);
	if (!fin)
		return;
	st->ended = true;
	spdy_remove_if_over(s, st);
}

void spdy_reset(struct spdy *s, uint32_t stream, enum spdy_status status)
{
	struct spdy_stream *st = spdy_find(s, stream);

	if (st == NULL)
		return;
	spdy_send_reset(s, stream, status);
	spdy_remove(s, st);
}

/* --- our windows ----------------------------------------------------------------------------- */

void spdy_open_windows(struct spdy *s)
{
	spdy_frame(s, SPDY_SETTINGS, 0, 12);
	buf_append_u32(&s->out, 1);
	buf_append_u32(&s->out, SPDY_SETTING_WINDOW);
	buf_append_u32(&s->out, SPDY_OUR_WINDOW);
	send_window(s, 0, SPDY_OUR_WINDOW - SPDY_WINDOW);
}

/* Half a window at a time. */
static void give_back(struct spdy *s, uint32_t id, uint32_t *consumed, size_t len)
{
	*consumed += (uint32_t)len;
	if (*consumed < SPDY_OUR_WINDOW / 2)
		return;
	send_window(s, id, *consumed);
	*consumed = 0;
}

void spdy_consumed(struct spdy *s, uint32_t stream, size_t len)
{
	struct spdy_stream *st = spdy_find(s, stream);

	give_back(s, 0, &s->consumed, len);
	if (st != NULL && !st->heard)
		give_back(s, stream, &st->consumed, len);
}
