/* orders - what an administrator asks of a live session through its record at authd: its end. */
#ifndef NODED_ORDERS_H
#define NODED_ORDERS_H

#include "proto/resource.pb.h"

struct noded;

/* A session's record came or changed. Those of other nodes are not ours to act on. */
void orders_take(struct noded *n, const pv_Session *record);

#endif
