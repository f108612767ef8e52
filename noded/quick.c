#include "noded/quick.h"

#include "base/err.h"
#include "base/list.h"
#include "loop/timer.h"
#include "noded/noded.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUICK_MS   2000
#define EVENTS_MAX 64

/* libuv's polls tell a state and not a change, so the descriptors are in an epoll of their own. */
struct quick {
	uv_poll_t poll; /* of the epoll */
	int epoll;
	struct timer *due; /* when the first has grown up */
	struct list young; /* in order of until */
};

struct young {
	struct list link;
	int fd;
	uint64_t until; /* the loop's time */
};

static int set_quick(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void release(struct young *y)
{
	list_remove(&y->link);
	close(y->fd);
	free(y);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
	const struct quick *q = poll->data;
	struct epoll_event ready[EVENTS_MAX];
	int count;

	(void)events;
	count = status == 0 ? epoll_wait(q->epoll, ready, EVENTS_MAX, 0) : 0;
	for (int i = 0; i < count; i++)
		set_quick(ready[i].data.fd);
}

static void on_due(void *owner)
{
	struct quick *q = owner;
	uint64_t now = uv_now(q->poll.loop);

	while (!list_empty(&q->young)) {
		struct young *y = container_of(q->young.next, struct young, link);

		if (y->until > now) {
			timer_once(q->due, (int64_t)(y->until - now));
			return;
		}
		release(y);
	}
}

/* With EPOLLIN alone the event would be lost whenever sshd reads first. */
static int watch(struct quick *q, struct young *y)
{
	struct epoll_event what = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = y->fd };

	return epoll_ctl(q->epoll, EPOLL_CTL_ADD, y->fd, &what);
}

void quick_start(struct quick *q, int fd)
{
	struct young *y = NULL;

	if (set_quick(fd) != 0 || (y = calloc(1, sizeof(*y))) == NULL)
		return;
	y->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	y->until = uv_now(q->poll.loop) + QUICK_MS;
	if (y->fd < 0 || watch(q, y) != 0) {
		if (y->fd >= 0)
			close(y->fd);
		free(y);
		return;
	}
	list_append(&q->young, &y->link);
	if (!timer_active(q->due))
		timer_once(q->due, QUICK_MS);
}

int quick_open(struct noded *n, struct quick **out, struct err *err)
{
	struct quick *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return err_set_nomem(err);
	list_init(&q->young);
	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	q->due = timer_new(n->loop, on_due, q);
	if (q->epoll < 0 || q->due == NULL || uv_poll_init(n->loop, &q->poll, q->epoll) != 0) {
		timer_free(q->due);
		if (q->epoll >= 0)
			close(q->epoll);
		free(q);
		return err_set(err, ERR_IO, "watch young connections");
	}
	q->poll.data = q;
	uv_poll_start(&q->poll, UV_READABLE, on_events);
	*out = q;
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	struct quick *q = h->data;

	close(q->epoll);
	free(q);
}

void quick_close(struct quick *q)
{
	if (q == NULL)
		return;
	while (!list_empty(&q->young))
		release(container_of(q->young.next, struct young, link));
	timer_free(q->due);
	uv_close((uv_handle_t *)&q->poll, on_closed);
}
