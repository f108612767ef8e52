/*
 * cmd - the commands of tctl and what they share. One file per first word: cmd_<word>.c.
 *
 * A command gets its arguments without its own words, prints to t->out, and returns 0 or an
 * error that main() prints as one line.
 */
#ifndef TCTL_CMD_H
#define TCTL_CMD_H

#include "tctl/conf.h"

#include "model/listing.h"

#include <limits.h>
#include <stdio.h>

#include <uv.h>

struct args_option;
struct err;
struct rpc_client;

struct tctl {
	/* Options that every command knows; NULL: not given. */
	const char *config;
	const char *socket;
	const char *auth_server;
	const char *identity;
	const char *format;

	FILE *out;
	struct tctl_conf conf;
	uv_loop_t loop;
	struct rpc_client *client; /* NULL until the first call */
};

typedef int (*cmd_fn)(struct tctl *t, int argc, char **argv, struct err *err);

int cmd_status(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_users_add(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_users_ls(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_users_rm(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_users_reset(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_users_unlock(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_tokens_add(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_tokens_ls(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_tokens_rm(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_nodes_add(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_nodes_ls(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_sessions_ls(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_sessions_kill(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_get(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_create(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_edit(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_update(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_validate(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_lock(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_rm(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_requests_ls(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_requests_create(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_requests_approve(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_requests_deny(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_requests_rm(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_access_explain(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_auth_export(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_auth_rotate(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_backup(struct tctl *t, int argc, char **argv, struct err *err);
int cmd_auth_sign(struct tctl *t, int argc, char **argv, struct err *err);

/* Parses against `options` (NULL: none) and those that every command knows; flags as in
 * conf/args.h. The words are moved to the front of argv. */
int cmd_options(struct tctl *t, const struct args_option *options, unsigned flags, int *argc,
                char **argv, struct err *err);

#define CMD_ANY INT_MAX

/* The same for a command, which takes min..max words (CMD_ANY: no bound). */
int cmd_parse(struct tctl *t, const struct args_option *options, int min, int max, int *argc,
              char **argv, struct err *err);

/* --format, or `otherwise` when it was not given. */
int cmd_format(const struct tctl *t, enum listing_format otherwise, enum listing_format *out,
               struct err *err);

/* A --ttl in milliseconds; NULL is 0, which leaves it to authd. */
int cmd_ttl(const char *text, int64_t *out, struct err *err);

#endif
