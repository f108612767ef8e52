/*
 * request - access requests as people make and use them: ask, wait for the answer, take the roles.
 */
#ifndef TSH_REQUEST_H
#define TSH_REQUEST_H

#include "tsh/api.h"

#include "proto/resource.pb.h"

struct err;
struct strlist;

/* Asks; prints the id. *out is for fields_release(). */
int request_create(struct api *a, const struct strlist *roles, const char *reason, int64_t ttl,
                   pv_Resource *out, struct err *err);

int request_load(struct api *a, const char *id, pv_Resource *out, struct err *err);

/* Waits until it is judged (by a watch). ERR_DENIED with the judge's reason; ERR_NOT_FOUND: nobody
 * judged it in time. */
int request_wait(struct api *a, const char *id, struct err *err);

/* Certificates with the roles of an approved request in place of the profile's. */
int request_assume(struct api *a, struct profile *p, const char *id, struct err *err);

#endif
