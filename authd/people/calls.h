/*
 * calls - the calls of people: logging in, invites, users, their certificates; who may make them
 * stands in methods.c.
 *
 * A handler is called once per call, authorized; it answers now or later (rpc/server.h).
 */
#ifndef AUTHD_PEOPLE_CALLS_H
#define AUTHD_PEOPLE_CALLS_H

struct rpc_call;

void handle_login(struct rpc_call *call);
void handle_get_invite(struct rpc_call *call);
void handle_accept_invite(struct rpc_call *call);
void handle_create_user(struct rpc_call *call);
void handle_reset_user(struct rpc_call *call);
void handle_unlock_user(struct rpc_call *call);
void handle_list_mfa_devices(struct rpc_call *call);
void handle_begin_mfa_device(struct rpc_call *call);
void handle_finish_mfa_device(struct rpc_call *call);
void handle_remove_mfa_device(struct rpc_call *call);
void handle_explain_access(struct rpc_call *call);
void handle_create_access_request(struct rpc_call *call);
void handle_review_access_request(struct rpc_call *call);
void handle_resolve_access_request(struct rpc_call *call);
void handle_assume_access_request(struct rpc_call *call);
void handle_issue_user_certificate(struct rpc_call *call);

#endif
