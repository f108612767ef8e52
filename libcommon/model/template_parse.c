#include "model/template_inside.h"

#include "base/err.h"
#include "base/str.h"
#include "model/regex.h"
#include "model/template.h"

#include <ctype.h>
#include <string.h>

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

bool template_used(const char *text)
{
	return strstr(text, "{{") != NULL || strstr(text, "}}") != NULL;
}

/* --- words ---------------------------------------------------------------------------------- */

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

/* --- expressions ---------------------------------------------------------------------------- */

static bool is_internal(const char *name)
{
	for (size_t i = 0; i < sizeof(internal_names) / sizeof(internal_names[0]); i++)
		if (strcmp(internal_names[i], name) == 0)
			return true;
	return false;
}

/* namespace.name or namespace["name"] */
static int parse_trait(struct parser *p, struct template *out, struct err *err)
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

static int parse_replace_arguments(struct parser *p, struct template_call *out, struct err *err)
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

/* "name(" of one of the functions: takes it and returns the function, else NULL. */
static template_fn take_function(struct parser *p, bool *out_takes_regex)
{
	template_fn apply;
	size_t len = 0;

	skip_blanks(p);
	while (p->at + len < p->end && (is_name_char(p->at[len]) || p->at[len] == '.'))
		len++;
	if (p->at + len == p->end || p->at[len] != '(')
		return NULL;
	apply = template_function(p->at, len, out_takes_regex);
	if (apply != NULL)
		p->at += len + 1;
	return apply;
}

static int parse_expression(struct parser *p, struct template *out, unsigned depth, struct err *err)
{
	struct template_call call = { 0 };
	bool takes_regex = false;
	int rc;

	call.apply = take_function(p, &takes_regex);
	if (call.apply == NULL)
		return parse_trait(p, out, err);
	if (depth == TEMPLATE_NESTING)
		return bad(p, "functions are nested too deep", err);
	rc = parse_expression(p, out, depth + 1, err);
	if (rc == 0 && takes_regex)
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

void template_deinit(struct template *t)
{
	for (size_t i = 0; i < t->calls_count; i++)
		regex_free(t->calls[i].regex);
	t->calls_count = 0;
}

/* Sets the parser behind "prefix {{". */
static int begin(struct parser *p, const char *text, size_t *out_prefix_len, struct err *err)
{
	const char *open = strstr(text, "{{");

	*p = (struct parser){ .whole = text };
	if (strlen(text) > TEMPLATE_MAX)
		return bad(p, "it is too long", err);
	if (open == NULL)
		return bad(p, "'{{' is missing", err);
	*out_prefix_len = (size_t)(open - text);
	p->at = open + 2;
	p->end = text + strlen(text);
	return 0;
}

/* "}} suffix", and no other braces around. */
static int end(struct parser *p, size_t prefix_len, struct err *err)
{
	if (!take(p, "}}"))
		return bad(p, "'}}' is missing", err);
	if (template_used(p->at) || (prefix_len > 0 && memmem(p->whole, prefix_len, "}}", 2)))
		return bad(p, "there is more than one expression", err);
	return 0;
}

int template_parse(struct template *out, const char *text, struct err *err)
{
	struct parser p;
	int rc;

	*out = (struct template){ .text = text };
	rc = begin(&p, text, &out->prefix_len, err);
	if (rc == 0)
		rc = parse_expression(&p, out, 0, err);
	if (rc == 0)
		rc = end(&p, out->prefix_len, err);
	if (rc != 0)
		template_deinit(out);
	else
		out->suffix = p.at;
	return rc;
}

int template_check(const char *text, struct err *err)
{
	struct template t;
	int rc;

	if (!template_used(text))
		return 0;
	rc = template_parse(&t, text, err);
	if (rc == 0)
		template_deinit(&t);
	return rc;
}

/* --- matchers ------------------------------------------------------------------------------- */

static bool take_matcher(struct parser *p, bool *out_negated)
{
	*out_negated = take(p, "regexp.not_match(");
	return *out_negated || take(p, "regexp.match(");
}

bool template_is_matcher(const char *text)
{
	size_t prefix_len;
	struct parser p;
	struct err ignored;
	bool negated;

	return begin(&p, text, &prefix_len, &ignored) == 0 && take_matcher(&p, &negated);
}

int template_matcher_parse(const char *text, struct template_matcher *out, struct err *err)
{
	struct template_matcher m = { 0 };
	char pattern[REGEX_MAX + 1];
	struct parser p;
	int rc = begin(&p, text, &m.prefix_len, err);

	if (rc == 0 && !take_matcher(&p, &m.negated))
		rc = bad(&p, "neither regexp.match nor regexp.not_match", err);
	if (rc == 0)
		rc = parse_string(&p, pattern, sizeof(pattern), err);
	if (rc == 0 && !take(&p, ")"))
		rc = bad(&p, "')' is missing", err);
	if (rc == 0)
		rc = end(&p, m.prefix_len, err);
	if (rc != 0)
		return rc;
	m.suffix = p.at;
	rc = regex_new(&m.take_regex, pattern, err);
	if (rc == 0)
		*out = m;
	return rc;
}
