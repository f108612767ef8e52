/*
 * herd - thousands of members (target.h) in one process, and what they see of a put.
 *
 * Members are let loose some at a time, as machines are that start; when the server goes away each
 * comes back by its own jittered back-off, all at once if they like. Told on the console:
 *
 *   {"event": "live", "seconds": ...}   all watch, for the first time
 *   {"event": "back", "seconds": ...}   all watch again; since the first of them lost its watch
 *   {"event": "put", "commit_ms": ..., "median_ms": ..., "last_ms": ...}   after herd_put()
 */
#ifndef SIMULATOR_HERD_H
#define SIMULATOR_HERD_H

#include <stddef.h>

#include <uv.h>

struct console;
struct err;
struct herd;
struct identity;
struct rpc_client;
struct target;
struct tls_conf;

/* All borrowed for the herd's life. */
struct herd_conf {
	uv_loop_t *loop;
	struct console *console;
	const struct target *target;
	const char *const *addrs; /* of the server, NULL-ended; each member has one of them */
	size_t count;
	struct identity *identities; /* one each; NULL: all show `tls` */
	struct tls_conf *tls;
	struct rpc_client *admin; /* who puts */
};

int herd_open(const struct herd_conf *conf, struct herd **out, struct err *err);

/* Members let go of their connections as the loop runs on. */
void herd_close(struct herd *h);

/* A role is put; the outcome is told when the last member has heard of it. One at a time. */
void herd_put(struct herd *h);

/* Tells {"event": "state", "live": ...}: how many watch now. */
void herd_state(struct herd *h);

#endif
