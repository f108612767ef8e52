#include "proxyd/drain.h"

#include "base/err.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "loop/work.h"
#include "proxyd/proxyd.h"
#include "proxyd/tunnel/table.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define TURNS 10

struct drain {
	struct proxyd *p;
	uv_signal_t signal;
};

static void on_signal(uv_signal_t *handle, int number)
{
	struct proxyd *p = container_of(handle, struct drain, signal)->p;

	(void)number;
	if (list_empty(&p->links)) {
		raise(SIGTERM); /* an end like any other */
		return;
	}
	p->draining = true;
	daemon_stopping();
	uv_stop(p->loop);
}

int drain_open(struct proxyd *p, struct drain **out, struct err *err)
{
	struct drain *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return err_set_nomem(err);
	d->p = p;
	uv_signal_init(p->loop, &d->signal);
	*out = d;
	if (uv_signal_start(&d->signal, on_signal, SIGQUIT) != 0)
		return err_set(err, ERR_IO, "catch SIGQUIT");
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of(handle, struct drain, signal));
}

void drain_close(struct drain *d)
{
	if (d != NULL)
		uv_close((uv_handle_t *)&d->signal, on_closed);
}

int drain_run(struct proxyd *p, struct err *err)
{
	pid_t child;

	/* Threads stay with the parent: what they work on has to come back first. */
	while (work_pool_running(p->handshakes) > 0)
		uv_run(p->loop, UV_RUN_ONCE);
	tunnels_drain(p->tunnels);
	for (int i = 0; i < TURNS; i++) /* so that agents hear it from one process only */
		uv_run(p->loop, UV_RUN_NOWAIT);
	child = fork();
	if (child < 0)
		return err_set_errno(err, ERR_IO, errno, "leave the streams to a child");
	if (child > 0) {
		log_info("streams left to a child", kv("pid", child));
		_exit(0);
	}
	if (uv_loop_fork(p->loop) != 0)
		_exit(1);
	while (!list_empty(&p->links))
		uv_run(p->loop, UV_RUN_ONCE);
	log_info("last stream ended");
	return 0;
}
