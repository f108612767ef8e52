/*
 * start - the three programs that noded-root starts: noded-jail, sshd, noded-login.
 */
#ifndef NODED_ROOT_START_H
#define NODED_ROOT_START_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct packet;
struct root;
struct track;

/* What noded-jail made: a mount namespace, and in it the attach helper. */
struct surroundings {
	int ns;    /* -1: none yet */
	int jails; /* the folder of jails in it */
	dev_t helper_dev;
	ino_t helper_ino;
	int64_t sshd_changed; /* time stamp of the sshd that they were made for */
};

/* Makes the surroundings of sshd, or makes them anew when sshd was upgraded since: connections
 * that are open keep those they have. ERR_IO, or what noded-jail reports. */
int start_surroundings(struct root *r, struct err *err);

void start_forget(struct surroundings *s);

/* Whether noded-jail has made a jail for `login` in these surroundings. */
bool start_has_jail(const struct root *r, const char *login);

/* Lets noded-jail see to the jail of `login`, and answer request `seq` on `caller`. ERR_IO. */
int start_prepare(struct root *r, const char *login, const char *seq, int caller, struct err *err);

/* sshd on a connection. The descriptors stay the caller's. track_add()'s errors and above. */
int start_sshd(struct root *r, const char *id, const char *client, int stream, int log,
               struct track **out, struct err *err);

/* A session of connection `c` for the helper at the other end of `peer`, by the noded-login that
 * is there for it; it is started when it is not. ERR_IO. */
int start_login(struct root *r, const struct track *c, int peer, struct err *err);

#endif
