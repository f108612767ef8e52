#include "noded/session/joiner.h"

#include "base/err.h"
#include "base/str.h"
#include "noded/session/events.h"
#include "noded/session/outlet.h"
#include "proto/dial.fields.h"
#include "wire/fields.h"
#include "wire/framing.h"
#include "wire/join_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define QUEUE_MAX   (1024u * 1024)
#define BACKLOG_MAX (32u * 1024)

struct joiner {
	struct outlet out; /* fd < 0: free */
	struct buf in;
	char *user; /* NULL: has not said who he is */
	bool peer;
};

struct joiners {
	int listener;
	char *path;
	char *owner_name;
	const struct joiner_handler *handler;
	void *owner;
	unsigned columns, rows;
	struct buf backlog; /* what the terminal showed last */
	struct joiner all[JOINER_SLOTS];
};

static const char *mode_of(const struct joiner *one)
{
	return one->peer ? "peer" : "observer";
}

static void leave(struct joiners *j, struct joiner *one);

/* --- frames out ---------------------------------------------------------------------------------
 */

static void send_bytes(struct joiner *one, const struct buf *frame)
{
	outlet_write(&one->out, frame->data, frame->len);
	if (outlet_queued(&one->out) > QUEUE_MAX)
		outlet_close(&one->out);
}

static void send_all(struct joiners *j, struct buf *take_frames)
{
	for (int i = 0; i < JOINER_SLOTS; i++)
		if (j->all[i].user != NULL)
			send_bytes(&j->all[i], take_frames);
	buf_deinit(take_frames);
}

static void send_notice(struct joiners *j, const char *user, const char *mode, bool joined)
{
	struct buf frames = { 0 };

	join_frame_notice(&frames, user, mode, joined);
	send_all(j, &frames);
}

static unsigned count(const struct joiners *j)
{
	unsigned n = 0;

	for (int i = 0; i < JOINER_SLOTS; i++)
		n += j->all[i].user != NULL;
	return n;
}

void joiner_output(struct joiners *j, const void *data, size_t len)
{
	struct buf frames = { 0 };

	if (count(j) > 0)
		join_frame_output(&frames, data, len);
	send_all(j, &frames);
	if (len >= BACKLOG_MAX) {
		data = (const uint8_t *)data + (len - BACKLOG_MAX);
		len = BACKLOG_MAX;
	}
	buf_append(&j->backlog, data, len);
	if (j->backlog.len > 2 * BACKLOG_MAX) /* seldom, for it moves bytes */
		buf_consume(&j->backlog, j->backlog.len - BACKLOG_MAX);
}

void joiner_resize(struct joiners *j, unsigned columns, unsigned rows)
{
	struct buf frames = { 0 };

	j->columns = columns;
	j->rows = rows;
	join_frame_size(&frames, columns, rows);
	send_all(j, &frames);
}

/* --- frames in ----------------------------------------------------------------------------------
 */

/* The newcomer learns who is there and what the terminal shows; the others, that he is. */
static bool welcome(struct joiners *j, struct joiner *one, const pv_JoinStart *start)
{
	struct buf hello = { 0 };

	if (count(j) >= JOINER_MAX)
		return false;
	one->peer = start->mode != NULL && str_eq(start->mode, "peer");
	one->user = strdup(start->user != NULL ? start->user : "");
	if (one->user == NULL)
		return false;
	join_frame_size(&hello, j->columns, j->rows);
	join_frame_notice(&hello, j->owner_name, "owner", true);
	for (int i = 0; i < JOINER_SLOTS; i++)
		if (j->all[i].user != NULL && &j->all[i] != one)
			join_frame_notice(&hello, j->all[i].user, mode_of(&j->all[i]), true);
	join_frame_output(&hello, j->backlog.data, j->backlog.len);
	send_bytes(one, &hello);
	buf_deinit(&hello);
	send_notice(j, one->user, mode_of(one), true);
	j->handler->on_change(j->owner, one->user, mode_of(one), true);
	return true;
}

/* Each gives how many bytes it used, 0: more are needed, -1: that is no frame. */
static ssize_t hear_start(struct joiners *j, struct joiner *one)
{
	pv_JoinStart start;
	struct err err;
	size_t used = 0;
	bool good;

	if (framing_decode(&pv_JoinStart_table, one->in.data, one->in.len, JOIN_FRAME_MAX, &start,
	                   &used, &err) != 0)
		return -1;
	if (used == 0)
		return 0;
	good = !start.has_limits && welcome(j, one, &start);
	if (start.has_limits)
		j->handler->on_limits(j->owner, start.limits.idle_ms, start.limits.idle_message);
	fields_release(&pv_JoinStart_table, &start);
	return good ? (ssize_t)used : -1;
}

