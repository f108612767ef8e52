#include "tests/bench/simulator/puts.h"

#include "tests/bench/simulator/samples.h"
#include "tests/bench/simulator/target.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

/* WARMING (some client has not put yet) --> COUNTING (for run_ms) --> ENDING (answers are due) */
enum state { WARMING, COUNTING, ENDING };

struct puts;

struct putter {
	struct puts *puts;
	struct rpc_client *client;
	char name[32];
	unsigned number;
	uint64_t began;
};

struct puts {
	const struct puts_conf *conf;
	struct putter *putters;
	enum state state;
	size_t warm;
	size_t under_way;
	uint64_t began, ended;
	struct samples us; /* of each put */
	struct err err;
};

static void put_next(struct putter *p);

static void fail(struct puts *all, const struct err *err)
{
	if (all->err.code == 0)
		all->err = *err;
	all->state = ENDING;
}

static void count(struct putter *p)
{
	struct puts *all = p->puts;
	uint64_t now = uv_hrtime();

	if (p->number == 1 && ++all->warm == all->conf->clients && all->state == WARMING) {
		all->state = COUNTING;
		all->began = now;
		return;
	}
	if (all->state != COUNTING)
		return;
	samples_add(&all->us, (double)(now - p->began) / 1e3);
	all->ended = now;
	if (now - all->began >= (uint64_t)all->conf->run_ms * 1000000)
		all->state = ENDING;
}

static void on_put(void *ctx, const void *response, const struct err *err)
{
	struct putter *p = ctx;

	(void)response;
	p->puts->under_way--;
	if (err != NULL)
		fail(p->puts, err);
	else
		count(p);
	if (p->puts->state != ENDING)
		put_next(p);
}

static void put_next(struct putter *p)
{
	struct puts *all = p->puts;
	struct err err;

	p->began = uv_hrtime();
	if (all->conf->target->put(p->client, p->name, p->number++, on_put, p, &err) == 0)
		all->under_way++;
	else
		fail(all, &err);
}

static int open_clients(struct puts *all, struct err *err)
{
	const struct puts_conf *conf = all->conf;
	const struct rpc_client_conf client = {
		.loop = conf->loop,
		.service = conf->target->puts,
		.addrs = conf->addrs,
		.tls = conf->tls,
		.server_name = conf->target->server_name,
	};

	for (size_t i = 0; i < conf->clients; i++) {
		struct putter *p = &all->putters[i];

		p->puts = all;
		snprintf(p->name, sizeof(p->name), "bench-%zu", i);
		p->client = rpc_client_new(&client, err);
		if (p->client == NULL)
			return err->code;
		put_next(p);
	}
	return 0;
}

static void show(struct puts *all)
{
	double seconds = (double)(all->ended - all->began) / 1e9;

	printf("{\"puts\": %zu, \"seconds\": %.3f, \"per_s\": %.1f, \"p50_us\": %.0f, "
	       "\"p99_us\": %.0f}\n",
	       all->us.count, seconds, (double)all->us.count / seconds, samples_at(&all->us, 0.5),
	       samples_at(&all->us, 0.99));
}

int puts_run(const struct puts_conf *conf, struct err *err)
{
	struct puts all = { .conf = conf };
	int rc;

	all.putters = calloc(conf->clients, sizeof(*all.putters));
	if (all.putters == NULL)
		return err_set_nomem(err);
	rc = open_clients(&all, err);
	while (rc == 0 && all.under_way > 0)
		uv_run(conf->loop, UV_RUN_ONCE);
	for (size_t i = 0; i < conf->clients; i++)
		rpc_client_close(all.putters[i].client, NULL, NULL);
	uv_run(conf->loop, UV_RUN_DEFAULT);
	if (rc == 0 && all.err.code != 0)
		rc = err_copy(err, &all.err);
	if (rc == 0)
		show(&all);
	samples_deinit(&all.us);
	free(all.putters);
	return rc;
}
