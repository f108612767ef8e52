/*
 * semaphores - how many of something are open at once in the whole cluster: leases that nodes take,
 * renew and give back, counted by name. "connection/alice" counts alice's SSH connections.
 *
 * In memory. A lease that is not renewed within its TTL is gone, so what a node that died held
 * comes free by itself. After a start of authd the table is empty until the nodes, which renew as
 * soon as they are connected again, have told what they hold: renewing is always granted, for what
 * it counts is open already. Times are monotonic milliseconds.
 */
#ifndef AUTHD_HOSTS_SEMAPHORES_H
#define AUTHD_HOSTS_SEMAPHORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct semaphores;

struct semaphores *semaphores_new(void); /* NULL when memory runs out */
void semaphores_free(struct semaphores *s);

/* Whose lease, on what; borrowed. */
struct semaphore_lease {
	const char *name;
	const char *id;
	const char *holder; /* the host */
};

#define SEMAPHORE_LEASES_MAX 200000 /* in all */

/* Takes a lease unless `max` are out, or renews it; `held` says that what it counts is open
 * already. ERR_LIMIT: so many are out, ERR_DENIED: it is another host's, ERR_NOMEM. */
int semaphores_acquire(struct semaphores *s, const struct semaphore_lease *lease, int64_t max,
                       bool held, int64_t ttl_ms, int64_t now, struct err *err);

/* Gives it back; one that is not there, or another host's, is left alone. */
void semaphores_release(struct semaphores *s, const struct semaphore_lease *lease);

/* How many are out. */
size_t semaphores_count(struct semaphores *s, const char *name, int64_t now);

#endif
