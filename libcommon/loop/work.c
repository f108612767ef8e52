#include "loop/work.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

struct work_pool {
	uv_loop_t *loop;
	unsigned max_running;
	unsigned max_waiting;
	unsigned running; /* in libuv's hands; their done is due */
	unsigned waiting; /* in line */
	struct list line;
	struct list canceled; /* left the line before they ran; their done is due */
	uv_idle_t later;      /* tells them, on the loop's next turn */
	bool freed;           /* the memory goes when nothing is due any more */
};

struct work_pool *work_pool_new(uv_loop_t *loop, unsigned max_running, unsigned max_waiting)
{
	struct work_pool *p = calloc(1, sizeof(*p));

	assert(max_running > 0);
	if (p == NULL)
		return NULL;
	p->loop = loop;
	p->max_running = max_running;
	p->max_waiting = max_waiting;
	list_init(&p->line);
	list_init(&p->canceled);
	uv_idle_init(loop, &p->later);
	return p;
}

static void on_closed(uv_handle_t *h)
{
	free(container_of(h, struct work_pool, later));
}

static void close_when_done(struct work_pool *p)
{
	if (p->freed && p->running == 0 && list_empty(&p->canceled) &&
	    !uv_is_closing((uv_handle_t *)&p->later))
		uv_close((uv_handle_t *)&p->later, on_closed);
}

void work_pool_free(struct work_pool *p)
{
	if (p == NULL)
		return;
	assert(!p->freed);
	p->freed = true;
	while (!list_empty(&p->line))
		work_cancel(container_of(p->line.next, struct work, link));
	close_when_done(p);
}

unsigned work_pool_running(const struct work_pool *p)
{
	return p->running;
}

unsigned work_pool_waiting(const struct work_pool *p)
{
	return p->waiting;
}

static void in_thread(uv_work_t *req)
{
	struct work *w = container_of(req, struct work, req);

	w->run(w);
}

static void start_waiting(struct work_pool *p);

static void on_done(uv_work_t *req, int status)
{
	struct work *w = container_of(req, struct work, req);
	struct work_pool *p = w->pool;

	p->running--;
	start_waiting(p);
	w->done(w, w->canceled || p->freed || status != 0);
	close_when_done(p);
}

static void run_now(struct work_pool *p, struct work *w)
{
	p->running++;
	uv_queue_work(p->loop, &w->req, in_thread, on_done); /* fails only without a function */
}

static void start_waiting(struct work_pool *p)
{
	while (p->running < p->max_running && !list_empty(&p->line)) {
		struct work *w = container_of(p->line.next, struct work, link);

		list_remove(&w->link);
		p->waiting--;
		run_now(p, w);
	}
}

int work_start(struct work_pool *p, struct work *w, work_run run, work_done done, struct err *err)
{
	assert(!p->freed);
	if (p->running >= p->max_running && p->waiting >= p->max_waiting)
		return err_set(err, ERR_LIMIT, "%u pieces of work wait already", p->waiting);
	w->pool = p;
	w->run = run;
	w->done = done;
	w->canceled = false;
	list_init(&w->link);
	if (p->running < p->max_running) {
		run_now(p, w);
		return 0;
	}
	list_append(&p->line, &w->link);
	p->waiting++;
	return 0;
}

static void tell_canceled(uv_idle_t *h)
{
	struct work_pool *p = container_of(h, struct work_pool, later);

	uv_idle_stop(h);
	while (!list_empty(&p->canceled)) {
		struct work *w = container_of(p->canceled.next, struct work, link);

		list_remove(&w->link);
		w->done(w, true);
	}
	close_when_done(p);
}

void work_cancel(struct work *w)
{
	struct work_pool *p = w->pool;

	if (w->canceled)
		return;
	w->canceled = true;
	if (list_empty(&w->link)) {
		uv_cancel((uv_req_t *)&w->req); /* too late once it runs: then we wait */
		return;
	}
	list_remove(&w->link);
	p->waiting--;
	list_append(&p->canceled, &w->link);
	uv_idle_start(&p->later, tell_canceled);
}
