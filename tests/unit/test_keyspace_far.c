/*
 * The suite, over a second implementation: writes go to another process, which alone writes; reads
 * and watches are local. So would those of a store on other machines that is mirrored here.
 *
 *   far_write() --> socket --> the other process: keyspace_write() --> answer --> far_dispatch()
 */
#include "store/keyspace_impl.h"

#include "tests/unit/keyspace_fixture.h"
#include "tests/unit/keyspace_suite.h"

#include "base/buf.h"
#include "base/list.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* --- what goes over the socket: both ends are one program --------------------------------------
 */

struct question {
	uint64_t id;
	size_t count; /* of struct keyspace_op; behind them their bytes */
	size_t bytes;
};

struct answer {
	uint64_t id;
	uint64_t revision;
	struct err err;
};

static void send_all(int fd, const void *data, size_t len)
{
	for (const char *at = data; len > 0;) {
		ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);

		assert_true(sent > 0);
		at += sent;
		len -= (size_t)sent;
	}
}

/* False at the end. */
static bool receive_all(int fd, void *data, size_t len)
{
	return recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

static void append_op(struct buf *bytes, const struct keyspace_op *op)
{
	buf_append(bytes, op->key, strlen(op->key) + 1);
	if (op->to != NULL)
		buf_append(bytes, op->to, strlen(op->to) + 1);
	buf_append(bytes, op->value, op->len);
	buf_append(bytes, op->expected, op->expected_len);
}

static const void *take_part(const char **at, size_t len)
{
	const char *part = *at;

	*at += len;
	return part;
}

/* The pointers of an operation that came over the socket, into its bytes. */
static void point_op(struct keyspace_op *op, const char **at)
{
	op->key = take_part(at, strlen(*at) + 1);
	if (op->to != NULL)
		op->to = take_part(at, strlen(*at) + 1);
	op->value = take_part(at, op->len);
	op->expected = take_part(at, op->expected_len);
}

/* --- the other process ------------------------------------------------------------------------ */

struct asked {
	int fd;
	uint64_t id;
};

static void give_answer(int fd, uint64_t id, uint64_t revision, const struct err *err)
{
	struct answer answer = { .id = id, .revision = revision };

	if (err != NULL)
		answer.err = *err;
	send_all(fd, &answer, sizeof(answer));
}

static void on_done(void *arg, uint64_t revision, const struct err *err)
{
	struct asked *asked = arg;

	give_answer(asked->fd, asked->id, revision, err);
	free(asked);
}

static void start_write(struct keyspace *ks, int fd, const struct question *q,
                        struct keyspace_op *ops, const char *bytes)
{
	struct asked *asked = malloc(sizeof(*asked));
	struct err err;

	*asked = (struct asked){ fd, q->id };
	for (size_t i = 0; i < q->count; i++)
		point_op(&ops[i], &bytes);
	if (keyspace_write(ks, ops, q->count, on_done, asked, &err) != 0) {
		give_answer(fd, q->id, 0, &err);
		free(asked);
	}
}

static bool serve_one(struct keyspace *ks, int fd)
{
	struct keyspace_op ops[KEYSPACE_OPS_MAX];
	struct question q;
	char *bytes;
	bool whole;

	if (!receive_all(fd, &q, sizeof(q)))
		return false;
	bytes = malloc(q.bytes);
	whole = receive_all(fd, ops, q.count * sizeof(*ops)) && receive_all(fd, bytes, q.bytes);
	if (whole)
		start_write(ks, fd, &q, ops, bytes);
	free(bytes);
	return whole;
}

/* Until its only client goes; then it finishes what it was asked for. */
static void serve(const struct fixture *f, int fd)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .events = POLLIN } };
	struct keyspace *ks;
	struct err err;

	if (keyspace_lmdb_open(&f->options, &ks, &err) != 0)
		_exit(1);
	give_answer(fd, 0, 0, NULL);
	fds[1].fd = keyspace_fd(ks);
	do {
		poll(fds, 2, -1);
		keyspace_dispatch(ks);
	} while (fds[0].revents == 0 || serve_one(ks, fd));
	keyspace_close(ks);
	_exit(0);
}

/* --- this side -------------------------------------------------------------------------------- */

struct waiting {
	struct list link;
	uint64_t id;
	keyspace_done_cb done;
	void *arg;
};

struct far {
	struct keyspace base;
	struct keyspace *near; /* reads and watches */
	pid_t pid;
	int socket;
	int fd; /* readable when the socket or `near` is */
	uint64_t last_id;
	size_t queue;
	size_t open;
	struct list waiting;
};

static struct far *far_of(const struct keyspace *ks)
{
	return container_of(ks, struct far, base);
}

static void take_answer(struct far *k, const struct answer *answer)
{
	for (struct list *at = k->waiting.next; at != &k->waiting; at = at->next) {
		struct waiting *w = container_of(at, struct waiting, link);

		if (w->id != answer->id)
			continue;
		list_remove(at);
		k->open--;
		w->done(w->arg, answer->revision, answer->err.code != 0 ? &answer->err : NULL);
		free(w);
		return;
	}
	fail_msg("an answer to nothing");
}

