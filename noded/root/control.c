#include "noded/root/control.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "file/file.h"
#include "ipc/packet.h"
#include "noded/root/closures.h"
#include "noded/root/requests.h"
#include "noded/root/root.h"
#include "noded/root/track.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#define ANSWER_SIZE  2048
#define REQUEST_SIZE 4096

/* Somebody connected. */
struct control {
	struct list link;
	struct root *root;
	struct source source;
	uid_t uid;
	pid_t pid;
};

/* One request while it is answered. */
struct call {
	struct control *from;
	const char *data;
	size_t len;
	int fds[PACKET_FDS];
	int fd_count;
	struct packet answer; /* begun; the handler may add fields */
	bool answered;        /* by a child */
};

static const char *field(const struct call *c, const char *key)
{
	const char *value = packet_get(c->data, c->len, key);

	return value != NULL ? value : "";
}

/* --- the requests -------------------------------------------------------------------------------
 */

static int on_start_sshd(struct root *r, struct call *c, struct err *err)
{
	const long long interval = packet_get_number(c->data, c->len, "alive_interval", 60);
	const long long count = packet_get_number(c->data, c->len, "alive_count", 3);
	const struct start_sshd wish = { field(c, "id"), field(c, "client"), c->fds[0],
		                         c->fds[1],      interval,           count };
	struct track *conn;

	if (c->fd_count != 2)
		return err_set(err, ERR_INVALID, "start_sshd takes two descriptors");
	if (start_sshd(r, &wish, &conn, err) == 0)
		packet_add_number(&c->answer, "pid", conn->pid);
	return err->code;
}

static int find(struct root *r, enum track_kind kind, const char *id, struct track **out,
                struct err *err)
{
	*out = track_find(r, kind, id);
	return *out != NULL ? 0 : err_set(err, ERR_NOT_FOUND, "there is no '%s'", id);
}

/* A command without a terminal would go on without its connection. */
static int on_end_connection(struct root *r, struct call *c, struct err *err)
{
	struct track *conn;

	if (find(r, TRACK_CONNECTION, field(c, "id"), &conn, err) != 0)
		return err->code;
	for (struct list *at = r->tracks.next; at != &r->tracks; at = at->next) {
		struct track *session = container_of(at, struct track, link);

		if (session->kind == TRACK_SESSION &&
		    str_eq(track_get(session, "conn"), field(c, "id")))
			track_end(session);
	}
	track_end(conn);
	return 0;
}

/* noded-login reads the reason when the signal reaches it, whoever of us lives by then. */
static int on_end_session(struct root *r, struct call *c, struct err *err)
{
	const char *reason = field(c, "reason");
	struct track *session;
	char path[PATH_MAX];

	if (find(r, TRACK_SESSION, field(c, "id"), &session, err) != 0)
		return err->code;
	snprintf(path, sizeof(path), "%s/sessions/%s.reason", r->conf.run_dir, field(c, "id"));
	if (file_replace_brief(path, reason, strlen(reason), 0600, err) == 0)
		track_end(session);
	return err->code;
}

static int on_list(struct root *r, struct call *c, struct err *err)
{
	(void)err;
	for (struct list *at = r->tracks.next; at != &r->tracks; at = at->next) {
		const struct track *t = container_of(at, struct track, link);
		size_t word = strlen(t->fields) + 1;
		char text[ANSWER_SIZE];
		struct packet p;

		packet_begin(&p, text, sizeof(text), t->fields);
		packet_add(&p, "seq", field(c, "seq"));
		packet_append(&p, t->fields + word, t->len - word);
		packet_send(c->from->source.fd, &p, NULL, 0);
	}
	return 0;
}

/* sshd asks twice per login. The first time counts: the login's shell may have changed. */
static int on_prepare(struct root *r, struct call *c, struct err *err)
{
	const char *login = field(c, "login");
	struct track *conn;
	bool again;

	if (find(r, TRACK_CONNECTION, field(c, "id"), &conn, err) != 0)
		return err->code;
	again = track_get(conn, "login")[0] != 0;
	if (track_put(conn, "login", login, err) != 0 || (again && start_has_jail(conn, login)))
		return err->code;
	c->answered = start_prepare(conn, login, field(c, "seq"), c->from->source.fd, err) == 0;
	return err->code;
}

static int on_opened(struct root *r, struct call *c, struct err *err)
{
	struct track *session = track_find(r, TRACK_SESSION, field(c, "id"));
	char text[ANSWER_SIZE];
	struct packet more;

	if (session != NULL && session->pid == c->from->pid)
		return 0; /* an earlier one of us knew, and died before it could say so */
	packet_begin(&more, text, sizeof(text), REQUEST_SESSION);
	packet_add(&more, "conn", field(c, "conn"));
	packet_add(&more, "login", field(c, "login"));
	return track_add(r, TRACK_SESSION, field(c, "id"), c->from->pid, &more, &session, err);
}

