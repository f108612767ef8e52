/*
 * events - how noded learns of a session's end although any program may die, itself included.
 *
 * Each session that noded allowed leaves one file in the events folder
 * (/var/lib/postern/noded/events unless configured), named <sid>.end and put there by rename, so
 * that it is whole when it is seen. noded-login writes it, or noded-session if that one was
 * killed. noded watches the folder (inotify: moved to), reads it at start, and removes each file
 * once its audit events are safe. Names that begin with a dot are not finished.
 *
 * Only where both were killed, or noded-login of a session without supervisor, there is none:
 * then noded learns by session_ended, or by a `list` that lacks the session, and says itself
 * that the session ended for an unknown reason.
 *
 * The file is one packet (ipc/packet.h):
 *   end   sid conn login user kind command tty   as in the question and its answer
 *         started ended   milliseconds since 1970
 *         exit            code of the command; -1 when it did not end by itself
 *         signal          number of the signal that it died by, or 0
 *         cut             1: a rule that the session itself keeps ended it, such as idle time
 *         reason          why it was ended or could not start, if so; for people
 *         sent received   bytes to and from the client; 0 where they did not pass through us
 *         spool           as in the answer
 */
#ifndef NODED_SESSION_EVENTS_H
#define NODED_SESSION_EVENTS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipc/packet.h"

#define EVENT_END        "end"
#define EVENT_END_SUFFIX ".end"

/* How a command ended, as noded-login and noded-session tell each other and noded. */
struct event_end {
	int exit;
	int signal;
	const char *reason; /* "" = by itself */
	bool cut;           /* the supervisor wanted it */
	long long started, ended;
	unsigned long long sent, received;
};

/* The fields of a session that its end repeats, out of the packet that described it. */
static inline void event_copy(struct packet *p, const char *data, size_t len)
{
	static const char *const keys[] = { "sid",  "conn",    "login", "user",
		                            "kind", "command", "tty",   "spool" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = packet_get(data, len, keys[i]);

		if (value != NULL)
			packet_add(p, keys[i], value);
	}
}

static inline void event_describe(struct packet *p, const struct event_end *e)
{
	packet_add_number(p, "started", e->started);
	packet_add_number(p, "ended", e->ended);
	packet_add_number(p, "exit", e->exit);
	packet_add_number(p, "signal", e->signal);
	packet_add_number(p, "cut", e->cut);
	packet_add(p, "reason", e->reason);
	packet_add_number(p, "sent", (long long)e->sent);
	packet_add_number(p, "received", (long long)e->received);
}

/* Writes the file, as whoever we are; 0, or -1 with errno set. */
static inline int event_write(const char *dir, const char *sid, const struct packet *p)
{
	char path[512], draft[512];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s" EVENT_END_SUFFIX, dir, sid);
	snprintf(draft, sizeof(draft), "%s/.%s" EVENT_END_SUFFIX, dir, sid);
	fd = p->full ? -1
	             : open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	rc = write(fd, p->data, p->len) == (ssize_t)p->len ? 0 : -1;
	close(fd);
	return rc == 0 ? rename(draft, path) : -1;
}

#endif
