/*
 * authd - the daemon's one struct, which every call's handler gets at by authd_of(call).
 *
 * Everything runs on one loop; the keyspace's writer and the pools of handshakes and password
 * hashes have threads of their own.
 */
#ifndef AUTHD_CORE_AUTHD_H
#define AUTHD_CORE_AUTHD_H

#include "authd/authorities/authorities.h"
#include "authd/core/conf.h"
#include "authd/core/event_bytes.h"
#include "authd/core/own.h"

#include <stdint.h>

#include <uv.h>

struct admission;
struct audit_log;
struct authd;
struct changes;
struct clock;
struct err;
struct follow;
struct keyspace;
struct leaves;
struct links;
struct orphans;
struct people;
struct rates;
struct presence;
struct recordings;
struct role_cache;
struct rpc_call;
struct rpc_server;
struct schedule;
struct semaphores;
struct shifts;
struct tls_port;

struct authd {
	uv_loop_t *loop;
	const struct clock *clock;
	struct authd_conf conf;
	struct keyspace *keyspace;
	struct authorities authorities;
	struct own own; /* id and key as a host of the cluster */
	struct rpc_server *server;
	unsigned anonymous; /* connections without a certificate, open now */
	struct tls_port *tls_port;
	struct role_cache *role_sets;   /* of callers; forgotten when a role changes */
	struct changes *changes;        /* what authd itself watches: roles and locks */
	struct orphans *orphans;        /* sessions whose node is gone */
	struct semaphores *semaphores;  /* what nodes have open for limited users */
	struct presence *presence;      /* leases of hosts' records */
	struct rates *rates;            /* of calls, by caller */
	struct admission *joins;        /* joins and renewals that are under way */
	struct people *people;          /* pools of threads and gates of the calls about people */
	struct shifts *lists;           /* lists of resources that are being made */
	struct event_bytes event_bytes; /* of the change that watches send now */
	struct audit_log *audit;
	struct recordings *recordings;
	struct schedule *schedule; /* of automatic rotations */
	struct follow *follow;     /* of the authorities, whoever changes them */
	struct links *links;       /* with the clusters that we trust */
	struct leaves *leaves;     /* those that trust us, and are there */
};

/* The daemon that a call was made to. */
struct authd *authd_of(const struct rpc_call *call);

/* Wall time in milliseconds since 1970. */
int64_t authd_now(const struct authd *a);

#endif
