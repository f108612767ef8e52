/*
 * tape - the session's recording, and what happens when it cannot be written: the session ends,
 * or goes on without it, as noded said.
 */
#ifndef NODED_SESSION_TAPE_H
#define NODED_SESSION_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct event_end;
struct recorder;

struct tape {
	struct recorder *recorder; /* NULL: nothing is recorded (any more) */
	bool optional;             /* the session goes on without it */
	int dir;
	bool failed; /* and so the session has to end; `why` says it */
	char why[256];
};

/* From the packet that described the session. ERR_… of recorder_open(); 0 when optional. */
int tape_open(struct tape *t, const char *data, size_t len, struct err *err);

void tape_output(struct tape *t, const void *data, size_t len, bool error_output);
void tape_resize(struct tape *t, unsigned columns, unsigned rows);
void tape_participant(struct tape *t, const char *user, const char *mode, bool joined);

/* As recorder_timeout() and recorder_step(). */
int tape_timeout(const struct tape *t);
void tape_step(struct tape *t);

/* Writes the end and waits for the disk. */
void tape_close(struct tape *t, const struct event_end *end);

#endif
