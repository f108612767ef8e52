/*
 * crowd - those who have joined a session at a terminal: all see what it shows, and who else comes
 * and goes. A newcomer sees first what it showed last.
 *
 * Who does not take the frames is cut; neither the session nor anybody else waits for them.
 */
#ifndef KUBEPROXYD_SESSIONS_CROWD_H
#define KUBEPROXYD_SESSIONS_CROWD_H

#include "base/buf.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>

struct stream;

#define CROWD_MAX       16             /* at once */
#define CROWD_QUEUE_MAX (1024u * 1024) /* bytes that one may leave unread */

/* Embed one in a session. */
struct crowd {
	struct list seats;
	unsigned count;
	unsigned columns, rows;
	struct buf backlog; /* what the terminal showed last */
};

/* Embed one in who joins; what it points to lives until it has left. */
struct crowd_seat {
	struct list link;
	struct stream *stream;
	const char *user;
	const char *mode;                       /* observer, peer */
	void (*shown)(struct crowd_seat *seat); /* the terminal has printed something */
	void (*over)(struct crowd_seat *seat);  /* the session is; it has left, and heard the end */
};

void crowd_init(struct crowd *c, unsigned columns, unsigned rows);
void crowd_deinit(struct crowd *c); /* all have left */

/* Welcomes one, of CROWD_MAX at most; `owner` is whose session it is. */
void crowd_enter(struct crowd *c, struct crowd_seat *seat, const char *owner);
void crowd_leave(struct crowd *c, struct crowd_seat *seat);

void crowd_output(struct crowd *c, const void *data, size_t len);
void crowd_resize(struct crowd *c, unsigned columns, unsigned rows);

/* Tells the end to all, who have left then. */
void crowd_end(struct crowd *c, int exit_code, const char *reason);

#endif
