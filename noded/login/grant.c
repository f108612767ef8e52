#include "noded/login/grant.h"

#include "base/err.h"
#include "base/str.h"
#include "ipc/packet.h"
#include "noded/jail/sshd_conf.h"
#include "noded/login/attach.h"
#include "noded/root/questions.h"
#include "noded/root/requests.h"

#include <sys/ioctl.h>

static char hello_data[PACKET_MAX];
static char question_data[PACKET_MAX];
static char grant_data[PACKET_MAX];

int grant_hear(int helper, struct hello *out, struct err *err)
{
	struct timeval limit = { QUESTION_TIMEOUT_MS / 1000, 0 }, none = { 0 };
	struct ucred peer;
	socklen_t peer_len = sizeof(peer);
	int count = 0;
	ssize_t len;

	setsockopt(helper, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	len = packet_recv(helper, hello_data, sizeof(hello_data), out->fds, 3, &count);
	setsockopt(helper, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	if (len <= 0 || getsockopt(helper, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) != 0)
		return err_set_errno(err, ERR_IO, errno, "hear the helper");
	if (count != 3 || !str_eq(hello_data, ATTACH_HELLO))
		return err_set(err, ERR_INVALID, "that is no hello");
	out->data = hello_data;
	out->len = (size_t)len;
	out->uid = peer.uid;
	out->command = packet_get(hello_data, out->len, "command");
	out->tty = packet_get_number(hello_data, out->len, "tty", 0) == 1 && isatty(out->fds[0]);
	out->kind = out->command == NULL                   ? "shell"
	            : str_eq(out->command, SSHD_CONF_SFTP) ? "sftp"
	                                                   : "exec";
	return 0;
}

const char *grant_env(const struct hello *h, const char *name)
{
	size_t at = 0, len = strlen(name);
	const char *value;

	while ((value = packet_next(h->data, h->len, "env", &at)) != NULL)
		if (strncmp(value, name, len) == 0 && value[len] == '=')
			return value + len + 1;
	return "";
}

/* Asks whoever listens on `path`; the answer goes to `reply`. */
static int ask(const char *path, const struct packet *p, char *reply, size_t size, size_t *out_len,
               struct err *err)
{
	ssize_t len = packet_ask(path, p, reply, size, QUESTION_TIMEOUT_MS, QUESTION_PATIENCE_MS);

	*out_len = len > 0 ? (size_t)len : 0;
	return len > 0 ? 0 : err_set_errno(err, ERR_UNAVAILABLE, errno, "ask '%s'", path);
}

static void describe(struct packet *p, const struct hello *h, const char *conn, const char *login)
{
	struct winsize size = { 0 };

	packet_begin(p, question_data, sizeof(question_data), QUESTION_SESSION);
	packet_add(p, "conn", conn);
	packet_add(p, "login", login);
	packet_add(p, "kind", h->kind);
	if (str_eq(h->kind, "exec"))
		packet_add(p, "command", h->command);
	packet_add_number(p, "tty", h->tty);
	if (!h->tty)
		return;
	ioctl(h->fds[0], TIOCGWINSZ, &size);
	packet_add(p, "term", grant_env(h, "TERM"));
	packet_add_number(p, "columns", size.ws_col);
	packet_add_number(p, "rows", size.ws_row);
}

int grant_ask(const char *policy, const struct hello *h, const char *conn, const char *login,
              struct grant *out, struct err *err)
{
	const char *reason;
	struct packet p;
	size_t len;

	describe(&p, h, conn, login);
	if (ask(policy, &p, grant_data, sizeof(grant_data), &len, err) != 0)
		return err->code;
	if (str_eq(grant_data, QUESTION_DENY)) {
		reason = packet_get(grant_data, len, "reason");
		return err_set(err, ERR_DENIED, "%s", reason != NULL ? reason : "access denied");
	}
	*out = (struct grant){ grant_data, len, packet_get(grant_data, len, "sid"),
		               packet_get(grant_data, len, "spool") };
	if (!str_eq(grant_data, QUESTION_ALLOW) || out->sid == NULL)
		return err_set(err, ERR_UNAVAILABLE, "noded's answer is not understood");
	return 0;
}

int grant_register(const char *run_dir, const char *sid, const char *conn, const char *login,
                   struct err *err)
{
	char path[256], text[512], reply[1024];
	const char *message;
	struct packet p;
	size_t len;

	snprintf(path, sizeof(path), "%s/" REQUEST_SOCKET, run_dir);
	packet_begin(&p, text, sizeof(text), REQUEST_OPENED);
	packet_add(&p, "id", sid);
	packet_add(&p, "conn", conn);
	packet_add(&p, "login", login);
	if (ask(path, &p, reply, sizeof(reply), &len, err) != 0)
		return err->code;
	message = packet_get(reply, len, "message");
	return str_eq(reply, REQUEST_OK)
	               ? 0
	               : err_set(err, ERR_UNAVAILABLE, "%s", message != NULL ? message : reply);
}
