#include "loop/child.h"

#include "loop/stream.h"
#include "loop/timer.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct child {
	uv_process_t process;
	unsigned waiting; /* the process's end and that of its output */
	bool running;
	struct stream *output; /* NULL: not kept, or ended */
	struct timer *timer;   /* the deadline, then how long output may outlive the process */
	struct buf text;
	struct child_result result;
	child_cb cb; /* NULL: it never started */
	void *owner;
};

/* --- the end ---------------------------------------------------------------------------------- */

static void finish(struct child *c)
{
	c->result.output = buf_str(&c->text);
	c->result.output_len = c->text.len;
	if (c->cb != NULL)
		c->cb(c->owner, &c->result);
	timer_free(c->timer);
	buf_wipe(&c->text);
	free(c);
}

static void ended(struct child *c)
{
	if (--c->waiting == 0)
		finish(c);
}

static void on_process_closed(uv_handle_t *h)
{
	ended(container_of(h, struct child, process));
}

static void on_exited(uv_process_t *process, int64_t status, int signum)
{
	struct child *c = container_of(process, struct child, process);

	c->running = false;
	c->result.exit_code = signum != 0 ? -1 : (int)status;
	c->result.signal = signum;
	timer_once(c->timer, CHILD_OUTPUT_GRACE_MS);
	uv_close((uv_handle_t *)process, on_process_closed);
}

static void kill_all(struct child *c)
{
	if (c->running)
		kill(-c->process.pid, SIGKILL); /* it leads a process group of its own */
	else if (c->output != NULL)
		stream_reset(c->output, NULL); /* somebody it left behind holds the other end */
}

static void on_timer(void *owner)
{
	struct child *c = owner;

	c->result.timed_out |= c->running;
	kill_all(c);
}

void child_cancel(struct child *c)
{
	if (c == NULL)
		return;
	c->result.canceled = true;
	kill_all(c);
}

/* --- its output ------------------------------------------------------------------------------- */

static size_t on_output(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct child *c = owner;
	size_t room = c->text.max - c->text.len;

	(void)s;
	buf_append(&c->text, data, len < room ? len : room);
	c->result.output_cut |= len > room;
	return len;
}

static void on_output_closed(void *owner, struct stream *s, const struct err *err)
{
	struct child *c = owner;

	(void)s;
	(void)err;
	c->output = NULL;
	ended(c);
}

static const struct stream_handler output_handler = {
	.on_data = on_output,
	.on_close = on_output_closed,
};

/* A pipe into which both descriptors write, so that their lines keep their order. */
static int open_output(struct child *c, uv_loop_t *loop, size_t max, int *out_fd, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_set_errno(err, ERR_IO, errno, "pipe");
	if (stream_open_fd(loop, ends[0], &c->output, err) != 0) {
		close(ends[1]);
		return err->code;
	}
	stream_attach(c->output, &output_handler, c);
	buf_init(&c->text, max);
	c->waiting++;
	*out_fd = ends[1];
	return 0;
}

/* --- the start -------------------------------------------------------------------------------- */

static size_t fill_stdio(uv_stdio_container_t *stdio, const struct child_options *o, int output_fd)
{
	size_t n = o->n_fds > 3 ? o->n_fds : 3;

	for (size_t i = 0; i < n; i++) {
		int fd = i < o->n_fds ? o->fds[i] : -1;

		if (fd < 0 && (i == 1 || i == 2))
			fd = output_fd;
		stdio[i].flags = fd >= 0 ? UV_INHERIT_FD : UV_IGNORE;
		stdio[i].data.fd = fd;
	}
	return n;
}

static int spawn(struct child *c, uv_loop_t *loop, const struct child_options *o, int output_fd,
                 struct err *err)
{
	static const char *const empty[] = { NULL };
	uv_stdio_container_t stdio[CHILD_FDS];
	uv_process_options_t uv = {
		.exit_cb = on_exited,
		.file = o->file != NULL ? o->file : o->argv[0],
		.args = (char **)o->argv,
		.env = (char **)(o->env != NULL ? o->env : empty),
		.cwd = o->cwd,
		.flags = UV_PROCESS_DETACHED |
		         (o->set_user ? UV_PROCESS_SETUID | UV_PROCESS_SETGID : 0),
		.stdio_count = (int)fill_stdio(stdio, o, output_fd),
		.stdio = stdio,
		.uid = o->uid,
		.gid = o->gid,
	};
	int rc = uv_spawn(loop, &c->process, &uv);

	c->waiting++;
	c->running = rc == 0;
	if (rc == 0)
		return 0;
	uv_close((uv_handle_t *)&c->process, on_process_closed);
	return err_set(err, rc == UV_ENOENT ? ERR_NOT_FOUND : ERR_IO, "run '%s': %s", uv.file,
	               uv_strerror(rc));
}

static int start(struct child *c, uv_loop_t *loop, const struct child_options *o, struct err *err)
{
	int output_fd = -1;
	int rc;

	if (o->max_output > 0 && open_output(c, loop, o->max_output, &output_fd, err) != 0)
		return err->code;
	rc = spawn(c, loop, o, output_fd, err);
	if (output_fd >= 0)
		close(output_fd);
	if (rc == 0 && o->timeout_ms > 0)
		timer_once(c->timer, o->timeout_ms);
	return rc;
}

int child_start(uv_loop_t *loop, const struct child_options *options, child_cb cb, void *owner,
                struct child **out, struct err *err)
{
	struct child *c = calloc(1, sizeof(*c));

	assert(options->n_fds <= CHILD_FDS);
	if (c == NULL)
		return err_set_nomem(err);
	c->owner = owner;
	c->waiting = 1; /* us, until it has started */
	c->timer = timer_new(loop, on_timer, c);
	if (c->timer == NULL)
		err_set_nomem(err);
	if (c->timer == NULL || start(c, loop, options, err) != 0) {
		kill_all(c);
		ended(c);
		return err->code;
	}
	c->waiting--;
	c->cb = cb;
	if (out != NULL)
		*out = c;
	return 0;
}

pid_t child_pid(const struct child *c)
{
	return c->process.pid;
}

void child_signal(struct child *c, int signum)
{
	if (c->running)
		uv_process_kill(&c->process, signum);
}

/* --- reading the result ----------------------------------------------------------------------- */

/* The last line that says anything, for a message. */
static const char *last_line(const char *text, size_t *out_len)
{
	size_t len = strlen(text);
	size_t start;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	start = len;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	*out_len = len - start;
	return text + start;
}

int child_check(const struct child_result *r, const char *name, struct err *err)
{
	size_t len;
	const char *line = last_line(r->output, &len);
	const char *colon = len > 0 ? ": " : "";

	if (r->canceled)
		return err_set(err, ERR_CANCELED, "'%s': canceled", name);
	if (r->timed_out)
		return err_set(err, ERR_TIMEOUT, "'%s' took too long%s%.*s", name, colon, (int)len,
		               line);
	if (r->signal != 0)
		return err_set(err, ERR_IO, "'%s' was ended by signal %d%s%.*s", name, r->signal,
		               colon, (int)len, line);
	if (r->exit_code != 0)
		return err_set(err, ERR_IO, "'%s' exited with code %d%s%.*s", name, r->exit_code,
		               colon, (int)len, line);
	return 0;
}
