#include "tsh/terminal.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

void terminal_open_raw(struct terminal *t, int fd)
{
	struct termios raw;

	*t = (struct terminal){ .fd = fd };
	if (tcgetattr(fd, &t->before) != 0)
		return;
	raw = t->before;
	cfmakeraw(&raw);
	t->raw = tcsetattr(fd, TCSADRAIN, &raw) == 0;
}

void terminal_restore(struct terminal *t)
{
	if (t->raw)
		tcsetattr(t->fd, TCSADRAIN, &t->before);
	t->raw = false;
}

bool terminal_size(int fd, uint32_t *out_columns, uint32_t *out_rows)
{
	struct winsize size;

	*out_columns = 80;
	*out_rows = 24;
	if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
		return false;
	*out_columns = size.ws_col;
	*out_rows = size.ws_row;
	return true;
}

bool terminal_write(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);
		struct pollfd room = { fd, POLLOUT, 0 };

		if (n < 0 && errno == EAGAIN)
			poll(&room, 1, -1);
		else if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return true;
}
