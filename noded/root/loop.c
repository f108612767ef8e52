#include "noded/root/loop.h"

#include "base/err.h"

#include <errno.h>
#include <unistd.h>

int loop_watch(int loop, struct source *s, int take_fd, uint32_t events,
               void (*ready)(struct source *s), struct err *err)
{
	struct epoll_event event = { .events = events, .data.ptr = s };

	*s = (struct source){ take_fd, loop, ready };
	if (take_fd >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, take_fd, &event) == 0)
		return 0;
	err_set_errno(err, ERR_IO, errno, "watch a descriptor");
	loop_close(s);
	return err->code;
}

void loop_close(struct source *s)
{
	if (s->ready != NULL && s->fd >= 0) {
		epoll_ctl(s->loop, EPOLL_CTL_DEL, s->fd, NULL);
		close(s->fd);
	}
	*s = (struct source){ .fd = -1 };
}

void loop_once(int loop, int timeout_ms)
{
	struct epoll_event event;

	if (epoll_wait(loop, &event, 1, timeout_ms) == 1) {
		struct source *s = event.data.ptr;

		s->ready(s);
	}
}
