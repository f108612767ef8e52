#include "model/predicate_inside.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/label.h"
#include "model/label_pattern.h"
#include "model/regex.h"
#include "model/resource.h"
#include "model/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_MAX 2048 /* bytes of a text that a function makes */

/* A text is a list of one, and the empty text of one that is empty. */
static size_t count_of(const struct predicate_value *v)
{
	return v->type == PREDICATE_LIST ? v->count : 1;
}

static const char *item_of(const struct predicate_value *v, size_t i)
{
	return v->type == PREDICATE_LIST ? v->items[i] : v->text;
}

static bool has(const struct predicate_value *v, const char *text)
{
	for (size_t i = 0; i < count_of(v); i++)
		if (strcmp(item_of(v, i), text) == 0)
			return true;
	return false;
}

static bool is_subset_of(const struct predicate_value *a, const struct predicate_value *b)
{
	for (size_t i = 0; i < count_of(a); i++)
		if (!has(b, item_of(a, i)))
			return false;
	return true;
}

bool predicate_equal(const struct predicate_value *a, const struct predicate_value *b)
{
	return is_subset_of(a, b) && is_subset_of(b, a);
}

/* --- comparing ------------------------------------------------------------------------------- */

static int equals(struct predicate_run *run, const struct predicate_node *call,
                  const struct predicate_value *args, size_t count, struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	out->truth = predicate_equal(&args[0], &args[1]);
	return 0;
}

static int contains(struct predicate_run *run, const struct predicate_node *call,
                    const struct predicate_value *args, size_t count, struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	out->truth = has(&args[0], args[1].text);
	return 0;
}

static int contains_all(struct predicate_run *run, const struct predicate_node *call,
                        const struct predicate_value *args, size_t count,
                        struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	out->truth = args[1].count > 0 && is_subset_of(&args[1], &args[0]);
	return 0;
}

static int contains_any(struct predicate_run *run, const struct predicate_node *call,
                        const struct predicate_value *args, size_t count,
                        struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	for (size_t i = 0; i < args[1].count; i++)
		out->truth |= has(&args[0], args[1].items[i]);
	return 0;
}

static int is_subset(struct predicate_run *run, const struct predicate_node *call,
                     const struct predicate_value *args, size_t count, struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	out->truth = is_subset_of(&args[0], &args[1]);
	return 0;
}

/* An empty list has nothing that could be equal: no. */
static int all_equals(struct predicate_run *run, const struct predicate_node *call,
                      const struct predicate_value *args, size_t count, struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	out->truth = args[0].count > 0;
	for (size_t i = 0; i < args[0].count; i++)
		out->truth &= strcmp(args[0].items[i], args[1].text) == 0;
	return 0;
}

static int all_end_with(struct predicate_run *run, const struct predicate_node *call,
                        const struct predicate_value *args, size_t count,
                        struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	out->truth = args[0].count > 0;
	for (size_t i = 0; i < args[0].count; i++)
		out->truth &= str_ends(args[0].items[i], args[1].text);
	return 0;
}

static int has_prefix(struct predicate_run *run, const struct predicate_node *call,
                      const struct predicate_value *args, size_t count, struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	for (size_t i = 0; i < count_of(&args[0]); i++)
		out->truth |= str_starts(item_of(&args[0], i), args[1].text);
	return 0;
}

static int has_suffix(struct predicate_run *run, const struct predicate_node *call,
                      const struct predicate_value *args, size_t count, struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)count;
	for (size_t i = 0; i < count_of(&args[0]); i++)
		out->truth |= str_ends(item_of(&args[0], i), args[1].text);
	return 0;
}

static int regexp_match(struct predicate_run *run, const struct predicate_node *call,
                        const struct predicate_value *args, size_t count,
                        struct predicate_value *out)
{
	int rc = 0;

	(void)count;
	for (size_t i = 0; rc == 0 && !out->truth && i < count_of(&args[0]); i++) {
		rc = predicate_step(run);
		if (rc == 0)
			rc = label_pattern_test(call->pattern, item_of(&args[0], i), &out->truth,
			                        run->why);
	}
	return rc;
}

static int regexp_not_match(struct predicate_run *run, const struct predicate_node *call,
                            const struct predicate_value *args, size_t count,
                            struct predicate_value *out)
{
	int rc = regexp_match(run, call, args, count, out);

	out->truth = !out->truth;
	return rc;
}

/* --- changing texts -------------------------------------------------------------------------- */

/* Appends what becomes of one text; *out_keep false: it is dropped. */
typedef int (*change_fn)(const struct predicate_node *call, const struct predicate_value *args,
                         const char *text, struct buf *out, bool *out_keep, struct err *err);

static int change(struct predicate_run *run, const struct predicate_node *call,
                  const struct predicate_value *args, struct predicate_value *out, change_fn each)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count_of(&args[0]); i++) {
		struct buf changed = { .max = RESULT_MAX };
		bool keep = true;

		rc = predicate_step(run);
		if (rc == 0)
			rc = each(call, args, item_of(&args[0], i), &changed, &keep, run->why);
		if (rc == 0)
			rc = buf_check(&changed, run->why);
		if (rc == 0 && keep)
			rc = strlist_add(&out->own, buf_str(&changed), run->why);
		buf_deinit(&changed);
	}
	out->items = out->own.items;
	out->count = out->own.count;
	out->text = out->own.count > 0 ? out->own.items[0] : "";
	return rc;
}

static int change_email(const struct predicate_node *call, const struct predicate_value *args,
                        const char *text, struct buf *out, bool *out_keep, struct err *err)
{
	size_t len = template_email_local(text);

	(void)call;
	(void)args;
	(void)out_keep;
	if (len == 0)
		return err_set(err, ERR_INVALID, "'%.100s' is not an e-mail address", text);
	buf_append(out, text, len);
	return 0;
}

