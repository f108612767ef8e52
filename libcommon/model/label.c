#include "model/label.h"

#include "base/err.h"
#include "base/str.h"
#include "model/regex.h"

#include <stdlib.h>
#include <string.h>

/* One value of a selector, ready to match. */
struct pattern {
	char *text;
	struct regex *regex; /* NULL: a literal with stars */
};

struct choice {
	char *key;
	struct pattern *patterns; /* any of them will do */
	size_t count;
};

struct label_selector {
	bool everything; /* {'*': '*'} */
	struct choice *choices;
	size_t count;
};

const char *label_get(const struct label_set *set, const char *key)
{
	for (size_t i = set->count; i > 0; i--)
		if (strcmp(set->items[i - 1].key, key) == 0)
			return set->items[i - 1].value;
	return NULL;
}

int label_of_node(const pv_Node *node, struct label **out_items, struct label_set *out_set,
                  struct err *err)
{
	const pv_Metadata *meta = &node->metadata;
	const pv_NodeSpec *spec = &node->spec;
	struct label *items;
	size_t n = 0;

	items = calloc((size_t)meta->labels_count + spec->cmd_labels_count + 1, sizeof(*items));
	if (items == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < meta->labels_count; i++)
		if (meta->labels[i].key != NULL)
			items[n++] =
			        (struct label){ meta->labels[i].key, meta->labels[i].value != NULL
				                                             ? meta->labels[i].value
				                                             : "" };
	for (size_t i = 0; i < spec->cmd_labels_count; i++)
		if (spec->cmd_labels[i].key != NULL && spec->cmd_labels[i].value.result != NULL)
			items[n++] = (struct label){ spec->cmd_labels[i].key,
				                     spec->cmd_labels[i].value.result };
	*out_items = items;
	*out_set = (struct label_set){ items, n };
	return 0;
}

/* --- one pattern ---------------------------------------------------------------------------- */

static bool is_regex(const char *text)
{
	size_t len = strlen(text);

	return len >= 2 && text[0] == '^' && text[len - 1] == '$';
}

static void pattern_deinit(struct pattern *p)
{
	free(p->text);
	regex_free(p->regex);
	*p = (struct pattern){ 0 };
}

static int pattern_init(struct pattern *out, const char *text, struct err *err)
{
	struct pattern p = { 0 };
	int rc;

	if (strlen(text) > LABEL_PATTERN_MAX)
		return err_set(err, ERR_INVALID, "a pattern of more than %d bytes",
		               LABEL_PATTERN_MAX);
	if (is_regex(text) && (rc = regex_new(&p.regex, text, err)) != 0)
		return rc;
	p.text = strdup(text);
	if (p.text == NULL) {
		pattern_deinit(&p);
		return err_set_nomem(err);
	}
	*out = p;
	return 0;
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

static int pattern_match(const struct pattern *p, const char *value, bool *out_match,
                         struct err *err)
{
	if (p->regex != NULL)
		return regex_match(p->regex, value, out_match, err);
	*out_match = glob_match(p->text, value);
	return 0;
}

int label_pattern_check(const char *pattern, struct err *err)
{
	struct pattern p;
	int rc = pattern_init(&p, pattern, err);

	if (rc == 0)
		pattern_deinit(&p);
	return rc;
}

int label_pattern_match(const char *pattern, const char *value, bool *out_match, struct err *err)
{
	struct pattern p;
	int rc = pattern_init(&p, pattern, err);

	if (rc != 0)
		return rc;
	rc = pattern_match(&p, value, out_match, err);
	pattern_deinit(&p);
	return rc;
}

/* --- selectors ------------------------------------------------------------------------------ */

static void choice_deinit(struct choice *c)
{
	for (size_t i = 0; i < c->count; i++)
		pattern_deinit(&c->patterns[i]);
	free(c->patterns);
	free(c->key);
}

void label_selector_free(struct label_selector *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		choice_deinit(&s->choices[i]);
	free(s->choices);
	free(s);
}

static int choice_init(struct choice *c, const pv_RoleConditions_NodeLabelsEntry *entry,
                       struct err *err)
{
	const pv_Strings *values = &entry->value;
	int rc;

	c->key = strdup(entry->key != NULL ? entry->key : "");
	c->patterns = calloc((size_t)values->values_count + 1, sizeof(*c->patterns));
	if (c->key == NULL || c->patterns == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < values->values_count; i++) {
		rc = pattern_init(&c->patterns[i], values->values[i], err);
		if (rc != 0)
			return err_wrap(err, "label '%s'", c->key);
		c->count++;
	}
	return 0;
}

static bool is_everything(const struct choice *c)
{
	return strcmp(c->key, "*") == 0 && c->count == 1 && strcmp(c->patterns[0].text, "*") == 0;
}

int label_selector_new(struct label_selector **out,
                       const pv_RoleConditions_NodeLabelsEntry *entries, size_t count,
                       struct err *err)
{
	struct label_selector *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return err_set_nomem(err);
	s->choices = calloc(count + 1, sizeof(*s->choices));
	if (s->choices == NULL) {
		rc = err_set_nomem(err);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		s->count++;
		rc = choice_init(&s->choices[i], &entries[i], err);
		if (rc != 0)
			goto out;
		s->everything = s->everything || is_everything(&s->choices[i]);
	}
	*out = s;
	return 0;
out:
	label_selector_free(s);
	return rc;
}

static int choice_match(const struct choice *c, const struct label_set *labels, bool *out_match,
                        struct err *err)
{
	const char *value = label_get(labels, c->key);
	int rc;

	*out_match = false;
	for (size_t i = 0; value != NULL && i < c->count && !*out_match; i++) {
		rc = pattern_match(&c->patterns[i], value, out_match, err);
		if (rc != 0)
			return err_wrap(err, "label '%s'", c->key);
	}
	return 0;
}

int label_selector_match(const struct label_selector *s, const struct label_set *labels,
                         bool *out_match, const char **out_key, struct err *err)
{
	bool match = s->everything;
	const char *failed = NULL;
	int rc;

	for (size_t i = 0; !s->everything && i < s->count; i++) {
		rc = choice_match(&s->choices[i], labels, &match, err);
		if (rc != 0)
			return rc;
		if (!match) {
			failed = s->choices[i].key;
			break;
		}
	}
	*out_match = match;
	if (out_key != NULL)
		*out_key = failed;
	return 0;
}
