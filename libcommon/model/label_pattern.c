#include "model/label_pattern.h"

#include "base/err.h"
#include "base/str.h"
#include "model/regex.h"
#include "model/template.h"

#include <stdlib.h>
#include <string.h>

struct label_pattern {
	char *text;
	bool literal;        /* no star in it: most are, and comparing is quick */
	struct regex *regex; /* NULL: a literal with stars */
	bool negated;        /* regexp.not_match */
	size_t prefix_len;   /* of the text, that a value must begin with */
	const char *suffix;  /* within the text, that a value must end with */
};

static bool is_regex(const char *text)
{
	size_t len = strlen(text);

	return len >= 2 && text[0] == '^' && text[len - 1] == '$';
}

static int compile_matcher(struct label_pattern *p, struct err *err)
{
	struct template_matcher m;
	int rc = template_matcher_parse(p->text, &m, err);

	if (rc != 0)
		return rc;
	p->negated = m.negated;
	p->prefix_len = m.prefix_len;
	p->suffix = m.suffix;
	p->regex = m.take_regex;
	return 0;
}

static int compile(struct label_pattern *p, struct err *err)
{
	p->suffix = "";
	if (template_used(p->text))
		return compile_matcher(p, err);
	p->literal = strchr(p->text, '*') == NULL;
	return is_regex(p->text) ? regex_new(&p->regex, p->text, err) : 0;
}

int label_pattern_new(struct label_pattern **out, const char *text, struct err *err)
{
	struct label_pattern *p;
	int rc;

	if (strlen(text) > LABEL_PATTERN_MAX)
		return err_set(err, ERR_INVALID, "a pattern of more than %d bytes",
		               LABEL_PATTERN_MAX);
	p = calloc(1, sizeof(*p));
	if (p != NULL)
		p->text = strdup(text);
	rc = p != NULL && p->text != NULL ? compile(p, err) : err_set_nomem(err);
	if (rc != 0)
		label_pattern_free(p);
	else
		*out = p;
	return rc;
}

void label_pattern_free(struct label_pattern *p)
{
	if (p == NULL)
		return;
	regex_free(p->regex);
	free(p->text);
	free(p);
}

const char *label_pattern_text(const struct label_pattern *p)
{
	return p->text;
}

/* Stars match greedily from the left; only the latest star ever needs to take more, so the
 * work is bounded by the product of both lengths. */
static bool glob_match(const char *glob, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text != 0) {
		if (*glob == '*') {
			star = glob++;
			resume = text;
		} else if (*glob == *text) {
			glob++;
			text++;
		} else if (star != NULL) {
			glob = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == 0;
}

/* What is left of the value without the pattern's ends, run through its expression. */
static int regex_test(const struct label_pattern *p, const char *value, bool *out_match,
                      struct err *err)
{
	size_t len = strlen(value), suffix_len = strlen(p->suffix);
	char *inner;
	int rc;

	*out_match = false;
	if (len < p->prefix_len + suffix_len || strncmp(value, p->text, p->prefix_len) != 0 ||
	    strcmp(value + len - suffix_len, p->suffix) != 0)
		return 0;
	inner = strndup(value + p->prefix_len, len - p->prefix_len - suffix_len);
	if (inner == NULL)
		return err_set_nomem(err);
	rc = regex_match(p->regex, inner, out_match, err);
	if (rc == 0 && p->negated)
		*out_match = !*out_match;
	free(inner);
	return rc;
}

int label_pattern_test(const struct label_pattern *p, const char *value, bool *out_match,
                       struct err *err)
{
	if (p->regex != NULL)
		return regex_test(p, value, out_match, err);
	*out_match = p->literal ? strcmp(p->text, value) == 0 : glob_match(p->text, value);
	return 0;
}

int label_pattern_check(const char *text, struct err *err)
{
	struct label_pattern *p;
	int rc = label_pattern_new(&p, text, err);

	if (rc == 0)
		label_pattern_free(p);
	return rc;
}

int label_pattern_match(const char *text, const char *value, bool *out_match, struct err *err)
{
	struct label_pattern *p;
	int rc = label_pattern_new(&p, text, err);

	if (rc != 0)
		return rc;
	rc = label_pattern_test(p, value, out_match, err);
	label_pattern_free(p);
	return rc;
}
