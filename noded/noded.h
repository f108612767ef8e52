/*
 * noded - the unprivileged heart of a node: what its parts share. Made in main(), passed down.
 *
 *   port --> conn --> root_client (noded-root starts sshd)
 *   questions --> policy --> session
 *   recheck: roles, locks, certificates changed or expired --> conn, session end
 *   report, upload, presence: what authd hears;  join: who looks on
 */
#ifndef NODED_NODED_H
#define NODED_NODED_H

#include "noded/conf.h"

#include "base/list.h"

#include <uv.h>

struct audit_queue;
struct cache;
struct clock;
struct conns;
struct daemon;
struct diag;
struct ended;
struct events;
struct host;
struct host_orders;
struct join_port;
struct limits;
struct port;
struct preface_seen;
struct presence;
struct questions;
struct quick;
struct recheck;
struct root_client;
struct sessions;
struct sshd_log;
struct strangers;
struct tunnel_file;
struct upload;
struct work_pool;

struct noded {
	struct noded_conf conf;
	const struct clock *clock;
	uv_loop_t *loop;
	struct daemon *daemon;
	struct diag *diag;
	struct host *host;   /* membership, the connection to authd */
	struct cache *cache; /* roles, locks, authorities, our own sessions' orders */
	char denied[256];    /* why authd will not have this node (a lock on it); "": it will */
	bool current;        /* the watch is up */
	int64_t heard;       /* monotonic ms: when the watch was lost; 0: it never was up */
	struct work_pool *handshakes;
	struct preface_seen *prefaces;

	/* the gate: who gets in */
	struct port *port;
	struct quick *quick;       /* prompt acknowledgements for young connections */
	struct conns *conns;       /* SSH connections, authenticated or not */
	struct sessions *sessions; /* what runs on them */
	struct root_client *root;
	struct questions *questions;
	struct sshd_log *sshd_log;
	struct strangers *strangers;
	struct recheck *recheck;
	struct limits *limits;
	struct host_orders *orders;

	/* the report: what authd hears */
	struct audit_queue *audit;
	struct ended *ended;
	struct events *events;
	struct upload *upload;
	struct presence *presence;
	struct tunnel_file *tunnel;
	struct join_port *joins;
};

#endif
