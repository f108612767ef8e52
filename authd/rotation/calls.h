/*
 * calls - the calls about rotating the authorities; who may make them stands in methods.c.
 *
 * A handler is called once per call, authorized; it answers now or later (rpc/server.h).
 */
#ifndef AUTHD_ROTATION_CALLS_H
#define AUTHD_ROTATION_CALLS_H

struct rpc_call;

void handle_rotate_authority(struct rpc_call *call);
void handle_get_rotation(struct rpc_call *call);

#endif
