/*
 * root - what noded-root's parts share: one thread, one loop, everything it knows.
 */
#ifndef NODED_ROOT_ROOT_H
#define NODED_ROOT_ROOT_H

#include "base/list.h"
#include "noded/root/conf.h"
#include "noded/root/loop.h"
#include "noded/root/start.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct root {
	struct root_conf conf;
	uid_t node_uid;
	int loop; /* epoll */
	struct source signals;
	struct source control; /* control.sock */
	struct source attach;  /* the jails' socket */
	struct source jails;   /* to noded-jail */
	struct source logins;  /* to noded-login */
	struct list callers;   /* control.h */
	struct list tracks;    /* track.h */
	struct surroundings jail;
	bool stop;
};

#endif
