/*
 * remove - take resources away, and say so.
 */
#ifndef TCTL_REMOVE_H
#define TCTL_REMOVE_H

struct err;
struct tctl;

/* One resource; `sub_kind` may be NULL. Prints `user "x" has been deleted`. */
int remove_one(struct tctl *t, const char *kind, const char *sub_kind, const char *name,
               struct err *err);

/* Words that are names or several between commas, one after the other until one fails. */
int remove_names(struct tctl *t, const char *kind, int count, char **words, struct err *err);

#endif
