#include "tests/bench/simulator/watcher.h"

#include "tests/bench/simulator/target.h"

#include "base/err.h"
#include "loop/timer.h"

#define RETRY_FIRST_MS 500
#define RETRY_MOST_MS  30000

static void on_message(struct rpc_stream *s, const void *message)
{
	struct member *m = rpc_stream_data(s);

	backoff_reset(&m->watcher.pause);
	m->watcher.way->message(m, message);
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	struct member *m = rpc_stream_data(s);
	struct watcher *w = &m->watcher;

	(void)err;
	w->stream = NULL;
	if (w->again == NULL)
		return;
	herd_live(m, false);
	timer_once(w->again, backoff_next(&w->pause));
}

static void open_watch(void *owner)
{
	static const struct rpc_stream_events events = { .message = on_message,
		                                         .closed = on_closed };
	struct member *m = owner;
	struct watcher *w = &m->watcher;
	struct err err;

	if (w->way->open(m, &events, &w->stream, &err) != 0)
		timer_once(w->again, backoff_next(&w->pause));
}

int watcher_start(struct member *m, const struct watcher_way *way, struct err *err)
{
	struct watcher *w = &m->watcher;

	*w = (struct watcher){
		.way = way,
		.again = timer_new(herd_loop(m->herd), open_watch, m),
		.pause = { .first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MOST_MS },
	};
	if (w->again == NULL)
		return err_set_nomem(err);
	timer_once(w->again, 0);
	return 0;
}

void watcher_stop(struct member *m)
{
	struct watcher *w = &m->watcher;

	timer_free(w->again);
	w->again = NULL;
	if (w->stream != NULL)
		rpc_stream_cancel(w->stream);
}
