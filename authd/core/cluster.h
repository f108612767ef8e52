/*
 * cluster - what makes a keyspace a cluster: its name, its authorities, authd's own key and the
 * preset roles. The first start makes them; later starts find them.
 *
 * The name is kept with the rest: a keyspace is never served under another cluster's name.
 */
#ifndef AUTHD_CORE_CLUSTER_H
#define AUTHD_CORE_CLUSTER_H

struct authd;
struct err;

/* Fills a->authorities and a->own. Waits for the keyspace: for start-up. *out_created tells whether
 * this was the first start. */
int cluster_open(struct authd *a, int *out_created, struct err *err);
void cluster_close(struct authd *a);

/* Can it be a cluster's name? ERR_INVALID: it is no DNS name in lower case, or too long. */
int cluster_check_name(const char *name, struct err *err);

#endif
