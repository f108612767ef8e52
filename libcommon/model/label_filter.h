/*
 * label_filter - which resources a part of a role is about: a selector of labels, an expression, or
 * both, compiled.
 *
 * What a role allows must be chosen by all that is set; what it denies by any of it. What cannot be
 * told (a pattern that takes too long, a field that is not known) is not chosen when it would be
 * allowed, and is when it would be denied.
 */
#ifndef MODEL_LABEL_FILTER_H
#define MODEL_LABEL_FILTER_H

#include "base/err.h"
#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct label_selector;
struct predicate;
struct predicate_context;

struct label_filter {
	bool denying;
	struct label_selector *selector; /* NULL: none is set */
	struct predicate *expression;    /* NULL: none is set */
};

/* What stood in the way, or for a denial what it came from. */
struct label_finding {
	const char *key;    /* of the selector; NULL: it was not a label */
	bool by_expression; /* it was the expression */
	bool failed;        /* it could not be told, and `err` says why */
	struct err err;     /* set only then */
};

/* Takes over nothing; the entries are borrowed until return. `expression` may be NULL or "". Deinit
 * it in any case. ERR_INVALID: a pattern or expression that is none. */
int label_filter_init(struct label_filter *f, bool denying,
                      const pv_RoleConditions_NodeLabelsEntry *entries, size_t count,
                      const char *expression, struct err *err);
void label_filter_deinit(struct label_filter *f);

/* Chosen? ctx->labels are the resource's, ctx->who the user. *out is set whenever the answer is
 * false, and when it is true for a denial. */
bool label_filter_match(const struct label_filter *f, const struct predicate_context *ctx,
                        struct label_finding *out);

#endif
