/*
 * arrivals - connections from accept until the rpc server has them.
 *
 *   accept --> first bytes --"POSTERN1"--> preface of a proxy, verified --> WAITING
 *                   \-----TLS-----------------------------------------------^   |
 *                                      its turn (loop/admission.h): SHAKING  <--'
 *                                        handshake in the pool --> rpc_server_attach()
 *
 * So a storm of clients costs memory for a few hundred handshakes, not for all of them, and an
 * address that sends very many keeps no other one out. A client counts for the address that its
 * proxy has told. Who cannot be taken, or waits too long, is cut and comes again.
 */
#ifndef AUTHD_PORTS_ARRIVALS_H
#define AUTHD_PORTS_ARRIVALS_H

#include <stdint.h>

struct arrivals;
struct authd;
struct err;
struct stream;
struct tls_conf;

/* Connections go to a->server. NULL when memory runs out. */
struct arrivals *arrivals_new(struct authd *a);

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
