/*
 * report - what happened on this node, told to authd: audit events and the records of sessions.
 *
 * Nothing is lost when authd is away: events wait in the audit queue on disk (audit_queue.h), and
 * the records of sessions are put again once the connection stands; those of ended ones are files
 * until then (ended.h).
 */
#ifndef NODED_REPORT_H
#define NODED_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct noded;
struct session;

/* A session was allowed: session.start for those with a terminal; its record at authd. */
void report_session_start(struct noded *n, const struct session *s);

/* How it ended, as its end file says (session/events.h) or, with exit -1 and a reason, as far as
 * is known. session.end, or exec with its code; the record closed. The session is NULL when
 * noded never knew it. */
struct session_outcome {
	const char *sid;
	const char *conn;
	const char *login;
	const char *user;
	const char *kind;
	const char *command;
	int tty;
	int64_t started; /* ms since 1970 */
	int64_t ended;
	int exit_code; /* -1: did not end by itself */
	int signal;
	bool cut; /* it ended itself by a rule, such as idle time: client.disconnect too */
	const char *reason;
	int64_t sent;
	int64_t received;
};

void report_session_end(struct noded *n, const struct session *s, const struct session_outcome *o);

/* Somebody was refused: auth, T3007W. */
void report_refusal(struct noded *n, const char *user, const char *login, const char *client,
                    const char *reason);

/* We ended a connection or session: client.disconnect. */
void report_disconnect(struct noded *n, const char *user, const char *login, const char *client,
                       const char *sid, const char *reason);

/* Somebody joined a session; somebody left one, which may be over: `login` is the session's. */
void report_joined(struct noded *n, const struct session *s, const char *user);
void report_left(struct noded *n, const char *sid, const char *login, const char *user);

/* authd takes a session for ended that is not. */
void report_alive(struct noded *n, const struct session *s);

/* The connection to authd stands again: records that authd may have missed are put anew. */
void report_resend(struct noded *n);

#endif
