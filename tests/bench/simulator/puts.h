/*
 * puts - so many clients, each on a connection of its own, that put one role after the other, for
 * so long; each waits for the answer before it goes on.
 */
#ifndef SIMULATOR_PUTS_H
#define SIMULATOR_PUTS_H

#include <stddef.h>

#include <uv.h>

struct err;
struct target;
struct tls_conf;

struct puts_conf {
	uv_loop_t *loop;
	const struct target *target;
	const char *const *addrs; /* NULL-ended */
	struct tls_conf *tls;
	size_t clients;
	unsigned run_ms; /* counted from when all clients have put once */
};

/* Runs the loop until it is over; prints the outcome as one JSON object. */
int puts_run(const struct puts_conf *conf, struct err *err);

#endif
