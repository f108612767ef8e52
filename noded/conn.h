/*
 * conn - SSH connections of this node, from accept to their end.
 *
 *   ASKED (sshd runs, or waits for a noded-root that is being restarted) --policy says yes to a
 * certificate--> CANDIDATE
 *         --sshd: "Accepted publickey", or a session opens--> PROVEN
 *
 * sshd verifies only the key that it was last allowed, so the last candidate is the one that is
 * proven. Connections that prove nothing are bounded, per address and in all, and in time. The
 * table is kept in <run_dir>/connections too, for a noded that starts anew.
 */
#ifndef NODED_CONN_H
#define NODED_CONN_H

#include "base/list.h"
#include "base/rand.h"
#include "model/identity.h"

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct conns;
struct err;
struct noded;
struct slot;
struct tally_entry;
struct timer;

enum conn_state { CONN_ASKED, CONN_CANDIDATE, CONN_PROVEN };

struct conn {
	struct list link;
	struct noded *n;
	char id[RAND_UUID_SIZE];
	enum conn_state state;
	char client[64]; /* who it is, as a proxy told or the kernel says: "192.0.2.7:51234" */
	char peer[64];   /* the other end of the TCP connection, by which sshd's log names it */
	pv_Identity identity; /* of the candidate, or proven */
	char *login;
	struct timer *deadline;       /* to log in; then the certificate's end, if roles want it */
	struct tally_entry *unproven; /* counts while nothing is proven; NULL then */
	int fd;                       /* a dup, for TCP_INFO; -1 after a restart */
	bool ending;
	long long request; /* seq of its start_sshd */
	bool started;      /* noded-root has said that its sshd runs */
	bool restored;     /* was proven under a noded before this one */
	struct slot *slot; /* its place among its user's connections; NULL: none was asked for */
	bool unconfirmed;  /* from before a list was asked for; see conns_reconcile() */
};

int conns_open(struct noded *n, struct conns **out, struct err *err);
void conns_close(struct conns *c);

/*
 * A connection came: sshd is started on it by noded-root. `client` as above. Takes the
 * descriptor in any case. ERR_LIMIT: too many unauthenticated connections.
 */
int conn_start(struct noded *n, int take_fd, const char *client, struct err *err);

struct conn *conn_find(const struct noded *n, const char *id);

/* Walks: NULL starts and ends. The one just returned may go. */
struct conn *conn_next(const struct noded *n, const struct conn *at);

/* The policy said yes to this certificate; the identity's content is moved. */
int conn_set_candidate(struct conn *c, pv_Identity *take_identity, const char *login,
                       struct err *err);

/* The candidate has proven its key. Sets the deadline that `end` (ms since 1970, 0: none) says. */
void conn_set_proven(struct conn *c, int64_t end);

/* The one whose TCP peer is "addr:port" as sshd logs it; NULL: none. */
struct conn *conn_by_peer(const struct noded *n, const char *addr, const char *port);

/* Ends it and everything on it; the reason is shown in its sessions and told to authd. Once. */
void conn_end(struct conn *c, const char *reason);

/* A session of it was forgotten: a connection that is ending need not wait for its last word. */
void conn_session_over(const struct noded *n, const char *id);

/* noded-root says it is gone. */
void conn_forget(struct conn *c);

/* noded-root started, or refused to start, sshd for the request of that seq. */
void conns_started(struct noded *n, long long request);
void conns_refused(struct noded *n, long long request);

/* After one of us started anew: noded-root is asked for a list now; it came, and `ids` live. Those
 * from before that are not in it go. */
void conns_expect_list(struct noded *n);
void conns_reconcile(struct noded *n, char *const *ids, size_t count);

#endif
