/*
 * impersonation - as whom a request is made: what the client chose among what its roles allow.
 *
 *   Impersonate-User    at most one, of the allowed users; without it the only one that is allowed
 *   Impersonate-Group   any number, each of the allowed groups; without it all of them
 *   any other Impersonate-*  refused
 *
 * Every refusal holds the words "impersonation request has been denied". A choice that is not the
 * client's to make never reaches the API server: the headers are ours from here on.
 */
#ifndef KUBEPROXYD_REQUEST_IMPERSONATION_H
#define KUBEPROXYD_REQUEST_IMPERSONATION_H

#include "base/strlist.h"
#include "wire/http1.h"

struct err;
struct headers;

/* { 0 } is nobody. */
struct impersonation {
	char *user;
	struct strlist groups;
};

void impersonation_deinit(struct impersonation *i);

/* From the headers of a request; `users` and `groups` are what is allowed. ERR_DENIED. */
int impersonation_choose(struct impersonation *out, const struct http1_header *headers,
                         size_t count, const struct strlist *users, const struct strlist *groups,
                         struct err *err);

/* Appends the headers that tell the API server. */
int impersonation_write(const struct impersonation *i, struct headers *to, struct err *err);

#endif
