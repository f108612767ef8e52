/*
 * upstream - the Kubernetes API server: its configuration, how we prove who we are, and
 * connections to it.
 *
 * Plain requests are calls (upstream/call.h), which share connections. An upgrade (exec, attach,
 * portforward) has a connection of its own: upstream_dial(), over which the caller speaks HTTP/1.1.
 */
#ifndef KUBEPROXYD_UPSTREAM_UPSTREAM_H
#define KUBEPROXYD_UPSTREAM_UPSTREAM_H

#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
struct clock;
struct err;
struct headers;
struct stream;
struct upstream;
struct upstream_dial;

struct upstream_conf {
	uv_loop_t *loop;
	const struct clock *clock;
	const char *kubeconfig;          /* a file; NULL: we run in a pod */
	const char *service_account_dir; /* of a pod */
	unsigned max_connections;
};

/* Reads the configuration; connects to nobody yet. The texts are copied. */
int upstream_open(const struct upstream_conf *conf, struct upstream **out, struct err *err);

/* No callback comes after it; run the loop until it has closed. NULL allowed. */
void upstream_close(struct upstream *u);

/* The API server, for messages: "10.96.0.1:443". */
const char *upstream_name(const struct upstream *u);

/* Appends Host, and Authorization where we have a token: what every request of ours begins with. */
int upstream_add_headers(struct upstream *u, struct headers *to, struct err *err);

/* The target as the API server has to get it: behind the path of the kubeconfig's URL. malloc'ed;
 * NULL when memory runs out. */
char *upstream_target(const struct upstream *u, const char *target);

/* --- a connection for an upgrade ------------------------------------------------------------- */

/* take_stream is TLS, agreed on HTTP/1.1; attach it before this returns. NULL and err: it could not
 * be had. The dial is gone when this returns. */
typedef void (*upstream_dial_cb)(void *owner, struct stream *take_stream, const struct err *err);

/* Fails and never calls back (ERR_LIMIT: max_connections), or calls back exactly once, later. */
int upstream_dial(struct upstream *u, upstream_dial_cb cb, void *owner, struct upstream_dial **out,
                  struct err *err);

/* No callback comes. NULL allowed. */
void upstream_dial_cancel(struct upstream_dial *d);

#endif
