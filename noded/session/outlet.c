#include "noded/session/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void outlet_open(struct outlet *o, int take_fd)
{
	*o = (struct outlet){ .fd = take_fd };
	if (take_fd >= 0)
		fcntl(take_fd, F_SETFL, fcntl(take_fd, F_GETFL) | O_NONBLOCK);
}

void outlet_close(struct outlet *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	buf_deinit(&o->queue);
	o->used = 0;
}

/* How much the descriptor took; what breaks it closes it. */
static size_t give(struct outlet *o, const uint8_t *data, size_t len)
{
	size_t done = 0;

	while (done < len && o->fd >= 0) {
		ssize_t n = write(o->fd, data + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			break;
		else if (n == 0 || errno != EINTR)
			outlet_close(o);
	}
	o->written += done;
	return done;
}

void outlet_write(struct outlet *o, const void *data, size_t len)
{
	size_t done = 0;

	if (outlet_queued(o) == 0)
		done = give(o, data, len);
	if (o->fd < 0 || done == len)
		return;
	buf_append(&o->queue, (const uint8_t *)data + done, len - done);
	if (o->queue.failed != 0) /* a hole in the stream is worse than its end */
		outlet_close(o);
}

void outlet_flush(struct outlet *o)
{
	o->used += give(o, o->queue.data + o->used, outlet_queued(o));
	if (outlet_queued(o) == 0) {
		buf_clear(&o->queue);
		o->used = 0;
	}
}

size_t outlet_queued(const struct outlet *o)
{
	return o->queue.len - o->used;
}
