/*
 * reflection - the handler of gRPC's server reflection: what services a server offers, and the
 * .proto files that describe them, so that generic tools can list and call everything.
 *
 * Source: grpc/reflection/v1 (proto/reflection.proto); v1alpha is the same under another name. What
 * it tells is in the source of this program anyway; who may ask is the server's row to say.
 * Extensions are not looked up (UNIMPLEMENTED).
 */
#ifndef RPC_REFLECTION_H
#define RPC_REFLECTION_H

struct rpc_call;
struct rpc_service;

/* The older name, which most tools still ask for; the newer is grv_ServerReflection_service. */
extern const struct rpc_service reflection_v1alpha;

/* Handles ServerReflectionInfo; tells of the server's main service and of reflection itself. */
void reflection_handle(struct rpc_call *call);

#endif
