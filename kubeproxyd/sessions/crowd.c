#include "kubeproxyd/sessions/crowd.h"

#include "base/err.h"
#include "loop/stream.h"
#include "wire/join_frame.h"

#include <assert.h>

#define BACKLOG_MAX (32u * 1024)

void crowd_init(struct crowd *c, unsigned columns, unsigned rows)
{
	*c = (struct crowd){ .columns = columns, .rows = rows };
	list_init(&c->seats);
}

void crowd_deinit(struct crowd *c)
{
	buf_deinit(&c->backlog);
}

/* --- frames ---------------------------------------------------------------------------------- */

static void send_bytes(struct crowd_seat *seat, const struct buf *frame)
{
	static const struct err slow = { ERR_LIMIT, "the participant reads too slowly", 0 };

	stream_write(seat->stream, frame->data, frame->len);
	if (stream_queued(seat->stream) > CROWD_QUEUE_MAX)
		stream_reset(seat->stream, &slow);
}

static void send_all(struct crowd *c, struct buf *take_frames)
{
	for (struct list *at = c->seats.next; at != &c->seats; at = at->next)
		send_bytes(container_of(at, struct crowd_seat, link), take_frames);
	buf_deinit(take_frames);
}

static void send_notice(struct crowd *c, const struct crowd_seat *about, bool joined)
{
	struct buf frames = { 0 };

	join_frame_notice(&frames, about->user, about->mode, joined);
	send_all(c, &frames);
}

/* --- coming and going ------------------------------------------------------------------------ */

void crowd_enter(struct crowd *c, struct crowd_seat *seat, const char *owner)
{
	struct buf hello = { 0 };

	assert(c->count < CROWD_MAX);
	join_frame_size(&hello, c->columns, c->rows);
	join_frame_notice(&hello, owner, "owner", true);
	for (struct list *at = c->seats.next; at != &c->seats; at = at->next) {
		struct crowd_seat *other = container_of(at, struct crowd_seat, link);

		join_frame_notice(&hello, other->user, other->mode, true);
	}
	join_frame_output(&hello, c->backlog.data, c->backlog.len);
	send_bytes(seat, &hello);
	buf_deinit(&hello);
	list_append(&c->seats, &seat->link);
	c->count++;
	send_notice(c, seat, true);
}

void crowd_leave(struct crowd *c, struct crowd_seat *seat)
{
	list_remove(&seat->link);
	c->count--;
	send_notice(c, seat, false);
}

/* --- what the session does ------------------------------------------------------------------- */

void crowd_output(struct crowd *c, const void *data, size_t len)
{
	struct buf frames = { 0 };

	if (c->count > 0)
		join_frame_output(&frames, data, len);
	send_all(c, &frames);
	for (struct list *at = c->seats.next; at != &c->seats; at = at->next) {
		struct crowd_seat *seat = container_of(at, struct crowd_seat, link);

		seat->shown(seat);
	}
	if (len >= BACKLOG_MAX) {
		data = (const uint8_t *)data + (len - BACKLOG_MAX);
		len = BACKLOG_MAX;
	}
	buf_append(&c->backlog, data, len);
	if (c->backlog.len > 2 * BACKLOG_MAX) /* seldom, for it moves bytes */
		buf_consume(&c->backlog, c->backlog.len - BACKLOG_MAX);
}

void crowd_resize(struct crowd *c, unsigned columns, unsigned rows)
{
	struct buf frames = { 0 };

	c->columns = columns;
	c->rows = rows;
	join_frame_size(&frames, columns, rows);
	send_all(c, &frames);
}

void crowd_end(struct crowd *c, int exit_code, const char *reason)
{
	struct buf frames = { 0 };

	join_frame_end(&frames, exit_code, reason);
	send_all(c, &frames);
	while (!list_empty(&c->seats)) {
		struct crowd_seat *seat = container_of(c->seats.next, struct crowd_seat, link);

		list_remove(&seat->link);
		c->count--;
		seat->over(seat);
	}
}