static ssize_t hear_frame(struct joiners *j, struct joiner *one)
{
	pv_JoinFrame f;
	struct err err;
	size_t used = 0;

	if (framing_decode(&pv_JoinFrame_table, one->in.data, one->in.len, JOIN_FRAME_MAX, &f,
	                   &used, &err) != 0)
		return -1;
	if (used == 0)
		return 0;
	if (f.which_of == pv_JoinFrame_input_tag && f.of.input != NULL && one->peer)
		j->handler->on_input(j->owner, f.of.input->bytes, f.of.input->size);
	fields_release(&pv_JoinFrame_table, &f);
	return (ssize_t)used;
}

/* False: he sent what is no frame. */
static bool hear_all(struct joiners *j, struct joiner *one)
{
	ssize_t used;

	while ((used = one->user == NULL ? hear_start(j, one) : hear_frame(j, one)) > 0)
		buf_consume(&one->in, (size_t)used);
	return used == 0;
}

static void read_from(struct joiners *j, struct joiner *one)
{
	uint8_t data[4096];
	ssize_t n = read(one->out.fd, data, sizeof(data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_append(&one->in, data, (size_t)n);
	if (n <= 0 || one->in.failed != 0 || !hear_all(j, one))
		leave(j, one);
}

/* --- coming and going ---------------------------------------------------------------------------
 */

static void leave(struct joiners *j, struct joiner *one)
{
	char *user = one->user;
	const char *mode = mode_of(one);

	outlet_close(&one->out);
	buf_deinit(&one->in);
	one->user = NULL;
	if (user != NULL) {
		send_notice(j, user, mode, false);
		j->handler->on_change(j->owner, user, mode, false);
	}
	free(user);
}

static bool may_connect(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void accept_one(struct joiners *j)
{
	int fd = accept4(j->listener, NULL, NULL, SOCK_CLOEXEC);
	struct joiner *one = NULL;

	if (fd < 0)
		return;
	for (int i = 0; i < JOINER_SLOTS && one == NULL; i++)
		if (j->all[i].out.fd < 0)
			one = &j->all[i];
	if (one == NULL || !may_connect(fd)) {
		close(fd);
		return;
	}
	*one = (struct joiner){ 0 };
	buf_init(&one->in, 2 * JOIN_FRAME_MAX);
	outlet_open(&one->out, fd);
}

static int listen_at(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	umask(077);
	if (fd >= 0 && str_copy(addr.sun_path, sizeof(addr.sun_path), path) == 0 &&
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 8) == 0)
		return fd;
	err_set_errno(err, ERR_IO, errno, "listen on '%s'", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

int joiner_open(struct joiners **out, const char *path, const char *user,
                const struct joiner_handler *h, void *owner, struct err *err)
{
	struct joiners *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return err_set_nomem(err);
	j->handler = h;
	j->owner = owner;
	j->path = strdup(path);
	j->owner_name = strdup(user);
	for (int i = 0; i < JOINER_SLOTS; i++)
		j->all[i].out.fd = -1;
	j->listener = j->path != NULL && j->owner_name != NULL ? listen_at(path, err) : -1;
	if (j->listener >= 0) {
		*out = j;
		return 0;
	}
	free(j->path);
	free(j->owner_name);
	free(j);
	return err->code != 0 ? err->code : err_set_nomem(err);
}

void joiner_close(struct joiners *j, const struct event_end *end)
{
	struct buf frames = { 0 };

	if (j == NULL)
		return;
	join_frame_end(&frames, end->exit, end->reason);
	send_all(j, &frames);
	for (int i = 0; i < JOINER_SLOTS; i++) {
		outlet_close(&j->all[i].out);
		buf_deinit(&j->all[i].in);
		free(j->all[i].user);
	}
	unlink(j->path);
	close(j->listener);
	buf_deinit(&j->backlog);
	free(j->path);
	free(j->owner_name);
	free(j);
}

size_t joiner_poll(struct joiners *j, struct pollfd *fds, bool listen)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){ .fd = j->listener, .events = POLLIN };
	for (int i = 0; i < JOINER_SLOTS; i++) {
		short events = listen ? POLLIN : 0;

		if (outlet_queued(&j->all[i].out) > 0)
			events |= POLLOUT;
		fds[n++] = (struct pollfd){ .fd = j->all[i].out.fd, .events = events };
	}
	return n;
}

void joiner_step(struct joiners *j, const struct pollfd *fds, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct joiner *one = &j->all[i - 1];

		if (fds[i].fd < 0)
			continue;
		if ((fds[i].revents & POLLOUT) != 0)
			outlet_flush(&one->out);
		if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && one->out.fd >= 0)
			read_from(j, one);
		if (one->out.fd < 0 && one->user != NULL)
			leave(j, one); /* broken, or too slow */
	}
	if (fds[0].revents != 0)
		accept_one(j);
}
