/*
 * control - the socket on which noded and our own helpers ask; requests.h says what.
 */
#ifndef NODED_ROOT_CONTROL_H
#define NODED_ROOT_CONTROL_H

#include <sys/types.h>

struct err;
struct root;

int control_open(struct root *r, struct err *err);
void control_close(struct root *r);

/* Tells every connected noded that something with this id has ended. Who does not read is cut
 * off: it comes back and asks for the list. */
void control_tell(struct root *r, const char *word, const char *id);

/* A SOCK_SEQPACKET listener at dir/name, in place of what an earlier process left there; never
 * absent and never open to more than `mode` says. -1 with err. */
int control_listen(const char *dir, const char *name, mode_t mode, uid_t owner, struct err *err);

#endif
