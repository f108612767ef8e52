/*
 * calls - the calls about resources of every kind, and the watch on them; who may make them stands
 * in methods.c.
 *
 * A handler is called once per call, authorized; it answers now or later (rpc/server.h).
 */
#ifndef AUTHD_RESOURCES_CALLS_H
#define AUTHD_RESOURCES_CALLS_H

struct rpc_call;

void handle_get_resource(struct rpc_call *call);
void handle_list_resources(struct rpc_call *call);
void handle_put_resource(struct rpc_call *call);
void handle_put_resources(struct rpc_call *call);
void handle_delete_resource(struct rpc_call *call);
void handle_watch(struct rpc_call *call);

#endif
