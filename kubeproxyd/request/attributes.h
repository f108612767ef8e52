/*
 * attributes - what a request to a Kubernetes API server is about, from its method and target
 * alone: the same reading as the API server's own (k8s.io/apiserver, request.RequestInfo).
 *
 *   /api/v1/namespaces/dev/pods/web/exec       core, verb create (POST), pods "web" in "dev", exec
 *   /apis/apps/v1/deployments?watch=1          group apps, verb watch, deployments in all
 * namespaces /healthz, /version, /openapi/v2, /apis     no resource: discovery
 *
 * A target that two readers could take for two things is refused: empty and dot segments, escaped
 * slashes, control characters, broken escapes, a ';' in the query. Behind a proxy subresource
 * ("services/web/proxy/...") only dots are: that path is the proxied program's.
 */
#ifndef KUBEPROXYD_REQUEST_ATTRIBUTES_H
#define KUBEPROXYD_REQUEST_ATTRIBUTES_H

#include <stdbool.h>

struct err;

#define ATTRIBUTE_SIZE     256  /* of a name, with its 0 */
#define ATTRIBUTE_PATH_MAX 8192 /* bytes of a target */

struct attributes {
	bool resource;              /* about a resource; else only verb and path count */
	char verb[ATTRIBUTE_SIZE];  /* get list watch create update patch delete deletecollection */
	char group[ATTRIBUTE_SIZE]; /* "" is the core group */
	char version[ATTRIBUTE_SIZE];
	char namespace[ATTRIBUTE_SIZE]; /* "": none, or all of them */
	char kind[ATTRIBUTE_SIZE];      /* "pods" */
	char name[ATTRIBUTE_SIZE];      /* "": none; of a list the one its field selector names */
	char subresource[ATTRIBUTE_SIZE];
	char path[ATTRIBUTE_PATH_MAX]; /* decoded, without the query */
	bool follows;                  /* log?follow: its answer may go on for hours */
};

/* ERR_INVALID: a target that is not plain, or no method of HTTP's; ERR_LIMIT: too long. */
int attributes_read(struct attributes *out, const char *method, const char *target,
                    struct err *err);

/* Appends nothing but copies the first value of a query's field, decoded; false: it is not there,
 * or longer than `size`. */
bool attributes_query(const char *target, const char *name, char *out, unsigned size);

/* The same for each value of a field in turn: *at begins at the target's '?', or NULL. */
bool attributes_query_next(const char **at, const char *name, char *out, unsigned size);

/* Of a pod's exec, attach, portforward: a request that becomes a channel. */
bool attributes_is_channel(const struct attributes *a);

/* Its answer may take as long as it likes: watches, logs that are followed, proxied programs. */
bool attributes_is_long(const struct attributes *a);

#endif