static void take_answers(struct far *k)
{
	struct pollfd pfd = { .fd = k->socket, .events = POLLIN };
	struct answer answer;

	while (poll(&pfd, 1, 0) == 1 && receive_all(k->socket, &answer, sizeof(answer)))
		take_answer(k, &answer);
}

static void far_dispatch(struct keyspace *ks)
{
	take_answers(far_of(ks));
	keyspace_dispatch(far_of(ks)->near);
}

static int far_write(struct keyspace *ks, const struct keyspace_op *ops, size_t count,
                     keyspace_done_cb done, void *arg, struct err *err)
{
	struct far *k = far_of(ks);
	struct waiting *w = malloc(sizeof(*w));
	struct buf bytes = { 0 };
	struct question q = { .id = ++k->last_id, .count = count };

	if (k->open == k->queue) {
		free(w);
		return err_set(err, ERR_LIMIT, "%zu writes wait already", k->open);
	}
	*w = (struct waiting){ .id = q.id, .done = done, .arg = arg };
	list_append(&k->waiting, &w->link);
	k->open++;
	for (size_t i = 0; i < count; i++)
		append_op(&bytes, &ops[i]);
	q.bytes = bytes.len;
	send_all(k->socket, &q, sizeof(q));
	send_all(k->socket, ops, count * sizeof(*ops));
	send_all(k->socket, bytes.data, bytes.len);
	buf_deinit(&bytes);
	return 0;
}

static void far_close(struct keyspace *ks)
{
	struct far *k = far_of(ks);
	struct answer answer;

	shutdown(k->socket, SHUT_WR);
	while (receive_all(k->socket, &answer, sizeof(answer)))
		take_answer(k, &answer);
	waitpid(k->pid, NULL, 0);
	keyspace_close(k->near);
	close(k->socket);
	close(k->fd);
	free(k);
}

static int far_fd(const struct keyspace *ks)
{
	return far_of(ks)->fd;
}

static bool far_is_broken(const struct keyspace *ks)
{
	return keyspace_is_broken(far_of(ks)->near);
}

static bool far_leads(const struct keyspace *ks)
{
	return keyspace_leads(far_of(ks)->near);
}

static uint64_t far_revision(const struct keyspace *ks)
{
	return keyspace_revision(far_of(ks)->near);
}

static int far_get(struct keyspace *ks, const char *key, struct keyspace_item *out_item,
                   struct err *err)
{
	return keyspace_get(far_of(ks)->near, key, out_item, err);
}

static int far_each(struct keyspace *ks, const struct keyspace_query *query, keyspace_item_fn fn,
                    void *arg, uint64_t *out_revision, struct err *err)
{
	return keyspace_each(far_of(ks)->near, query, fn, arg, out_revision, err);
}

static int far_watch_open(struct keyspace *ks, const struct keyspace_watch_options *options,
                          struct keyspace_watch **out_watch, struct err *err)
{
	return keyspace_watch_open(far_of(ks)->near, options, out_watch, err);
}

static void listen_to(struct far *k, int fd)
{
	struct epoll_event readable = { .events = EPOLLIN };

	assert_int_equal(epoll_ctl(k->fd, EPOLL_CTL_ADD, fd, &readable), 0);
}

/* LMDB's environment does not survive a fork: the other process comes first. */
static void start_other(struct far *k, const struct fixture *f)
{
	struct answer ready;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	k->pid = fork();
	assert_true(k->pid >= 0);
	if (k->pid == 0) {
		close(fds[0]);
		serve(f, fds[1]);
	}
	close(fds[1]);
	k->socket = fds[0];
	assert_true(receive_all(k->socket, &ready, sizeof(ready)));
}

static int far_open(struct fixture *f, struct keyspace **out_ks, struct err *err)
{
	static const struct keyspace_impl impl = {
		.close = far_close,
		.fd = far_fd,
		.dispatch = far_dispatch,
		.is_broken = far_is_broken,
		.leads = far_leads,
		.revision = far_revision,
		.get = far_get,
		.each = far_each,
		.write = far_write,
		.watch_open = far_watch_open,
	};
	struct far *k = calloc(1, sizeof(*k));

	k->base.impl = &impl;
	k->queue = f->options.queue != 0 ? f->options.queue : 1000;
	list_init(&k->waiting);
	start_other(k, f);
	if (keyspace_lmdb_open(&f->options, &k->near, err) != 0)
		return err->code;
	k->fd = epoll_create1(EPOLL_CLOEXEC);
	listen_to(k, k->socket);
	listen_to(k, keyspace_fd(k->near));
	*out_ks = &k->base;
	return 0;
}

int main(void)
{
	return keyspace_suite_run(far_open);
}
