/*
 * session - what runs on the connections: shells, commands, file transfers; alive from the moment
 * noded allowed it until its end is known.
 *
 * The table is kept in <run_dir>/sessions too, so that a noded that starts anew knows whose the
 * sessions are that went on without it.
 */
#ifndef NODED_SESSION_H
#define NODED_SESSION_H

#include "base/list.h"
#include "base/rand.h"
#include "base/strlist.h"
#include "model/identity.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct noded;
struct sessions;

struct session {
	struct list link;
	char sid[RAND_UUID_SIZE];
	char conn[RAND_UUID_SIZE];
	pv_Identity identity; /* of the certificate that was proven */
	char *login;
	char *client;  /* "192.0.2.7:51234" */
	char *kind;    /* shell | exec | sftp */
	char *command; /* exec only; else "" */
	bool tty;
	bool recorded;
	int64_t started;             /* ms since 1970 */
	char size[16];               /* "80:24" of a terminal */
	char *end_reason;            /* its end was asked for; NULL: it was not */
	bool unconfirmed;            /* from before noded-root was asked for its list */
	struct strlist participants; /* who was ever in it, the owner first */
	int64_t idle_ms;             /* as its supervisor was told; -1: not known */
	char *idle_message;
};

int sessions_open(struct noded *n, struct sessions **out, struct err *err);
void sessions_close(struct sessions *s);

/* One that is in no table yet. */
void session_free(struct session *s);

/* Takes a filled, heap-allocated session over, stores it, reports its start. On failure it is
 * freed, and must not be allowed. */
int session_add(struct noded *n, struct session *take_session, struct err *err);

/* NULL: not known, or ended. */
struct session *session_find(const struct noded *n, const char *sid);

/* Walks: NULL starts and ends. The one just returned may be removed. */
struct session *session_next(const struct noded *n, const struct session *at);

/* Asks noded-root for its end; the reason is shown to the user. Once. */
void session_end(struct noded *n, struct session *s, const char *reason);

#define SESSION_PARTICIPANTS_MAX 100

/* Somebody joined: from now on a participant. ERR_LIMIT, ERR_IO, ERR_NOMEM. */
int session_joined(struct noded *n, struct session *s, const char *user, struct err *err);

/* It has ended: forgets it. Its end was reported before. */
void session_forget(struct noded *n, struct session *s);

#endif
