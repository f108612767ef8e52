/*
 * method - what a service offers: signatures that both sides share, and the server's rows.
 *
 * A service is a list of signatures, made from its .proto (proto/auth.service.h). A client names a
 * call by its number in that list; a server adds a row per call: who may, and what handles it. One
 * row serves gRPC (/postern.v1.Auth/Ping) and JSON (POST /v1/Ping).
 */
#ifndef RPC_METHOD_H
#define RPC_METHOD_H

#include <stddef.h>
#include <stdint.h>

struct fields_table;
struct rpc_call;

enum rpc_kind {
	RPC_UNARY,         /* one message each way */
	RPC_SERVER_STREAM, /* one request, many responses */
	RPC_CLIENT_STREAM, /* many requests, one response */
	RPC_BIDI,          /* many each way */
};

struct rpc_signature {
	const char *name; /* "Ping" */
	enum rpc_kind kind;
	const struct fields_table *request; /* &pv_PingRequest_table */
	const struct fields_table *response;
};

struct rpc_service {
	const char *name; /* "postern.v1.Auth" */
	const struct rpc_signature *calls;
	size_t count;
};

struct rpc_method {
	unsigned call;   /* AUTH_PING */
	unsigned access; /* who may: for the program's authorize hook, not interpreted here */
	const void *access_data; /* likewise, as "verb on kind" */
	/* Begins the call; see rpc/server.h for what it may do. */
	void (*handle)(struct rpc_call *call);
};

/* What a server answers of one service. */
struct rpc_offer {
	const struct rpc_service *service;
	const struct rpc_method *methods; /* calls without a row are UNIMPLEMENTED */
	size_t method_count;
};

/* A .proto, as server reflection hands it out. */
struct rpc_file {
	const char *name;     /* "auth.proto" */
	const uint8_t *bytes; /* google.protobuf.FileDescriptorProto */
	size_t len;
	const char *const
	        *symbols; /* full names of its messages, enums, services and calls; NULL-ended */
};

#endif
