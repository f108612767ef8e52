/*
 * api - calls to authd: connects at the first one, waits for each answer.
 */
#ifndef TCTL_API_H
#define TCTL_API_H

#include "proto/auth.service.h"

#include "proto/auth.pb.h"

#include <stdbool.h>

struct err;
struct tctl;

/* Reads the settings and makes the client, unless that is done. */
int api_open(struct tctl *t, struct err *err);

/* `out_response` as in rpc_unary_wait(); the settings are read and the connection made first if
 * need be. The server's errors come with their code and its words. */
int api_call(struct tctl *t, enum auth_call call, const void *request, void *out_response,
             struct err *err);

/* Ends the connection and frees the settings. Harmless when nothing was opened. */
void api_close(struct tctl *t);

/* All resources that a query finds, page by page; request->page_start is changed. `each` may stop
 * the walk with an error. */
typedef int (*api_each)(void *arg, const pv_Resource *r, struct err *err);

int api_list(struct tctl *t, pv_ListResourcesRequest *request, api_each each, void *arg,
             struct err *err);

#endif
