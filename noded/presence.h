/*
 * presence - the record by which the cluster knows this node: address, version, static labels and
 * those that commands print. The host (daemon/host.h) announces it, at once when it changes.
 *
 * A command that fails leaves the label as it was. Never do two runs of one command overlap.
 */
#ifndef NODED_PRESENCE_H
#define NODED_PRESENCE_H

#include "model/label.h"

#include <stdbool.h>

struct err;
struct noded;
struct presence;

/* Starts the commands. ERR_NOMEM only. */
int presence_open(struct noded *n, struct presence **out, struct err *err);
void presence_close(struct presence *p);

/* Fills the empty record with the node's own part. */
int presence_record(const struct presence *p, pv_Node *out, struct err *err);

/* Our labels as they are now, for the policy; borrowed until the loop runs again. */
const struct label_set *presence_labels(const struct presence *p);

/* Each command has been tried once. Before that the labels are not whole, and a role that denies
 * by one of them would not. */
bool presence_labels_known(const struct presence *p);

#endif
