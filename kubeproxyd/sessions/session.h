/*
 * session - one exec, attach or portforward as the audit log and the recordings have it.
 *
 *   session_start() --output, resize, port--> session_end()
 *
 * A command at a terminal is a session: recorded, with a record at authd and the events
 * session.start and session.end; others may join it. One without is the event exec when it has
 * ended, recorded only where a role wants that. A forwarded connection is the event port.
 */
#ifndef KUBEPROXYD_SESSIONS_SESSION_H
#define KUBEPROXYD_SESSIONS_SESSION_H

#include "base/list.h"
#include "base/rand.h"
#include "base/strlist.h"
#include "kubeproxyd/sessions/crowd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct guest;
struct kubeproxyd;
struct session;
struct tape;

#define SESSION_PARTICIPANTS_MAX 100 /* people in all */

/* What a session wants of whoever carries its bytes. */
struct session_handler {
	/* It has to end: recording has failed, or an administrator wants it. At most once. */
	void (*end)(void *owner, const struct err *why);
	/* A peer types. */
	void (*type)(void *owner, const void *data, size_t len);
	/* A line for the terminal of who began it. */
	void (*print)(void *owner, const char *text);
};

/* What the request says. */
struct session_what {
	bool forwards; /* portforward; else a command */
	bool tty;
	const char *container; /* "": the pod's own choice */
	const char *command;   /* words joined by spaces; "" of attach */
};

struct session {
	struct list link; /* of the daemon's */
	struct kubeproxyd *k;
	struct guest *guest;
	char sid[RAND_UUID_SIZE];
	bool forwards, tty;
	bool recorded;
	bool strict; /* it ends when it cannot be recorded */
	char *container, *command;
	char size[16];   /* "80:24" */
	int64_t started; /* ms since 1970 */
	struct strlist participants;
	struct tape *tape; /* NULL: not recorded (any more) */
	bool ending;       /* handler->end was called */
	struct crowd crowd;
	const struct session_handler *handler;
	void *owner;
};

/* Keeps a reference of the guest. ERR_LIMIT, ERR_IO: it must be recorded and cannot. */
int session_start(struct guest *guest, const struct session_what *what,
                  const struct session_handler *handler, void *owner, struct session **out,
                  struct err *err);

void session_output(struct session *s, const void *data, size_t len, bool error_output);
void session_resize(struct session *s, unsigned columns, unsigned rows);
void session_port(struct session *s, unsigned port, bool success);

/* Has it ended, if it is not ending already. */
void session_stop(struct session *s, const struct err *why);

/* Somebody may join: there is room for one more, who counts among its people. ERR_LIMIT. */
int session_admit(struct session *s, const char *user, struct err *err);

/* Seats who was admitted: all are told, the audit log and the recording among them. */
void session_joined(struct session *s, struct crowd_seat *seat);
void session_left(struct session *s, const struct crowd_seat *seat); /* is off the crowd already */

void session_type(struct session *s, const void *data, size_t len);

struct session_outcome {
	bool told; /* of a command: how it ended is known */
	bool success;
	int exit_code;      /* -1: not said */
	const char *reason; /* "": by itself */
	bool cut;           /* we ended it: client.disconnect */
	uint64_t sent, received;
};

/* Reports the end and frees it. NULL is fine. */
void session_end(struct session *s, const struct session_outcome *o);

#endif
