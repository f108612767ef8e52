/*
 * attach - the jails' socket: a helper connects, is proven to be one, and gets a noded-login.
 *
 * Who connects must be the attach helper itself (by the file that it runs), below an sshd that
 * was started here and that somebody has logged in to. Whether it is that login's, noded-login
 * sees to, and then asks noded whether the session may open.
 */
#ifndef NODED_ROOT_ATTACH_H
#define NODED_ROOT_ATTACH_H

struct err;
struct root;

int attach_open(struct root *r, struct err *err);

#endif
