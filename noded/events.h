/*
 * events - ends of sessions, as files in <data_dir>/events (session/events.h): reports each, then
 * removes its file. At start the files that came meanwhile are read first.
 */
#ifndef NODED_EVENTS_H
#define NODED_EVENTS_H

struct err;
struct events;
struct noded;

int events_open(struct noded *n, struct events **out, struct err *err);
void events_close(struct events *e);

/* noded-root says that a session is gone. If no end file comes within a moment, its end is
 * reported as unknown. */
void events_session_ended(struct events *e, const char *sid);

#endif
