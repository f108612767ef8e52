/*
 * audit_queue - audit events on their way to authd: appended to a file, sent in order, the file
 * emptied once authd has acknowledged all of it.
 *
 *   audit_queue_put --write--> file --EmitAudit, in batches--> authd: acknowledged --> cut to 0
 *
 * What was put survives a kill of this process at once and a power failure a moment later, when a
 * thread has synced it. After a crash some events may be sent twice, with the same uid. Bounded;
 * when it is full no session is allowed any more, so that nothing happens here unknown to anybody.
 */
#ifndef DAEMON_AUDIT_QUEUE_H
#define DAEMON_AUDIT_QUEUE_H

#include "proto/audit.pb.h"

#include <stdbool.h>

#include <uv.h>

struct audit_queue;
struct err;
struct host;

/* In the folder `data_dir`; `host` has the connection to authd. */
int audit_queue_open(uv_loop_t *loop, struct host *host, const char *data_dir,
                     struct audit_queue **out, struct err *err);
void audit_queue_close(struct audit_queue *q);

/* The event is borrowed. ERR_LIMIT, ERR_IO. */
int audit_queue_put(struct audit_queue *q, const pv_AuditEvent *event, struct err *err);

bool audit_queue_full(const struct audit_queue *q);

/* The connection to authd stands: sends what waits. */
void audit_queue_kick(struct audit_queue *q);

#endif
