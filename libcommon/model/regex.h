/*
 * regex - pcre2 with limits: of the expression's length, and of the steps and depth of a match.
 */
#ifndef MODEL_REGEX_H
#define MODEL_REGEX_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;
struct regex;

#define REGEX_MAX 1024 /* bytes of an expression */

/* ERR_INVALID, with where and why, when it does not compile. */
int regex_new(struct regex **out, const char *pattern, struct err *err);
void regex_free(struct regex *re);

/* Does the expression occur in `text`? ERR_LIMIT: it takes too many steps to find out. */
int regex_match(const struct regex *re, const char *text, bool *out_match, struct err *err);

/* Replaces every occurrence; "$1" and "${1}" in the replacement stand for captures.
 * *out_match tells whether there was one; when not, nothing is appended. ERR_INVALID: no
 * replacement; ERR_LIMIT: too many steps, or more than `out` takes. */
int regex_replace(const struct regex *re, const char *text, const char *replacement,
                  struct buf *out, bool *out_match, struct err *err);

#endif
