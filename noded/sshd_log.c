#include "noded/sshd_log.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "noded/conn.h"
#include "noded/noded.h"
#include "noded/recheck.h"
#include "noded/stranger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#define LINE_MAX_BYTES 4096

struct sshd_log {
	struct noded *n;
	uv_poll_t poll;
	int fd; /* open for reading and writing: no writer ever sees a broken pipe */
	char line[LINE_MAX_BYTES];
	size_t len;
};

/* --- one line -------------------------------------------------------------------------------- */

static bool copy_between(const char *from, const char *to, char *out, size_t size)
{
	size_t len = (size_t)(to - from);

	if (to < from || len == 0 || len >= size)
		return false;
	memcpy(out, from, len);
	out[len] = 0;
	return true;
}

static const char *last(const char *text, const char *end, const char *word)
{
	const char *found = NULL;

	for (const char *at = strstr(text, word); at != NULL && at < end; at = strstr(at + 1, word))
		found = at;
	return found;
}

bool sshd_log_accepted(const char *line, char *login, char *addr, char *port, size_t size)
{
	static const char begin[] = "Accepted publickey for ";
	const char *ssh2 = strstr(line, " ssh2: ");
	const char *from;
	const char *colon;

	if (!str_starts(line, begin) || ssh2 == NULL)
		return false;
	colon = last(line, ssh2, " port ");
	from = colon != NULL ? last(line, colon, " from ") : NULL;
	return from != NULL && copy_between(line + sizeof(begin) - 1, from, login, size) &&
	       copy_between(from + strlen(" from "), colon, addr, size) &&
	       copy_between(colon + strlen(" port "), ssh2, port, size);
}

/* As much as fits. */
static void copy_cut(const char *from, const char *to, char out[SSHD_LOG_FIELD_SIZE])
{
	size_t len = (size_t)(to - from);

	if (len >= SSHD_LOG_FIELD_SIZE)
		len = SSHD_LOG_FIELD_SIZE - 1;
	memcpy(out, from, len);
	out[len] = 0;
}

bool sshd_log_failed(const char *line, struct sshd_log_failed *out)
{
	static const char begin[] = "Failed publickey for ";
	const char *end = line + strlen(line);
	const char *ssh2 = strstr(line, " ssh2: ");
	const char *colon = ssh2 != NULL ? last(line, ssh2, " port ") : NULL;
	const char *from = colon != NULL ? last(line, colon, " from ") : NULL;
	const char *id = ssh2 != NULL ? strstr(ssh2, " ID ") : NULL;
	const char *serial = id != NULL ? last(id, end, " (serial ") : NULL;
	const char *ca = serial != NULL ? last(serial, end, " SHA256:") : NULL;

	if (!str_starts(line, begin) || from == NULL || ca == NULL ||
	    from < line + sizeof(begin) - 1)
		return false;
	copy_cut(line + sizeof(begin) - 1, from, out->login);
	copy_cut(from + strlen(" from "), colon, out->addr);
	copy_cut(colon + strlen(" port "), ssh2, out->port);
	copy_cut(id + strlen(" ID "), serial, out->key_id);
	copy_cut(ca + 1, end, out->ca);
	return true;
}

static void on_accepted(struct noded *n, const char *login, const char *addr, const char *port)
{
	struct conn *c = conn_by_peer(n, addr, port);

	if (c != NULL && c->state == CONN_CANDIDATE && str_eq(c->login, login))
		recheck_conn_proven(c);
}

static void on_line(struct sshd_log *l, char *line)
{
	char login[SSHD_LOG_FIELD_SIZE];
	char addr[SSHD_LOG_FIELD_SIZE];
	char port[SSHD_LOG_FIELD_SIZE];
	struct sshd_log_failed failed;

	line[strcspn(line, "\r")] = 0;
	if (sshd_log_accepted(line, login, addr, port, SSHD_LOG_FIELD_SIZE))
		on_accepted(l->n, login, addr, port);
	else if (*line != 0)
		log_debug("sshd", "says", kv("line", line));
	if (sshd_log_failed(line, &failed))
		stranger_failed(l->n->strangers, &failed);
}

/* --- the FIFO -------------------------------------------------------------------------------- */

static void take_lines(struct sshd_log *l)
{
	char *end;

	while ((end = memchr(l->line, '\n', l->len)) != NULL) {
		size_t used = (size_t)(end - l->line) + 1;

		*end = 0;
		on_line(l, l->line);
		l->len -= used;
		memmove(l->line, l->line + used, l->len);
	}
	if (l->len == sizeof(l->line))
		l->len = 0; /* a line longer than any of sshd's: dropped */
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct sshd_log *l = poll->data;
	ssize_t n;

	(void)events;
	if (status != 0)
		return;
	n = read(l->fd, l->line + l->len, sizeof(l->line) - l->len);
	if (n <= 0)
		return;
	l->len += (size_t)n;
	take_lines(l);
}

static int open_fifo(struct sshd_log *l, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sshd.log", l->n->conf.run_dir);
	if (mkfifo(path, 0600) != 0 && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "make '%s'", path);
	l->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return l->fd >= 0 ? 0 : err_set_errno(err, ERR_IO, errno, "open '%s'", path);
}

int sshd_log_open(struct noded *n, struct sshd_log **out, struct err *err)
{
	struct sshd_log *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set_nomem(err);
	l->n = n;
	if (open_fifo(l, err) != 0) {
		free(l);
		return err->code;
	}
	l->poll.data = l;
	uv_poll_init(n->loop, &l->poll, l->fd);
	uv_poll_start(&l->poll, UV_READABLE, on_readable);
	*out = l;
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	struct sshd_log *l = h->data;

	close(l->fd);
	free(l);
}

void sshd_log_close(struct sshd_log *l)
{
	if (l != NULL)
		uv_close((uv_handle_t *)&l->poll, on_closed);
}

int sshd_log_fd(const struct sshd_log *l)
{
	return l->fd;
}
