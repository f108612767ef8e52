#include "proxyd/passthrough.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/host.h"
#include "loop/stream.h"
#include "model/identity.h"
#include "proxyd/forward.h"
#include "proxyd/link.h"
#include "proxyd/proxyd.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_PREFIX "auth."

struct passthrough {
	struct proxyd *p;
	struct stream *client;   /* NULL: went away while we were dialling */
	struct forward *forward; /* NULL: none is under way */
};

bool passthrough_wants(const struct proxyd *p, const char *server_name)
{
	if (str_eq(server_name, HOST_AUTHD_NAME))
		return true;
	return str_starts(server_name, NAME_PREFIX) &&
	       str_eq(server_name + sizeof(NAME_PREFIX) - 1, host_cluster(p->host));
}

/* TLS is between the client and authd, but an alert before it has begun is plain (RFC 5246, 7.2):
 * the client learns that it is not the proxy that is gone. */
static void refuse(struct stream *client)
{
	static const uint8_t internal_error[] = { 21, 3, 3, 0, 2, 2, 80 };

	stream_write(client, internal_error, sizeof(internal_error));
	stream_close(client);
}

static void on_forwarded(void *owner, struct stream *take_authd, const struct err *why)
{
	struct passthrough *t = owner;
	struct peer nobody = { 0 }; /* who it is, authd finds out */
	struct err err = { 0 };

	t->forward = NULL;
	if (why != NULL) {
		log_warn("authd not reached", kv("reason", why->msg));
		if (t->client != NULL) {
			refuse(t->client); /* its on_close frees */
			return;
		}
	} else if (t->client == NULL) {
		stream_reset(take_authd, NULL);
	} else if (link_start(t->p, &nobody, "authd", t->client, take_authd, NULL, NULL, &err) !=
	           0) {
		log_error("stream failed", kv("reason", err.msg));
	}
	free(t);
}

/* Everything waits unused until authd is there. */
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
		free(t);
}

/* "a:1,b:2" of the configured list, as dial takes it. */
static void join_addrs(const struct conf_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++)
		buf_appendf(out, "%s%s", i > 0 ? "," : "", list->items[i]);
}

static int dial_authd(struct passthrough *t, struct err *err)
{
	char target[300];
	pv_PrefacePayload payload = {
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
		rc = forward_start(t->p, buf_str(&addrs), &payload, on_forwarded, t, &t->forward,
		                   err);
	buf_deinit(&addrs);
	return rc;
}

void passthrough_serve(struct proxyd *p, struct stream *take_stream)
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
	stream_attach(take_stream, &handler, t);
	if (dial_authd(t, &err) != 0) {
		log_warn("authd not reached", kv("reason", err.msg));
		refuse(take_stream);
	}
}
