/*
 * link - the connection with one root's authd: see links.h.
 */
#ifndef AUTHD_TRUST_LINK_H
#define AUTHD_TRUST_LINK_H

#include "proto/cluster.pb.h"

struct authd;
struct err;
struct link;

/* For an enabled trusted_cluster. */
int link_open(struct authd *a, const pv_TrustedCluster *with, struct link **out, struct err *err);
void link_close(struct link *l); /* NULL allowed */

/* The root's name, and the proxy that the link was opened for. */
const char *link_name(const struct link *l);

/* As links_reload(). */
void link_reload(struct link *l);

#endif
