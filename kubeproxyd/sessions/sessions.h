/*
 * sessions - all of them, and what they share: the audit queue, the spool and its upload, records
 * of those that ended, files by which a kubeproxyd that starts anew knows over whom the last one
 * died.
 */
#ifndef KUBEPROXYD_SESSIONS_SESSIONS_H
#define KUBEPROXYD_SESSIONS_SESSIONS_H

#include <stdbool.h>

struct audit_queue;
struct ended;
struct err;
struct kubeproxyd;
struct session;
struct sessions;
struct upload;
struct work_pool;

int sessions_open(struct kubeproxyd *k, struct sessions **out, struct err *err);
void sessions_close(struct sessions *all); /* all have ended. NULL allowed */

/* The connection to authd stands again. */
void sessions_kick(struct sessions *all);

/* What the cluster says of recording, as the cache has it now. */
const char *sessions_recording_mode(const struct kubeproxyd *k); /* "node", "off" */
bool sessions_record(const struct kubeproxyd *k);
bool sessions_record_strictly(const struct kubeproxyd *k);

/* --- for session.c, report.c, join.c --- */

struct session *sessions_find(const struct sessions *all, const char *sid); /* NULL: none */

void sessions_add(struct sessions *all, struct session *s);
void sessions_keep(struct sessions *all, const struct session *s); /* in its file, as it is now */
void sessions_forget(struct sessions *all, const struct session *s);

struct audit_queue *sessions_audit(const struct sessions *all);
struct ended *sessions_ended(const struct sessions *all);
struct upload *sessions_upload(const struct sessions *all);
struct work_pool *sessions_pool(const struct sessions *all);
int sessions_spool(const struct sessions *all); /* the folder's descriptor */

#endif
