/*
 * calls - the calls of hosts and of those who add them: joining, renewal, presence, tokens; who may
 * make them stands in methods.c.
 *
 * A handler is called once per call, authorized; it answers now or later (rpc/server.h).
 */
#ifndef AUTHD_HOSTS_CALLS_H
#define AUTHD_HOSTS_CALLS_H

struct rpc_call;

void handle_join(struct rpc_call *call);
void handle_renew_host(struct rpc_call *call);
void handle_create_token(struct rpc_call *call);
void handle_announce(struct rpc_call *call);
void handle_report_tunnels(struct rpc_call *call);
void handle_keep_alive(struct rpc_call *call);
void handle_acquire_semaphore(struct rpc_call *call);
void handle_release_semaphore(struct rpc_call *call);

#endif
