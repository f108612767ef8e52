/*
 * packet - the one message format between programs of one machine, on SOCK_SEQPACKET sockets.
 *
 * A packet is a run of strings, each ended by a 0 byte: a word that says what it is, then any
 * number of "key=value". Keys are [a-z_]+; a key may come several times where the message says
 * so ("env"). Nothing that travels here can hold a 0 byte: not a command, not an environment.
 *
 *   session\0conn=c17\0login=bob\0command=uptime\0
 *
 * Everything is in this header, for the helpers that are linked statically against musl use it
 * too and have no libcommon.
 */
#ifndef IPC_PACKET_H
#define IPC_PACKET_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A command line of 128 KiB, which is the most that exec(2) takes, fits with its environment;
 * and the whole fits the kernel's default socket buffer, which a packet may not exceed. */
#define PACKET_MAX    (176u * 1024)
#define PACKET_FDS    4
#define PACKET_FIELDS 1024

#define PACKET_MOMENT_MS 50 /* between two attempts */

struct packet {
	char *data; /* the caller's */
	size_t len;
	size_t size;
	bool full; /* something did not fit, or held a byte it may not: never send it */
};

static inline void packet_append(struct packet *p, const char *s, size_t len)
{
	if (p->full || len > p->size - p->len) {
		p->full = true;
		return;
	}
	memcpy(p->data + p->len, s, len);
	p->len += len;
}

/* Starts a message in `buffer` of `size` bytes. */
static inline void packet_begin(struct packet *p, char *buffer, size_t size, const char *word)
{
	*p = (struct packet){ .data = buffer, .size = size };
	packet_append(p, word, strlen(word) + 1);
}

static inline void packet_add(struct packet *p, const char *key, const char *value)
{
	packet_append(p, key, strlen(key));
	packet_append(p, "=", 1);
	packet_append(p, value, strlen(value) + 1);
}

static inline void packet_add_number(struct packet *p, const char *key, long long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", value);
	packet_add(p, key, text);
}

static inline bool packet_key_ok(const char *field)
{
	size_t len = strspn(field, "abcdefghijklmnopqrstuvwxyz_");

	return len > 0 && field[len] == '=';
}

/* Whether received bytes are a packet; nothing else here may see them before. */
static inline bool packet_valid(const char *data, size_t len)
{
	size_t fields = 0;

	if (len == 0 || len > PACKET_MAX || data[len - 1] != 0 || data[0] == 0)
		return false;
	for (size_t at = strlen(data) + 1; at < len; at += strlen(data + at) + 1)
		if (!packet_key_ok(data + at) || ++fields > PACKET_FIELDS)
			return false;
	return true;
}

/* The values of `key`, one after the other: start with *at = 0. NULL at the end. */
static inline const char *packet_next(const char *data, size_t len, const char *key, size_t *at)
{
	size_t key_len = strlen(key);

	if (*at == 0)
		*at = strlen(data) + 1;
	while (*at < len) {
		const char *field = data + *at;

		*at += strlen(field) + 1;
		if (strncmp(field, key, key_len) == 0 && field[key_len] == '=')
			return field + key_len + 1;
	}
	return NULL;
}

/* The first value of `key`, or NULL. */
static inline const char *packet_get(const char *data, size_t len, const char *key)
{
	size_t at = 0;

	return packet_next(data, len, key, &at);
}

/* The first value of `key` as a number; `otherwise` when it is absent or not one. */
static inline long long packet_get_number(const char *data, size_t len, const char *key,
                                          long long otherwise)
{
	const char *value = packet_get(data, len, key);
	char *end;
	long long number;

	if (value == NULL || *value == 0)
		return otherwise;
	errno = 0;
	number = strtoll(value, &end, 10);
	return *end != 0 || errno != 0 ? otherwise : number;
}