/* All that a process of root can be asked to do. */
static const struct request {
	const char *word;
	bool of_root; /* our own helpers may ask it, else noded */
	int (*handle)(struct root *r, struct call *c, struct err *err);
} requests[] = {
	{ REQUEST_START_SSHD, false, on_start_sshd },
	{ REQUEST_END_CONNECTION, false, on_end_connection },
	{ REQUEST_END_SESSION, false, on_end_session },
	{ REQUEST_LIST, false, on_list },
	{ REQUEST_PREPARE, true, on_prepare },
	{ REQUEST_OPENED, true, on_opened },
};

static int dispatch(struct control *from, struct call *c, struct err *err)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		uid_t may = requests[i].of_root ? 0 : from->root->node_uid;

		if (str_eq(requests[i].word, c->data) && (from->uid == may || !closure("callers")))
			return requests[i].handle(from->root, c, err);
	}
	return err_set(err, ERR_DENIED, "'%s' is no request of user %d", c->data, (int)from->uid);
}

static void answer(struct call *c, int rc, const struct err *err)
{
	char text[ANSWER_SIZE];

	if (rc != 0) {
		log_warn("request refused", kv("request", c->data), kv("id", field(c, "id")),
		         kv("reason", err->msg));
		packet_begin(&c->answer, text, sizeof(text), REQUEST_ERROR);
		packet_add(&c->answer, "seq", field(c, "seq"));
		packet_add(&c->answer, "message", err->msg);
	}
	packet_send(c->from->source.fd, &c->answer, NULL, 0);
}

/* --- callers ------------------------------------------------------------------------------------
 */

static void release(struct control *c)
{
	loop_close(&c->source);
	list_remove(&c->link);
	free(c);
}

static void on_request(struct source *s)
{
	struct control *from = container_of(s, struct control, source);
	char data[REQUEST_SIZE], text[ANSWER_SIZE];
	struct call c = { .from = from, .data = data };
	struct err err = { 0 };
	ssize_t len = packet_recv(s->fd, data, sizeof(data), c.fds, PACKET_FDS, &c.fd_count);
	int rc;

	if (len <= 0) {
		if (len == 0 || errno != EAGAIN)
			release(from);
		return;
	}
	c.len = (size_t)len;
	packet_begin(&c.answer, text, sizeof(text), REQUEST_OK);
	packet_add(&c.answer, "seq", field(&c, "seq"));
	rc = dispatch(from, &c, &err);
	if (!c.answered)
		answer(&c, rc, &err);
	while (c.fd_count > 0)
		close(c.fds[--c.fd_count]);
}

static void on_caller(struct source *s)
{
	struct root *r = container_of(s, struct root, control);
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct control *c = fd >= 0 ? calloc(1, sizeof(*c)) : NULL;
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	struct err err;

	if (c == NULL) {
		close(fd);
		return;
	}
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
	c->root = r;
	c->uid = who.uid;
	c->pid = who.pid;
	list_append(&r->callers, &c->link);
	if (loop_watch(r->loop, &c->source, fd, EPOLLIN, on_request, &err) != 0)
		release(c);
}

void control_tell(struct root *r, const char *word, const char *id)
{
	char text[ANSWER_SIZE];
	struct packet p;
	struct list *next;

	packet_begin(&p, text, sizeof(text), word);
	packet_add(&p, "id", id);
	for (struct list *at = r->callers.next; at != &r->callers; at = next) {
		struct control *c = container_of(at, struct control, link);

		next = at->next;
		if (c->uid == r->node_uid && packet_send(c->source.fd, &p, NULL, 0) != 0)
			release(c); /* it comes back and asks for the list */
	}
}

int control_listen(const char *dir, const char *name, mode_t mode, uid_t owner, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char path[sizeof(addr.sun_path)];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int len = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/.%s", dir, name);

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(addr.sun_path);
	if (len < (int)sizeof(addr.sun_path) && fd >= 0 && fchmod(fd, 0600) == 0 &&
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	    chown(addr.sun_path, owner, 0) == 0 && chmod(addr.sun_path, mode) == 0 &&
	    listen(fd, 1024) == 0 && rename(addr.sun_path, path) == 0)
		return fd;
	err_set_errno(err, ERR_IO, errno, "listen on '%s'", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

int control_open(struct root *r, struct err *err)
{
	int fd = control_listen(r->conf.run_dir, REQUEST_SOCKET, 0600, r->node_uid, err);

	return fd < 0 ? err->code : loop_watch(r->loop, &r->control, fd, EPOLLIN, on_caller, err);
}

void control_close(struct root *r)
{
	loop_close(&r->control);
	while (!list_empty(&r->callers))
		release(container_of(r->callers.next, struct control, link));
}
