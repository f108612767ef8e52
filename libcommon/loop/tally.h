/*
 * tally - counts what peers hold, in all and per network address, against two bounds.
 *
 * Counted by references: it lives until its maker and the last entry have gone.
 */
#ifndef LOOP_TALLY_H
#define LOOP_TALLY_H

#include <sys/socket.h>

struct err;
struct tally;
struct tally_entry;

/* max_per_addr 0: no own bound; it holds for IP addresses only (IPv6: one /64). NULL when memory
 * runs out. */
struct tally *tally_new(unsigned max, unsigned max_per_addr);
void tally_unref(struct tally *t); /* NULL allowed */

/* ERR_LIMIT: a bound is reached. *out is for tally_remove(). */
int tally_add(struct tally *t, const struct sockaddr *from, struct tally_entry **out,
              struct err *err);

/* Takes back one tally_add(). A void pointer so that it can be a hook; NULL allowed. */
void tally_remove(void *entry);

unsigned tally_count(const struct tally *t);

#endif
