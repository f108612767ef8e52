/*
 * label_pattern - one value of a role's label selector, compiled, and whether a label's value fits.
 *
 *   *                                   any value
 *   abc-*-prod                          literal, each * standing for any text
 *   ^dev-[0-9]+$                        a regular expression, as written, from ^ to $
 *   web-{{regexp.match("^[0-9]+$")}}    ends of the value literal, the rest by the expression
 *   {{regexp.not_match("^prod")}}       the same, but the expression must not match
 *
 * Regular expressions run under limits (model/regex.h), so that none can be made to burn time.
 */
#ifndef MODEL_LABEL_PATTERN_H
#define MODEL_LABEL_PATTERN_H

#include <stdbool.h>

struct err;
struct label_pattern;

#define LABEL_PATTERN_MAX 1024 /* bytes */

/* ERR_INVALID: an expression that does not compile, or too long. */
int label_pattern_new(struct label_pattern **out, const char *text, struct err *err);
void label_pattern_free(struct label_pattern *p);

const char *label_pattern_text(const struct label_pattern *p);

/* ERR_LIMIT: the expression took too long on this value. */
int label_pattern_test(const struct label_pattern *p, const char *value, bool *out_match,
                       struct err *err);

/* For patterns that are used once: is it one at all; does it match? Errors as above. */
int label_pattern_check(const char *text, struct err *err);
int label_pattern_match(const char *text, const char *value, bool *out_match, struct err *err);

#endif
