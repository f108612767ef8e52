/*
 * watched - what a watch covers: the kinds that were asked for, less those that the caller may not
 * see or that are not known here.
 */
#ifndef AUTHD_RESOURCES_WATCHED_H
#define AUTHD_RESOURCES_WATCHED_H

#include "authd/access/visible.h"

#include "base/strlist.h"

#include "proto/auth.pb.h"

#include <stddef.h>

#define WATCHED_MAX 64

struct watched_kind {
	struct visible visible;
	char *name;   /* "" = all of the kind */
	char *prefix; /* of the keys that may be meant */
};

struct watched {
	struct watched_kind *items;
	size_t count;
};

/* What INIT tells of it. { 0 } is empty. */
struct watched_answer {
	struct strlist accepted; /* names of kinds */
	struct strlist reasons;  /* those of left_out */
	pv_WatchLeftOut left_out[WATCHED_MAX];
	pb_size_t left_out_count;
};

/* Fills the empty *w; the answer borrows from the request. Both are to be released, also after a
 * failure. ERR_INVALID, ERR_LIMIT: nothing or too much was asked for. */
int watched_init(struct watched *w, const struct rpc_call *call, const pv_WatchRequest *request,
                 struct watched_answer *answer, struct err *err);
void watched_deinit(struct watched *w);
void watched_answer_deinit(struct watched_answer *answer);

/* The kind that a key belongs to; NULL: none that is watched. */
const struct watched_kind *watched_find(const struct watched *w, const char *key);

#endif
