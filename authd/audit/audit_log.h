/*
 * audit_log - the audit log on disk: JSON lines, one file a day.
 *
 *   <dir>/2026-11-20.00:00:00.log   the events that were written on that day (UTC)
 *   <dir>/events.log                a symbolic link to the newest of these
 *
 * Events gather while a thread of the pool writes and syncs those before them; then all
 * that gathered go out together. So an event costs no sync of its own, and who asks is told
 * only when it is on the disk. Events that nobody waits for are written as fast, so that they
 * outlive the process, and synced a moment later. A batch that cannot be written whole is cut off
 * again, and all of its events are told so.
 */
#ifndef AUTHD_AUDIT_LOG_H
#define AUTHD_AUDIT_LOG_H

#include "proto/audit.pb.h"

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct audit_event;
struct audit_log;
struct authd;
struct clock;
struct err;
struct rpc_call;

#define AUDIT_LOG_WAITING_MAX (8u * 1024 * 1024) /* bytes that may wait for the disk */

struct audit_log_spec {
	const char *dir; /* made, with mode 0750, when it is absent */
	const char *cluster;
	int64_t keep_ms; /* files are removed when their day is this long ago; 0 = never */
	uv_loop_t *loop;
	const struct clock *clock;
};

/* Half a line that a crash left at the end of today's file is cut off. Strings are copied. */
int audit_log_open(struct audit_log **out, const struct audit_log_spec *spec, struct err *err);

/* What is under way and what gathered is still written, and answered, as the loop runs on; the log
 * goes when that is done. NULL is fine. */
void audit_log_close(struct audit_log *log);

/* err is NULL once the events are on the disk. */
typedef void (*audit_log_cb)(void *arg, const struct err *err);

/*
 * Writes one or more events, in this order, with the cluster's name in place of theirs. `done` (may
 * be NULL) comes once, later. `log` NULL: ERR_UNAVAILABLE, authd stops. ERR_LIMIT: too much waits,
 * or an event is too long; then nothing of it is written and `done` does not come.
 */
int audit_log_write(struct audit_log *log, const pv_AuditEvent *events, size_t count,
                    audit_log_cb done, void *arg, struct err *err);

/* --- for the handlers of calls --------------------------------------------------------------- */

/* Sets who made the call and from where: user, server_id, addr.remote. Borrowed from it. */
void audit_log_caller(struct audit_event *e, const struct rpc_call *call);

/* Writes an event about something that has happened already: a failure is only logged. */
void audit_log_report(struct authd *a, const struct audit_event *e);

#endif
