/*
 * upload_read - what stands in a recording of the spool and authd does not have yet. Blocking:
 * for a thread.
 *
 * Only whole frames that are on our own disk are given away: what recovery would cut off, or a
 * power failure take, never reaches authd. A recording whose recorder died is completed here.
 */
#ifndef DAEMON_UPLOAD_READ_H
#define DAEMON_UPLOAD_READ_H

#include "base/buf.h"
#include "record/frame.h"
#include "record/spool.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

#define UPLOAD_PIECE (128u * 1024) /* sent and acknowledged before more is read */

struct upload_read {
	int dir; /* the spool; borrowed */
	char sid[SPOOL_SID_SIZE];
	int fd; /* -1: not open */
	struct frame_reader reader;
	uint64_t at;        /* bytes of the file that the reader has */
	uint64_t next;      /* offset of the first byte that authd lacks */
	struct buf pending; /* the file from there on, as far as it was read */
	uint64_t noted;     /* `next` as the .ack file has it */

	/* found by the last look */
	uint64_t size;  /* of the file */
	bool ended;     /* the end frame was read */
	bool recovered; /* by us */
	uint64_t dropped;
};

void upload_read_init(struct upload_read *r, int dir, const char *sid);
void upload_read_deinit(struct upload_read *r);

/* Forgets what was read and closes the file; it is opened again by the next look. */
void upload_read_release(struct upload_read *r);

/* authd has the file up to `offset`: goes on there. */
void upload_read_seek(struct upload_read *r, uint64_t offset);

/* The same, for a part of what upload_read_ready() said. */
void upload_read_advance(struct upload_read *r, uint64_t offset);

/* How many bytes at the front of `pending` may be sent, about UPLOAD_PIECE at most. */
size_t upload_read_ready(const struct upload_read *r);

/*
 * Reads on. ERR_NOT_FOUND: no such file. ERR_CORRUPT: it is no recording and lies in quarantine
 * now, or authd has more than we do. Others: try again later.
 */
int upload_read_look(struct upload_read *r, struct err *err);

/* How much authd was known to have when noded last ran; 0 when that is not known. */
uint64_t upload_read_noted(const struct upload_read *r);

#endif
