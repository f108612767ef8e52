#include "loop/dial.h"

#include "loop/stream.h"

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "conf/conf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum dial_state { DIAL_RESOLVING, DIAL_CONNECTING, DIAL_CLOSING };

/* A name on its way through the resolver, which cannot be stopped: at a deadline it is left to
 * end by itself. */
struct lookup {
	uv_getaddrinfo_t req;
	struct dial *dial; /* NULL: nobody waits any more */
};

struct target {
	struct sockaddr_storage addr;
	socklen_t len;
};

struct dial {
	uv_loop_t *loop;
	enum dial_state state;
	unsigned waiting; /* callbacks still due */
	struct lookup *lookup;
	uv_timer_t deadline;
	uv_timer_t give_up; /* a silent address, in favour of the next */
	uv_poll_t poll;     /* the attempt under way */
	int fd;             /* its socket, at the end the connected one; -1: none */

	char *text;  /* as the caller wrote it, for messages */
	char *names; /* the same, cut at the commas */
	char *next_name;
	struct target targets[DIAL_MAX];
	unsigned n_targets;
	unsigned tried;
	unsigned timeout_ms;

	struct err err; /* the last failure */
	dial_cb cb;
	void *owner;
};

static void dial_step(struct dial *d);

static void dial_free(struct dial *d)
{
	free(d->text);
	free(d->names);
	free(d);
}

/* --- names to addresses ----------------------------------------------------------------------- */

static void add_target(struct dial *d, const struct sockaddr *sa, socklen_t len)
{
	struct target *t = &d->targets[d->n_targets];

	if (d->n_targets == DIAL_MAX || len > sizeof(t->addr))
		return;
	memcpy(&t->addr, sa, len);
	t->len = len;
	d->n_targets++;
}

static void add_targets(struct dial *d, const struct addrinfo *ai)
{
	for (; ai != NULL; ai = ai->ai_next)
		add_target(d, ai->ai_addr, ai->ai_addrlen);
}

static void add_unix(struct dial *d, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	str_copy(un.sun_path, sizeof(un.sun_path), path); /* fits: check_unix() has seen it */
	add_target(d, (const struct sockaddr *)&un, sizeof(un));
}

static void on_resolved(uv_getaddrinfo_t *req, int rc, struct addrinfo *found)
{
	struct lookup *l = container_of(req, struct lookup, req);
	struct dial *d = l->dial;

	free(l);
	if (d != NULL) {
		d->lookup = NULL;
		d->waiting--;
		if (rc != 0)
			err_set(&d->err, rc == UV_EAI_NONAME ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
			        "%s", uv_strerror(rc));
		add_targets(d, found);
	}
	uv_freeaddrinfo(found);
	if (d != NULL)
		dial_step(d);
}

static void look_up(struct dial *d, const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct lookup *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL) {
		err_set_nomem(&d->err);
		return;
	}
	l->dial = d;
	rc = uv_getaddrinfo(d->loop, &l->req, on_resolved, host, port, &hints);
	if (rc != 0) {
		free(l);
		err_set(&d->err, ERR_IO, "resolve: %s", uv_strerror(rc));
		return;
	}
	d->lookup = l;
	d->waiting++;
}

/* Written-out addresses need no resolver and no thread. */
static bool add_numeric(struct dial *d, const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		                        .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST };
	struct addrinfo *found;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return false;
	add_targets(d, found);
	freeaddrinfo(found);
	return true;
}

/* Turns one name to addresses, now or by on_resolved(). */
static void resolve(struct dial *d, const char *name)
{
	struct conf_addr addr;

	if (str_starts(name, "unix:")) {
		add_unix(d, name + strlen("unix:"));
	} else if (conf_addr_parse(name, NULL, &addr, &d->err) == 0) {
		if (!add_numeric(d, addr.host, addr.port))
			look_up(d, addr.host, addr.port);
		conf_addr_deinit(&addr);
	}
}

static int check_unix(const char *path, struct err *err)
{
	struct sockaddr_un un;

	if (*path != '/' || strlen(path) >= sizeof(un.sun_path))
		return err_set(err, ERR_INVALID, "'%s' is no path for a unix socket", path);
	return 0;
}

static int check_name(const char *name, struct err *err)
{
	struct conf_addr addr;
	int rc = 0;

	if (str_starts(name, "unix:"))
		return check_unix(name + strlen("unix:"), err);
	if (conf_addr_parse(name, NULL, &addr, err) != 0)
		return err->code;
	if (addr.host[0] == 0)
		rc = err_set(err, ERR_INVALID, "'%s' has no host", name);
	conf_addr_deinit(&addr);
	return rc;
}

static int check_names(const char *text, struct err *err)
{
	char *names = strdup(text);
	char *next = names;
	int rc = 0;

	if (names == NULL)
		return err_set_nomem(err);
	while (rc == 0 && next != NULL)
		rc = check_name(strsep(&next, ","), err);
	free(names);
	return rc;
}

/* --- one address after the other -------------------------------------------------------------- */

static void attempt_failed(struct dial *d, int errnum)
{
	int code = errnum == EACCES || errnum == EPERM ? ERR_DENIED : ERR_UNAVAILABLE;

	err_set(&d->err, code, "%s", uv_strerror(uv_translate_sys_error(errnum)));
	close(d->fd);
	d->fd = -1;
}

