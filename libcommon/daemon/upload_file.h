/*
 * upload_file - one recording of the spool on its way to authd (UploadRecording, proto/auth.proto).
 *
 *   RESTING --> QUEUED --stream--> OPENING --authd says how much it has--> READING (thread)
 *                                                                            |    ^
 *     IDLE <--nothing new, the recorder lives--------------------------------+    | acknowledged
 *                                                    SENDING <--a piece------+----'
 *     COMPLETING <--the end was read, all is acknowledged--------------------'
 *         \--authd has it--> REMOVING (thread) --> gone
 *
 *   LEAVING: the stream is given up, then RESTING (with back-off) or REMOVING (to quarantine)
 *
 * One piece at a time is read, sent and acknowledged, so memory is bounded and the disk is never
 * read faster than authd writes. A file that fails waits by itself, longer each time.
 */
#ifndef DAEMON_UPLOAD_FILE_H
#define DAEMON_UPLOAD_FILE_H

#include "base/backoff.h"
#include "base/list.h"
#include "base/err.h"
#include "loop/work.h"
#include "daemon/upload_read.h"

struct rpc_stream;
struct timer;
struct upload;

enum upload_file_state {
	UPLOAD_RESTING,
	UPLOAD_QUEUED,
	UPLOAD_OPENING,
	UPLOAD_READING,
	UPLOAD_SENDING,
	UPLOAD_IDLE,
	UPLOAD_COMPLETING,
	UPLOAD_LEAVING,
	UPLOAD_REMOVING,
};

enum upload_fate {
	UPLOAD_KEEP,       /* it is tried again */
	UPLOAD_SENT,       /* authd has all of it */
	UPLOAD_QUARANTINE, /* it never will be sent */
	UPLOAD_LOST,       /* somebody else removed it */
};

struct upload_file {
	struct list link; /* of the table */
	struct list want; /* in its queue while QUEUED */
	struct upload *u;
	enum upload_file_state state;
	struct rpc_stream *stream; /* NULL: none */
	struct timer *timer;       /* the deadline of a wait, or when to look again */
	struct work work;
	struct upload_read read; /* the thread's while READING or REMOVING */
	struct err result;       /* of the thread */
	uint64_t sent;           /* offset behind what was sent */
	int64_t counted;         /* bytes in the table's sum */
	struct backoff pause;    /* while authd takes nothing */
	int64_t rest_ms;         /* after LEAVING */
	bool changed;            /* it has grown since it was last looked at */
	enum upload_fate fate;   /* after LEAVING or COMPLETING */
};

/* Begins; NULL when memory runs out. */
struct upload_file *upload_file_new(struct upload *u, const char *sid);

/* Closes: it is freed, by way of upload_file_gone(), when nothing is under way any more. */
void upload_file_close(struct upload_file *f);

void upload_file_changed(struct upload_file *f);
void upload_file_granted(struct upload_file *f);

/* authd is there again: ends a back-off. */
void upload_file_retry(struct upload_file *f);

#endif
