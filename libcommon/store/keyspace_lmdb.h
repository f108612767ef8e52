/*
 * keyspace_lmdb - the keyspace in a folder of this machine, by LMDB.
 *
 *   write --> queue --> writer thread: all that wait in one commit --> descriptor readable
 *   dispatch --> callbacks, then what is new in the change log goes to the watches
 */
#ifndef STORE_KEYSPACE_LMDB_H
#define STORE_KEYSPACE_LMDB_H

#include <stddef.h>
#include <stdint.h>

struct clock;
struct err;
struct keyspace;

struct keyspace_lmdb_options {
	const char *dir;           /* made with mode 0700 when absent; files have 0600 */
	const struct clock *clock; /* NULL: the machine's */
	size_t map_size;           /* bytes, bound on the file; 0 = 16 GiB */
	size_t log_events;         /* the change log keeps about so many events; 0 = 100,000 */
	int64_t log_age_ms;        /* and none older than this; 0 = a day */
	size_t queue;              /* writes that may wait; 0 = 65,536 */
};

/* ERR_CORRUPT: the files do not hold together; ERR_UNSUPPORTED: written by a newer
 * version; ERR_IO, ERR_LIMIT (the disk is full), ERR_NOMEM. */
int keyspace_lmdb_open(const struct keyspace_lmdb_options *options, struct keyspace **out_ks,
                       struct err *err);

#endif
