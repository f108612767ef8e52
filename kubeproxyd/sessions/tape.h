/*
 * tape - a recording that one thread writes beside others: a recorder stepped by a timer, whose end
 * waits for the disk in another thread.
 *
 * A failure to write is told once; the recording ends there, and whoever it belongs to decides
 * whether what is recorded may go on.
 */
#ifndef KUBEPROXYD_SESSIONS_TAPE_H
#define KUBEPROXYD_SESSIONS_TAPE_H

#include "proto/record.pb.h"

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

struct clock;
struct err;
struct tape;
struct work_pool;

struct tape_conf {
	uv_loop_t *loop;
	const struct clock *clock;
	struct work_pool *pool; /* where ends wait; its owner waits for them */
	int spool;              /* the folder's descriptor */
	/* From within a call or the timer; at most once. The tape takes nothing more then. */
	void (*failed)(void *owner, const struct err *why);
	void *owner;
};

int tape_open(const struct tape_conf *conf, const pv_RecordStart *start, struct tape **out,
              struct err *err);

void tape_output(struct tape *t, const void *data, size_t len, bool error_output);
void tape_resize(struct tape *t, unsigned columns, unsigned rows);
void tape_participant(struct tape *t, const char *user, const char *mode, bool joined);

/* Ends the recording; it is gone for the caller, and frees itself. NULL is fine. */
void tape_close(struct tape *t, int exit_code, const char *reason);

#endif
