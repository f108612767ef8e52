#include "proxyd/passthrough.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/strlist.h"
#include "daemon/host.h"
#include "loop/stream.h"
#include "model/identity.h"
#include "model/trust.h"
#include "proxyd/access.h"
#include "proxyd/forward.h"
#include "proxyd/kube_route.h"
#include "proxyd/link.h"
#include "proxyd/proxyd.h"
#include "proxyd/tunnel/table.h"
#include "wire/sniff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_PREFIX "auth."

struct passthrough {
	struct proxyd *p;
	char server_name[SNIFF_NAME_SIZE]; /* of a kubeproxyd, or in a leaf; "": authd */
	struct strlist tried;              /* kubeproxyds, the last one now */
	struct stream *client;             /* NULL: went away while we were dialling */
	struct forward *forward;           /* NULL: none is under way */
};

static bool is_authd(const struct proxyd *p, const char *server_name)
{
	if (str_eq(server_name, HOST_AUTHD_NAME))
		return true;
	return str_starts(server_name, NAME_PREFIX) &&
	       str_eq(server_name + sizeof(NAME_PREFIX) - 1, host_cluster(p->host));
}

/* The leaf of ours that a name is in: what follows "auth.", "proxy." or "kube."; NULL: none. */
static const char *leaf_of(const struct proxyd *p, const char *server_name)
{
	static const char *const services[] = { "auth.", "proxy.", "kube." };
	const struct trust *trust = host_trust(p->host);

	if (str_eq(server_name, p->conf.hostname) || strlist_has(&p->names, server_name))
		return NULL; /* ours, whatever clusters are called */
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		const char *at = strstr(server_name, services[i]);
		const char *leaf = at != NULL ? at + strlen(services[i]) : NULL;

		if (leaf != NULL && (at == server_name || at[-1] == '.') &&
		    !str_eq(leaf, host_cluster(p->host)) && trust_is_leaf(trust, leaf))
			return leaf;
	}
	return NULL;
}

bool passthrough_wants(const struct proxyd *p, const char *server_name, bool forwarded)
{
	return is_authd(p, server_name) || kube_route_wants(server_name, host_cluster(p->host)) ||
	       (!forwarded && leaf_of(p, server_name) != NULL);
}

static void passthrough_free(struct passthrough *t)
{
	strlist_deinit(&t->tried);
	free(t);
}

/* The host that is being reached, or was. */
static const char *target_of(const struct passthrough *t)
{
	return t->tried.count > 0 ? t->tried.items[t->tried.count - 1] : HOST_AUTHD_NAME;
}

/* --- refusal ---------------------------------------------------------------------------------- */

static uint8_t alert_of(const struct err *why)
{
	if (why->code == ERR_NOT_FOUND || why->code == ERR_CONFLICT)
		return 112; /* unrecognized_name */
	return why->code == ERR_DENIED ? 49 /* access_denied */ : 80 /* internal_error */;
}

/* TLS is between the client and another, but an alert before it has begun is plain: the client
 * learns that it is not the proxy that is gone. Its on_close frees. */
static void refuse(struct passthrough *t, const struct err *why)
{
	const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, alert_of(why) };

	log_warn("service not reached", kv("name", t->server_name), kv("host", target_of(t)),
	         kv("addr", stream_peer(t->client)), kv("reason", why->msg));
	stream_write(t->client, alert, sizeof(alert));
	stream_close(t->client);
}

/* --- reaching it ------------------------------------------------------------------------------ */

static int reach(struct passthrough *t, struct err *err);

/* Another one that serves the same, if there is one; otherwise `why` stands. */
static int reach_another(struct passthrough *t, const struct err *why, struct err *err)
{
	if (t->client == NULL || *t->server_name == 0 || leaf_of(t->p, t->server_name) != NULL ||
	    reach(t, err) != 0)
		return err_copy(err, why);
	return 0;
}

static void on_forwarded(void *owner, struct stream *take_stream, const struct err *why)
{
	struct passthrough *t = owner;
	struct peer nobody = { 0 }; /* who it is, the service finds out */
	struct err err = { 0 };

	t->forward = NULL;
	if (why != NULL && reach_another(t, why, &err) == 0)
		return;
	if (why != NULL && t->client != NULL) {
		refuse(t, &err);
		return;
	}
	if (take_stream != NULL && t->client == NULL)
		stream_reset(take_stream, NULL);
	else if (take_stream != NULL && link_start(t->p, &nobody, target_of(t), t->client,
	                                           take_stream, NULL, NULL, &err) != 0)
		log_error("stream failed", kv("reason", err.msg));
	passthrough_free(t);
}

/* "a:1,b:2" of the configured list, as dial takes it. */
static void join_addrs(const struct conf_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++)
		buf_appendf(out, "%s%s", i > 0 ? "," : "", list->items[i]);
}

