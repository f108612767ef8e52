/*
 * template_inside - what template's two files share: an expression as it was read.
 */
#ifndef MODEL_TEMPLATE_INSIDE_H
#define MODEL_TEMPLATE_INSIDE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;
struct regex;

#define TEMPLATE_MAX      2048 /* bytes of a whole text */
#define TEMPLATE_NESTING  4
#define TEMPLATE_NAME_MAX 128
#define TEMPLATE_VALUES   1000 /* that one text may stand for */

/* A function that changes a value or, with *out_keep false, drops it. */
struct template_call;
typedef int (*template_fn)(const struct template_call *call, struct buf *value, bool *out_keep,
                           struct err *err);

struct template_call {
	template_fn apply;
	struct regex *regex; /* of regexp.replace */
	char replacement[256];
};

struct template
{
	const char *text; /* prefix {{ ... }} suffix */
	size_t prefix_len;
	const char *suffix;
	char trait[TEMPLATE_NAME_MAX];
	struct template_call calls[TEMPLATE_NESTING]; /* around the trait, innermost first */
	size_t calls_count;
};

/* Borrows the text. ERR_INVALID with what is wrong. Deinit it only after success. */
int template_parse(struct template *out, const char *text, struct err *err);
void template_deinit(struct template *t);

/* The function of a name as it stands before its '('; NULL: no such function. */
template_fn template_function(const char *name, size_t len, bool *out_takes_regex);

#endif
