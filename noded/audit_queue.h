/*
 * audit_queue - audit events on their way to authd: appended to a file with fdatasync, sent in
 * order, removed once authd has acknowledged them. Bounded; when it is full, session_add() fails,
 * so that nothing happens here that nobody will know of.
 */
#ifndef NODED_AUDIT_QUEUE_H
#define NODED_AUDIT_QUEUE_H

#include "proto/audit.pb.h"

#include <stdbool.h>

struct audit_queue;
struct err;
struct noded;

int audit_queue_open(struct noded *n, struct audit_queue **out, struct err *err);
void audit_queue_close(struct audit_queue *q);

/* Durable when it returns. The event is borrowed; uid and time are filled in (audit/audit.h).
 * ERR_LIMIT, ERR_IO. */
int audit_queue_put(struct audit_queue *q, const pv_AuditEvent *event, struct err *err);

bool audit_queue_full(const struct audit_queue *q);

/* The connection to authd stands: sends what waits. */
void audit_queue_kick(struct audit_queue *q);

#endif
