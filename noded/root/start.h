/*
 * start - the three programs that noded-root starts: noded-jail, sshd, noded-login. The first and
 * the last wait for requests, and are started again when they are gone and needed.
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
	int ns; /* -1: none yet */
	dev_t helper_dev;
	ino_t helper_ino;
	int64_t sshd_changed; /* when the sshd that they were made for was: its ctime, in ns */
};

/* Makes the surroundings of sshd, or makes them anew when sshd was upgraded since: connections
 * that are open keep those they have. ERR_IO, or what noded-jail reports. */
int start_surroundings(struct root *r, struct err *err);

void start_forget(struct surroundings *s);

/* Whether noded-jail has made a jail for `login` in the surroundings of connection `c`. */
bool start_has_jail(const struct track *c, const char *login);

/* Lets noded-jail see to the jail of `login` there, and answer request `seq` on `caller`. The
 * surroundings may be older than ours: sshd was upgraded since, or we were restarted. ERR_IO. */
int start_prepare(struct track *c, const char *login, const char *seq, int caller, struct err *err);

/* Of a connection: its name, its client, how sshd finds out that the client is gone. */
struct start_sshd {
	const char *id, *client;
	int stream, log;                       /* stay the caller's */
	long long alive_interval, alive_count; /* s; ALIVE_MAX bounds both */
};

#define START_ALIVE_MAX 86400

/* sshd on a connection. track_add()'s errors and above. */
int start_sshd(struct root *r, const struct start_sshd *wish, struct track **out, struct err *err);

/* A session of connection `c` for the helper at the other end of `peer`, by the noded-login that
 * is there for it; it is started when it is not. ERR_IO. */
int start_login(struct root *r, const struct track *c, int peer, struct err *err);

#endif
