/*
 * spool - names of the files that a session leaves in the spool directory.
 *
 *   <sid>.rec    the recording (frame.h)
 *   <sid>.new    a recording about to be created; without an owner it is rubbish
 *   <sid>.meta   what the node knows about the session, as its daemon keeps it
 *   <sid>.ack    how much of the recording authd holds
 *   quarantine/  files that turned out to be no recordings
 *
 * A session's id is a UUID in lower case, so no name ever leaves the directory.
 */
#ifndef RECORD_SPOOL_H
#define RECORD_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

struct err;

enum spool_kind { SPOOL_RECORDING, SPOOL_NEW, SPOOL_META, SPOOL_ACK, SPOOL_KINDS };

#define SPOOL_SID_SIZE   37 /* with its 0 */
#define SPOOL_NAME_SIZE  48
#define SPOOL_QUARANTINE "quarantine"

/* "3f0a….rec". ERR_INVALID: sid is no UUID in lower case. */
int spool_name(char out[SPOOL_NAME_SIZE], const char *sid, enum spool_kind kind, struct err *err);

/* Whether `name` is one of the above; then *out_kind and sid are set. */
bool spool_parse(const char *name, enum spool_kind *out_kind, char sid[SPOOL_SID_SIZE]);

bool spool_is_sid(const char *sid);

/* Calls `each` for every file of that kind in the directory, in no order; a value other than
 * 0 ends the walk and is returned. ERR_IO: the directory cannot be read. */
int spool_walk(int dir, enum spool_kind kind,
               int (*each)(const char *sid, void *arg, struct err *err), void *arg,
               struct err *err);

/* Removes every file of the session and syncs the directory; those that are absent are fine. */
int spool_remove(int dir, const char *sid, struct err *err);

/* Moves the recording to the folder "quarantine", made if need be, so that it holds up nothing
 * else. One that is not there is fine. ERR_IO. */
int spool_quarantine(int dir, const char *sid, struct err *err);

#endif
