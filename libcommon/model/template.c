#include "model/template.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/regex.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATE_MAX      2048 /* bytes of a whole text */
#define TEMPLATE_NESTING  4
#define TEMPLATE_NAME_MAX 128
#define TEMPLATE_VALUES   1000 /* that one text may stand for */

/* An expression: which trait, and the functions around it, innermost first. */
struct call {
	enum { CALL_EMAIL_LOCAL, CALL_REGEXP_REPLACE } kind;
	struct regex *regex;
	char replacement[256];
};

struct expression {
	char trait[TEMPLATE_NAME_MAX];
	struct call calls[TEMPLATE_NESTING];
	size_t calls_count;
};

struct template
{
	const char *text; /* prefix {{ ... }} suffix */
	size_t prefix_len;
	const char *suffix;
	struct expression expr;
};

struct parser {
	const char *at;
	const char *end;
	const char *whole; /* for messages */
};

static const char *const internal_names[] = {
	"logins",
	"windows_logins",
	"kubernetes_groups",
	"kubernetes_users",
	"db_names",
	"db_users",
	"db_roles",
	"aws_role_arns",
	"azure_identities",
	"gcp_service_accounts",
	"jwt",
};

const pv_Strings *traits_get(const struct traits *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entries[i].key != NULL && strcmp(t->entries[i].key, name) == 0)
			return &t->entries[i].value;
	return NULL;
}

bool template_used(const char *text)
{
	return strstr(text, "{{") != NULL || strstr(text, "}}") != NULL;
}

/* --- reading -------------------------------------------------------------------------------- */

static int bad(const struct parser *p, const char *why, struct err *err)
{
	return err_set(err, ERR_INVALID, "'%.200s' is not a template: %s", p->whole, why);
}

static void skip_blanks(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
		p->at++;
}