static int forward(struct passthrough *t, const struct forward_to *to,
                   const pv_PrefacePayload *payload, struct err *err)
{
	return forward_start(t->p, to, payload, on_forwarded, t, &t->forward, err);
}

static int reach_authd(struct passthrough *t, struct err *err)
{
	char target[300];
	const pv_PrefacePayload payload = {
		.client_addr = (char *)stream_peer(t->client),
		.target = target,
		.kind = pv_StreamKind_STREAM_API,
	};
	struct buf addrs = { 0 };
	int rc;

	snprintf(target, sizeof(target), NAME_PREFIX "%s", host_cluster(t->p->host));
	join_addrs(&t->p->conf.auth_servers, &addrs);
	rc = buf_check(&addrs, err);
	if (rc == 0)
		rc = forward(t, &(struct forward_to){ .addr = buf_str(&addrs) }, &payload, err);
	buf_deinit(&addrs);
	return rc;
}

/* One that was not tried yet. */
static int reach_next(struct passthrough *t, struct err *err)
{
	const struct peer nobody = { 0 };
	pv_PrefacePayload payload = {
		.client_addr = (char *)stream_peer(t->client),
		.kind = pv_StreamKind_STREAM_KUBE,
	};
	struct forward_to to;
	const pv_Node *server;
	struct err ignored;
	int rc = kube_route_find(t->p->cache, t->server_name, host_cluster(t->p->host), &t->tried,
	                         &server, err);

	if (rc == 0)
		rc = strlist_add(&t->tried, server->metadata.name, err);
	if (rc == 0)
		rc = access_check_locks(t->p, &nobody, server->metadata.name, NULL, err);
	if (rc == 0 && str_empty(server->spec.addr) && str_empty(server->spec.tunnel))
		rc = err_set(err, ERR_UNAVAILABLE, "it has no address");
	if (rc != 0)
		return rc;
	payload.target = server->metadata.name;
	to = (struct forward_to){ server->spec.addr, server->spec.tunnel, "kube" };
	rc = forward(t, &to, &payload, err);
	if (rc == 0 && kube_route_find(t->p->cache, t->server_name, host_cluster(t->p->host),
	                               &t->tried, &server, &ignored) == 0)
		forward_hurry(t->forward);
	return rc;
}

/* Of those that fail at once the last says why, of none the name does. */
static int reach_kube(struct passthrough *t, struct err *err)
{
	struct err last = { 0 };
	size_t tried;

	do {
		struct err now = { 0 };

		tried = t->tried.count;
		if (reach_next(t, &now) == 0)
			return 0;
		if (last.code == 0 || t->tried.count > tried)
			last = now;
	} while (t->tried.count > tried);
	return err_copy(err, &last);
}

/* The leaf's own proxy goes on from here: it is told for whom we ask. */
static int reach_leaf(struct passthrough *t, const char *leaf, struct err *err)
{
	const struct forward_to to = { NULL, tunnels_site(t->p->tunnels, leaf), "proxy" };
	char *target = str_printf("proxy.%s", leaf);
	const pv_PrefacePayload payload = {
		.client_addr = (char *)(uintptr_t)stream_peer(t->client),
		.target = target,
		.kind = pv_StreamKind_STREAM_API,
	};
	int rc = target != NULL ? 0 : err_set_nomem(err);

	if (rc == 0 && to.agent == NULL)
		rc = err_set(err, ERR_UNAVAILABLE, "no tunnel of cluster '%s' is here", leaf);
	if (rc == 0)
		rc = forward(t, &to, &payload, err);
	free(target);
	return rc;
}

static int reach(struct passthrough *t, struct err *err)
{
	const char *leaf = leaf_of(t->p, t->server_name);

	if (leaf != NULL)
		return reach_leaf(t, leaf, err);
	return *t->server_name == 0 ? reach_authd(t, err) : reach_kube(t, err);
}

/* --- the client ------------------------------------------------------------------------------- */

/* Everything waits unused until the service is there. */
static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	(void)owner;
	(void)data;
	(void)len;
	stream_pause(s);
	return 0;
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct passthrough *t = owner;

	(void)s;
	(void)err;
	t->client = NULL;
	if (t->forward != NULL)
		forward_cancel(t->forward); /* on_forwarded frees */
	else
		passthrough_free(t);
}

void passthrough_serve(struct proxyd *p, struct stream *take_stream, const char *server_name)
{
	static const struct stream_handler handler = { .on_data = on_data, .on_close = on_close };
	struct passthrough *t = calloc(1, sizeof(*t));
	struct err err = { 0 };

	if (t == NULL) {
		stream_reset(take_stream, NULL);
		return;
	}
	t->p = p;
	t->client = take_stream;
	if (!is_authd(p, server_name))
		str_copy(t->server_name, sizeof(t->server_name), server_name);
	stream_attach(take_stream, &handler, t);
	if (reach(t, &err) != 0)
		refuse(t, &err);
}
