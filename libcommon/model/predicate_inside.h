/*
 * predicate_inside - what predicate's files share: the tree that is read, the values that it gives.
 */
#ifndef MODEL_PREDICATE_INSIDE_H
#define MODEL_PREDICATE_INSIDE_H

#include "base/strlist.h"
#include "model/predicate.h"

#include <stdbool.h>
#include <stddef.h>

struct label_pattern;
struct predicate_node;
struct regex;

enum predicate_type {
	PREDICATE_BOOL,
	PREDICATE_TEXT,
	PREDICATE_LIST,
	PREDICATE_ACTION, /* something to do, not to know: log("info", "...") */
	PREDICATE_SAME,   /* of a function: what its first argument is */
};

/* A value, or that it is not known. Borrows its texts, unless they are in `own`. */
struct predicate_value {
	enum predicate_type type;
	bool known;
	bool truth;
	const char *text;
	char *const *items;
	size_t count;
	struct strlist own;
};

void predicate_value_deinit(struct predicate_value *v);

/* One test under way. */
struct predicate_run {
	const struct predicate_context *ctx;
	unsigned steps; /* that may still be made */
	struct err *why;
};

/* Counts a step. ERR_LIMIT: there were too many. */
int predicate_step(struct predicate_run *run);

/* --- fields ---------------------------------------------------------------------------------- */

/* Fills in text or items of *out, which is known and empty. false: not known. */
typedef bool (*predicate_get)(const struct predicate_context *ctx, const char *key,
                              struct predicate_value *out);

struct predicate_field {
	const char *name;
	enum predicate_type type; /* of a map: of its values */
	bool is_map;
	unsigned uses; /* enum predicate_use */
	predicate_get get;
};

/* The field of that name, or the map that it is an entry of ("labels.env"): then *out_key is the
 * entry's name within `name`, else NULL. NULL: no such field here. */
const struct predicate_field *predicate_field_find(const char *name, enum predicate_use use,
                                                   const char **out_key);

/* --- functions ------------------------------------------------------------------------------- */

/* Fills in *out, known and empty; arguments are known. Not 0: the result is unknown, *run->why. */
typedef int (*predicate_apply)(struct predicate_run *run, const struct predicate_node *call,
                               const struct predicate_value *args, size_t count,
                               struct predicate_value *out);

#define PREDICATE_ARGS_MAX 16

/*
 * `args` has a letter per argument: t text, l list, s text or list; p a pattern as labels have it
 * and x a regular expression, both of which must be written out. A '*' behind the last: none or
 * more of it.
 */
struct predicate_function {
	const char *name;
	const char *args;
	enum predicate_type result;
	predicate_apply apply;
};

const struct predicate_function *predicate_function_find(const char *name);

/* Of "==" and equals(): texts by byte, lists as sets, a text as a list of one. */
bool predicate_equal(const struct predicate_value *a, const struct predicate_value *b);

/* --- the tree -------------------------------------------------------------------------------- */

struct predicate_node {
	enum {
		NODE_TEXT,
		NODE_LIST,
		NODE_FIELD,
		NODE_CALL,
		NODE_NOT,
		NODE_AND,
		NODE_OR,
		NODE_EQUAL,
		NODE_UNEQUAL,
	} op;
	enum predicate_type type;
	char *text; /* of NODE_TEXT; the key of a map's field */
	const struct predicate_field *field;
	const struct predicate_function *function;
	struct label_pattern *pattern; /* of NODE_CALL: its 'p' argument */
	struct regex *regex;           /* of NODE_CALL: its 'x' argument */
	struct predicate_node *first;  /* children */
	struct predicate_node *next;
};

/* A whole text as an expression of that type. */
int predicate_parse(struct predicate_node **out, const char *text, enum predicate_use use,
                    enum predicate_type type, struct err *err);
void predicate_node_free(struct predicate_node *n);

/* `out` is to be deinitialised. Unknown values have run->why set. */
void predicate_eval(struct predicate_run *run, const struct predicate_node *n,
                    struct predicate_value *out);

#endif
