/*
 * login - one session from the helper's hello to the end of PAM.
 *
 *   hear the helper - ask noded - open terminal, supervisor, PAM - start the shell - watch
 *   - let the supervisor drain - tell the helper - write the end - close PAM
 *
 * With a terminal, or when it is to be recorded, the stream passes through noded-session; a
 * command otherwise gets sshd's descriptors themselves. No end of noded or noded-root reaches a
 * running session. SIGTERM ends it, for the reason in <run_dir>/sessions/<sid>.reason.
 */
#ifndef NODED_LOGIN_LOGIN_H
#define NODED_LOGIN_LOGIN_H

struct login {
	const char *conn;   /* the connection's id */
	const char *name;   /* who logged in there */
	const char *client; /* "ADDRESS PORT" */
	int helper;         /* the connection to the helper in the jail */
};

/* The calling process is the session's, and must lead a session of its own. */
void login_run(const struct login *l);

#endif
