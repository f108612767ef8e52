/*
 * child - run another program: its descriptors, surroundings, a deadline, its output kept up to a
 * bound, one callback when it has exited and its output has ended.
 *
 * It inherits what the options name: descriptors 0-2 are /dev/null unless given, the environment is
 * exactly `env`, signals are as at boot, it leads a session and process group of its own. All other
 * descriptors of ours are close-on-exec. Output that others hold open longer than
 * CHILD_OUTPUT_GRACE_MS after its exit is given up.
 */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uv.h>

struct child;
struct err;

#define CHILD_FDS             16
#define CHILD_OUTPUT_GRACE_MS 1000

struct child_options {
	const char *const *argv; /* argv[0] is looked up in PATH unless `file` is set */
	const char *file;        /* the program's path; NULL = argv[0] */
	const char *const *env;  /* "NAME=value", NULL at the end; NULL = empty */
	const char *cwd;         /* NULL = ours */
	const int *fds;          /* fds[n] becomes its descriptor n; -1 = /dev/null; borrowed */
	size_t n_fds;
	size_t max_output;   /* keep this much of descriptors 1 and 2 (when not in fds); 0 = none */
	unsigned timeout_ms; /* SIGKILL to its process group then; 0 = no deadline */
	bool set_user;       /* run as uid and gid */
	uid_t uid;
	gid_t gid;
};

struct child_result {
	int exit_code;  /* -1 when a signal ended it */
	int signal;     /* 0 when it exited */
	bool timed_out; /* we killed it */
	bool canceled;
	const char *output; /* descriptors 1 and 2 as they came, with a 0 behind; borrowed */
	size_t output_len;
	bool output_cut; /* there was more than max_output */
};

/* The child is gone when this returns. */
typedef void (*child_cb)(void *owner, const struct child_result *result);

/* *out (may be NULL) is for the calls below. Fails and never calls back, or calls back exactly
 * once, later. ERR_NOT_FOUND, ERR_IO, ERR_NOMEM. */
int child_start(uv_loop_t *loop, const struct child_options *options, child_cb cb, void *owner,
                struct child **out, struct err *err);

pid_t child_pid(const struct child *c);
void child_signal(struct child *c, int signum);

/* SIGKILL to its process group; the callback comes, with canceled set. NULL allowed. */
void child_cancel(struct child *c);

/* Whether `r` is exit code 0; if not, err says 'name' exited with code 3: <last line of output>. */
int child_check(const struct child_result *r, const char *name, struct err *err);

#endif
