#include "model/predicate_inside.h"

#include "base/err.h"
#include "model/label_pattern.h"
#include "model/regex.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE 256

struct parser {
	const char *whole;
	const char *at;
	enum predicate_use use;
	unsigned depth;
};

static int parse_or(struct parser *p, struct predicate_node **out, struct err *err);
static int parse_unary(struct parser *p, struct predicate_node **out, struct err *err);

void predicate_node_free(struct predicate_node *n)
{
	struct predicate_node *next;

	for (; n != NULL; n = next) {
		next = n->next;
		predicate_node_free(n->first);
		label_pattern_free(n->pattern);
		regex_free(n->regex);
		free(n->text);
		free(n);
	}
}

/* --- words ----------------------------------------------------------------------------------- */

static int bad(const struct parser *p, const char *why, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s at byte %zu", why, (size_t)(p->at - p->whole) + 1);
}

static void skip_blanks(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static bool take(struct parser *p, const char *word)
{
	size_t len = strlen(word);

	skip_blanks(p);
	if (strncmp(p->at, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

static int node_new(struct predicate_node **out, int op, enum predicate_type type, struct err *err)
{
	struct predicate_node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return err_set_nomem(err);
	n->op = op;
	n->type = type;
	*out = n;
	return 0;
}

/* A dotted name; "" when there is none. */
static int take_word(struct parser *p, char out[WORD_SIZE], struct err *err)
{
	size_t n = 0;

	skip_blanks(p);
	while (isalnum((unsigned char)*p->at) || *p->at == '_' || (*p->at == '.' && n > 0)) {
		if (n + 1 == WORD_SIZE)
			return bad(p, "a name is too long", err);
		out[n++] = *p->at++;
	}
	out[n] = 0;
	return 0;
}

/* "text" with \" and \\ inside, other backslashes staying as regular expressions need them; or
 * `text` as it stands. */
static int parse_text(struct parser *p, char **out, struct err *err)
{
	char quote = *p->at, *text = malloc(strlen(p->at));
	size_t n = 0;

	if (text == NULL)
		return err_set_nomem(err);
	for (p->at++; *p->at != 0 && *p->at != quote; p->at++) {
		if (quote == '"' && *p->at == '\\' && (p->at[1] == '"' || p->at[1] == '\\'))
			p->at++;
		text[n++] = *p->at;
	}
	text[n] = 0;
	if (*p->at != quote) {
		free(text);
		return bad(p, "a text does not end", err);
	}
	p->at++;
	*out = text;
	return 0;
}

/* --- lists of terms -------------------------------------------------------------------------- */

/* Terms separated by commas up to `close`, as children of n; the opening was taken. */
static int parse_terms(struct parser *p, struct predicate_node *n, const char *close,
                       struct err *err)
{
	struct predicate_node **link = &n->first;
	size_t count = 0;
	int rc;

	if (take(p, close))
		return 0;
	do {
		if (++count > PREDICATE_ARGS_MAX)
			return bad(p, "too many arguments", err);
		rc = parse_or(p, link, err);
		if (rc != 0)
			return rc;
		link = &(*link)->next;
	} while (take(p, ","));
	return take(p, close) ? 0 : bad(p, "',' or the end of a list is missing", err);
}

static int parse_list(struct parser *p, struct predicate_node **out, struct err *err)
{
	int rc = node_new(out, NODE_LIST, PREDICATE_LIST, err);

	if (rc == 0)
		rc = parse_terms(p, *out, "]", err);
	for (const struct predicate_node *i = rc == 0 ? (*out)->first : NULL; i != NULL;
	     i = i->next)
		if (i->type != PREDICATE_TEXT)
			return bad(p, "a list holds texts", err);
	return rc;
}

/* --- calls ----------------------------------------------------------------------------------- */

static bool fits(char letter, enum predicate_type type)
{
	bool text = type == PREDICATE_TEXT, list = type == PREDICATE_LIST;

	return letter == 'l' ? list : letter == 's' ? text || list : text;
}

/* Patterns must be written out, so that a bad one is refused when the role is made. */
static int compile_argument(struct parser *p, struct predicate_node *call, char letter,
                            const struct predicate_node *arg, struct err *err)
{
	int rc;

	if (letter != 'p' && letter != 'x')
		return 0;
	if (arg->op != NODE_TEXT)
		return bad(p, "an expression must be a text in quotes", err);
	rc = letter == 'p' ? label_pattern_new(&call->pattern, arg->text, err)
	                   : regex_new(&call->regex, arg->text, err);
	return rc != 0 ? err_wrap(err, "%s", call->function->name) : 0;
}

static int check_arguments(struct parser *p, struct predicate_node *call, struct err *err)
{
	const char *letter = call->function->args;
	int rc = 0;

	for (const struct predicate_node *a = call->first; rc == 0 && a != NULL; a = a->next) {
		if (*letter == 0 || *letter == '*')
			return bad(p, "too many arguments", err);
		if (!fits(*letter, a->type))
			return bad(p, "an argument is of the wrong type", err);
		rc = compile_argument(p, call, *letter, a, err);
		if (letter[1] != '*')
			letter++;
	}
	if (rc == 0 && *letter != 0 && letter[1] != '*')
		rc = bad(p, "too few arguments", err);
	return rc;
}

static int parse_call(struct parser *p, const char *name, struct predicate_node **out,
                      struct err *err)
{
	const struct predicate_function *function = predicate_function_find(name);
	struct predicate_node *n;
	int rc;

	if (function == NULL)
		return err_set(err, ERR_INVALID, "no function '%.80s'", name);
	rc = node_new(out, NODE_CALL, function->result, err);
	if (rc != 0)
		return rc;
	n = *out;
	n->function = function;
	rc = parse_terms(p, n, ")", err);
	if (rc == 0)
		rc = check_arguments(p, n, err);
	if (rc == 0 && n->type == PREDICATE_SAME)
		n->type = n->first->type;
	return rc;
}

/* --- fields ---------------------------------------------------------------------------------- */

/* labels["env"], labels.env */
static int parse_key(struct parser *p, const char *key, struct predicate_node *n, struct err *err)
{
	if (key != NULL) {
		n->text = strdup(key);
		return n->text != NULL ? 0 : err_set_nomem(err);
	}
	if (!take(p, "["))
		return bad(p, "which entry? '[' is missing", err);
	skip_blanks(p);
	if (*p->at != '"' && *p->at != '`')
		return bad(p, "a text in quotes is missing", err);
	if (parse_text(p, &n->text, err) != 0)
		return err->code;
	return take(p, "]") ? 0 : bad(p, "']' is missing", err);
}

static int parse_field(struct parser *p, const char *name, struct predicate_node **out,
                       struct err *err)
{
	const char *key = NULL;
	const struct predicate_field *field = predicate_field_find(name, p->use, &key);
	int rc;

	if (field == NULL)
		return err_set(err, ERR_INVALID, "no field '%.80s'", name);
	rc = node_new(out, NODE_FIELD, field->type, err);
	if (rc != 0)
		return rc;
	(*out)->field = field;
	return field->is_map ? parse_key(p, key, *out, err) : 0;
}

/* --- expressions ----------------------------------------------------------------------------- */

static int parse_term(struct parser *p, struct predicate_node **out, struct err *err)
{
	char word[WORD_SIZE];
	int rc;

	skip_blanks(p);
	if (*p->at == '"' || *p->at == '`') {
		rc = node_new(out, NODE_TEXT, PREDICATE_TEXT, err);
		return rc != 0 ? rc : parse_text(p, &(*out)->text, err);
	}
	if (take(p, "["))
		return parse_list(p, out, err);
	if (take(p, "(")) {
		rc = parse_or(p, out, err);
		return rc != 0 || take(p, ")") ? rc : bad(p, "')' is missing", err);
	}
	rc = take_word(p, word, err);
	if (rc != 0)
		return rc;
	if (word[0] == 0)
		return bad(p, "something is missing", err);
	return take(p, "(") ? parse_call(p, word, out, err) : parse_field(p, word, out, err);
}

static int parse_comparison(struct parser *p, struct predicate_node **out, struct err *err)
{
	struct predicate_node *left, *n = NULL;
	int op, rc = parse_term(p, out, err);

	if (rc != 0)
		return rc;
	if (take(p, "=="))
		op = NODE_EQUAL;
	else if (take(p, "!="))
		op = NODE_UNEQUAL;
	else
		return 0;
	left = *out;
	rc = node_new(&n, op, PREDICATE_BOOL, err);
	if (rc != 0)
		return rc;
	n->first = left;
	*out = n;
	rc = parse_term(p, &left->next, err);
	if (rc == 0 && (!fits('s', left->type) || !fits('s', left->next->type)))
		rc = bad(p, "only texts and lists are compared", err);
	return rc;
}

static int parse_not(struct parser *p, struct predicate_node **out, struct err *err)
{
	int rc = node_new(out, NODE_NOT, PREDICATE_BOOL, err);

	if (rc == 0)
		rc = parse_unary(p, &(*out)->first, err);
	if (rc == 0 && (*out)->first->type != PREDICATE_BOOL)
		rc = bad(p, "'!' of something that is not true or false", err);
	return rc;
}

/* Every nesting passes here, so that here its depth is bounded. */
static int parse_unary(struct parser *p, struct predicate_node **out, struct err *err)
{
	int rc;

	if (p->depth == PREDICATE_DEPTH)
		return bad(p, "nested too deep", err);
	p->depth++;
	skip_blanks(p);
	if (*p->at == '!' && p->at[1] != '=') {
		p->at++;
		rc = parse_not(p, out, err);
	} else {
		rc = parse_comparison(p, out, err);
	}
	p->depth--;
	return rc;
}

/* One or more `parse` joined by a word, all true or false when there are several. */
static int parse_joined(struct parser *p, struct predicate_node **out, const char *word, int op,
                        int (*parse)(struct parser *, struct predicate_node **, struct err *),
                        struct err *err)
{
	struct predicate_node *n = NULL, **link;
	int rc = parse(p, out, err);

	if (rc != 0 || !take(p, word))
		return rc;
	rc = node_new(&n, op, PREDICATE_BOOL, err);
	if (rc != 0)
		return rc;
	n->first = *out;
	*out = n;
	link = &n->first->next;
	do {
		rc = parse(p, link, err);
		if (rc != 0)
			return rc;
		link = &(*link)->next;
	} while (take(p, word));
	for (const struct predicate_node *c = n->first; c != NULL; c = c->next)
		if (c->type != PREDICATE_BOOL)
			return bad(p, "'&&' and '||' join what is true or false", err);
	return 0;
}

static int parse_and(struct parser *p, struct predicate_node **out, struct err *err)
{
	return parse_joined(p, out, "&&", NODE_AND, parse_unary, err);
}

static int parse_or(struct parser *p, struct predicate_node **out, struct err *err)
{
	return parse_joined(p, out, "||", NODE_OR, parse_and, err);
}

int predicate_parse(struct predicate_node **out, const char *text, enum predicate_use use,
                    enum predicate_type type, struct err *err)
{
	struct parser p = { .whole = text, .at = text, .use = use };
	struct predicate_node *root = NULL;
	int rc;

	if (strlen(text) > PREDICATE_MAX)
		return err_set(err, ERR_INVALID, "an expression of more than %d bytes",
		               PREDICATE_MAX);
	rc = parse_or(&p, &root, err);
	skip_blanks(&p);
	if (rc == 0 && *p.at != 0)
		rc = bad(&p, "something is behind the end", err);
	if (rc == 0 && root->type != type)
		rc = err_set(err, ERR_INVALID,
		             type == PREDICATE_ACTION ? "nothing that can be done"
		                                      : "neither true nor false");
	if (rc != 0) {
		predicate_node_free(root);
		return err_wrap(err, "'%.100s'", text);
	}
	*out = root;
	return 0;
}
