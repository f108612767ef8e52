/*
 * report - what happens in sessions, told to authd: audit events and the sessions' records.
 */
#ifndef KUBEPROXYD_SESSIONS_REPORT_H
#define KUBEPROXYD_SESSIONS_REPORT_H

#include "proto/auth.pb.h"

#include <stdbool.h>
#include <stdint.h>

struct kubeproxyd;
struct session;
struct session_outcome;
struct visit;

void report_start(const struct session *s);
void report_port(const struct session *s, unsigned port, bool success);
/* Somebody joined a session, left one, was not let in, or was made to leave. */
void report_joined(const struct session *s, const char *user);
void report_left(const struct session *s, const char *user);
void report_refusal(const struct visit *visit, const char *reason);
void report_cut(const struct session *s, const struct visit *visit, const char *reason);

void report_end(const struct session *s, const struct session_outcome *o);

/* The connection to authd stands again: the record of one that lives is put anew. */
void report_alive(const struct session *s);

/* A kubeproxyd before this one died over the session: its record as it was left. */
void report_orphan(struct kubeproxyd *k, const pv_Session *record);

/* The record of a session that lives, borrowing its texts. */
pv_PutSessionRequest report_record(const struct session *s, int64_t ended);

#endif
