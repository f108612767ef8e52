/*
 * ended - records of sessions that are over, kept as files until authd has them. A kill loses none
 * at once, a power failure none a moment later, when a thread has synced them.
 *
 *   IDLE --a record waits--> SENDING --taken or refused for good: file removed--> IDLE (the next)
 *                                \--failed--> IDLE, tried again by timer or kick
 */
#ifndef DAEMON_ENDED_H
#define DAEMON_ENDED_H

#include "proto/auth.pb.h"

#include <uv.h>

struct cache;
struct ended;
struct err;
struct host;

/* <data_dir>/ended; what lies there from before is sent too. `host` has the connection to authd;
 * whether `cache` is live tells a denial of a record from one of this host. */
int ended_open(uv_loop_t *loop, struct host *host, const struct cache *cache, const char *data_dir,
               struct ended **out, struct err *err);
void ended_close(struct ended *e); /* NULL allowed */

/* One more, named after its session; the request is copied. On failure nothing is kept. */
int ended_put(struct ended *e, const pv_PutSessionRequest *request, struct err *err);

/* The connection to authd stands again. */
void ended_kick(struct ended *e);

#endif
