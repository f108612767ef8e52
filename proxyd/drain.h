/*
 * drain - a proxyd that is replaced while people's streams run through it.
 *
 *   SERVING --SIGQUIT--> no stream is open: end
 *                   \--> addresses given up --fork--> parent: ends, and its successor may start
 *                                                \--> child: carries the streams, ends with them
 *
 * SIGQUIT is what proxyd.service sends. SIGTERM ends streams too, and a child at once.
 */
#ifndef PROXYD_DRAIN_H
#define PROXYD_DRAIN_H

struct drain;
struct err;
struct proxyd;

/* Catches the signal from now on. */
int drain_open(struct proxyd *p, struct drain **out, struct err *err);
void drain_close(struct drain *d); /* NULL allowed; run the loop once more afterwards */

/*
 * For a loop that the signal stopped (p->draining); nothing may listen any more. Returns in the
 * child, once no stream is left; the parent ends in here. The child keeps the membership and the
 * copy of the cluster's state, so locks still end streams. ERR_IO: no child could be made.
 */
int drain_run(struct proxyd *p, struct err *err);

#endif