/* Sends a packet with `count` descriptors (at most PACKET_FDS). 0, or -1 with errno set. */
static inline int packet_send(int sock, const struct packet *p, const int *fds, int count)
{
	struct iovec part = { .iov_base = p->data, .iov_len = p->len };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * PACKET_FDS)];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	if (p->full || count > PACKET_FDS) {
		errno = EMSGSIZE;
		return -1;
	}
	if (count > 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * (size_t)count);
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)p->len ? 0 : -1;
}

/* Keeps the first `max` descriptors of a message, closes the rest; returns how many it kept. */
static inline int packet_take_fds(struct msghdr *msg, int *out_fds, int max)
{
	int got[PACKET_FDS], kept = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		int count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(got, CMSG_DATA(c), sizeof(int) * (size_t)count);
		for (int i = 0; i < count; i++) {
			if (kept < max)
				out_fds[kept++] = got[i];
			else
				close(got[i]);
		}
	}
	return kept;
}

/*
 * Receives one valid packet into `buffer`, with at most `max_fds` descriptors (close-on-exec);
 * *out_count says how many came. Returns its length, 0 at the peer's end (an empty message is one
 * too, whatever descriptors hang on it), -1 with errno set
 * (EBADMSG: not a packet, or one that was cut; its descriptors are closed).
 */
static inline ssize_t packet_recv(int sock, char *buffer, size_t size, int *out_fds, int max_fds,
                                  int *out_count)
{
	struct iovec part = { .iov_base = buffer, .iov_len = size };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * PACKET_FDS)];
	} control;
	struct msghdr msg = { .msg_iov = &part,
		              .msg_iovlen = 1,
		              .msg_control = control.space,
		              .msg_controllen = sizeof(control.space) };
	int count;
	ssize_t len;

	do
		len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -1;
	count = packet_take_fds(&msg, out_fds, max_fds);
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || !packet_valid(buffer, (size_t)len)) {
		while (count > 0)
			close(out_fds[--count]);
		errno = EBADMSG;
		if (len > 0)
			return -1;
	}
	if (out_count != NULL)
		*out_count = count;
	return len;
}

/* A connection to the socket at `path` on which nothing waits longer than `timeout_ms`
 * (0: without a limit).
 * -1 with errno set. */
static inline int packet_connect(const char *path, int timeout_ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	int sock;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		int saved = errno;

		close(sock);
		errno = saved;
		return -1;
	}
	return sock;
}

/* Waits a moment for a counterpart that is being started again; false when `*patience_ms`, which
 * this counts down, is used up. */
static inline bool packet_wait(int *patience_ms)
{
	const struct timespec moment = { 0, PACKET_MOMENT_MS * 1000000L };

	if (*patience_ms <= 0)
		return false;
	*patience_ms -= PACKET_MOMENT_MS;
	nanosleep(&moment, NULL);
	return true;
}

/*
 * Asks whoever listens on `path`, in one connection on which nothing waits longer than
 * `timeout_ms`, and puts the answer into `reply`. While nobody is there, or the one who was is lost
 * before it answered, it is asked again for `patience_ms`: what is asked so has to bear being asked
 * twice. The answer's length, or -1 with errno set.
 */
static inline ssize_t packet_ask(const char *path, const struct packet *p, char *reply, size_t size,
                                 int timeout_ms, int patience_ms)
{
	ssize_t len;
	int sock, why;

	do {
		len = -1;
		sock = packet_connect(path, timeout_ms);
		if (sock >= 0 && packet_send(sock, p, NULL, 0) == 0)
			len = packet_recv(sock, reply, size, NULL, 0, NULL);
		why = len == 0 ? ECONNRESET : errno;
		if (sock >= 0)
			close(sock);
		errno = why;
	} while (len <= 0 &&
	         (why == ENOENT || why == ECONNREFUSED || why == ECONNRESET || why == EPIPE) &&
	         packet_wait(&patience_ms));
	errno = why;
	return len > 0 ? len : -1;
}

#endif
