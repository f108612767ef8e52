#include "proxyd/tunnel/records.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/str.h"
#include "daemon/host.h"
#include "loop/timer.h"
#include "proxyd/proxyd.h"
#include "rpc/client.h"

#include "proto/auth.service.h"

#include <stdlib.h>
#include <string.h>

#define MOMENT_MS    200
#define RETRY_MS     5000
#define AT_ONCE      500
#define REPORT_MS    20000
#define CLUSTER_SIZE 256

struct record {
	char agent[RAND_UUID_SIZE];
	char cluster[CLUSTER_SIZE];
	bool here;
	bool sent;       /* in the report that is under way */
	struct list due; /* in `due`: authd is to hear of it */
};

struct records {
	struct proxyd *p;
	struct map *by_agent;
	struct list due;
	struct timer *soon;
	struct timer *all;
	struct rpc_stream *call; /* NULL: nothing is under way */
	bool closed;             /* goes when the call has ended */
};

static void record_free(struct records *r, struct record *rec)
{
	map_remove(r->by_agent, rec->agent);
	list_remove(&rec->due);
	free(rec);
}

static void records_free(struct records *r)
{
	struct record *rec;
	size_t at = 0;

	while (r->by_agent != NULL && (rec = map_next(r->by_agent, &at, NULL)) != NULL)
		record_free(r, rec);
	map_free(r->by_agent);
	free(r);
}

static void record_due(struct records *r, struct record *rec)
{
	list_remove(&rec->due);
	list_append(&r->due, &rec->due);
	if (r->call == NULL && !timer_active(r->soon))
		timer_once(r->soon, MOMENT_MS);
}

static void report(struct records *r);

/* What has been told to be gone is forgotten; what has not come through is told again. */
static void settle(struct records *r, bool told)
{
	struct record *rec;
	size_t at = 0;

	while ((rec = map_next(r->by_agent, &at, NULL)) != NULL) {
		if (!rec->sent)
			continue;
		rec->sent = false;
		if (!told)
			record_due(r, rec);
		else if (!rec->here && list_empty(&rec->due))
			record_free(r, rec);
	}
}

static void on_reported(void *ctx, const void *response, const struct err *err)
{
	struct records *r = ctx;

	(void)response;
	r->call = NULL;
	if (r->closed) {
		records_free(r);
		return;
	}
	settle(r, err == NULL);
	if (err != NULL) {
		log_warn("tunnels not reported", kv("reason", err->msg));
		timer_once(r->soon, rand_jitter(RETRY_MS));
	} else if (!list_empty(&r->due)) {
		report(r);
	}
}

static void send_report(struct records *r, pv_ReportedTunnel *tunnels, size_t count)
{
	const pv_ReportTunnelsRequest request = { .tunnels = tunnels,
		                                  .tunnels_count = (pb_size_t)count,
		                                  .ttl = RECORDS_TTL_MS };
	struct err err = { 0 };

	if (rpc_unary_start(host_client(r->p->host), AUTH_REPORT_TUNNELS, &request, REPORT_MS,
	                    on_reported, r, &r->call, &err) != 0)
		on_reported(r, NULL, &err);
}

static void report(struct records *r)
{
	pv_ReportedTunnel *tunnels = calloc(AT_ONCE, sizeof(*tunnels));
	size_t count = 0;

	while (tunnels != NULL && count < AT_ONCE && !list_empty(&r->due)) {
		struct record *rec = container_of(r->due.next, struct record, due);

		list_remove(&rec->due);
		rec->sent = true;
		tunnels[count++] = (pv_ReportedTunnel){ rec->agent, rec->cluster, !rec->here };
	}
	if (count > 0)
		send_report(r, tunnels, count);
	free(tunnels);
}

static void on_soon(void *owner)
{
	struct records *r = owner;

	if (r->call == NULL)
		report(r);
}

static void on_all(void *owner)
{
	struct records *r = owner;
	struct record *rec;
	size_t at = 0;

	while ((rec = map_next(r->by_agent, &at, NULL)) != NULL)
		record_due(r, rec);
}

static struct record *record_of(struct records *r, const char *agent_id)
{
	struct record *rec = map_get(r->by_agent, agent_id);

	if (rec != NULL)
		return rec;
	rec = calloc(1, sizeof(*rec));
	if (rec == NULL)
		return NULL;
	str_copy(rec->agent, sizeof(rec->agent), agent_id);
	list_init(&rec->due);
	if (map_put(r->by_agent, agent_id, rec, NULL) == 0)
		return rec;
	free(rec);
	return NULL;
}

void records_set(struct records *r, const char *agent_id, const char *cluster, bool here)
{
	struct record *rec = r != NULL ? record_of(r, agent_id) : NULL;

	if (rec == NULL)
		return;
	str_copy(rec->cluster, sizeof(rec->cluster), cluster);
	rec->here = here;
	record_due(r, rec);
}

int records_open(struct proxyd *p, struct records **out, struct err *err)
{
	struct records *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set_nomem(err);
	r->p = p;
	list_init(&r->due);
	r->by_agent = map_new();
	r->soon = timer_new(p->loop, on_soon, r);
	r->all = timer_new(p->loop, on_all, r);
	if (r->by_agent == NULL || r->soon == NULL || r->all == NULL) {
		records_close(r);
		return err_set_nomem(err);
	}
	timer_every(r->all, RECORDS_EVERY_MS);
	*out = r;
	return 0;
}

void records_close(struct records *r)
{
	if (r == NULL)
		return;
	timer_free(r->soon);
	timer_free(r->all);
	r->closed = true;
	if (r->call != NULL)
		rpc_stream_cancel(r->call); /* on_reported frees */
	else
		records_free(r);
}
