/*
 * presence - the record by which the cluster knows this node: address, version, static labels and
 * those that commands print; announced at once when it changes, and before its TTL ends.
 */
#ifndef NODED_PRESENCE_H
#define NODED_PRESENCE_H

#include "model/label.h"

struct err;
struct noded;
struct presence;

int presence_open(struct noded *n, struct presence **out, struct err *err);
void presence_close(struct presence *p);

/* The connection to authd stands: announces at once. */
void presence_kick(struct presence *p);

/* Our labels as they are now, for the policy; borrowed until the loop runs again. */
const struct label_set *presence_labels(const struct presence *p);

#endif
