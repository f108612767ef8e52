/*
 * host_inside - what the files of the host share.
 *
 *   host.c         membership, the connection, the record
 *   host_renew.c   certificates: when they are due, asking for new ones
 *   host_follow.c  authorities: what changes with them, what of it the record reports
 */
#ifndef DAEMON_HOST_INSIDE_H
#define DAEMON_HOST_INSIDE_H

#include "daemon/host.h"
#include "model/rotation.h"

#include <stdbool.h>

struct heartbeat;
struct renewal;
struct rpc_stream;
struct timer;

/* How far the host has followed one authority: as its record says it. */
struct reached {
	char id[64];
	enum rotation_phase phase;
};

struct host {
	struct host_conf conf;
	struct credentials creds;
	struct rpc_client *client;
	struct timer *renew;
	struct renewal *renewing;    /* NULL: none */
	int64_t unfit_due;           /* when to renew because of a rotation, wall ms; 0: no need */
	struct heartbeat *heartbeat; /* NULL: no record */
	int64_t skew_ms;

	struct reached user;
	struct reached host;
	struct timer *report;     /* the record is announced with them */
	struct timer *poll;       /* of the authorities, should an event be missed */
	struct rpc_stream *asked; /* a poll under way; NULL: none */
	struct host **asking;     /* what it comes back by; holds NULL once the host is gone */
};

/* New certificates or authorities: what comes from them is made anew. `renewed`: the connection to
 * authd is to be another, too. */
void host_changed(struct host *h, bool renewed);

/* --- host_renew.c --- */

int host_renew_start(struct host *h, struct err *err);
void host_renew_stop(struct host *h);

/* The certificates or the authorities are others now: when is the next renewal due? */
void host_renew_plan(struct host *h);

/* --- host_follow.c --- */

int host_follow_start(struct host *h, struct err *err);
void host_follow_stop(struct host *h);

/* Notes how far we have come; a change is announced within the rotation's spread. */
void host_follow_note(struct host *h);

/* Adds it to the record. */
int host_follow_report(const struct host *h, pv_NodeSpec *out, struct err *err);

#endif
