/*
 * recorder - writes one live recording into the spool, so that whatever dies, it stays.
 *
 * For a loop of one's own around poll(2): no call waits for the disk but recorder_open()
 * and recorder_close(). Output is gathered into frames, each written to the file once
 * it has RECORDER_GATHER bytes and at latest RECORDER_FRAME_MS after its first, at once after a
 * pause; written frames survive the death of every process. A thread of the recorder's own calls
 * fdatasync(2) at latest RECORDER_SYNC_MS after a write; synced frames survive the death of the
 * machine.
 *
 *   for (;;) {
 *           poll(fds, n, recorder_timeout(r));
 *           … recorder_output(r, data, len, &err) …
 *           if (recorder_step(r, &err) != 0) …
 *   }
 *
 * The file appears in the spool as <sid>.rec with its start frame whole, is 0600 and
 * append-only, and is locked (flock(2)) for as long as the recorder lives: an unlocked
 * file without an end frame belongs to a recorder that died, see recover.h.
 *
 * A failure to write (ERR_LIMIT: no space left or a quota reached, ERR_IO: others) is
 * final: the file is cut back to its last whole frame, every later call gives the same
 * error, and the program decides whether the session may go on unrecorded.
 */
#ifndef RECORD_RECORDER_H
#define RECORD_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.pb.h"

struct clock;
struct err;
struct recorder;

#define RECORDER_FRAME_MS 20
#define RECORDER_GATHER   4096
#define RECORDER_SYNC_MS  300

/*
 * Creates <start->session_id>.rec in the directory `dir` and writes the start frame; borrows
 * dir and start for the call, clock for the recorder's life. Starts one thread, with all
 * signals blocked. ERR_EXISTS: there is such a recording. ERR_INVALID: no UUID.
 */
int recorder_open(struct recorder **out, int dir, const pv_RecordStart *start,
                  const struct clock *clock, struct err *err);

/* What the terminal, or a command without one, printed; any length. Bytes of the two are
 * never mixed in a frame, and their order is kept. */
int recorder_output(struct recorder *r, const void *data, size_t len, struct err *err);
int recorder_error_output(struct recorder *r, const void *data, size_t len, struct err *err);

/* Written at once, behind the output so far. */
int recorder_resize(struct recorder *r, uint32_t columns, uint32_t rows, struct err *err);
int recorder_participant(struct recorder *r, const char *user, const char *mode, bool joined,
                         struct err *err);

/* Milliseconds until recorder_step() has something to do, for poll(2); -1: nothing ahead. */
int recorder_timeout(const struct recorder *r);

/* Writes and asks for a sync as far as they are due; reports a sync that failed. */
int recorder_step(struct recorder *r, struct err *err);

/* Writes all gathered output now, due or not. */
int recorder_flush(struct recorder *r, struct err *err);

/* Length of the file, and how much of it is known to be on the disk. */
uint64_t recorder_written(const struct recorder *r);
uint64_t recorder_synced(struct recorder *r);

/*
 * Writes what was gathered and the end frame, waits until all is on the disk, unlocks and
 * frees; frees in any case. After a failure the end frame is still tried, with the failure
 * in its reason. NULL is fine.
 */
int recorder_close(struct recorder *r, const pv_RecordEnd *end, struct err *err);

/* Gives up without an end frame or a sync; what was gathered is written if it can be. */
void recorder_abandon(struct recorder *r);

#endif
