/*
 * suggest - "did you mean": the nearest of the names that would have been right.
 *
 *   struct suggest s;
 *   suggest_init(&s, "login");
 *   suggest_offer(&s, "logins");
 *   s.best is "logins", or NULL when nothing offered was near.
 */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include <stddef.h>

struct suggest {
	const char *wrong;
	const char *best; /* borrowed from suggest_offer() */
	size_t distance;  /* of best; candidates must be nearer */
};

void suggest_init(struct suggest *s, const char *wrong);
void suggest_offer(struct suggest *s, const char *name);

#endif
