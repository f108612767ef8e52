/*
 * peers - the other processes on the same keyspace: who tells whom, who sweeps.
 *
 * For keyspace.c and writer.c only. All processes hold one small file open for writing and watch
 * it with inotify. After a commit it is opened once more, which wakes the others. A process that
 * ends, by kill -9 too, closes it, which wakes them as well: so a commit that its process did not
 * live to announce is found at once, and nobody ever polls. The sweeper is who holds a lock on the
 * file, which ends with the process.
 */
#ifndef STORE_PEERS_H
#define STORE_PEERS_H

#include <stdbool.h>

struct err;
struct peers;

/* The file is `dir`/peers. ERR_IO. */
int peers_open(const char *dir, struct peers **out_peers, struct err *err);
void peers_close(struct peers *p);

/* Tells the others, and this process too, that something was committed. Any thread. */
void peers_tell(const struct peers *p);

/* Readable when somebody has told or has ended. */
int peers_fd(const struct peers *p);

/* What happened since the last time; the descriptor is then no longer readable. */
struct peers_news {
	bool told;
	bool ended; /* a process has left, and may have left something behind */
};
struct peers_news peers_take(const struct peers *p);

/* Whether this process is the sweeper: it stays so until it ends. */
bool peers_lead(const struct peers *p);

#endif
