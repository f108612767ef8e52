/*
 * limits - tells the supervisors of live sessions when their limits are others than they were
 * begun with: how long their users may be idle, and what they are told then.
 *
 * A supervisor that is not reached counts as not told, and is tried again at the next look.
 */
#ifndef NODED_LIMITS_H
#define NODED_LIMITS_H

struct err;
struct limits;
struct noded;
struct packet;
struct role_set;
struct session;

int limits_open(struct noded *n, struct limits **out, struct err *err);
void limits_close(struct limits *l);

/* The limits of a session that is about to begin. ERR_NOMEM. */
int limits_begin(const struct noded *n, struct session *s, const struct role_set *roles,
                 struct packet *out, struct err *err);

/* Looks at all sessions. */
void limits_look(struct limits *l);

#endif
