/*
 * calls - the calls about sessions and their recordings; who may make them stands in methods.c.
 *
 * A handler is called once per call, authorized; it answers now or later (rpc/server.h).
 */
#ifndef AUTHD_RECORDINGS_CALLS_H
#define AUTHD_RECORDINGS_CALLS_H

struct rpc_call;

void handle_put_session(struct rpc_call *call);
void handle_kill_session(struct rpc_call *call);
void handle_upload_recording(struct rpc_call *call);
void handle_get_recording(struct rpc_call *call);

#endif
