/*
 * syncer - brings a file to the disk from a thread of its own, so that its writer never waits.
 *
 * The writer says how far it has written; the thread calls fdatasync(2) until it has caught
 * up, and once fsync(2) on the directory, so that the file's name lasts too. The thread
 * touches nothing but the two descriptors and this struct.
 */
#ifndef RECORD_SYNCER_H
#define RECORD_SYNCER_H

#include <stdint.h>

struct err;
struct syncer;

/* Borrows both descriptors until syncer_stop(). The thread has all signals blocked. */
int syncer_start(struct syncer **out, int fd, int dir, struct err *err);

/* The first `written` bytes shall be on the disk soon. Never waits. */
void syncer_request(struct syncer *s, uint64_t written);

/* How many bytes are on the disk for sure. */
uint64_t syncer_done(struct syncer *s);

/* 0, or the first sync that failed (final: no later one is tried). */
int syncer_check(struct syncer *s, struct err *err);

/* Ends the thread after what was requested, waits for it and frees; NULL is fine. The outcome
 * as of syncer_check(). */
int syncer_stop(struct syncer *s, struct err *err);

#endif
