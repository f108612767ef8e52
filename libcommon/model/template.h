/*
 * template - "{{external.email}}" in a role, replaced by what a user's traits hold.
 *
 *   prefix {{ expression }} suffix
 *   expression = internal.NAME | external.NAME | NAMESPACE["NAME"]
 *              | email.local(expression) | regexp.replace(expression, "re", "replacement")
 *              | strings.lower(expression) | strings.upper(expression)
 *
 * One expression per text. A trait with n values gives n texts. A trait that is missing
 * gives none. `regexp.replace` drops values that its expression does not match.
 * `internal` knows a fixed list of names (logins, kubernetes_groups, ...); both namespaces
 * read the same traits.
 *
 * In selectors of labels an expression may also be a matcher, regexp.match("re") or
 * regexp.not_match("re"): it stands for no text, it judges one (model/label_pattern.h).
 */
#ifndef MODEL_TEMPLATE_H
#define MODEL_TEMPLATE_H

#include "proto/identity.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct regex;
struct strlist;

/* Some user's traits, borrowed. */
struct traits {
	const pv_Identity_TraitsEntry *entries;
	size_t count;
};

/* The values of a trait; NULL: no such trait. */
const pv_Strings *traits_get(const struct traits *t, const char *name);

/* Does the text hold a template's braces at all? */
bool template_used(const char *text);

/* ERR_INVALID, with what is wrong, when the text is not a template and not plain either. */
int template_check(const char *text, struct err *err);

/*
 * Appends what the text stands for: itself when it is plain, else one text per value of the
 * trait. Nothing for a missing trait. ERR_INVALID: bad template, or a value that the
 * functions cannot take (an address without '@').
 */
int template_expand(const char *text, const struct traits *traits, struct strlist *out,
                    struct err *err);

/* The length of what is before the '@' of a bare address; 0: not an address. */
size_t template_email_local(const char *address);

/* A matcher as it was read: what its value must begin and end with, and the expression for the
 * rest. prefix_len and suffix are within the text. */
struct template_matcher {
	size_t prefix_len;
	const char *suffix;
	bool negated;
	struct regex *take_regex; /* regex_free() it */
};

bool template_is_matcher(const char *text);
int template_matcher_parse(const char *text, struct template_matcher *out, struct err *err);

#endif