static bool take(struct parser *p, const char *word)
{
	size_t len = strlen(word);

	skip_blanks(p);
	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static int parse_name(struct parser *p, char *out, size_t size, struct err *err)
{
	size_t n = 0;

	skip_blanks(p);
	for (; p->at < p->end && is_name_char(*p->at); p->at++) {
		if (n + 1 >= size)
			return bad(p, "a name is too long", err);
		out[n++] = *p->at;
	}
	out[n] = 0;
	return n > 0 ? 0 : bad(p, "a name is missing", err);
}

/* "text" with \" and \\ inside; other backslashes stay, as regular expressions need them. */
static int parse_string(struct parser *p, char *out, size_t size, struct err *err)
{
	size_t n = 0;

	if (!take(p, "\""))
		return bad(p, "a string in double quotes is missing", err);
	for (; p->at < p->end && *p->at != '"'; p->at++) {
		if (*p->at == '\\' && p->at + 1 < p->end && (p->at[1] == '"' || p->at[1] == '\\'))
			p->at++;
		if (n + 1 >= size)
			return bad(p, "a string is too long", err);
		out[n++] = *p->at;
	}
	out[n] = 0;
	return take(p, "\"") ? 0 : bad(p, "a string does not end", err);
}

static bool is_internal(const char *name)
{
	for (size_t i = 0; i < sizeof(internal_names) / sizeof(internal_names[0]); i++)
		if (strcmp(internal_names[i], name) == 0)
			return true;
	return false;
}

/* namespace.name or namespace["name"] */
static int parse_trait(struct parser *p, struct expression *out, struct err *err)
{
	char namespace[TEMPLATE_NAME_MAX];
	int rc = parse_name(p, namespace, sizeof(namespace), err);

	if (rc != 0)
		return rc;
	if (strcmp(namespace, "internal") != 0 && strcmp(namespace, "external") != 0)
		return bad(p, "only internal and external hold traits", err);
	if (take(p, "[")) {
		rc = parse_string(p, out->trait, sizeof(out->trait), err);
		if (rc == 0 && !take(p, "]"))
			rc = bad(p, "']' is missing", err);
	} else if (take(p, ".")) {
		rc = parse_name(p, out->trait, sizeof(out->trait), err);
	} else {
		rc = bad(p, "a trait is missing", err);
	}
	if (rc != 0)
		return rc;
	if (strcmp(namespace, "internal") == 0 && !is_internal(out->trait))
		return bad(p, "internal has no such trait", err);
	return 0;
}

static int parse_replace_arguments(struct parser *p, struct call *out, struct err *err)
{
	char pattern[REGEX_MAX + 1];
	int rc;

	if (!take(p, ","))
		return bad(p, "',' is missing", err);
	rc = parse_string(p, pattern, sizeof(pattern), err);
	if (rc == 0 && !take(p, ","))
		rc = bad(p, "',' is missing", err);
	if (rc == 0)
		rc = parse_string(p, out->replacement, sizeof(out->replacement), err);
	return rc != 0 ? rc : regex_new(&out->regex, pattern, err);
}

static int parse_expression(struct parser *p, struct expression *out, unsigned depth,
                            struct err *err)
{
	struct call call = { .kind = CALL_EMAIL_LOCAL };
	int rc;

	if (take(p, "regexp.replace("))
		call.kind = CALL_REGEXP_REPLACE;
	else if (!take(p, "email.local("))
		return parse_trait(p, out, err);
	if (depth == TEMPLATE_NESTING)
		return bad(p, "functions are nested too deep", err);
	rc = parse_expression(p, out, depth + 1, err);
	if (rc == 0 && call.kind == CALL_REGEXP_REPLACE)
		rc = parse_replace_arguments(p, &call, err);
	if (rc == 0 && !take(p, ")"))
		rc = bad(p, "')' is missing", err);
	if (rc != 0) {
		regex_free(call.regex);
		return rc;
	}
	out->calls[out->calls_count++] = call;
	return 0;
}

static void expression_deinit(struct expression *e)
{
	for (size_t i = 0; i < e->calls_count; i++)
		regex_free(e->calls[i].regex);
	e->calls_count = 0;
}

static int parse_template(struct template *out, const char *text, struct err *err)
{
	const char *open = strstr(text, "{{"), *close;
	struct parser p = { .whole = text };
	int rc;

	if (strlen(text) > TEMPLATE_MAX)
		return bad(&p, "it is too long", err);
	if (open == NULL)
		return bad(&p, "'{{' is missing", err);
	p.at = open + 2;
	p.end = text + strlen(text);
	*out = (struct template){ .text = text, .prefix_len = (size_t)(open - text) };
	rc = parse_expression(&p, &out->expr, 0, err);
	if (rc == 0 && !take(&p, "}}"))
		rc = bad(&p, "'}}' is missing", err);
	close = p.at;
	if (rc == 0 &&
	    (template_used(close) || (open > text && memmem(text, out->prefix_len, "}}", 2))))
		rc = bad(&p, "there is more than one expression", err);
	if (rc != 0) {
		expression_deinit(&out->expr);
		return rc;
	}
	out->suffix = close;
	return 0;
}

int template_check(const char *text, struct err *err)
{
	struct template t;
	int rc;

	if (!template_used(text))
		return 0;
	rc = parse_template(&t, text, err);
	if (rc == 0)
		expression_deinit(&t.expr);
	return rc;
}

/* --- filling in ----------------------------------------------------------------------------- */

/* The part before the @ of a bare address. */
static int email_local(struct buf *value, struct err *err)
{
	const char *text = buf_str(value), *sign = strchr(text, '@');

	if (sign == NULL || sign == text || sign[1] == 0 || strchr(sign + 1, '@') != NULL ||
	    strpbrk(text, " <>\"\t,") != NULL)
		return err_set(err, ERR_INVALID, "'%.100s' is not an e-mail address", text);
	value->len = (size_t)(sign - text);
	value->data[value->len] = 0;
	return 0;
}

static int regexp_replace(const struct call *call, struct buf *value, bool *out_keep,
                          struct err *err)
{
	struct buf replaced = { .max = value->max };
	int rc = regex_replace(call->regex, buf_str(value), call->replacement, &replaced, out_keep,
	                       err);

	buf_deinit(value);
	*value = replaced;
	return rc;
}

static int apply_calls(const struct expression *e, struct buf *value, bool *out_keep,
                       struct err *err)
{
	int rc = 0;

	*out_keep = true;
	for (size_t i = 0; rc == 0 && *out_keep && i < e->calls_count; i++) {
		if (e->calls[i].kind == CALL_EMAIL_LOCAL)
			rc = email_local(value, err);
		else
			rc = regexp_replace(&e->calls[i], value, out_keep, err);
	}
	return rc;
}

static int expand_value(const struct template *t, const char *trait_value, struct strlist *out,
                        struct err *err)
{
	struct buf value = { .max = TEMPLATE_MAX };
	bool keep;
	int rc;

	buf_append_str(&value, trait_value);
	rc = buf_check(&value, err);
	if (rc == 0)
		rc = apply_calls(&t->expr, &value, &keep, err);
	if (rc == 0 && keep && value.len > 0)
		rc = strlist_take(out,
		                  str_printf("%.*s%s%s", (int)t->prefix_len, t->text,
		                             buf_str(&value), t->suffix),
		                  err);
	buf_deinit(&value);
	return rc;
}

int template_expand(const char *text, const struct traits *traits, struct strlist *out,
                    struct err *err)
{
	const pv_Strings *values;
	struct template t;
	int rc;

	if (!template_used(text))
		return strlist_add(out, text, err);
	rc = parse_template(&t, text, err);
	if (rc != 0)
		return rc;
	values = traits_get(traits, t.expr.trait);
	for (size_t i = 0; rc == 0 && values != NULL && i < values->values_count; i++) {
		if (i == TEMPLATE_VALUES)
			rc = err_set(err, ERR_LIMIT, "trait '%s' has more than %d values",
			             t.expr.trait, TEMPLATE_VALUES);
		else
			rc = expand_value(&t, values->values[i], out, err);
	}
	expression_deinit(&t.expr);
	return rc;
}
