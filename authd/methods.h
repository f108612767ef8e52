/*
 * methods - authd's calls: for each who may make it and what handles it (the table in methods.c).
 *
 * A handler is called once per call, authorized; it answers now or later (rpc/server.h).
 */
#ifndef AUTHD_METHODS_H
#define AUTHD_METHODS_H

#include <stddef.h>

struct rpc_call;
struct rpc_method;

const struct rpc_method *methods(size_t *out_count);

/* ping.c */
void handle_ping(struct rpc_call *call);

/* login.c, users.c, issue.c */
void handle_login(struct rpc_call *call);
void handle_get_invite(struct rpc_call *call);
void handle_accept_invite(struct rpc_call *call);
void handle_create_user(struct rpc_call *call);
void handle_reset_user(struct rpc_call *call);
void handle_unlock_user(struct rpc_call *call);
void handle_issue_user_certificate(struct rpc_call *call);

/* join.c, tokens.c */
void handle_join(struct rpc_call *call);
void handle_renew_host(struct rpc_call *call);
void handle_create_token(struct rpc_call *call);

/* presence.c */
void handle_announce(struct rpc_call *call);

/* resources.c, list.c */
void handle_get_resource(struct rpc_call *call);
void handle_list_resources(struct rpc_call *call);
void handle_put_resource(struct rpc_call *call);
void handle_delete_resource(struct rpc_call *call);

/* watch.c */
void handle_watch(struct rpc_call *call);

/* sessions.c */
void handle_put_session(struct rpc_call *call);
void handle_kill_session(struct rpc_call *call);

/* audit_log.c, recordings.c */
void handle_emit_audit(struct rpc_call *call);
void handle_upload_recording(struct rpc_call *call);
void handle_get_recording(struct rpc_call *call);

/* backup.c */
void handle_backup(struct rpc_call *call);

#endif
