/*
 * strlist - a growing list of strings that it owns.
 *
 * { 0 } is an empty list. The members may be handed to whoever wants a char ** with a
 * count, as nanopb's messages do.
 */
#ifndef BASE_STRLIST_H
#define BASE_STRLIST_H

#include <stdbool.h>
#include <stddef.h>

struct err;

struct strlist {
	char **items;
	size_t count;
	size_t cap;
};

void strlist_deinit(struct strlist *l); /* the list is empty then and may be used again */

/* Appends a copy. ERR_NOMEM. */
int strlist_add(struct strlist *l, const char *s, struct err *err);

/* Appends a copy unless the list holds it already. ERR_NOMEM. */
int strlist_add_new(struct strlist *l, const char *s, struct err *err);

/* Appends `take_s` itself (malloc'ed); frees it on failure. NULL is ERR_NOMEM. */
int strlist_take(struct strlist *l, char *take_s, struct err *err);

bool strlist_has(const struct strlist *l, const char *s);
void strlist_remove(struct strlist *l, const char *s); /* every occurrence */
void strlist_sort(struct strlist *l);                  /* by bytes */

/* Whether a plain array of strings holds `s`. */
bool str_in(const char *s, char *const *items, size_t count);

#endif
