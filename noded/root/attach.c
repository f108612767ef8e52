#include "noded/root/attach.h"

#include "base/err.h"
#include "base/log.h"
#include "ipc/packet.h"
#include "noded/login/attach.h"
#include "noded/root/closures.h"
#include "noded/root/control.h"
#include "noded/root/proc.h"
#include "noded/root/root.h"
#include "noded/root/track.h"

#include <limits.h>

static char refused[] = ATTACH_REFUSED;

/* The connection that the peer is a helper of, or NULL and why not. */
static struct track *prove(struct root *r, int peer, struct ucred *out_peer, const char **out_why)
{
	socklen_t len = sizeof(*out_peer);
	struct track *c = NULL;
	dev_t dev;
	ino_t ino;

	if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, out_peer, &len) == 0)
		c = track_ancestor(r, out_peer->pid);
	if (c == NULL && !closure("lineage") && !list_empty(&r->tracks))
		c = container_of(r->tracks.next, struct track, link);
	*out_why = c == NULL ? "no sshd of ours started it" : "nobody has logged in";
	if (c == NULL || track_get(c, "login")[0] == 0)
		return NULL;
	*out_why = "what it runs is not the helper";
	if (!proc_program(out_peer->pid, &dev, &ino) ||
	    (closure("exe") &&
	     (dev != (dev_t)packet_get_number(c->fields, c->len, "helper_dev", 0) ||
	      ino != (ino_t)packet_get_number(c->fields, c->len, "helper_ino", 0))))
		return NULL;
	return c;
}

static void on_attach(struct source *s)
{
	struct root *r = container_of(s, struct root, attach);
	int peer = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
	struct ucred who = { 0 };
	struct err err = { 0 };
	const char *why;
	struct track *c;

	if (peer < 0)
		return;
	c = prove(r, peer, &who, &why);
	if (c == NULL) {
		log_warn("attach refused", kv("pid", who.pid), kv("uid", who.uid),
		         kv("reason", why));
		packet_send(peer, &(struct packet){ refused, sizeof(refused) }, NULL, 0);
	} else if (start_login(r, c, peer, &err) != 0)
		log_error("session not started", kv("id", track_get(c, "id")),
		          kv("error", err.msg));
	close(peer);
}

int attach_open(struct root *r, struct err *err)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/private/attach", r->conf.run_dir);
	fd = control_listen(path, "attach.sock", 0666, 0, err);
	return fd < 0 ? err->code : loop_watch(r->loop, &r->attach, fd, EPOLLIN, on_attach, err);
}
