#include "model/regex.h"

#include "base/buf.h"
#include "base/err.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* Far above what label patterns need, far below what could be felt. */
#define MATCH_STEPS      20000
#define MATCH_DEPTH      500
#define MATCH_HEAP_KB    1024
#define PARENTHESES_DEEP 50
#define REPLACED_MAX     4096

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
};

void regex_free(struct regex *re)
{
	if (re == NULL)
		return;
	pcre2_code_free(re->code);
	pcre2_match_context_free(re->limits);
	free(re);
}

static int explain(const char *pattern, int number, size_t at, struct err *err)
{
	PCRE2_UCHAR why[128];

	pcre2_get_error_message(number, why, sizeof(why));
	return err_set(err, ERR_INVALID, "'%s' is not a regular expression: %s at %zu", pattern,
	               (const char *)why, at);
}

int regex_new(struct regex **out, const char *pattern, struct err *err)
{
	const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
	                         PCRE2_NEVER_BACKSLASH_C | PCRE2_DOTALL;
	pcre2_compile_context *ctx = NULL;
	struct regex *re = NULL;
	int number, rc;
	size_t at;

	if (strlen(pattern) > REGEX_MAX)
		return err_set(err, ERR_INVALID, "a regular expression of more than %d bytes",
		               REGEX_MAX);
	re = calloc(1, sizeof(*re));
	ctx = pcre2_compile_context_create(NULL);
	if (re == NULL || ctx == NULL)
		goto nomem;
	pcre2_set_parens_nest_limit(ctx, PARENTHESES_DEEP);
	re->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &number, &at,
	                         ctx);
	if (re->code == NULL) {
		rc = explain(pattern, number, at, err);
		goto out;
	}
	re->limits = pcre2_match_context_create(NULL);
	if (re->limits == NULL)
		goto nomem;
	pcre2_set_match_limit(re->limits, MATCH_STEPS);
	pcre2_set_depth_limit(re->limits, MATCH_DEPTH);
	pcre2_set_heap_limit(re->limits, MATCH_HEAP_KB);
	*out = re;
	re = NULL;
	rc = 0;
	goto out;
nomem:
	rc = err_set_nomem(err);
out:
	pcre2_compile_context_free(ctx);
	regex_free(re);
	return rc;
}

static int match_failed(int rc, const char *text, struct err *err)
{
	if (rc == PCRE2_ERROR_NOMEMORY)
		return err_set_nomem(err);
	return err_set(err, ERR_LIMIT, "a regular expression takes too long on '%.100s'", text);
}

int regex_match(const struct regex *re, const char *text, bool *out_match, struct err *err)
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(re->code, NULL);
	int rc;

	if (data == NULL)
		return err_set_nomem(err);
	rc = pcre2_match(re->code, (PCRE2_SPTR)text, strlen(text), 0, 0, data, re->limits);
	pcre2_match_data_free(data);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		return match_failed(rc, text, err);
	*out_match = rc >= 0;
	return 0;
}

int regex_replace(const struct regex *re, const char *text, const char *replacement,
                  struct buf *out, bool *out_match, struct err *err)
{
	const uint32_t options = PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY |
	                         PCRE2_SUBSTITUTE_UNKNOWN_UNSET;
	PCRE2_UCHAR replaced[REPLACED_MAX];
	PCRE2_SIZE len = sizeof(replaced);
	int rc;

	rc = pcre2_substitute(re->code, (PCRE2_SPTR)text, strlen(text), 0, options, NULL,
	                      re->limits, (PCRE2_SPTR)replacement, strlen(replacement), replaced,
	                      &len);
	if (rc == PCRE2_ERROR_BADREPLACEMENT || rc == PCRE2_ERROR_BADREPESCAPE ||
	    rc == PCRE2_ERROR_REPMISSINGBRACE)
		return err_set(err, ERR_INVALID, "'%s' is not a replacement", replacement);
	if (rc < 0)
		return match_failed(rc, text, err);
	*out_match = rc > 0;
	if (rc > 0)
		buf_append(out, replaced, len);
	return buf_check(out, err);
}
