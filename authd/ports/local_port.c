#include "authd/ports/local_port.h"

#include "authd/core/authd.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/listen.h"
#include "loop/stream.h"
#include "rpc/server.h"

#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define GROUPS_MAX      256
#define NO_GROUP        ((gid_t)-1)

struct local_port {
	struct authd *authd;
	struct listen *listen;
};

static void on_accept(void *owner, struct stream *take_stream)
{
	struct local_port *p = owner;
	struct err err;

	if (rpc_server_attach(p->authd->server, take_stream, NULL, &err) != 0)
		log_info("connection refused", kv("peer", "unix"), kv("error", err.msg));
}

static void on_refuse(void *owner, const struct err *err)
{
	(void)owner;
	log_warn("connection refused", kv("error", err->msg));
}

/* Root may give a file to any group, others to those they are in. */
static bool may_give_to(gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int count = getgroups(GROUPS_MAX, groups);

	if (geteuid() == 0 || getegid() == group)
		return true;
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* The group that is to have the socket; NO_GROUP: our own, where we cannot give it away. */
static int find_group(const char *name, gid_t *out, struct err *err)
{
	struct group *group;

	*out = NO_GROUP;
	if (str_empty(name))
		return 0;
	group = getgrnam(name);
	if (group == NULL)
		return err_set(err, ERR_NOT_FOUND, "socket_group: there is no group '%s'", name);
	if (may_give_to(group->gr_gid))
		*out = group->gr_gid;
	else
		log_warn("socket stays with our own group", kv("group", name),
		         kv("reason", "we are not in it"));
	return 0;
}

int local_port_open(struct authd *a, struct local_port **out, struct err *err)
{
	static const struct listen_limits limits = { .max = CONNECTIONS_MAX };
	static const struct listen_handler handler = { on_accept, on_refuse };
	struct local_port *p = calloc(1, sizeof(*p));
	gid_t group;

	if (p == NULL)
		return err_set_nomem(err);
	p->authd = a;
	p->listen = listen_new(a->loop, &limits, &handler, p);
	if (p->listen == NULL)
		err_set_nomem(err);
	else if (find_group(a->conf.socket_group, &group, err) == 0 &&
	         listen_add_unix(p->listen, a->conf.socket, 0660, group, err) == 0) {
		*out = p;
		return 0;
	}
	local_port_close(p);
	return err_wrap(err, "socket '%s'", a->conf.socket);
}

void local_port_close(struct local_port *p)
{
	if (p == NULL)
		return;
	listen_free(p->listen);
	free(p);
}
