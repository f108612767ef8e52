/*
 * cmd - the commands of tsh and what they share. One file each: cmd_<word>.c.
 *
 * A command gets its arguments without its own name, prints to standard output, and returns 0
 * or an error that main() prints.
 */
#ifndef TSH_CMD_H
#define TSH_CMD_H

#include "tsh/profile.h"

#include <uv.h>

struct clock;
struct err;

struct tsh {
	char *home;          /* ~/.tsh, or POSTERN_HOME */
	char *program;       /* our own path, for ssh's ProxyCommand */
	const char *proxy;   /* --proxy or POSTERN_PROXY; NULL: the current profile's */
	const char *user;    /* --user or POSTERN_USER; NULL: not said */
	const char *cluster; /* --cluster; NULL: the one selected */
	const struct clock *clock;
	uv_loop_t loop;
};

typedef int (*cmd_fn)(struct tsh *t, int argc, char **argv, struct err *err);

int cmd_login(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_logout(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_status(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_ls(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_ssh(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_scp(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_config(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_proxy(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_play(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_sessions(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_request(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_mfa(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_clusters(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_join(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_kube(struct tsh *t, int argc, char **argv, struct err *err);
int cmd_kube_sessions(struct tsh *t, int argc, char **argv, struct err *err);

struct args_option;

/* Parses against `options` (NULL: none) and those that every command knows; words are moved to
 * the front of argv (conf/args.h). */
int cmd_parse(struct tsh *t, const struct args_option *options, int *argc, char **argv,
              struct err *err);

/* The profile in use, its certificates still valid, turned to the leaf that --cluster or an earlier
 * `tsh login LEAF` names. ERR_NOT_FOUND: there is no such cluster. */
int cmd_open_profile(struct tsh *t, struct profile *out, struct err *err);

/* The same, but of the login's own cluster, whatever is selected. */
int cmd_open_own_profile(struct tsh *t, struct profile *out, struct err *err);

/* Is it a leaf of the login's cluster? Asks there, unless it is known. ERR_NOT_FOUND: it is not. */
int cmd_find_leaf(struct tsh *t, struct profile *p, const char *leaf, struct err *err);

#endif
