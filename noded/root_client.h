/*
 * root_client - our connection to noded-root (noded/root/requests.h): requests with answers, and
 * what it tells unasked. Comes back by itself after a restart of noded-root.
 */
#ifndef NODED_ROOT_CLIENT_H
#define NODED_ROOT_CLIENT_H

#include <stdbool.h>

struct conn;
struct err;
struct noded;
struct root_client;

int root_client_open(struct noded *n, struct root_client **out, struct err *err);
void root_client_close(struct root_client *r);

bool root_client_ready(const struct root_client *r);

/* Starts sshd on the connection. `fd` and `log_fd` stay the caller's. ERR_UNAVAILABLE: noded-root
 * is not there. A refusal comes later, by conns_refused(). */
int root_start_sshd(struct root_client *r, struct conn *c, int fd, int log_fd, struct err *err);

/* Best effort: who is gone already needs no ending. */
void root_end_connection(struct root_client *r, const char *id);
void root_end_session(struct root_client *r, const char *sid, const char *reason);

#endif
