/*
 * ssh_args - finds the words of tsh and the host in a command line that is otherwise ssh's.
 */
#ifndef TSH_SSH_ARGS_H
#define TSH_SSH_ARGS_H

/* How many of the first words are options of ours: ssh and scp have none that begin with "--". */
int ssh_args_own(int argc, char **argv);

/* Where ssh's host operand stands, by ssh(1)'s options of OpenSSH 9; -1: there is none. */
int ssh_args_host(int argc, char **argv);

#endif
