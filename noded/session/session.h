/*
 * session - one session as its supervisor sees it: streams, recording, joiners, idle time.
 *
 * With a terminal: `user` is sshd's terminal, `shell` the master of the shell's, and bytes go both
 * ways. Without: `user` and `user_err` are sshd's stdout and stderr, `sources` the command's, and
 * bytes go one way. What the command printed is recorded before the user gets it. Reading stops
 * while the user does not take what there is, and only then; the disk is waited for by a thread
 * of the recorder's, joiners by nobody.
 */
#ifndef NODED_SESSION_SESSION_H
#define NODED_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "noded/session/events.h"
#include "noded/session/outlet.h"
#include "noded/session/tape.h"

struct err;
struct joiners;

enum session_state { SESSION_RUNNING, SESSION_DRAINING, SESSION_OVER };

struct session {
	enum session_state state;
	char *data; /* the start packet */
	size_t len;
	bool tty;
	int link;               /* -1: noded-login is gone */
	struct outlet user;     /* the terminal, or standard output */
	struct outlet user_err; /* without a terminal */
	struct outlet shell;    /* what is typed: a dup of sources[0] */
	int sources[2];         /* what the command prints; -1: ended */
	struct tape tape;
	struct joiners *joiners; /* NULL: no terminal */
	int64_t idle_ms;         /* 0: never */
	char idle_message[512];  /* "": the usual one */
	int64_t last_input;      /* monotonic */
	int64_t drain_until;     /* monotonic; 0: no deadline */
	uint64_t received;
	bool ending; /* we asked for the end */
	bool lost;   /* noded-login died before it said `finish` */
	struct event_end end;
	char reason[512];
};

/* Hears everything from noded-login and answers that we are ready, or why not. */
int session_open(struct session *s, struct err *err);

/* Waits for something to happen and does what is due; false: all is done. */
bool session_step(struct session *s);

/* Completes the recording; writes the event if noded-login cannot. */
void session_close(struct session *s);

#endif
