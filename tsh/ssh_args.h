/*
 * ssh_args - finds the words of tsh and the host in a command line that is otherwise ssh's.
 */
#ifndef TSH_SSH_ARGS_H
#define TSH_SSH_ARGS_H

struct err;

/* How many of the first words are options of ours: ssh and scp have none that begin with "--". */
int ssh_args_own(int argc, char **argv);

/* Where ssh's host operand stands, by ssh(1)'s options of OpenSSH 9; -1: there is none. */
int ssh_args_host(int argc, char **argv);

/* "user@env=prod", or without a user, with a node's id for the label: *out, malloc'ed. ERR_CORRUPT:
 * no id, as "-oProxyCommand=..." from a hostile cluster, which ssh would take for an option. */
int ssh_args_put_id(const char *host, const char *id, char **out, struct err *err);

#endif
