#include "tests/bench/simulator/herd.h"

#include "tests/bench/simulator/console.h"
#include "tests/bench/simulator/identity.h"
#include "tests/bench/simulator/samples.h"
#include "tests/bench/simulator/target.h"

#include "base/err.h"
#include "base/str.h"
#include "loop/timer.h"

#include <stdlib.h>

#define STARTING_MAX 128 /* members that are let loose and do not watch yet */
#define PATIENCE_MS  60000
#define ROLE         "herd"

struct herd {
	struct herd_conf conf;
	struct member *members;
	size_t started;
	size_t live;
	bool complete; /* all watched at once */
	uint64_t began;
	uint64_t lost_at;
	unsigned number; /* of the put */
	uint64_t put_at; /* 0: none is under way */
	struct timer *patience;
	double commit_ms;    /* < 0: not answered yet */
	struct samples seen; /* ms from the put to each member */
};

uv_loop_t *herd_loop(const struct herd *h)
{
	return h->conf.loop;
}

static double seconds_since(uint64_t then)
{
	return (double)(uv_hrtime() - then) / 1e9;
}

/* --- members --------------------------------------------------------------------------------- */

static int start_member(struct herd *h, struct member *m, struct err *err)
{
	const struct herd_conf *conf = &h->conf;
	size_t index = (size_t)(m - h->members);
	size_t addr_count = 0;
	const char *addr[2] = { 0 };
	struct rpc_client_conf client = {
		.loop = conf->loop,
		.service = conf->target->watches,
		.addrs = addr,
		.tls = conf->tls,
		.server_name = conf->target->server_name,
	};

	while (conf->addrs[addr_count] != NULL)
		addr_count++;
	addr[0] = conf->addrs[index % addr_count];
	m->herd = h;
	if (conf->identities != NULL) {
		m->identity = &conf->identities[index];
		client.tls = m->identity->tls;
	}
	m->client = rpc_client_new(&client, err);
	if (m->client == NULL)
		return err->code;
	return conf->target->start(m, err);
}

static void start_some(struct herd *h)
{
	struct err err;

	while (h->started < h->conf.count && h->started - h->live < STARTING_MAX) {
		if (start_member(h, &h->members[h->started], &err) != 0)
			console_say(h->conf.console, "{\"event\": \"error\", \"error\": \"%s\"}",
			            err.msg);
		h->started++;
	}
}

static void all_live(struct herd *h)
{
	if (h->complete)
		console_say(h->conf.console, "{\"event\": \"back\", \"seconds\": %.3f}",
		            seconds_since(h->lost_at));
	else
		console_say(h->conf.console, "{\"event\": \"live\", \"seconds\": %.3f}",
		            seconds_since(h->began));
	h->complete = true;
	h->lost_at = 0;
}

void herd_live(struct member *m, bool live)
{
	struct herd *h = m->herd;

	if (m->live == live)
		return;
	m->live = live;
	if (!live) {
		h->live--;
		if (h->lost_at == 0)
			h->lost_at = uv_hrtime();
		return;
	}
	if (++h->live == h->conf.count)
		all_live(h);
	start_some(h);
}

/* --- a put ----------------------------------------------------------------------------------- */

static void tell_when_seen(struct herd *h)
{
	if (h->commit_ms < 0 || h->seen.count < h->conf.count)
		return;
	console_say(h->conf.console,
	            "{\"event\": \"put\", \"commit_ms\": %.3f, \"median_ms\": %.3f, "
	            "\"last_ms\": %.3f}",
	            h->commit_ms, samples_at(&h->seen, 0.5), samples_at(&h->seen, 1));
	samples_clear(&h->seen);
	h->put_at = 0;
	timer_stop(h->patience);
}

static void on_patience_over(void *owner)
{
	struct herd *h = owner;

	console_say(h->conf.console,
	            "{\"event\": \"error\", \"error\": \"put: %zu of %zu have heard of it\"}",
	            h->seen.count, h->conf.count);
}

/* Each hears of each put once. */
void herd_saw(struct member *m, const char *name)
{
	struct herd *h = m->herd;

	if (h->put_at == 0 || m->seen == h->number || !str_eq(name, ROLE))
		return;
	m->seen = h->number; /* a watch that was opened anew may tell it twice */
	samples_add(&h->seen, seconds_since(h->put_at) * 1e3);
	tell_when_seen(h);
}

static void on_put(void *ctx, const void *response, const struct err *err)
{
	struct herd *h = ctx;

	(void)response;
	if (err != NULL)
		console_say(h->conf.console, "{\"event\": \"error\", \"error\": \"put: %s\"}",
		            err->msg);
	h->commit_ms = seconds_since(h->put_at) * 1e3;
	tell_when_seen(h);
}

void herd_put(struct herd *h)
{
	struct err err;

	h->put_at = uv_hrtime();
	h->commit_ms = -1;
	timer_once(h->patience, PATIENCE_MS);
	if (h->conf.target->put(h->conf.admin, ROLE, ++h->number, on_put, h, &err) != 0)
		console_say(h->conf.console, "{\"event\": \"error\", \"error\": \"put: %s\"}",
		            err.msg);
}

void herd_state(struct herd *h)
{
	console_say(h->conf.console, "{\"event\": \"state\", \"live\": %zu}", h->live);
}

/* --- open and close -------------------------------------------------------------------------- */

int herd_open(const struct herd_conf *conf, struct herd **out, struct err *err)
{
	struct herd *h = calloc(1, sizeof(*h));

	if (h != NULL) {
		h->members = calloc(conf->count, sizeof(*h->members));
		h->patience = timer_new(conf->loop, on_patience_over, h);
	}
	if (h == NULL || h->members == NULL || h->patience == NULL)
		return err_set_nomem(err);
	h->conf = *conf;
	h->began = uv_hrtime();
	start_some(h);
	*out = h;
	return 0;
}

static void free_when_empty(void *ctx)
{
	struct herd *h = ctx;

	if (--h->started > 0)
		return;
	samples_deinit(&h->seen);
	free(h->members);
	free(h);
}

void herd_close(struct herd *h)
{
	size_t count = h->started;

	timer_free(h->patience);
	for (size_t i = 0; i < count; i++) {
		h->conf.target->stop(&h->members[i]);
		rpc_client_close(h->members[i].client, free_when_empty, h);
	}
}
