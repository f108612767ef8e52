/*
 * jail - the surroundings of sshd: a mount namespace of its own and, per login, a chroot whose
 * only program is the attach helper.
 *
 * Why a namespace: its own devpts, so that nobody outside can open the terminals that sshd makes;
 * utmp, wtmp and lastlog covered, for the real session writes them; /etc/pam.d and /etc/hosts
 * reduced to what sshd needs. All this is gone with the last process in it. In it, on a tmpfs:
 *
 *   <run_dir>/jails/.attach .principals    copies of the helpers
 *   <run_dir>/jails/LOGIN/                 root's; what sshd chroots to
 *       <the login's shell>                the attach helper, a hard link
 *       attach/                            where noded-root listens (from the host)
 *       tmp/                               the login's; for forwarded agents (on the host it is
 *                                          seen too, but read-only: nobody fills it for others)
 *       etc/                               hosts, resolv.conf, nsswitch.conf for forwards by name
 */
#ifndef NODED_JAIL_JAIL_H
#define NODED_JAIL_JAIL_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

/* Makes the folders in `run_dir`, then moves the calling process into a new namespace. The
 * helpers are taken from lib_dir, sshd's PAM service from pam_dir. ERR_IO. */
int jail_open(const char *run_dir, const char *lib_dir, const char *pam_dir, dev_t *out_helper_dev,
              ino_t *out_helper_ino, struct err *err);

/* Looks the login up, moves the calling process into the namespace of process `pid`, and makes the
 * login's jail or brings it up to date. ERR_NOT_FOUND, ERR_INVALID, ERR_IO. */
int jail_prepare(const char *run_dir, const char *pid, const char *login, struct err *err);

/* Pure: whether a login can name a folder; whether a shell's path can be had in a jail. */
bool jail_login_ok(const char *login);
bool jail_shell_ok(const char *shell);

#endif
