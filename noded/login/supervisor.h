/*
 * supervisor - noded-login's end of the link to noded-session; noded/session/link.h is the words.
 */
#ifndef NODED_LOGIN_SUPERVISOR_H
#define NODED_LOGIN_SUPERVISOR_H

#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct event_end;
struct grant;
struct hello;

struct supervisor_start {
	const char *lib_dir;
	const struct passwd *node; /* who it runs as */
	const char *conn;
	const char *login;
	const struct hello *hello;
	const struct grant *grant;
	int fds[4]; /* as link.h has them; borrowed */
	int fd_count;
};

/* Starts noded-session and tells it everything; *out_sock is our end. ERR_IO. */
int supervisor_start(const struct supervisor_start *s, int *out_sock, struct err *err);

/* Waits until it is ready. ERR_UNAVAILABLE with its reason. */
int supervisor_wait_ready(int sock, struct err *err);

void supervisor_resize(int sock, unsigned columns, unsigned rows);
void supervisor_notice(int sock, const char *text);

/* The command has ended as `e` says; waits until all it left behind is passed on, and completes
 * `e`. False: the supervisor is dead. */
bool supervisor_finish(int sock, struct event_end *e);

#endif