static void on_attempt_closed(uv_handle_t *h)
{
	struct dial *d = container_of(h, struct dial, poll);

	d->waiting--;
	dial_step(d);
}

static void end_attempt(struct dial *d)
{
	uv_timer_stop(&d->give_up);
	uv_close((uv_handle_t *)&d->poll, on_attempt_closed);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct dial *d = container_of(poll, struct dial, poll);
	socklen_t len = sizeof(int);
	int errnum = 0;

	(void)events;
	end_attempt(d);
	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &errnum, &len) != 0)
		errnum = errno;
	if (errnum == 0 && status < 0)
		errnum = -status; /* libuv says EBADF for any error; the socket knows better */
	if (errnum != 0)
		attempt_failed(d, errnum);
}

static void on_give_up(uv_timer_t *timer)
{
	struct dial *d = container_of(timer, struct dial, give_up);

	end_attempt(d);
	attempt_failed(d, ETIMEDOUT);
}

static void wait_for_answer(struct dial *d)
{
	d->waiting++;
	uv_poll_init(d->loop, &d->poll, d->fd);
	uv_poll_start(&d->poll, UV_WRITABLE, on_writable);
	if (d->tried < d->n_targets)
		uv_timer_start(&d->give_up, on_give_up, DIAL_NEXT_MS, 0);
}

static void attempt(struct dial *d, const struct target *t)
{
	d->fd = socket(t->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd >= 0 && connect(d->fd, (const struct sockaddr *)&t->addr, t->len) == 0)
		return;
	if (d->fd >= 0 && errno == EINPROGRESS)
		wait_for_answer(d);
	else
		attempt_failed(d, errno);
}

/* --- the story -------------------------------------------------------------------------------- */

static void finish(struct dial *d)
{
	struct stream *stream = NULL;

	if (d->fd < 0 || stream_open_fd(d->loop, d->fd, &stream, &d->err) != 0)
		err_wrap(&d->err, "connect to '%s'", d->text);
	d->cb(d->owner, stream, stream == NULL ? &d->err : NULL);
	dial_free(d);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct dial *d = h->data;

	d->waiting--;
	dial_step(d);
}

static void close_timer(struct dial *d, uv_timer_t *timer)
{
	d->waiting++;
	timer->data = d;
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

static void dial_step(struct dial *d)
{
	if (d->waiting > 0)
		return;
	switch (d->state) {
	case DIAL_RESOLVING:
		while (d->waiting == 0 && d->next_name != NULL)
			resolve(d, strsep(&d->next_name, ","));
		if (d->waiting > 0)
			return;
		d->state = DIAL_CONNECTING;
		/* fall through */
	case DIAL_CONNECTING:
		while (d->waiting == 0 && d->fd < 0 && d->tried < d->n_targets)
			attempt(d, &d->targets[d->tried++]);
		if (d->waiting > 0)
			return;
		d->state = DIAL_CLOSING;
		close_timer(d, &d->deadline);
		close_timer(d, &d->give_up);
		break;
	case DIAL_CLOSING:
		finish(d); /* d is gone */
		break;
	}
}

/* Drops whatever is under way; `err` is the result. */
static void stop(struct dial *d)
{
	if (d->lookup != NULL) {
		uv_cancel((uv_req_t *)&d->lookup->req); /* if it runs already, it ends alone */
		d->lookup->dial = NULL;
		d->lookup = NULL;
		d->waiting--;
	}
	if (uv_is_active((const uv_handle_t *)&d->poll))
		end_attempt(d);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	d->next_name = NULL;
	d->n_targets = 0;
	dial_step(d); /* never to finish(): the timers are not closed yet */
}

static void on_deadline(uv_timer_t *timer)
{
	struct dial *d = container_of(timer, struct dial, deadline);

	err_set(&d->err, ERR_TIMEOUT, "no answer within %u ms", d->timeout_ms);
	stop(d);
}

void dial_cancel(struct dial *d)
{
	if (d == NULL)
		return;
	err_set(&d->err, ERR_CANCELED, "canceled");
	stop(d);
}

int dial_start(uv_loop_t *loop, const char *addr, unsigned timeout_ms, dial_cb cb, void *owner,
               struct dial **out, struct err *err)
{
	struct dial *d;

	if (check_names(addr, err) != 0)
		return err->code;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return err_set_nomem(err);
	d->text = strdup(addr);
	d->names = strdup(addr);
	if (d->text == NULL || d->names == NULL) {
		dial_free(d);
		return err_set_nomem(err);
	}
	d->loop = loop;
	d->fd = -1;
	d->next_name = d->names;
	d->timeout_ms = timeout_ms;
	d->cb = cb;
	d->owner = owner;
	err_set(&d->err, ERR_NOT_FOUND, "no address");
	uv_timer_init(loop, &d->deadline);
	uv_timer_init(loop, &d->give_up);
	uv_timer_start(&d->deadline, on_deadline, timeout_ms, 0);
	dial_step(d);
	if (out != NULL)
		*out = d;
	return 0;
}
