/*
 * swarm - many agents in one process, each with tunneld's own pool, and what they do together.
 *
 *   COMING --each has a tunnel to each proxy: "held"--> HELD
 *   swarm_lost() --> LOSING --each lacks one: "lost"--> LOST
 *   swarm_back() --> RETURNING --each has all again: "back"--> HELD
 */
#ifndef AGENTS_SWARM_H
#define AGENTS_SWARM_H

#include "conf/conf.h"

#include <uv.h>

struct console;
struct err;
struct swarm;
struct identity;

/* Borrowed for the swarm's life. */
struct swarm_conf {
	uv_loop_t *loop;
	struct console *console; /* hears of it */
	const struct identity *identities;
	size_t count;
	const struct conf_list *proxies; /* "host:port" of each */
	const char *cluster;
};

int swarm_open(const struct swarm_conf *conf, struct swarm **out, struct err *err);
void swarm_close(struct swarm *f); /* run the loop once more afterwards */

void swarm_lost(struct swarm *f); /* a proxy is gone */
void swarm_back(struct swarm *f); /* it serves again, from now on */

#endif
