/*
 * api - authd's gRPC calls, end to end through the proxy (which sees ciphertext only).
 */
#ifndef TSH_API_H
#define TSH_API_H

#include "tsh/cmd.h"

#include "proto/resource.pb.h"

struct err;
struct rpc_client;

struct api {
	struct tsh *tsh;
	struct rpc_client *client;
	unsigned timeout_ms; /* of each call */
};

int api_open(struct api *a, struct tsh *t, const struct profile *p, struct err *err);
void api_close(struct api *a);

/* One resource; fields_release() it. */
int api_get(struct api *a, const char *kind, const char *name, pv_Resource *out, struct err *err);

/* All resources of a kind that match, page by page. `each` may stop the walk with an error. */
struct api_query {
	const char *kind; /* "node" */
	const char *search;
	char *const *labels; /* "key=value" */
	int label_count;
};

typedef int (*api_each)(void *arg, const pv_Resource *r, struct err *err);

int api_list(struct api *a, const struct api_query *q, api_each each, void *arg, struct err *err);

#endif
