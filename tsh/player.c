#include "tsh/player.h"

#include "base/buf.h"
#include "base/err.h"
#include "record/frame.h"
#include "record/recording.h"

#include <stdlib.h>

#define SPEED_MIN 10
#define SPEED_MAX 10000
#define OUT_MAX   (256u * 1024) /* enough for one step; the next follows at once */

struct player {
	struct recording *rec;
	int speed;
	int64_t max_idle;
	bool paused;
	bool ended;
	bool follow;
	bool live;             /* at the end of what grows: shows at once what there is */
	bool rewind;           /* the next step begins anew */
	bool begun;            /* `since` is set */
	int64_t since;         /* the caller's clock at … */
	int64_t position;      /* … this place */
	const pv_Frame *frame; /* read, not yet shown; NULL: read the next */
	int64_t frame_at;      /* its place */
	int64_t last_time;     /* of the frame before; 0 = none */
};

struct player *player_new(struct recording *rec, int speed, int64_t max_idle_ms)
{
	struct player *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->rec = rec;
	p->speed = speed < SPEED_MIN ? SPEED_MIN : speed > SPEED_MAX ? SPEED_MAX : speed;
	p->max_idle = max_idle_ms;
	return p;
}

void player_free(struct player *p)
{
	free(p);
}

void player_follow(struct player *p, bool follow)
{
	p->follow = p->live = follow;
}

/* --- place and time -------------------------------------------------------------------------- */

int64_t player_position(const struct player *p, int64_t now_ms)
{
	if (p->paused || !p->begun)
		return p->position;
	return p->position + (now_ms - p->since) * p->speed / 100;
}

/* Starts counting from here. */
static void anchor(struct player *p, int64_t now_ms)
{
	p->position = player_position(p, now_ms);
	p->since = now_ms;
	p->begun = true;
}

bool player_ended(const struct player *p)
{
	return p->ended;
}

bool player_paused(const struct player *p)
{
	return p->paused;
}

int player_speed(const struct player *p)
{
	return p->speed;
}

void player_pause(struct player *p, int64_t now_ms)
{
	anchor(p, now_ms);
	p->paused = !p->paused;
	p->live = false;
}

void player_seek(struct player *p, int64_t now_ms, int64_t by_ms)
{
	anchor(p, now_ms);
	p->position = by_ms < -p->position ? 0 : p->position + by_ms;
	p->live = p->live && by_ms > 0;
	if (by_ms < 0) {
		p->rewind = true;
		p->ended = false;
	}
}

static void set_speed(struct player *p, int64_t now_ms, int speed)
{
	if (speed < SPEED_MIN || speed > SPEED_MAX)
		return;
	anchor(p, now_ms);
	p->speed = speed;
}

void player_faster(struct player *p, int64_t now_ms)
{
	set_speed(p, now_ms, p->speed * 2);
}

void player_slower(struct player *p, int64_t now_ms)
{
	set_speed(p, now_ms, p->speed / 2);
}

/* --- frames ---------------------------------------------------------------------------------- */

static void go_back(struct player *p, struct buf *out)
{
	recording_rewind(p->rec);
	p->rewind = false;
	p->frame = NULL;
	p->frame_at = 0;
	p->last_time = 0;
	buf_append_str(out, "\x1b"
	                    "c"); /* RIS: full reset */
}

/* Reads the next frame and sees to it that time never goes back and idles as allowed. */
static int read_frame(struct player *p, struct err *err)
{
	int64_t gap;
	int rc = recording_next(p->rec, &p->frame, err);

	if (rc != 0)
		return rc;
	if (p->frame == NULL) {
		p->ended = !p->follow || recording_ended(p->rec);
		return 0;
	}
	gap = p->last_time != 0 ? p->frame->time - p->last_time : 0;
	if (gap < 0)
		gap = 0;
	if (p->max_idle > 0 && gap > p->max_idle)
		gap = p->max_idle;
	p->frame_at += gap;
	p->last_time = p->frame->time;
	return 0;
}

/* xterm's "resize the window to rows;columns"; others ignore it. */
static void append_size(struct buf *out, uint32_t columns, uint32_t rows)
{
	if (columns > 0 && rows > 0)
		buf_appendf(out, "\x1b[8;%u;%ut", rows, columns);
}

static void show(const pv_Frame *f, struct buf *out)
{
	const pb_bytes_array_t *data = frame_data(f);

	if (data != NULL)
		buf_append(out, data->bytes, data->size);
	else if (f->which_of == pv_Frame_start_tag)
		append_size(out, f->of.start.columns, f->of.start.rows);
	else if (f->which_of == pv_Frame_resize_tag)
		append_size(out, f->of.resize.columns, f->of.resize.rows);
}

static int64_t wait_for(const struct player *p, int64_t place)
{
	int64_t left = p->frame_at - place;

	return (left * 100 + p->speed - 1) / p->speed;
}

/* All that there is was shown: from here on it is shown as it happens. */
static void wait_at_end(struct player *p, int64_t now_ms)
{
	p->position = p->frame_at;
	p->since = now_ms;
	p->live = !p->paused;
}

int player_step(struct player *p, int64_t now_ms, struct buf *out, int64_t *out_wait_ms,
                struct err *err)
{
	int64_t place;

	if (!p->begun)
		anchor(p, now_ms);
	if (p->rewind)
		go_back(p, out);
	place = player_position(p, now_ms);
	*out_wait_ms = -1;
	while (!p->ended) {
		if (p->frame == NULL && read_frame(p, err) != 0)
			return err->code;
		if (p->frame == NULL && !p->ended)
			wait_at_end(p, now_ms);
		if (p->frame == NULL)
			break;
		if (!p->live && p->frame_at > place) {
			*out_wait_ms = p->paused ? -1 : wait_for(p, place);
			break;
		}
		if (out->len > OUT_MAX) {
			*out_wait_ms = 0;
			break;
		}
		show(p->frame, out);
		p->frame = NULL;
	}
	return buf_check(out, err);
}
