/*
 * events - hands the change log's events to watches, each with prefixes and a bounded queue.
 *
 * For keyspace.c only. The change log is the only source: keyspace.c reads what is new in it and
 * pushes it here. A watch that begins in the past first reads the log by itself, a piece at a
 * time as its reader takes it, and is live once it has caught up:
 *
 *   CATCHING UP --(position reaches the head)--> LIVE --(queue full, closed)--> ENDED
 *
 * Cost of a push: for each length that some prefix has, one look-up with so much of the key,
 * so it grows with what matches and not with how many watch.
 */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "store/keyspace.h"

struct events;
struct lmdb;

/* `head`: the revision up to which the log counts as pushed. `db` is borrowed. */
struct events *events_new(struct lmdb *db, uint64_t head);

/* Ends all watches with ERR_UNAVAILABLE and forgets them. */
void events_free(struct events *e);

/* Reads what is new in the log, queues it and then calls watches that have something. */
void events_pump(struct events *e);

int events_watch(struct events *e, const struct keyspace_watch_options *options,
                 struct keyspace_watch **out_watch, struct err *err);

#endif
