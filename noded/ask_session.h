/* ask_session - the question of noded-login: may this channel of a connection open? */
#ifndef NODED_ASK_SESSION_H
#define NODED_ASK_SESSION_H

#include <stddef.h>

struct err;
struct noded;
struct packet;

/* Adds the session's id, environment, recording and limits to the answer. A failure is the reason
 * for a no, shown to the user. */
int ask_session(struct noded *n, const char *data, size_t len, struct packet *out, struct err *err);

#endif
