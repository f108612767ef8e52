#include "model/template.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/regex.h"
#include "model/template_inside.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const pv_Strings *traits_get(const struct traits *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entries[i].key != NULL && strcmp(t->entries[i].key, name) == 0)
			return &t->entries[i].value;
	return NULL;
}

/* --- functions ------------------------------------------------------------------------------ */

/* The part before the @ of a bare address. */
static int email_local(const struct template_call *call, struct buf *value, bool *out_keep,
                       struct err *err)
{
	const char *text = buf_str(value);
	size_t len;

	(void)call;
	(void)out_keep;
	len = template_email_local(text);
	if (len == 0)
		return err_set(err, ERR_INVALID, "'%.100s' is not an e-mail address", text);
	value->len = len;
	value->data[len] = 0;
	return 0;
}

static int regexp_replace(const struct template_call *call, struct buf *value, bool *out_keep,
                          struct err *err)
{
	struct buf replaced = { .max = value->max };
	int rc = regex_replace(call->regex, buf_str(value), call->replacement, &replaced, out_keep,
	                       err);

	buf_deinit(value);
	*value = replaced;
	return rc;
}

static int strings_lower(const struct template_call *call, struct buf *value, bool *out_keep,
                         struct err *err)
{
	(void)call;
	(void)out_keep;
	(void)err;
	for (size_t i = 0; i < value->len; i++)
		value->data[i] = (uint8_t)tolower(value->data[i]);
	return 0;
}

static int strings_upper(const struct template_call *call, struct buf *value, bool *out_keep,
                         struct err *err)
{
	(void)call;
	(void)out_keep;
	(void)err;
	for (size_t i = 0; i < value->len; i++)
		value->data[i] = (uint8_t)toupper(value->data[i]);
	return 0;
}

static const struct {
	const char *name;
	template_fn apply;
	bool takes_regex;
} functions[] = {
	{ "email.local", email_local, false },
	{ "regexp.replace", regexp_replace, true },
	{ "strings.lower", strings_lower, false },
	{ "strings.upper", strings_upper, false },
};

template_fn template_function(const char *name, size_t len, bool *out_takes_regex)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strlen(functions[i].name) != len || memcmp(functions[i].name, name, len) != 0)
			continue;
		*out_takes_regex = functions[i].takes_regex;
		return functions[i].apply;
	}
	return NULL;
}

size_t template_email_local(const char *address)
{
	const char *sign = strchr(address, '@');

	if (sign == NULL || sign == address || sign[1] == 0 || strchr(sign + 1, '@') != NULL ||
	    strpbrk(address, " <>\"\t,") != NULL)
		return 0;
	return (size_t)(sign - address);
}

/* --- filling in ----------------------------------------------------------------------------- */

static int apply_calls(const struct template *t, struct buf *value, bool *out_keep, struct err *err)
{
	int rc = 0;

	*out_keep = true;
	for (size_t i = 0; rc == 0 && *out_keep && i < t->calls_count; i++)
		rc = t->calls[i].apply(&t->calls[i], value, out_keep, err);
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
		rc = apply_calls(t, &value, &keep, err);
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
	rc = template_parse(&t, text, err);
	if (rc != 0)
		return rc;
	values = traits_get(traits, t.trait);
	for (size_t i = 0; rc == 0 && values != NULL && i < values->values_count; i++) {
		if (i == TEMPLATE_VALUES)
			rc = err_set(err, ERR_LIMIT, "trait '%s' has more than %d values", t.trait,
			             TEMPLATE_VALUES);
		else
			rc = expand_value(&t, values->values[i], out, err);
	}
	template_deinit(&t);
	return rc;
}
