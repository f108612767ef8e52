#include "model/label.h"

#include "base/err.h"
#include "base/str.h"
#include "model/label_pattern.h"

#include <stdlib.h>
#include <string.h>

struct choice {
	char *key;
	struct label_pattern **patterns; /* any of them will do */
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

/* --- selectors ------------------------------------------------------------------------------ */

static void choice_deinit(struct choice *c)
{
	for (size_t i = 0; i < c->count; i++)
		label_pattern_free(c->patterns[i]);
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
		rc = label_pattern_new(&c->patterns[i], values->values[i], err);
		if (rc != 0)
			return err_wrap(err, "label '%s'", c->key);
		c->count++;
	}
	return 0;
}

static bool is_everything(const struct choice *c)
{
	return strcmp(c->key, "*") == 0 && c->count == 1 &&
	       strcmp(label_pattern_text(c->patterns[0]), "*") == 0;
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

/* One pattern that takes too long does not keep another from matching. */
static int choice_match(const struct choice *c, const struct label_set *labels, bool *out_match,
                        struct err *err)
{
	const char *value = label_get(labels, c->key);
	int failed = 0, rc;

	*out_match = false;
	for (size_t i = 0; value != NULL && i < c->count && !*out_match; i++) {
		rc = label_pattern_test(c->patterns[i], value, out_match, err);
		if (rc != 0) {
			*out_match = false;
			failed = rc;
		}
	}
	return failed != 0 && !*out_match ? err_wrap(err, "label '%s'", c->key) : 0;
}

int label_selector_match(const struct label_selector *s, const struct label_set *labels,
                         bool *out_match, const char **out_key, struct err *err)
{
	bool match = s->everything;
	const char *key = NULL;
	int rc = 0;

	for (size_t i = 0; !s->everything && i < s->count; i++) {
		key = s->choices[i].key;
		rc = choice_match(&s->choices[i], labels, &match, err);
		if (rc != 0 || !match)
			break;
	}
	*out_match = match;
	if (out_key != NULL)
		*out_key = key;
	return rc;
}
