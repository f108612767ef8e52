/*
 * recent - when something last changed under "/nodes/", "/roles/" and each other first part of the
 * keys: who goes on behind a revision need not read the change log when nothing of theirs is in it.
 *
 * It errs on the safe side: what it cannot tell, it calls changed.
 */
#ifndef STORE_RECENT_H
#define STORE_RECENT_H

#include <stdint.h>

struct recent;

struct recent *recent_new(void); /* NULL when memory runs out */
void recent_free(struct recent *r);

/* The key has changed; revisions come in their order. */
void recent_note(struct recent *r, const char *key, uint64_t revision);

/* The newest revision in which a key that begins so may have changed; 0: in none that was noted. */
uint64_t recent_of(const struct recent *r, const char *prefix);

#endif
