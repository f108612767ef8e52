/*
 * grant - what a helper asks for, and what noded says to it.
 */
#ifndef NODED_LOGIN_GRANT_H
#define NODED_LOGIN_GRANT_H

#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

/* The helper's hello. Texts point into static memory of the module. */
struct hello {
	const char *data; /* the packet, for its env */
	size_t len;
	const char *command; /* NULL: a login shell */
	const char *kind;    /* shell | exec | sftp */
	bool tty;
	int fds[3];
	uid_t uid; /* of the helper */
};

/* noded's yes. */
struct grant {
	const char *data; /* the packet, for its env and all that is passed on */
	size_t len;
	const char *sid;
	const char *spool; /* NULL: not recorded */
};

/* Waits for the hello at most ten seconds. ERR_INVALID: not a helper's, ERR_IO. */
int grant_hear(int helper, struct hello *out, struct err *err);

/* A variable of the environment that sshd made; "" when absent. */
const char *grant_env(const struct hello *h, const char *name);

/* Asks noded. ERR_DENIED: no, its reason is the message. ERR_UNAVAILABLE: no answer. */
int grant_ask(const char *policy, const struct hello *h, const char *conn, const char *login,
              struct grant *out, struct err *err);

/* Tells noded-root that this process is session `sid`. ERR_UNAVAILABLE. */
int grant_register(const char *run_dir, const char *sid, const char *conn, const char *login,
                   struct err *err);

#endif
