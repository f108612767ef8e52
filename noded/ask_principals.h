/* ask_principals - the question of noded-principals: may this certificate log in as this account?
 */
#ifndef NODED_ASK_PRINCIPALS_H
#define NODED_ASK_PRINCIPALS_H

#include <stddef.h>

struct err;
struct noded;
struct packet;

/* Adds the line for sshd to the answer. A failure is the reason for a no. */
int ask_principals(struct noded *n, const char *data, size_t len, struct packet *out,
                   struct err *err);

#endif
