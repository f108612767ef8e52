/*
 * backup - the whole keyspace, secrets included, as one stream of bytes, and back from it.
 *
 * Numbers are big-endian:
 *
 *   "POSTERNB" u32 version (1)
 *   an item:  u32 length of the key (> 0), u32 length of the value, u64 revision, i64 expires,
 *             key, value
 *   the end:  u32 0, u64 newest revision, u64 number of items, SHA-256 of all bytes before it
 *
 * The items are one snapshot. Restoring checks the end before anything counts.
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct err;
struct keyspace;

/* Writes a snapshot to a file; may run in a thread of its own while others write to the keyspace.
 * ERR_IO, and those of reads. */
int backup_write(struct keyspace *ks, FILE *to, struct err *err);

/*
 * Makes the keyspace in folder `dir` from a backup, in one transaction: after a failure it is as
 * empty as before. Revisions go on far behind those of the backup, so that nobody who has seen
 * later ones takes a new one for an old one: their watches are compacted. ERR_EXISTS: something
 * was written there before; ERR_CORRUPT: the backup is damaged or cut; ERR_UNSUPPORTED: of a newer
 * version; ERR_IO, ERR_LIMIT.
 */
int backup_restore(const char *dir, FILE *from, size_t *out_items, struct err *err);

#endif
