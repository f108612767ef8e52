/*
 * leases - until when each host's record stays unless the host speaks up: keys with deadlines, in
 * memory only.
 *
 *   leases_put --> HELD --keep: a whole TTL again--> HELD
 *                    \--TTL over: leases_first_due--> ENDING --leases_remove--> gone
 *                                                       \--leases_put: announced anew--> HELD
 *
 * A keep-alive costs one look-up: the heap is ordered by when a lease has to be looked at, which a
 * keep-alive leaves as it is; a lease whose turn comes too early goes down to its true place then.
 * Times are monotonic milliseconds.
 */
#ifndef AUTHD_HOSTS_LEASES_H
#define AUTHD_HOSTS_LEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct leases;

struct lease {
	int64_t ttl_ms;
	int64_t deadline;
	int64_t told;      /* when others last heard of it through the keyspace */
	uint64_t revision; /* of the record */
	bool ending;       /* its record is being deleted: keeping comes too late */
	int64_t look;      /* place in the heap: never later than the deadline */
	size_t at;
	char key[];
};

struct leases *leases_new(void); /* NULL when memory runs out */
void leases_free(struct leases *l);
void leases_clear(struct leases *l); /* forgets all */

/* The record was written: its lease begins, or begins afresh. ERR_NOMEM. */
int leases_put(struct leases *l, const char *key, uint64_t revision, int64_t ttl_ms, int64_t now,
               struct err *err);
void leases_remove(struct leases *l, const char *key);

/* The host has spoken: a whole TTL again. NULL: no such lease, or it is ending. Borrowed. */
struct lease *leases_keep(struct leases *l, const char *key, int64_t now);

bool leases_has(const struct leases *l, const char *key);

/* All of them have a whole TTL again. */
void leases_restart(struct leases *l, int64_t now);

/* A lease that is over, and is ending now; NULL: none. Unless it is removed or put meanwhile it
 * is handed out again after `retry_ms`. */
const struct lease *leases_first_due(struct leases *l, int64_t now, int64_t retry_ms);

size_t leases_count(const struct leases *l);

#endif
