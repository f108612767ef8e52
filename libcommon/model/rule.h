/*
 * rule - "these verbs on these kinds of resources, where this holds", as roles list them for calls.
 *
 * A part's rules are compiled once and kept by specificity: of those that speak of a kind by its
 * name, and then of those that speak of '*', the most specific that matches decides and has its
 * actions done. A condition that cannot be told yet (model/predicate.h) makes the answer unknown.
 */
#ifndef MODEL_RULE_H
#define MODEL_RULE_H

#include "model/predicate.h"

#include "proto/resource.pb.h"

#include <stddef.h>

struct err;
struct rules;

/* ERR_INVALID: no resources, no verbs, an unknown one of either, a condition or an action that is
 * none. */
int rule_check(const pv_Rule *rule, struct err *err);

/* How specific a rule is: '*' for a resource -4, a single named one +2, '*' for a verb -2, a
 * condition +8, actions +8. */
int rule_score(const pv_Rule *rule);

int rules_new(struct rules **out, const pv_Rule *rules, size_t count, struct err *err);
void rules_free(struct rules *r);

/* What is asked of rules. */
struct rule_question {
	const char *kind;
	const char *verb;
	struct predicate_context ctx;
	/* Is told a line for each action of a rule that matched; may be NULL. */
	void (*log)(void *arg, const char *level, const char *line);
	void *log_arg;
};

/* Does one of them match? PREDICATE_UNKNOWN, and `why`: it depends on what is not known. */
enum predicate_truth rules_match(const struct rules *r, const struct rule_question *q,
                                 struct err *why);

#endif
