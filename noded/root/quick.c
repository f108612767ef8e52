#include "noded/root/quick.h"

#include "base/clock.h"
#include "base/err.h"
#include "noded/root/root.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define QUICK_MS 2000

struct quick {
	struct list link; /* in order of until */
	struct source source;
	int64_t until; /* monotonic ms */
};

static void release(struct quick *q)
{
	loop_close(&q->source);
	list_remove(&q->link);
	free(q);
}

static int set_quick(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void on_event(struct source *s)
{
	set_quick(s->fd);
}

/* With EPOLLIN alone the event would be lost whenever sshd reads first. */
void quick_start(struct root *r, int fd)
{
	struct err err;
	struct quick *q;

	if (set_quick(fd) != 0 || (q = calloc(1, sizeof(*q))) == NULL)
		return;
	q->until = clock_mono_ms(clock_system()) + QUICK_MS;
	list_append(&r->quicks, &q->link);
	if (loop_watch(r->loop, &q->source, fcntl(fd, F_DUPFD_CLOEXEC, 3),
	               EPOLLIN | EPOLLOUT | EPOLLET, on_event, &err) != 0)
		release(q);
}

int quick_tick(struct root *r)
{
	int64_t now = clock_mono_ms(clock_system());

	while (!list_empty(&r->quicks)) {
		struct quick *q = container_of(r->quicks.next, struct quick, link);

		if (q->until > now)
			return (int)(q->until - now);
		release(q);
	}
	return -1;
}

void quick_close(struct root *r)
{
	while (!list_empty(&r->quicks))
		release(container_of(r->quicks.next, struct quick, link));
}
