/*
 * presence - which hosts are there: a lease in memory for each record of a node, a proxy or a
 * kubeproxyd, and the end of those whose host has fallen silent.
 *
 *   announce.c     a host's record is written, when it differs from what is stored
 *   keep_alive.c   a host speaks up: presence_keep(), which costs no commit
 *   here           follows the records in the keyspace, ends leases that are over
 *
 * Of several authd on one keyspace the one that leads (keyspace_leads) deletes; the others tell it
 * what they have heard by writing the record's key anew, a few times per TTL. Whoever begins to
 * lead gives every lease its whole TTL, for it cannot know what was said before.
 */
#ifndef AUTHD_HOSTS_PRESENCE_H
#define AUTHD_HOSTS_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct authd;
struct err;
struct presence;

/* Takes up all records that are stored. While this authd leads, `gone` (may be NULL) is told when
 * records have gone, and once when it begins to lead, for those that went before. */
int presence_open(struct authd *a, void (*gone)(struct authd *a), struct presence **out,
                  struct err *err);
void presence_close(struct presence *p);

/* The host of the record at `key` has spoken. False: there is no such record, or it is just being
 * deleted; it is to be announced. *out_ttl_ms is the lease's. */
bool presence_keep(struct presence *p, const char *key, int64_t *out_ttl_ms);

/* Whether there is a record at `key`, as far as presence has followed the keyspace. */
bool presence_has(const struct presence *p, const char *key);

size_t presence_count(const struct presence *p);

/* Signs of life that were taken, since the start. */
uint64_t presence_kept(const struct presence *p);

#endif
