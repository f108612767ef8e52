/*
 * kubeproxyd - Kubernetes access: what its parts share. Made in main(), passed down.
 *
 *   port --> visit (who is there) --> exchange --> upstream: the API server
 *                                        \--exec, attach, portforward--> channels --> upstream
 */
#ifndef KUBEPROXYD_CORE_KUBEPROXYD_H
#define KUBEPROXYD_CORE_KUBEPROXYD_H

#include "base/list.h"
#include "base/strlist.h"
#include "kubeproxyd/core/conf.h"
#include "model/label.h"

#include <stdbool.h>

#include <uv.h>

struct cache;
struct clock;
struct daemon;
struct diag;
struct guards;
struct host;
struct port;
struct preflight;
struct sessions;
struct talks;
struct upstream;
struct work_pool;

struct kubeproxyd {
	struct kubeproxyd_conf conf;
	const struct clock *clock;
	uv_loop_t *loop;
	struct daemon *daemon;
	struct diag *diag;
	struct host *host;    /* membership, the connection to authd */
	struct strlist names; /* of Kubernetes clusters, for our certificate */
	struct cache *cache;  /* roles, locks, authorities, settings */
	char denied[256];     /* why authd will not have this host (a lock on it); "": it will */
	bool current;         /* the watch is up */
	int64_t heard;        /* monotonic ms: when the watch was lost; 0: it never was up */
	struct label *label_items;
	struct label_set labels; /* of the Kubernetes cluster */
	struct work_pool *handshakes;
	struct upstream *upstream;   /* the API server */
	struct preflight *preflight; /* whether it lets us impersonate */
	struct guards *guards;       /* what is under way, and may have to end */
	struct port *port;
	struct sessions *sessions; /* their records, recordings and events */
	struct talks *talks;       /* exec, attach, portforward */
	struct list fronts;        /* struct front: clients' connections */
	struct list exchanges;     /* struct exchange */
	struct list joins;         /* struct join */
	unsigned requests;         /* exchanges under way */
	bool stopping;
};

#endif
