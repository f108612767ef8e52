/*
 * visitor - clients of the SSH door who have not logged in yet: so many in all, so many from one
 * address, as sshd's MaxStartups, which `sshd -i` has not.
 *
 * proxyd-door runs a bounded number of sshd. Without this, one address could hold them all.
 */
#ifndef PROXYD_VISITOR_H
#define PROXYD_VISITOR_H

#include <sys/socket.h>

struct err;
struct visitor;
struct visitors;

#define VISITORS_MAX          128
#define VISITORS_MAX_PER_ADDR 32

struct visitors *visitors_new(void); /* NULL when memory runs out */

/* Lives on until the last visitor has left. NULL allowed. */
void visitors_free(struct visitors *all);

/* `client` is the address as text, by which it is found again. ERR_LIMIT, ERR_NOMEM. */
int visitor_come(struct visitors *all, const struct sockaddr *from, const char *client,
                 struct visitor **out, struct err *err);

/* It has logged in, and counts no more. Nothing happens if it is not there. */
void visitor_prove(struct visitors *all, const char *client);

void visitor_leave(struct visitor *v); /* NULL allowed */

#endif
