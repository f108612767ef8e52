#include "tests/bench/agents/swarm.h"

#include "tests/bench/simulator/console.h"
#include "tests/bench/simulator/identity.h"
#include "tests/bench/simulator/samples.h"

#include "base/clock.h"
#include "base/err.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "tunneld/pool.h"
#include "tunneld/services.h"

#include <stdlib.h>

#define LOOK_MS            10
#define HANDSHAKES_AT_ONCE 2
#define TIMEOUT_MS         30000
#define BEAT_MS            15000
#define CHANNELS           256

enum state { COMING, HELD, LOSING, LOST, RETURNING };

struct swarm {
	struct swarm_conf conf;
	enum state state;
	struct work_pool *handshakes;
	struct services *services;
	struct pool **pools;
	bool *whole; /* RETURNING: has been seen with all its tunnels */
	uint64_t began;
	struct samples back; /* seconds */
	struct timer *look;
};

static double seconds_since(uint64_t then)
{
	return (double)(uv_hrtime() - then) / 1e9;
}

static size_t tunnels(const struct swarm *f)
{
	size_t sum = 0;

	for (size_t i = 0; i < f->conf.count; i++)
		sum += pool_tunnels(f->pools[i]);
	return sum;
}

/* --- what is looked for ----------------------------------------------------------------------- */

static void look_whether_held(struct swarm *f)
{
	if (tunnels(f) < f->conf.count * f->conf.proxies->count)
		return;
	f->state = HELD;
	console_say(f->conf.console, "{\"event\": \"held\", \"seconds\": %.3f}",
	            seconds_since(f->began));
}

static void look_whether_lost(struct swarm *f)
{
	if (tunnels(f) > f->conf.count * (f->conf.proxies->count - 1))
		return;
	f->state = LOST;
	console_say(f->conf.console, "{\"event\": \"lost\"}");
}

static void look_who_is_back(struct swarm *f)
{
	for (size_t i = 0; i < f->conf.count; i++) {
		if (f->whole[i] || pool_tunnels(f->pools[i]) < f->conf.proxies->count)
			continue;
		f->whole[i] = true;
		samples_add(&f->back, seconds_since(f->began));
	}
	if (f->back.count < f->conf.count)
		return;
	f->state = HELD;
	console_say(f->conf.console,
	            "{\"event\": \"back\", \"first\": %.3f, \"median\": %.3f, \"last\": %.3f}",
	            samples_at(&f->back, 0), samples_at(&f->back, 0.5), samples_at(&f->back, 1));
}

static void on_look(void *owner)
{
	struct swarm *f = owner;

	if (f->state == COMING)
		look_whether_held(f);
	else if (f->state == LOSING)
		look_whether_lost(f);
	else if (f->state == RETURNING)
		look_who_is_back(f);
}

void swarm_lost(struct swarm *f)
{
	f->state = LOSING;
}

void swarm_back(struct swarm *f)
{
	for (size_t i = 0; i < f->conf.count; i++)
		f->whole[i] = false;
	samples_clear(&f->back);
	f->began = uv_hrtime();
	f->state = RETURNING;
}

/* --- open and close --------------------------------------------------------------------------- */

static int open_pools(struct swarm *f, struct err *err)
{
	const struct pool_conf pool = {
		.loop = f->conf.loop,
		.clock = clock_system(),
		.cluster = f->conf.cluster,
		.addrs = f->conf.proxies,
		.handshakes = f->handshakes,
		.services = f->services,
		.timeout_ms = TIMEOUT_MS,
		.beat_ms = BEAT_MS,
		.channels_max = CHANNELS,
	};

	for (size_t i = 0; i < f->conf.count; i++)
		if (pool_open(&pool, f->conf.identities[i].tls, &f->pools[i], err) != 0)
			return err->code;
	return 0;
}

int swarm_open(const struct swarm_conf *conf, struct swarm **out, struct err *err)
{
	static const struct service none[] = { { 0 } };
	static const struct conf_list nothing = { 0 };
	const struct services_conf services = { .loop = conf->loop,
		                                .named = none,
		                                .allow = &nothing };
	struct swarm *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return err_set_nomem(err);
	f->conf = *conf;
	f->pools = calloc(conf->count, sizeof(struct pool *));
	f->whole = calloc(conf->count, sizeof(bool));
	f->services = services_new(&services);
	f->look = timer_new(conf->loop, on_look, f);
	f->handshakes = work_pool_new(conf->loop, HANDSHAKES_AT_ONCE,
	                              (unsigned)(conf->count * (conf->proxies->count + 1)));
	if (f->pools == NULL || f->whole == NULL || f->services == NULL || f->look == NULL ||
	    f->handshakes == NULL)
		return err_set_nomem(err);
	f->began = uv_hrtime();
	timer_every(f->look, LOOK_MS);
	*out = f;
	return open_pools(f, err);
}

void swarm_close(struct swarm *f)
{
	timer_free(f->look);
	for (size_t i = 0; i < f->conf.count; i++)
		pool_close(f->pools[i]);
	services_free(f->services);
	work_pool_free(f->handshakes);
	samples_deinit(&f->back);
	free(f->pools);
	free(f->whole);
	free(f);
}
