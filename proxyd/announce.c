#include "proxyd/announce.h"

#include "base/err.h"
#include "base/log.h"
#include "daemon/host.h"
#include "loop/timer.h"
#include "proxyd/proxyd.h"
#include "proto/auth.service.h"
#include "rpc/client.h"

#include "proto/auth.pb.h"

#include <stdbool.h>
#include <stdlib.h>

#define TTL_MS   (10 * 60 * 1000)
#define AGAIN_MS (TTL_MS / 2)
#define RETRY_MS 5000
#define CALL_MS  20000

/* Outlives the proxyd's parts until its call has ended. */
struct announce {
	struct proxyd *p; /* NULL: closed */
	struct timer *again;
	struct rpc_stream *call; /* NULL: none is under way */
};

static void on_announced(void *ctx, const void *response, const struct err *err)
{
	struct announce *a = ctx;

	(void)response;
	a->call = NULL;
	if (a->p == NULL) {
		free(a);
		return;
	}
	if (err != NULL)
		log_warn("not announced", kv("reason", err->msg));
	timer_once(a->again, err != NULL ? RETRY_MS : AGAIN_MS);
}

void announce_now(struct announce *a)
{
	struct proxyd *p = a->p;
	pv_AnnounceRequest request = {
		.has_node = true,
		.node = {
			.kind = (char *)"proxy",
			.version = (char *)"v2",
			.has_metadata = true,
			.metadata = { .name = (char *)host_id(p->host) },
			.has_spec = true,
			.spec = {
				.hostname = p->conf.hostname,
				.public_addrs = p->conf.public_addrs.items,
				.public_addrs_count = (pb_size_t)p->conf.public_addrs.count,
				.version = (char *)POSTERN_VERSION,
				.clock_skew = host_clock_skew(p->host),
			},
		},
		.ttl = TTL_MS,
	};
	struct err err = { 0 };

	if (p->conf.public_addrs.count > 0)
		request.node.spec.addr = p->conf.public_addrs.items[0];
	if (a->call == NULL && rpc_unary_start(host_client(p->host), AUTH_ANNOUNCE, &request,
	                                       CALL_MS, on_announced, a, &a->call, &err) != 0)
		timer_once(a->again, RETRY_MS);
}

static void on_again(void *owner)
{
	announce_now(owner);
}

int announce_open(struct proxyd *p, struct announce **out, struct err *err)
{
	struct announce *a = calloc(1, sizeof(*a));

	if (a != NULL)
		a->again = timer_new(p->loop, on_again, a);
	if (a == NULL || a->again == NULL) {
		free(a);
		return err_set_nomem(err);
	}
	a->p = p;
	*out = a;
	timer_once(a->again, 0);
	return 0;
}

void announce_close(struct announce *a)
{
	if (a == NULL)
		return;
	timer_free(a->again);
	a->p = NULL;
	if (a->call != NULL)
		rpc_stream_cancel(a->call); /* on_announced frees */
	else
		free(a);
}
