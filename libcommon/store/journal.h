/*
 * journal - makes writes durable with one flush: two files in which records follow a base.
 *
 *   file = head: "PSTNJRN1", u64 number, u32 length of the base, 12 bytes of salt,
 *                SHA-256 of these and the base, the base; then, from the next 4 KB on,
 *          records: u64 number, u64 own offset, u32 length, u32 0, payload, SHA-256 of salt and all
 *
 * Numbers have the machine's own order, since the files never leave it. Of two whole heads the one
 * with the higher number counts; the other file is free for the next base, so that a base that is
 * only half written replaces nothing. A record counts when it is whole and bears the number of its
 * file's head, and all records before it do.
 *
 * Whoever writes holds a lock of its own over all processes; here are only the locks that tell
 * whether other processes have the journal open, and let one at a time open it.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct journal;

#define JOURNAL_SIZE ((uint64_t)1 << 20) /* reserved on disk for each file; records may go on */

/* Makes the files when they are absent. Waits for others that are opening it, and keeps others
 * waiting until journal_opened(). */
int journal_open(const char *dir, struct journal **out, struct err *err);
void journal_opened(struct journal *j);
void journal_close(struct journal *j); /* NULL allowed */

/* Nobody else had it open when it was opened. */
bool journal_was_alone(const struct journal *j);

/* It takes no more until it is opened anew; for any thread. */
bool journal_is_broken(const struct journal *j);

/* What was to be flushed for the next base may be lost: only the journal tells of it. */
void journal_break(struct journal *j);

/* Number of the head that counts; 0 = none. Looks at the files: another process may have begun. */
uint64_t journal_number(struct journal *j);

/* Where the records of that head begin. */
uint64_t journal_start(const struct journal *j);

/* Appends the base of the head that counts. ERR_NOT_FOUND: there is none. */
int journal_base(struct journal *j, struct buf *out, struct err *err);

/* A new base, and no records, under a number above `above` and all before: durable when it returns
 * 0. On failure the old one counts. */
int journal_begin(struct journal *j, uint64_t above, const void *base, size_t len, struct err *err);

/* Writes a record at this offset; durable when it returns 0, and *out_next is the next one's. On
 * failure there is none. ERR_LIMIT: the disk is full. */
int journal_append(struct journal *j, uint64_t at, const void *payload, size_t len,
                   uint64_t *out_next, struct err *err);

/* Takes back the record at this offset. */
void journal_cancel(struct journal *j, uint64_t at);

/* Appends the payload of the record there. ERR_NOT_FOUND: no (whole) record is there. */
int journal_read(struct journal *j, uint64_t at, struct buf *out, uint64_t *out_next,
                 struct err *err);

#endif
