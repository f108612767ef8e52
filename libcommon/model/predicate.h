/*
 * predicate - the small language in which a role's `where` and its label expressions are written.
 *
 *   contains(session.participants, user.metadata.name)
 *   equals(resource.metadata.labels["env"], "dev") && !has_prefix(resource.metadata.name, "x-")
 *   labels["env"] == "lab" || contains(user.spec.traits["teams"], labels["team"])
 *
 *   expression = and { "||" and }          and   = unary { "&&" unary }
 *   unary      = "!" unary | term [ ("==" | "!=") term ]
 *   term       = "(" expression ")" | "text" | `text` | "[" [ term { "," term } ] "]"
 *              | function "(" [ term { "," term } ] ")" | field | map "[" "text" "]" | map.name
 *
 * Every expression is a bool, a text or a list of texts; that is checked when it is read, as are
 * the names. Functions stand in predicate_functions.c, fields in predicate_fields.c.
 *
 * There are three answers. What is looked at may not be known yet (which session, before one is
 * asked for), or a step fails (an expression that takes too long): the answer then is "unknown",
 * which allows nothing and denies what it was to deny. A field that is known to be empty, such as
 * a label that is not there, is the empty text.
 *
 * Bounds: PREDICATE_MAX bytes, PREDICATE_DEPTH levels, PREDICATE_STEPS texts looked at per test.
 */
#ifndef MODEL_PREDICATE_H
#define MODEL_PREDICATE_H

#include "proto/identity.pb.h"
#include "proto/resource.pb.h"

struct err;
struct label_set;
struct predicate;

#define PREDICATE_MAX   2048
#define PREDICATE_DEPTH 20
#define PREDICATE_STEPS 4000

/* What a test looks at; all borrowed, all may be NULL: not known. */
struct predicate_context {
	const pv_Identity *who;         /* user.* */
	const pv_Resource *resource;    /* resource.*, and session.* when it is one */
	const struct label_set *labels; /* of a node, in label expressions */
	const pv_Resource *impersonated_user;
	const pv_Resource *impersonated_role;
	const pv_AccessRequestSpec *request; /* request.*; `who` judges it */
	const pv_AccessReview *review;       /* review.* */
};

enum predicate_truth { PREDICATE_NO, PREDICATE_YES, PREDICATE_UNKNOWN };

enum predicate_use {
	PREDICATE_WHERE = 1,  /* of a rule */
	PREDICATE_LABELS = 2, /* node_labels_expression and its like */
	PREDICATE_JUDGE = 4,  /* who may judge an access request: review_requests' where */
	PREDICATE_REVIEW = 8, /* which reviews a threshold counts: its filter */
};

/* ERR_INVALID: with what is wrong, and at which byte. */
int predicate_new(struct predicate **out, const char *text, enum predicate_use use,
                  struct err *err);
void predicate_free(struct predicate *p);

/* `why` is set with an unknown answer: what is not known, or what failed. */
enum predicate_truth predicate_test(const struct predicate *p, const struct predicate_context *ctx,
                                    struct err *why);

/* For expressions that are used once; one that cannot be read is unknown. */
enum predicate_truth predicate_ask(const char *text, enum predicate_use use,
                                   const struct predicate_context *ctx);

/* Is it an expression? ERR_INVALID as predicate_new(). */
int predicate_check(const char *text, enum predicate_use use, struct err *err);

#endif
