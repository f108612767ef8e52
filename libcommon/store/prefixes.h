/*
 * prefixes - who is interested in which keys: an index from prefixes to subscribers.
 *
 * Finding all subscribers of a key costs one look-up per distinct length that the prefixes
 * have, however many subscribers there are.
 */
#ifndef STORE_PREFIXES_H
#define STORE_PREFIXES_H

#include "base/list.h"

#include <stddef.h>

struct err;
struct prefixes;

/* One prefix of one subscriber; embedded in an array of the subscriber's. */
struct prefix {
	struct list link; /* with others of the same prefix */
	char *text;       /* owned by whoever owns the struct */
	void *subscriber;
};

struct prefixes *prefixes_new(void); /* NULL when memory runs out */
void prefixes_free(struct prefixes *index);

/* Borrows `p` until prefixes_remove(). ERR_NOMEM. */
int prefixes_add(struct prefixes *index, struct prefix *p, struct err *err);

/* Legal on one that was never added. */
void prefixes_remove(struct prefixes *index, struct prefix *p);

/* Calls fn for each prefix that `key` begins with; fn may remove the one it is called with. Returns
 * how many look-ups that took. */
size_t prefixes_match(struct prefixes *index, const char *key,
                      void (*fn)(void *arg, struct prefix *p), void *arg);

#endif
