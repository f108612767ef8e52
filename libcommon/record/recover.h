/*
 * recover - completes the recordings of recorders that died, and puts aside what is none.
 *
 * A recording that no recorder holds locked and that has no end frame is cut back to its
 * last good frame and closed with an end frame that says recovered = true, in the time of
 * its last frame. Doing it twice, or dying in the middle, changes nothing: the next run
 * finds the same good prefix. A file that does not even begin as a recording moves to the
 * folder "quarantine" beside it, so that it holds up nothing else.
 */
#ifndef RECORD_RECOVER_H
#define RECORD_RECOVER_H

#include <stdint.h>

struct err;

enum recover_state {
	RECOVER_COMPLETE,    /* it had its end frame; nothing was changed but bytes behind it cut */
	RECOVER_RECOVERED,   /* it was cut to its good prefix and has an end frame now */
	RECOVER_LIVE,        /* a recorder holds it; untouched */
	RECOVER_QUARANTINED, /* it was no recording; moved away */
};

struct recover_report {
	enum recover_state state;
	uint64_t size;    /* of the recording now */
	uint64_t dropped; /* bytes behind the good prefix that were cut off */
};

/* Looks after <sid>.rec in the directory `dir`. Reads the whole file, so call it in a
 * worker thread. ERR_NOT_FOUND, ERR_INVALID (no UUID), ERR_IO, ERR_LIMIT (disk full). */
int recover_session(int dir, const char *sid, struct recover_report *out, struct err *err);

/* `report` is NULL where `err` tells why this one could not be looked after. */
typedef void (*recover_cb)(const char *sid, const struct recover_report *report,
                           const struct err *err, void *arg);

/* recover_session() for every recording of the spool; one that fails does not hold up the
 * others. Fails only if the directory cannot be read. Also removes what recorders left that
 * died before their file had a name. */
int recover_spool(int dir, recover_cb cb, void *arg, struct err *err);

const char *recover_state_name(enum recover_state state); /* "complete", … for logs */

#endif
