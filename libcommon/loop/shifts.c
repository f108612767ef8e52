#include "loop/shifts.h"

#include "base/err.h"

#include <stdlib.h>

#include <uv.h>

struct shifts {
	uv_idle_t idle; /* a timer of 0 ms would starve the loop: libuv 1.44 runs it on and on */
	struct list line;
	unsigned count;
	unsigned max;
	uint64_t piece_ns;
	uint64_t began; /* the present piece */
};

struct shifts *shifts_new(uv_loop_t *loop, unsigned piece_us, unsigned max)
{
	struct shifts *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	uv_idle_init(loop, &all->idle);
	list_init(&all->line);
	all->max = max;
	all->piece_ns = piece_us * UINT64_C(1000);
	return all;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of(handle, struct shifts, idle));
}

void shifts_free(struct shifts *all)
{
	if (all != NULL)
		uv_close((uv_handle_t *)&all->idle, on_closed);
}

uint64_t shift_elapsed(const struct shift *s)
{
	return uv_hrtime() - s->all->began;
}

bool shift_is_over(const struct shift *s)
{
	return shift_elapsed(s) >= s->all->piece_ns;
}

/* The work is out of the line while it runs, for it may go. */
static void on_turn(uv_idle_t *idle)
{
	struct shifts *all = container_of(idle, struct shifts, idle);
	struct shift *s = container_of(all->line.next, struct shift, link);

	list_remove(&s->link);
	all->began = uv_hrtime();
	if (s->work(s))
		list_append(&all->line, &s->link);
	else if (--all->count == 0)
		uv_idle_stop(idle);
}

int shift_start(struct shifts *all, struct shift *s, shift_work work, struct err *err)
{
	if (all->count >= all->max)
		return err_set(err, ERR_LIMIT, "%u of these are under way; try again", all->count);
	s->all = all;
	s->work = work;
	list_append(&all->line, &s->link);
	if (all->count++ == 0)
		uv_idle_start(&all->idle, on_turn);
	return 0;
}

void shift_cancel(struct shift *s)
{
	struct shifts *all = s->all;

	list_remove(&s->link);
	if (--all->count == 0)
		uv_idle_stop(&all->idle);
}
