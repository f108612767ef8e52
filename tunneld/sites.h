/*
 * sites - tunnels to the proxies of the clusters that ours trusts, as its reverse_tunnel resources
 * name them: one pool for each, which lets those proxies reach our own cluster's proxy and nothing
 * else.
 */
#ifndef TUNNELD_SITES_H
#define TUNNELD_SITES_H

#include "proto/resource.pb.h"

struct buf;
struct err;
struct sites;
struct tunneld;

int sites_open(struct tunneld *t, struct sites **out, struct err *err);

/* Ends their tunnels; run the loop once more afterwards. NULL allowed. */
void sites_close(struct sites *s);

/* Whatever the cache tells; s may be NULL: sites_open() reads what is there. */
void sites_changed(struct sites *s, const char *key, const pv_Resource *now);

/* Our certificates, or authorities, are others now. NULL allowed. */
void sites_reload(struct sites *s);

void sites_metrics(const struct sites *s, struct buf *out);

#endif
