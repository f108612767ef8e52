/*
 * template - "{{external.email}}" in a role, replaced by what a user's traits hold.
 *
 *   prefix {{ expression }} suffix
 *   expression = internal.NAME | external.NAME | NAMESPACE["NAME"]
 *              | email.local(expression) | regexp.replace(expression, "re", "replacement")
 *
 * One expression per text. A trait with n values gives n texts. A trait that is missing
 * gives none. `regexp.replace` drops values that its expression does not match.
 * `internal` knows a fixed list of names (logins, kubernetes_groups, ...); both namespaces
 * read the same traits.
 */
#ifndef MODEL_TEMPLATE_H
#define MODEL_TEMPLATE_H

#include "proto/identity.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
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

#endif
