/*
 * sessions - records of live and ended sessions.
 */
#ifndef AUTHD_RECORDINGS_SESSIONS_H
#define AUTHD_RECORDINGS_SESSIONS_H

#include <stdint.h>

struct authd;

/* Notes in the session's record, if there is one, that its recording is here, `size` bytes so
 * far. Nobody waits for it: the recording itself is what counts. */
void sessions_recorded(struct authd *a, const char *id, int64_t size);

/* Ends the record of a live session whose node is gone. */
void sessions_orphaned(struct authd *a, const char *id);

#endif
