/*
 * terminal - the two of a session: the outer one, which sshd made for the client, and the inner
 * one, which the shell gets. The supervisor relays between them.
 */
#ifndef NODED_LOGIN_TERMINAL_H
#define NODED_LOGIN_TERMINAL_H

#include <pwd.h>

struct err;

struct terminal {
	int outer;     /* borrowed */
	int master;    /* of the inner one */
	int slave;     /* the shell's */
	char name[64]; /* "/dev/pts/7" */
};

/* Takes the outer terminal away from the login and makes it transparent; opens the inner one with
 * the modes and the size that the outer one had, owned by the login. ERR_IO. */
int terminal_open(struct terminal *t, int outer, const struct passwd *pw, struct err *err);
void terminal_close(struct terminal *t);

/* In utmp and wtmp, as `who` and `last` show it. `pid` is the session's. */
void terminal_note_login(const struct terminal *t, const char *login, const char *client, int pid);
void terminal_note_logout(const struct terminal *t, int pid);

#endif
