/*
 * people - what the calls about people and hosts share: the pools in which passwords are
 * hashed and certificates signed, and gates that bound how many logins of one user name, or
 * from one address, are judged at once.
 */
#ifndef AUTHD_PEOPLE_H
#define AUTHD_PEOPLE_H

#include "base/list.h"
#include "loop/work.h"

#include <stdbool.h>

struct authd;
struct authority;
struct certify;
struct err;
struct map;

struct people {
	struct work_pool *passwords; /* argon2id: each takes 32 MB and a tenth of a second */
	struct work_pool *signers;
	struct map *gates; /* name -> struct gate, as long as somebody is there */
};

int people_open(struct authd *a, struct err *err); /* fills a->people */

/* Ends the pools; what is under way in them is cancelled as the loop runs on. */
void people_stop(struct authd *a);

/* Legal when no operation is left: after the loop, and after keyspace_close(). */
void people_close(struct authd *a);

/* Start work in a pool. ERR_LIMIT: too much waits; ERR_CANCELED: authd stops. */
int people_hash(struct authd *a, struct work *w, work_run run, work_done done, struct err *err);
int people_certify(struct authd *a, struct certify *c, struct authority *ca, struct err *err);

/* Somebody at a gate. Embed it. */
struct gate_guest {
	struct list link;
	struct gate *gate;
	void (*enter)(struct gate_guest *g); /* it may go in now */
	bool inside;
};

/*
 * Queues up; `enter` is called at once or later, as soon as fewer than `room` are inside.
 * ERR_LIMIT: too many wait at this gate. Once inside, gate_leave() must
 * follow, with the room that there is by then.
 */
int gate_arrive(struct people *p, struct gate_guest *g, const char *name, unsigned room,
                struct err *err);
void gate_leave(struct people *p, struct gate_guest *g, unsigned room);

#endif
