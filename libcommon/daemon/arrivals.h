/*
 * arrivals - connections of a TLS port from accept until they are secure.
 *
 *   accept --> first bytes --"POSTERN1"--> preface of a proxy, verified --> WAITING
 *                   \-----TLS-----------------------------------------------^   |
 *                                      its turn (loop/admission.h): SHAKING  <--'
 *                                        handshake in the pool --> on_secure()
 *
 * So a storm of clients costs memory for a few hundred handshakes, not for all of them, and an
 * address that sends very many keeps no other one out. A client counts for the address that its
 * proxy has told. Who cannot be taken, or waits too long, is cut and comes again.
 */
#ifndef DAEMON_ARRIVALS_H
#define DAEMON_ARRIVALS_H

#include "daemon/forwarded.h"

#include <stdint.h>

#include <uv.h>

struct arrivals;
struct stream;
struct tls_conf;

struct arrivals_conf {
	uv_loop_t *loop;
	struct forwarded_conf forwarded; /* whose prefaces are believed */
	unsigned guests;                 /* at once, until they are secure */
	void *ctx;
	/* The handshake is complete: to be attached by somebody else before this returns. `client`
	 * is whom a proxy told; NULL: there is none in between. */
	void (*on_secure)(void *ctx, struct stream *take_stream,
	                  const struct forwarded_client *client);
};

/* NULL when memory runs out. */
struct arrivals *arrivals_new(const struct arrivals_conf *conf);

/* Drops those that are under way. NULL allowed. */
void arrivals_free(struct arrivals *all);

/* The configuration of handshakes that begin from now on; a reference is kept. */
void arrivals_set_conf(struct arrivals *all, struct tls_conf *conf);

void arrivals_take(struct arrivals *all, struct stream *take_stream);

/* For the metrics; all but `waiting` count from the start on. */
struct arrivals_figures {
	unsigned waiting;  /* for their handshake, now */
	uint64_t cut;      /* for want of room */
	uint64_t verified; /* handshakes with all their mathematics */
	uint64_t resumed;  /* by a ticket */
};
struct arrivals_figures arrivals_figures(const struct arrivals *all);

#endif
