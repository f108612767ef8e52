/*
 * pam - the PAM session of a shell or command: service `postern`, one per session.
 *
 * PAM sets limits, cgroup, keyring and the like on the calling process, which starts the shell
 * and stays until it has ended.
 */
#ifndef NODED_LOGIN_PAM_H
#define NODED_LOGIN_PAM_H

#include <pwd.h>
#include <stdbool.h>

struct err;
struct pam;

/* Loads the service's modules for good, so that children find them in memory. What has changed by
 * the time that a session opens is loaded again then. */
void pam_login_preload(const char *service_dir);

/* Account check, credentials, session; the process then has the login's groups. `tty`: its name,
 * NULL without one. `client`: its address, with or without " PORT". ERR_DENIED (the account may not
 * log in; message for the user), ERR_IO. */
int pam_login_open(struct pam **out, const char *service_dir, const struct passwd *pw,
                   const char *tty, const char *client, struct err *err);

/* Closes the session. NULL is fine. */
void pam_login_close(struct pam *p);

/* What modules had to say (motd, last login) as they said it, each line ended; "" if nothing. */
const char *pam_login_text(const struct pam *p);

/* NAME=value, ended by NULL; for the shell. Valid until close. */
char *const *pam_login_env(struct pam *p);

#endif