static int change_regexp(const struct predicate_node *call, const struct predicate_value *args,
                         const char *text, struct buf *out, bool *out_keep, struct err *err)
{
	return regex_replace(call->regex, text, args[2].text, out, out_keep, err);
}

static int change_lower(const struct predicate_node *call, const struct predicate_value *args,
                        const char *text, struct buf *out, bool *out_keep, struct err *err)
{
	(void)call;
	(void)args;
	(void)out_keep;
	(void)err;
	for (; *text != 0; text++)
		buf_append_byte(out, (uint8_t)tolower((unsigned char)*text));
	return 0;
}

static int change_upper(const struct predicate_node *call, const struct predicate_value *args,
                        const char *text, struct buf *out, bool *out_keep, struct err *err)
{
	(void)call;
	(void)args;
	(void)out_keep;
	(void)err;
	for (; *text != 0; text++)
		buf_append_byte(out, (uint8_t)toupper((unsigned char)*text));
	return 0;
}

static int email_local(struct predicate_run *run, const struct predicate_node *call,
                       const struct predicate_value *args, size_t count,
                       struct predicate_value *out)
{
	(void)count;
	return change(run, call, args, out, change_email);
}

static int regexp_replace(struct predicate_run *run, const struct predicate_node *call,
                          const struct predicate_value *args, size_t count,
                          struct predicate_value *out)
{
	(void)count;
	return change(run, call, args, out, change_regexp);
}

static int strings_lower(struct predicate_run *run, const struct predicate_node *call,
                         const struct predicate_value *args, size_t count,
                         struct predicate_value *out)
{
	(void)count;
	return change(run, call, args, out, change_lower);
}

static int strings_upper(struct predicate_run *run, const struct predicate_node *call,
                         const struct predicate_value *args, size_t count,
                         struct predicate_value *out)
{
	(void)count;
	return change(run, call, args, out, change_upper);
}

/* --- the rest -------------------------------------------------------------------------------- */

/* set("a", "b") is ["a", "b"]. */
static int set(struct predicate_run *run, const struct predicate_node *call,
               const struct predicate_value *args, size_t count, struct predicate_value *out)
{
	int rc = 0;

	(void)call;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = strlist_add_new(&out->own, args[i].text, run->why);
	out->items = out->own.items;
	out->count = out->own.count;
	return rc;
}

/* The values of those of the node's labels whose key matches. */
static int labels_matching(struct predicate_run *run, const struct predicate_node *call,
                           const struct predicate_value *args, size_t count,
                           struct predicate_value *out)
{
	const struct label_set *labels = run->ctx->labels;
	bool match = false;
	int rc = 0;

	(void)args;
	(void)count;
	if (labels == NULL)
		return err_set(run->why, ERR_NOT_FOUND, "the labels are not known");
	for (size_t i = 0; rc == 0 && i < labels->count; i++) {
		rc = predicate_step(run);
		if (rc == 0)
			rc = label_pattern_test(call->pattern, labels->items[i].key, &match,
			                        run->why);
		if (rc == 0 && match)
			rc = strlist_add_new(&out->own, label_get(labels, labels->items[i].key),
			                     run->why);
	}
	out->items = out->own.items;
	out->count = out->own.count;
	return rc;
}

/* Of which kind the authority is that is asked for: user, host. */
static int system_catype(struct predicate_run *run, const struct predicate_node *call,
                         const struct predicate_value *args, size_t count,
                         struct predicate_value *out)
{
	const pv_Resource *r = run->ctx->resource;

	(void)call;
	(void)args;
	(void)count;
	if (r == NULL)
		return err_set(run->why, ERR_NOT_FOUND, "the authority is not known");
	if (r->which_of == pv_Resource_cert_authority_tag && r->of.cert_authority.sub_kind != NULL)
		out->text = r->of.cert_authority.sub_kind;
	return 0;
}

/* What an action does is its caller's to know (model/action.h). */
static int do_nothing(struct predicate_run *run, const struct predicate_node *call,
                      const struct predicate_value *args, size_t count, struct predicate_value *out)
{
	(void)run;
	(void)call;
	(void)args;
	(void)count;
	(void)out;
	return 0;
}

static const struct predicate_function functions[] = {
	{ "equals", "ss", PREDICATE_BOOL, equals },
	{ "contains", "lt", PREDICATE_BOOL, contains },
	{ "contains_all", "ll", PREDICATE_BOOL, contains_all },
	{ "contains_any", "ll", PREDICATE_BOOL, contains_any },
	{ "is_subset", "ll", PREDICATE_BOOL, is_subset },
	{ "all_equals", "lt", PREDICATE_BOOL, all_equals },
	{ "all_end_with", "lt", PREDICATE_BOOL, all_end_with },
	{ "has_prefix", "st", PREDICATE_BOOL, has_prefix },
	{ "has_suffix", "st", PREDICATE_BOOL, has_suffix },
	{ "regexp.match", "sp", PREDICATE_BOOL, regexp_match },
	{ "regexp.not_match", "sp", PREDICATE_BOOL, regexp_not_match },
	{ "regexp.replace", "sxt", PREDICATE_SAME, regexp_replace },
	{ "email.local", "s", PREDICATE_SAME, email_local },
	{ "strings.lower", "s", PREDICATE_SAME, strings_lower },
	{ "strings.upper", "s", PREDICATE_SAME, strings_upper },
	{ "set", "t*", PREDICATE_LIST, set },
	{ "labels_matching", "p", PREDICATE_LIST, labels_matching },
	{ "system.catype", "", PREDICATE_TEXT, system_catype },
	{ "log", "tts*", PREDICATE_ACTION, do_nothing },
};

const struct predicate_function *predicate_function_find(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}
